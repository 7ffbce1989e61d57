"""The kubeconfig files that tell clients how to reach the sandbox."""

import base64
import os
from pathlib import Path

import yaml

NAME = "reconsole"


def text(
    server: str,
    ca: bytes,
    token: str,
    user: str,
    *,
    namespace: str = "default",
    certificate: tuple[bytes, bytes] | None = None,
) -> str:
    """A kubeconfig with one context, everything inline.

    certificate: a client certificate of the user and its key (PEM), for clients that know no tokens.
    """
    credentials = {"token": token}
    for name, pem in zip(("certificate", "key"), certificate or (), strict=False):
        credentials[f"client-{name}-data"] = _base64(pem)
    return yaml.safe_dump(
        {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [
                {
                    "name": NAME,
                    "cluster": {
                        "server": server,
                        "certificate-authority-data": _base64(ca),
                    },
                }
            ],
            "contexts": [{"name": NAME, "context": {"cluster": NAME, "user": user, "namespace": namespace}}],
            "current-context": NAME,
            "users": [{"name": user, "user": credentials}],
        },
        sort_keys=False,
    )


def _base64(pem: bytes) -> str:
    return base64.b64encode(pem).decode()


def write(path: Path, content: str) -> None:
    """Replace a file at once, readable by its owner alone."""
    scratch = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(content)
    scratch.replace(path)

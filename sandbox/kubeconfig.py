"""The kubeconfig files that tell clients how to reach the sandbox."""

import base64
import os
from pathlib import Path

import yaml

NAME = "reconsole"


def text(server: str, ca: bytes, token: str, user: str, namespace: str = "default") -> str:
    """A kubeconfig with one context, everything inline."""
    return yaml.safe_dump(
        {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [
                {
                    "name": NAME,
                    "cluster": {
                        "server": server,
                        "certificate-authority-data": base64.b64encode(ca).decode(),
                    },
                }
            ],
            "contexts": [{"name": NAME, "context": {"cluster": NAME, "user": user, "namespace": namespace}}],
            "current-context": NAME,
            "users": [{"name": user, "user": {"token": token}}],
        },
        sort_keys=False,
    )


def write(path: Path, content: str) -> None:
    """Replace a file at once, readable by its owner alone."""
    scratch = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(content)
    scratch.replace(path)

"""Environment: an API server with the CRDs and users that a test wants, for as long as the test takes."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import msgspec
import yaml

from controller_runtime.bus import EventBus
from controller_runtime.client.client import Client
from controller_runtime.client.config import load_configuration
from controller_runtime.envtest.process import ServerProcess, StartError
from controller_runtime.kube.errors import ApiError
from controller_runtime.kube.rules import PolicyRule

_CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
_RBAC = "/apis/rbac.authorization.k8s.io/v1"
_ESTABLISH_TIMEOUT = 10.0  # seconds, as envtest's CRDInstallOptions.MaxTime


class Environment:
    """A real API server on loopback with TLS, RBAC, CRDs, a garbage collector and a namespace controller.

    No nodes: pods are stored and stay Pending, as in envtest, until a test writes their status. Everything is
    in memory and gone at the end::

        with Environment(crds=[Path("config/crd")]) as environment:
            client = environment.client()

    ``crds`` are YAML files, or folders of them; what is not a CustomResourceDefinition in them is left out.
    It needs the embedded cluster, which comes with the wheel ``reconsole``. Start takes about a second.
    """

    def __init__(self, *, crds: Sequence[Path] = ()) -> None:
        self._crds = crds
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._server: ServerProcess | None = None
        self._kubeconfig: Path | None = None

    @property
    def kubeconfig(self) -> Path:
        """Of the cluster's administrator, for any client."""
        assert self._kubeconfig is not None, "start the environment first"
        return self._kubeconfig

    def start(self) -> Self:
        """Block until it answers and its CRDs are served. Raises StartError."""
        self._folder = tempfile.TemporaryDirectory(prefix="envtest-")
        self._server = ServerProcess(Path(self._folder.name), ["--bare"])
        try:
            self._kubeconfig = self._server.start().ready().kubeconfig
            self.install_crds(*self._crds)
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self) -> None:
        """End it, with all that was in it."""
        if self._server is not None:
            self._server.close()
        if self._folder is not None:
            self._folder.cleanup()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def client(self, kubeconfig: Path | None = None, *, bus: EventBus | None = None) -> Client:
        """A client of the administrator, or of the ``kubeconfig`` that ``add_user`` gave."""
        return Client(load_configuration(kubeconfig or self.kubeconfig), bus=bus)

    def install_crds(self, *paths: Path) -> list[str]:
        """Create the CRDs in these files or folders and wait until each is served; their names.

        Raises StartError that says which file, or which CRD, and why.
        """
        admin, names = self.client(), []
        for definition in _definitions(paths):
            name = str(definition.get("metadata", {}).get("name"))
            try:
                admin.post(_CRDS, definition)
            except ApiError as error:
                raise StartError(f"the CRD {name} was refused: {error.message}") from error
            names.append(name)
        deadline = time.monotonic() + _ESTABLISH_TIMEOUT
        for name in names:
            while not _established(admin.get_json(f"{_CRDS}/{name}")):
                if time.monotonic() > deadline:
                    raise StartError(f"the CRD {name} was not established in {_ESTABLISH_TIMEOUT:.0f} s")
                time.sleep(0.01)
        return names

    def add_user(
        self, name: str, *, groups: Sequence[str] = (), rules: Sequence[PolicyRule] = (), namespace: str = ""
    ) -> Path:
        """A kubeconfig for a user who may do what ``rules`` say, in one ``namespace`` or in all, and no more.

        The user is impersonated by the administrator, so that every client can be them.
        """
        admin = self.client()
        if rules:
            kind, scope = ("Role", f"/namespaces/{namespace}") if namespace else ("ClusterRole", "")
            role = _rbac(kind, f"envtest-{_slug(name)}") | {"rules": [_rule(rule) for rule in rules]}
            binding = _rbac(f"{kind}Binding", f"envtest-{_slug(name)}") | {
                "roleRef": {
                    "apiGroup": "rbac.authorization.k8s.io",
                    "kind": kind,
                    "name": role["metadata"]["name"],
                },
                "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": name}],
            }
            plural = kind.lower() + "s"
            admin.post(f"{_RBAC}{scope}/{plural}", role)
            admin.post(f"{_RBAC}{scope}/{kind.lower()}bindings", binding)
        config = yaml.safe_load(self.kubeconfig.read_text())
        config["users"][0]["user"] |= {"as": name, "as-groups": [*groups, "system:authenticated"]}
        path = self.kubeconfig.parent / f"{_slug(name)}.kubeconfig"
        path.touch(mode=0o600)
        path.write_text(yaml.safe_dump(config))
        return path


def _definitions(paths: Iterable[Path]) -> Iterable[dict[str, Any]]:
    for path in paths:
        files = sorted(f for f in path.rglob("*") if f.suffix in (".yaml", ".yml", ".json"))
        if path.is_file():
            files = [path]
        elif not path.is_dir():
            raise StartError(f"no such file or folder: {path}")
        for file in files:
            try:
                documents = list(yaml.safe_load_all(file.read_text()))
            except (yaml.YAMLError, UnicodeDecodeError) as error:
                raise StartError(f"{file} is not YAML: {str(error).splitlines()[0]}") from error
            for document in documents:
                if isinstance(document, dict) and document.get("kind") == "CustomResourceDefinition":
                    yield document


def _established(definition: dict[str, Any]) -> bool:
    conditions = definition.get("status", {}).get("conditions") or ()
    return any(c["type"] == "Established" and c["status"] == "True" for c in conditions)


def _rbac(kind: str, name: str) -> dict[str, Any]:
    return {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": kind, "metadata": {"name": name}}


def _rule(rule: PolicyRule) -> dict[str, Any]:
    return {key: value for key, value in msgspec.to_builtins(rule).items() if value}


def _slug(name: str) -> str:
    return "".join(c if c.isalnum() else "-" for c in name.lower()).strip("-")

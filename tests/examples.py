"""What each example is to do, whoever runs it: a test's manager, a role of its own, an empty environment."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from controller_runtime import AlreadyExists, Client, NotFound
from controller_runtime.kube.kinds import ConfigMap, Namespace
from reconsole.operators import load_operator
from tests.cluster import eventually
from tests.conftest import a_namespace

EXAMPLES = Path(__file__).parents[1] / "examples"
FOLDERS = "/apis/examples.reconsole.dev/v1/namespaces/{}/folders"

Scenario = Callable[[Client, str, Path], None]


def install(admin: Client, example: str) -> None:
    """The CRDs that it needs."""
    for definition in load_operator(str(EXAMPLES / example)).definitions():
        with suppress(AlreadyExists):
            admin.post("/apis/apiextensions.k8s.io/v1/customresourcedefinitions", definition)


def copies(admin: Client, namespace: str, _: Path) -> None:
    """A ConfigMap is copied, kept like its source, and deleted with it."""
    admin.patch(Namespace, "", namespace, {"metadata": {"labels": {"copy/here": "true"}}})
    with a_namespace(admin) as source:
        meta = {"name": "settings", "namespace": source, "labels": {"copy/me": "true"}}
        admin.create({"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta, "data": {"a": "1"}})
        eventually(lambda: data(admin, namespace, "settings") == {"a": "1"})
        admin.patch(ConfigMap, source, "settings", {"data": {"a": "2"}})
        eventually(lambda: data(admin, namespace, "settings") == {"a": "2"})
        admin.delete(ConfigMap, source, "settings")
        eventually(lambda: data(admin, namespace, "settings") is None)


def folders(admin: Client, namespace: str, directory: Path) -> None:
    """A folder is made and goes before its object does."""
    folder, path = directory / "folders" / namespace / "one", FOLDERS.format(namespace)
    body = {"apiVersion": "examples.reconsole.dev/v1", "kind": "Folder", "metadata": {"name": "one"}}
    eventually(lambda: served(admin, path))
    admin.post(path, body)
    eventually(lambda: admin.get_json(f"{path}/one").get("status", {}).get("path"))
    assert folder.is_dir()
    (folder / "file").write_text("in the way")
    admin.transport.request("DELETE", f"{path}/one")
    eventually(lambda: not folder.exists())
    eventually(lambda: not admin.get_json(path)["items"])


def notices(admin: Client, namespace: str, directory: Path) -> None:
    """The text of a file is in the namespace, also when it was edited there or in the file."""
    (directory / "notice.txt").write_text("closed")
    eventually(lambda: data(admin, namespace, "notice") == {"text": "closed"})
    admin.patch(ConfigMap, namespace, "notice", {"data": {"text": "vandalised"}})
    eventually(lambda: data(admin, namespace, "notice") == {"text": "closed"})
    (directory / "notice.txt").write_text("open")
    eventually(lambda: data(admin, namespace, "notice") == {"text": "open"})


def data(admin: Client, namespace: str, name: str) -> dict[str, str] | None:
    try:
        return admin.get(ConfigMap, namespace, name).data
    except NotFound:
        return None


def served(admin: Client, path: str) -> bool:
    try:
        return "items" in admin.get_json(path)
    except NotFound:
        return False


SCENARIOS: dict[str, Scenario] = {"copy_configmap.py": copies, "folder.py": folders, "notice.py": notices}

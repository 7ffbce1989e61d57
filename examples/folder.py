"""Keeps a folder on this machine for every Folder object, and takes it away before the object goes."""

import os
import shutil
import sys
import threading
from pathlib import Path
from typing import Annotated

import msgspec

from controller_runtime import (
    Client,
    EventBus,
    KubeObject,
    Manager,
    Request,
    Resource,
    load_configuration,
    new_controller_managed_by,
    rbac,
    with_finalizer,
    without_finalizer,
)
from controller_runtime.kube.crd import schema
from controller_runtime.kube.definition import Column, Definition

ROOT = Path(os.environ.get("FOLDERS", "folders"))
GROUP = "examples.reconsole.dev"
CLEANUP = f"{GROUP}/cleanup"


class FolderSpec(msgspec.Struct, frozen=True):
    mode: Annotated[str, schema(pattern="^[0-7]{3}$", description="Permissions, as for chmod.")] = "755"


class FolderStatus(msgspec.Struct, frozen=True):
    path: str = ""


class Folder(KubeObject, frozen=True):
    """A folder on the machine of its operator."""

    resource = Resource(GROUP, "v1", "Folder", "folders")
    definition = Definition(
        columns=(
            Column("Path", "string", ".status.path"),
            Column("Age", "date", ".metadata.creationTimestamp"),
        )
    )
    spec: FolderSpec = FolderSpec()
    status: FolderStatus = FolderStatus()


@rbac(groups=GROUP, resources="folders;folders/status", verbs="patch")
class Keeper:
    def __init__(self, manager: Manager) -> None:
        self.client, self.folders = manager.client, manager.informer(Folder)
        new_controller_managed_by(manager).for_(Folder).complete(self)

    def reconcile(self, request: Request) -> None:
        folder = self.folders.get(*request)
        path = ROOT / request.namespace / request.name
        if folder is None:
            return
        finalizers = folder.metadata.finalizers
        if folder.is_terminating:
            shutil.rmtree(path, ignore_errors=True)
            self.keep(folder, without_finalizer(finalizers, CLEANUP))
            return
        self.keep(folder, with_finalizer(finalizers, CLEANUP))  # before there is anything to clean up
        path.mkdir(parents=True, exist_ok=True)
        path.chmod(int(folder.spec.mode, 8))
        if folder.status.path != str(path):
            self.client.status.patch(Folder, *request, {"status": {"path": str(path)}})

    def keep(self, folder: Folder, finalizers: list[str]) -> None:
        meta = folder.metadata
        if finalizers != list(meta.finalizers):
            change = {"finalizers": finalizers, "resourceVersion": meta.resource_version}
            self.client.patch(Folder, meta.namespace, meta.name, {"metadata": change})


def setup(manager: Manager) -> None:
    """For ``reconsole run examples/folder.py``."""
    Keeper(manager)


if __name__ == "__main__":
    bus = EventBus()
    manager = Manager(Client(load_configuration(Path(sys.argv[1])), bus=bus), bus)
    setup(manager)
    manager.start(threading.Event())

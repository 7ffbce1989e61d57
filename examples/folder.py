"""Keeps a folder on this machine for every Folder object, and takes it away before the object goes."""

import os
import shutil
import sys
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec.structs import replace

from controller_runtime import (
    Client,
    Column,
    Definition,
    EventBus,
    KubeObject,
    Manager,
    Request,
    Resource,
    add_finalizer,
    contains_finalizer,
    load_configuration,
    new_controller_managed_by,
    rbac,
    remove_finalizer,
    schema,
)

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


@rbac(groups=GROUP, resources="folders", verbs="get;update")
@rbac(groups=GROUP, resources="folders/status", verbs="update")
class Keeper:
    def __init__(self, manager: Manager) -> None:
        self.client, self.folders = manager.client, manager.informer(Folder)
        new_controller_managed_by(manager).for_(Folder).complete(self)

    def reconcile(self, request: Request) -> None:
        folder = self.folders.get(*request)
        if folder is None:
            return
        path = ROOT / request.namespace / request.name
        if folder.is_terminating:
            shutil.rmtree(path, ignore_errors=True)
            self.client.update(remove_finalizer(folder, CLEANUP))
            return
        if not contains_finalizer(folder, CLEANUP):  # before there is anything to clean up
            folder = self.client.update(add_finalizer(folder, CLEANUP))
        path.mkdir(parents=True, exist_ok=True)
        path.chmod(int(folder.spec.mode, 8))
        self.client.status.update(replace(folder, status=FolderStatus(str(path))))


def setup(manager: Manager) -> None:
    """For ``reconsole run examples/folder.py``."""
    Keeper(manager)


if __name__ == "__main__":
    bus = EventBus()
    manager = Manager(Client(load_configuration(Path(sys.argv[1])), bus=bus), bus)
    setup(manager)
    manager.run()  # until SIGTERM or ctrl+c

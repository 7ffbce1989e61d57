"""Keeps a ConfigMap in every namespace that holds the text of a file on this machine."""

import os
import sys
import threading
from pathlib import Path

from controller_runtime import (
    Channel,
    Client,
    EnqueueRequestForObject,
    EnqueueRequestsFromMap,
    EventBus,
    InformerSource,
    Manager,
    ObjectMeta,
    Request,
    load_configuration,
    new_controller_managed_by,
    rbac,
)
from controller_runtime.kube.kinds import ConfigMap, Namespace

FILE = Path(os.environ.get("NOTICE", "notice.txt"))
NAME = "notice"


@rbac(groups="", resources="configmaps", verbs="get;create;update")
class Notices:
    def __init__(self, manager: Manager) -> None:
        self.client = manager.client
        self.maps = manager.informer(ConfigMap, label_selector=f"notice={NAME}")  # ours alone, not all
        self.namespaces = manager.informer(Namespace)
        self.edits = Channel[ConfigMap]("file")
        builder = new_controller_managed_by(manager).named(NAME)
        builder.watches(self.edits, EnqueueRequestsFromMap(lambda _: self.everywhere()))
        builder.watches(InformerSource(self.maps), EnqueueRequestForObject())
        builder.watches(Namespace, EnqueueRequestsFromMap(lambda n: [Request(n.metadata.name, NAME)]))
        builder.complete(self)
        manager.add(self)

    def start(self, stop: threading.Event) -> None:
        """Look at the file twice a second; what happens outside the cluster comes in by the channel."""
        before = text()
        while not stop.wait(0.5):
            if text() != before:
                before = text()
                self.edits.send(ConfigMap(ObjectMeta(name=NAME)))

    def everywhere(self) -> list[Request]:
        return [Request(namespace.metadata.name, NAME) for namespace in self.namespaces.list()]

    def reconcile(self, request: Request) -> None:
        namespace = self.namespaces.get("", request.namespace)
        if namespace is None or namespace.is_terminating or not text():
            return
        meta = ObjectMeta(namespace=request.namespace, name=NAME, labels={"notice": NAME})
        wanted = ConfigMap(meta, {"text": text()})
        self.client.create_or_update(wanted, lambda _: wanted)


def text() -> str:
    return FILE.read_text() if FILE.exists() else ""


def setup(manager: Manager) -> None:
    """For ``reconsole run examples/notice.py``."""
    Notices(manager)


if __name__ == "__main__":
    bus = EventBus()
    manager = Manager(Client(load_configuration(Path(sys.argv[1])), bus=bus), bus)
    setup(manager)
    manager.run()  # until SIGTERM or ctrl+c

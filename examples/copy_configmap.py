"""Copies ConfigMaps labelled copy/me=true into every namespace labelled copy/here=true."""

import sys
from pathlib import Path

from controller_runtime import (
    Client,
    EnqueueRequestsFromMap,
    EventBus,
    Manager,
    Request,
    load_configuration,
    new_controller_managed_by,
    rbac,
)
from controller_runtime.controller.predicates import label_changed
from controller_runtime.kube.kinds import ConfigMap, Namespace

ME, HERE, ORIGIN = {"copy/me": "true"}, {"copy/here": "true"}, "copy/of"


@rbac(groups="", resources="configmaps", verbs="create;update;delete")
class Copier:
    def __init__(self, manager: Manager) -> None:
        self.client = manager.client
        self.maps, self.namespaces = manager.informer(ConfigMap), manager.informer(Namespace)
        self.maps.add_index(ORIGIN, lambda m: [m.metadata.annotations.get(ORIGIN, "")])
        builder = new_controller_managed_by(manager).for_(ConfigMap)
        builder.watches(ConfigMap, EnqueueRequestsFromMap(self.origin))
        builder.watches(Namespace, EnqueueRequestsFromMap(self.sources), label_changed)
        builder.complete(self)

    def reconcile(self, request: Request) -> None:
        copies = {m.metadata.namespace: m for m in self.maps.by_index(ORIGIN, request.key)}
        source = self.maps.get(*request)
        if source is not None and source.metadata.labels.items() >= ME.items():
            for target in {n.metadata.name for n in self.namespaces.list(labels=HERE)} - {request.namespace}:
                copy = copies.pop(target, None)
                meta = {"name": request.name, "namespace": target, "annotations": {ORIGIN: request.key}}
                body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta, "data": source.data}
                if copy is None:
                    self.client.create(body)
                elif copy.data != source.data:
                    self.client.update(body)
        for copy in copies.values():
            self.client.delete(ConfigMap, copy.metadata.namespace, request.name, uid=copy.metadata.uid)

    def origin(self, copy: ConfigMap) -> list[Request]:
        of = copy.metadata.annotations.get(ORIGIN)
        return [Request(*of.split("/", 1))] if of else []

    def sources(self, _: Namespace) -> list[Request]:
        return [Request(m.metadata.namespace, m.metadata.name) for m in self.maps.list(labels=ME)]


def setup(manager: Manager) -> None:
    """For ``reconsole run examples/copy_configmap.py``."""
    Copier(manager)


if __name__ == "__main__":
    bus = EventBus()
    manager = Manager(Client(load_configuration(Path(sys.argv[1])), bus=bus), bus)
    setup(manager)
    manager.run()  # until SIGTERM or ctrl+c

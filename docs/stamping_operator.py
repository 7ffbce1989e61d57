"""An operator with a fault, for docs/why.md: it writes the time of its last look, and so wakes itself."""

from controller_runtime import Manager, Request, new_controller_managed_by, rbac
from controller_runtime.kube.kinds import ConfigMap
from controller_runtime.kube.times import micro_timestamp


@rbac(groups="", resources="configmaps", verbs="patch")
class Stamper:
    def __init__(self, manager: Manager) -> None:
        self.client = manager.client
        self.maps = manager.informer(ConfigMap, label_selector="stamp=here")
        new_controller_managed_by(manager).named("stamper").for_(ConfigMap).complete(self)

    def reconcile(self, request: Request) -> None:
        found = self.maps.get(*request)
        if found is not None and found.metadata.labels.get("stamp") == "here":
            self.client.patch(ConfigMap, *request, {"data": {"lastSeen": micro_timestamp()}})


def setup(manager: Manager) -> None:
    Stamper(manager)

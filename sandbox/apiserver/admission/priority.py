"""The admission plugin Priority: a pod's priority comes from its PriorityClass.

Source: plugin/pkg/admission/priority/admission.go of kubernetes/kubernetes.
"""

from sandbox.apiserver.admission.writes import DELETE, Write
from sandbox.apiserver.machinery.jsonobject import Obj
from sandbox.apiserver.storage.revisions import Store

CLASSES = "priorityclasses.scheduling.k8s.io"


def _default(store: Store) -> Obj | None:
    """The class that says globalDefault; the lowest when several do."""
    found = [
        obj
        for entry in store.bucket(CLASSES).objects.values()
        if b'"globalDefault":true' in entry.body and (obj := entry.decode()).get("globalDefault")
    ]
    return min(found, key=lambda c: int(c["value"]), default=None)


def admit(store: Store, write: Write) -> None:
    """Write priority and preemptionPolicy into a new pod; StatusError 403 for a class that is not there."""
    spec = write.obj["spec"]
    name = spec.get("priorityClassName")
    if name:
        entry = store.get(CLASSES, ("", name))
        if entry is None:
            raise write.forbidden(f"no PriorityClass with name {name} was found")
        chosen: Obj | None = entry.decode()
    else:
        chosen = _default(store)
        if chosen:
            spec["priorityClassName"] = chosen["metadata"]["name"]
    value = int((chosen or {}).get("value", 0))
    policy = (chosen or {}).get("preemptionPolicy") or "PreemptLowerPriority"
    if spec.get("priority") not in (None, value):
        raise write.forbidden(
            f"the integer value of priority ({spec['priority']}) must not be provided in pod spec; "
            f"priority admission controller computed {value} from the given PriorityClass name"
        )
    if spec.get("preemptionPolicy") not in (None, policy):
        raise write.forbidden(
            f"the string value of PreemptionPolicy ({spec['preemptionPolicy']}) must not be provided in pod"
            f" spec; priority admission controller computed {policy} from the given PriorityClass name"
        )
    spec["priority"], spec["preemptionPolicy"] = value, policy


def validate(store: Store, write: Write) -> None:
    """One PriorityClass at most is the default."""
    if write.kind != CLASSES or write.operation == DELETE or not write.obj.get("globalDefault"):
        return
    found = _default(store)
    name = found["metadata"]["name"] if found else ""
    if found and name != write.obj["metadata"].get("name"):
        raise write.forbidden(
            f"PriorityClass {name} is already marked as default. Only one default can exist"
        )

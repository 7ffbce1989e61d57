"""Why other kinds are not well: nodes, namespaces, claims, CRDs, API services, and any custom resource."""

from __future__ import annotations

from collections.abc import Iterator

from controller_runtime.kube.resource import Ref
from why.finding import Finding
from why.workloads import behind, worst_children
from why.world import Obj, World, condition, event_time, note, ref

# Conditions that are bad news when they are True; of all others, False is. Types of the API conventions and
# of operators in the field.
_BAD_WHEN_TRUE = (
    "Degraded", "DiskPressure", "Failed", "Failure", "MemoryPressure", "NetworkUnavailable", "PIDPressure",
    "ReplicaFailure", "Stalled", "Terminating",
)  # fmt: skip
_SLOW = 10.0  # seconds in which a controller says something
# Neither way bad news by themselves.
_NEUTRAL = ("Progressing", "Paused", "Suspended", "Reconciling", "Upgrading", "PodScheduled", "Initialized")


def explain_node(node: Obj, world: World) -> Iterator[Finding]:
    yield from conditions(node)
    if (node.get("spec") or {}).get("unschedulable"):
        yield Finding("note", "it is cordoned: no new pods come", ref(node), "spec.unschedulable is true")


def explain_namespace(namespace: Obj, world: World) -> Iterator[Finding]:
    if (namespace.get("status") or {}).get("phase") != "Terminating":
        return
    since = namespace["metadata"].get("deletionTimestamp", "")
    for left in world.objects:
        meta = left["metadata"]
        if meta.get("namespace") == namespace["metadata"]["name"] and meta.get("finalizers"):
            names = ", ".join(meta["finalizers"])
            says = f"it cannot end: {left['kind']} {meta['name']} waits for whoever takes {names} off"
            yield Finding(
                "broken", says, ref(left), f"finalizers: {names}", meta.get("deletionTimestamp", "")
            )
    found = False
    for type_, how in (
        ("NamespaceDeletionDiscoveryFailure", "it cannot end: a part of the API does not answer"),
        ("NamespaceDeletionGroupVersionParsingFailure", "it cannot end: the API lists nonsense"),
        ("NamespaceDeletionContentFailure", "it cannot end: something in it cannot be deleted"),
        ("NamespaceFinalizersRemaining", "it cannot end: something in it waits for its finalizers"),
        ("NamespaceContentRemaining", "it ends when what is left in it is gone"),
    ):
        told = condition(namespace, type_)
        if told is not None and told.get("status") == "True":
            found = True
            yield Finding("broken", how, ref(namespace), told.get("message", ""), since)
    if not found:
        yield Finding("note", "it is being deleted", ref(namespace), "phase: Terminating", since)


def explain_claim(claim: Obj, world: World) -> Iterator[Finding]:
    phase = (claim.get("status") or {}).get("phase")
    if phase == "Lost":
        yield Finding("broken", "its volume is lost", ref(claim), "phase: Lost")
    if phase != "Pending":
        return
    name = (claim.get("spec") or {}).get("storageClassName")
    if name and world.lacks("StorageClass", "", name):
        missing = Ref("StorageClass", "", name, api_version="storage.k8s.io/v1")
        yield Finding("broken", f"there is no StorageClass {name}", missing, "spec.storageClassName names it")
        return
    events = world.events(claim, "ProvisioningFailed", "FailedBinding", "WaitForFirstConsumer")
    if events and events[0].get("reason") == "WaitForFirstConsumer":
        yield Finding("note", "it is bound when a pod uses it", ref(claim), note(events[0]), look="events")
        return
    evidence = note(events[0]) if events else "phase: Pending"
    yield Finding("broken", "no volume was found or made for it", ref(claim), evidence, look="events")


def explain_definition(definition: Obj, world: World) -> Iterator[Finding]:
    for type_, how in (
        ("NamesAccepted", "its names are in use by another kind"),
        ("Established", "it is not served"),
        ("NonStructuralSchema", "its schema is not structural"),
    ):
        told = condition(definition, type_)
        bad = "True" if type_ == "NonStructuralSchema" else "False"
        if told is not None and told.get("status") == bad:
            evidence = f"{told.get('reason', '')}: {told.get('message', '')}"
            yield Finding("broken", how, ref(definition), evidence, told.get("lastTransitionTime", ""))
    yield from ending(definition)


def explain_any(obj: Obj, world: World) -> Iterator[Finding]:
    """A kind that nobody described: what its conditions, its generation and its children say."""
    yield from ending(obj)
    yield from _unattended(obj, world)
    yield from behind(obj)
    yield from conditions(obj)
    yield from worst_children(obj, world)


def _unattended(obj: Obj, world: World) -> Iterator[Finding]:
    """A custom resource, whose group has a dot and is not Kubernetes' own, that nobody has answered."""
    group, meta = obj["apiVersion"].rpartition("/")[0], obj["metadata"]
    is_custom = "." in group and not group.endswith("k8s.io")
    if (
        is_custom
        and obj.get("spec")
        and not obj.get("status")
        and world.age(meta["creationTimestamp"]) > _SLOW
    ):
        says = "no controller has been seen at work on it"
        yield Finding("broken", says, ref(obj), "it has no status", meta["creationTimestamp"], inferred=True)


def conditions(obj: Obj) -> Iterator[Finding]:
    """Conditions that are bad news."""
    for told in (obj.get("status") or {}).get("conditions") or ():
        type_, status = told.get("type", ""), told.get("status")
        bad = "True" if type_ in _BAD_WHEN_TRUE or type_.endswith(("Failure", "Failed", "Error")) else "False"
        is_bad = status == bad or (status == "Unknown" and bad == "False")
        if type_ in _NEUTRAL or not is_bad:
            continue
        reason, message = told.get("reason", ""), told.get("message", "")
        says = f"{type_} is {status}" + (f": {reason}" if reason else "")
        yield Finding("broken", says, ref(obj), message, told.get("lastTransitionTime", ""))


def ending(obj: Obj) -> Iterator[Finding]:
    """It is being deleted, and somebody holds it."""
    meta = obj["metadata"]
    if since := meta.get("deletionTimestamp"):
        names = ", ".join(meta.get("finalizers") or ())
        if names:
            says = f"it is being deleted and waits for whoever takes {names} off"
            yield Finding("broken", says, ref(obj), f"finalizers: {names}", since)
        else:
            yield Finding("note", "it is being deleted", ref(obj), f"deletionTimestamp: {since}", since)


def warnings(obj: Obj, world: World) -> Iterator[Finding]:
    """The newest Warning of each reason, of the last hour."""
    seen: set[str] = set()
    for event in world.events(obj):
        reason = event.get("reason", "")
        if event.get("type") == "Warning" and reason not in seen and world.age(event_time(event)) < 3600:
            seen.add(reason)
            yield Finding("warning", f"Warning {reason}", ref(obj), note(event), event_time(event), "events")

"""Operators and objects: what the operator here knows of an object, and what a problem is about. Pure."""

from __future__ import annotations

from controller_runtime.kube.resource import Ref
from tui.doings import is_paused
from tui.kinds.model import ObjectView
from tui.names import GroupKind, ObjectName, kind_of
from tui.state import ConsoleState
from why.operator import Work


def work_of(state: ConsoleState, ref: Ref, now: float) -> Work | None:
    """Of the object, or of the one that owns it; None when nobody here reconciles either."""
    found = _reconciled(state, ref)
    if found is None:
        return None
    controller, about = found
    kind = kind_of(about)
    queue = state.queues.get(controller)
    denials = [d for d in state.denials.values() if about.key in d.keys]
    connection = state.connection
    kinds = {kind, kind_of(ref)}
    return Work(
        controller, about, now,
        queue=queue,
        waiting=state.waiting.get((controller, about.key)),
        refused=tuple(denial.write for denial in denials),
        leader=state.leader,
        watches=tuple(
            w for w in state.watches.values()
            if GroupKind(w.group, w.kind) in kinds and w.scope in ("", ref.namespace)
        ),
        heard=state.last_event.get(kind_of(ref)),
        observes=connection is not None and connection.observes,
        paused=(here := state.find(about)) is not None and is_paused(here),
        ended=state.ended.message if state.ended is not None else "",
        problems=tuple(p for p in state.problems.values() if p.about == f"{controller} {about.key}"),
    )  # fmt: skip


def undone_by(target: ObjectView) -> str:
    """Who brings an object back to what it was; "" when nobody is known to."""
    owner = next((owner for owner in target.owners if owner.controller), None)
    return f"{owner.kind} {owner.name}" if owner is not None else ""


def _reconciled(state: ConsoleState, ref: Ref) -> tuple[str, Ref] | None:
    """The controller and the object that it reconciles: this one, or its owner."""
    of = {kind: controller for controller, kind in state.controllers.items() if kind.kind}
    if (controller := of.get(kind_of(ref))) is not None:
        return controller, ref
    here = state.find(ref)
    for owner in here.owners if here is not None else ():
        about = Ref(owner.kind, ref.namespace, owner.name, owner.uid, owner.api_version)
        if owner.controller and (controller := of.get(kind_of(about))) is not None:
            return controller, about
    return None


def where(state: ConsoleState, about: str) -> ObjectName | None:
    """The object that a problem is about; None for what is no object, such as a watch or a lease.

    ``about`` is ``CONTROLLER KEY``, or ``KIND KEY`` and perhaps a field.
    """
    word, _, rest = about.partition(" ")
    key = rest.split(" ", 1)[0]
    if not key:
        return None
    namespace, _, name = key.rpartition("/")
    kind = state.controllers.get(word)
    if kind is None or not kind.kind:
        if not word[:1].isupper():  # a controller of which nothing is known
            return None
        kind = GroupKind(state.group_of(word), word)
    return ObjectName(*kind, namespace, name)

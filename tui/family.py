"""Whose object one is: the chain of its owners, what it owns, and the Events about it. Pure."""

from __future__ import annotations

from collections import defaultdict
from typing import NamedTuple

from tui.kinds.model import ObjectView
from tui.names import GroupKind, ObjectName, name_of, uid_of
from tui.state import ConsoleState

EVENTS = GroupKind("events.k8s.io", "Event")
DEEPEST = 8
MOST = 60  # relatives


class Relative(NamedTuple):
    depth: int
    name: ObjectName
    view: ObjectView | None  # None: it is not watched, or is gone


def family(state: ConsoleState, o: ObjectView) -> list[Relative]:
    """From its first owner down to everything that it owns, each under its owner; itself among them."""
    owners = _owners(state, o)
    found = [Relative(depth, *owner) for depth, owner in enumerate(owners)]
    children: dict[str, list[ObjectView]] = defaultdict(list)
    for objects in list(state.objects.values()):
        for child in objects.values():
            for owner in child.owners:
                children[owner.uid].append(child)

    def add(view: ObjectView, depth: int) -> None:
        found.append(Relative(depth, name_of(view.ref), view))
        if depth - len(owners) < DEEPEST:
            for child in sorted(children[uid_of(view.ref)], key=lambda c: (c.ref.kind, c.ref.name)):
                if len(found) < MOST:
                    add(child, depth + 1)

    add(o, len(owners))
    return found


def _owners(state: ConsoleState, o: ObjectView) -> list[tuple[ObjectName, ObjectView | None]]:
    """The first owner first; of several owners of one object, the one that controls it."""
    way: list[tuple[ObjectName, ObjectView | None]] = []
    here: ObjectView | None = o
    while here is not None and here.owners and len(way) < DEEPEST:
        owner = next((w for w in here.owners if w.controller), here.owners[0])
        kind = GroupKind(owner.api_version.rpartition("/")[0], owner.kind)
        above = state.objects.get(kind, {}).get(owner.uid)
        namespace = above.ref.namespace if above is not None else here.ref.namespace
        way.append((ObjectName(*kind, namespace, owner.name), above))
        here = above
    return way[::-1]


def events_about(state: ConsoleState, o: ObjectView) -> list[ObjectView]:
    """The Kubernetes Events about it, the latest first."""
    about, namespace = f"{o.ref.kind}/{o.ref.name}", o.ref.namespace or "default"
    found = [
        e for e in state.objects.get(EVENTS, {}).values()
        if e.cells.get("object") == about and e.ref.namespace == namespace
    ]  # fmt: skip
    return sorted(found, key=last_seen, reverse=True)


def last_seen(event: ObjectView) -> float:
    """Unix seconds; 0 when nobody knows."""
    text = event.cells.get("seen", "")
    return float(text) if text else event.created or 0.0

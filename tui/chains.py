"""What led to what: the events by their numbers, each with its cause and with what it caused. Pure."""

from __future__ import annotations

from collections import OrderedDict
from typing import Literal, NamedTuple

from controller.events import ActionStarted
from controller_runtime.events import (
    ApiWrite,
    BusEvent,
    Enqueued,
    ObjectChanged,
    ReconcileFinished,
    ReconcileStarted,
)
from tui.names import ObjectName, name_of

REMEMBERED = 20_000  # events
FURTHEST = 400  # events of one chain

What = Literal["change", "enqueued", "started", "finished", "write", "action"]


class Node(NamedTuple):
    seq: int
    at: float  # Unix seconds
    cause: int
    what: What
    text: str  # ADDED, create, success …
    about: ObjectName | None = None
    seconds: float = 0.0  # it took, or waited
    number: int = 0  # of the reconcile
    shown_by: int = 0
    controller: str = ""


class Chains:
    def __init__(self, limit: int = REMEMBERED) -> None:
        self._limit = limit
        self._nodes: OrderedDict[int, Node] = OrderedDict()
        self._effects: dict[int, list[int]] = {}
        self._started: dict[int, int] = {}  # number of a reconcile -> of the event
        self._shows: dict[int, int] = {}  # a watch event that was here before the answer to its write -> that

    def __len__(self) -> int:
        return len(self._nodes)

    def get(self, seq: int) -> Node | None:
        return self._nodes.get(seq)

    def add(self, event: BusEvent) -> None:
        if not event.seq or (node := _node(event)) is None:
            return
        self._nodes[node.seq] = node
        if node.what == "started":
            self._started[node.number] = node.seq
        if node.cause:
            self._effects.setdefault(node.cause, []).append(node.seq)
        if node.shown_by:
            self._effects.setdefault(node.seq, []).append(node.shown_by)
            self._shows[node.shown_by] = node.seq
        while len(self._nodes) > self._limit:
            old, gone = self._nodes.popitem(last=False)
            self._started.pop(gone.number if gone.what == "started" else 0, None)
            self._effects.pop(old, None)
            self._shows.pop(old, None)

    def of_reconcile(self, number: int) -> list[Node]:
        """The beginning of a reconcile, when it is still remembered."""
        seq = self._started.get(number, 0)
        return [node] if (node := self._nodes.get(seq)) is not None else []

    def causes(self, seq: int) -> list[Node]:
        """The way to the event, the first cause first, itself last."""
        way: list[Node] = []
        node = self._nodes.get(seq)
        while node is not None and len(way) < FURTHEST:
            way.append(node)
            node = self._nodes.get(node.cause or self._shows.get(node.seq, 0))
        return way[::-1]

    def effects(self, seq: int) -> list[Node]:
        """What the event led to, directly, in order."""
        return [n for s in sorted(self._effects.get(seq, ())) if (n := self._nodes.get(s)) is not None]

    def chain(self, seq: int) -> list[Node]:
        """Everything that is connected with the event by causes, in order."""
        way = self.causes(seq)
        if not way:
            return []
        seen = {n.seq: n for n in way}
        open_, done = [way[0].seq], {way[0].seq}
        while open_ and len(seen) < FURTHEST:
            for node in self.effects(open_.pop(0)):
                if node.seq not in done:
                    done.add(node.seq)
                    seen[node.seq] = node
                    open_.append(node.seq)
        return [seen[s] for s in sorted(seen)]


def _node(event: BusEvent) -> Node | None:
    match event:
        case ObjectChanged():
            if event.initial:
                return None
            return Node(event.seq, event.at, event.cause, "change", event.type, name_of(event.ref))
        case Enqueued():
            return Node(event.seq, event.at, event.cause, "enqueued", event.key, controller=event.controller)
        case ReconcileStarted():
            return Node(
                event.seq, event.at, event.cause, "started", event.key, None, event.waited, event.number,
                controller=event.controller,
            )  # fmt: skip
        case ReconcileFinished():
            namespace, _, name = event.key.rpartition("/")
            about = ObjectName(event.group, event.kind, namespace, name)
            return Node(
                event.seq, event.at, event.cause, "finished", event.result, about, event.duration,
                event.number, controller=event.controller,
            )  # fmt: skip
        case ApiWrite():
            verb = f"{event.verb} {event.subresource}".strip()
            about = name_of(event.ref)
            return Node(
                event.seq,
                event.at,
                event.cause,
                "write",
                verb,
                about,
                event.duration,
                shown_by=event.shown_by,
            )
        case ActionStarted():
            return Node(event.seq, event.at, event.cause, "action", event.verb, name_of(event.ref))
    return None

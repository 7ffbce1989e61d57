"""Where two recordings part: the first event that is another, times and generated names aside."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import zip_longest
from typing import NamedTuple

from controller.events import ActionFinished, ActionStarted, Heal
from controller_runtime.events import (
    ApiWrite,
    BusEvent,
    LeaderStatus,
    ObjectChanged,
    Quarantined,
    ReconcileFinished,
    WatchStatus,
)


class Parting(NamedTuple):
    """``same`` events were alike before it; None is the end of that recording."""

    same: int
    one: BusEvent | None
    other: BusEvent | None


def first_difference(one: Iterable[BusEvent], other: Iterable[BusEvent]) -> Parting | None:
    """None when all that is compared is alike.

    Compared is what happened, in its order: changes, writes, results of reconciles, heals, states of watches
    and of the leader, actions. How long it took, versions, uids and the steps of the queue are not.
    """
    for number, (a, b) in enumerate(zip_longest(_compared(one), _compared(other))):
        if a is None or b is None or shape(a) != shape(b):
            return Parting(number, a, b)
    return None


def shape(event: BusEvent) -> tuple[object, ...] | None:
    """What of an event is compared; None when nothing is."""
    match event:
        case ObjectChanged(ref=ref):
            return event.type, ref.api_version, ref.kind, ref.key, event.initial, event.state_unknown
        case ApiWrite(ref=ref):
            return event.verb, ref.kind, ref.key, event.subresource, event.outcome, event.status
        case ReconcileFinished():
            return event.controller, event.key, event.result
        case Heal():
            return event.kind, event.key, event.stage
        case WatchStatus():
            return event.group, event.resource, event.scope, event.state
        case LeaderStatus():
            return ("leader", event.state)
        case ActionStarted(ref=ref):
            return "asked", event.verb, ref.kind, ref.key
        case ActionFinished(ref=ref):
            return "answered", event.verb, ref.kind, ref.key, event.ok
        case Quarantined():
            return event.resource, event.namespace, event.name
        case _:
            return None


def _compared(events: Iterable[BusEvent]) -> Iterator[BusEvent]:
    """Without a state that is said again: watches and heals repeat theirs with other figures."""
    last: dict[object, tuple[object, ...]] = {}
    for event in events:
        found = shape(event)
        if found is None:
            continue
        if isinstance(event, WatchStatus | Heal | LeaderStatus):
            if last.get(event.state_key) == found:
                continue
            last[event.state_key] = found
        yield event

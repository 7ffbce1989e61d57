"""Who did what, by the numbers of events: which reconcile made which write, and what shows it."""

from __future__ import annotations

from collections import OrderedDict
from typing import NamedTuple

from controller_runtime.events import ApiWrite, BusEvent, ObjectChanged, ReconcileFinished, ReconcileStarted
from controller_runtime.kube.deltas import Trigger

_REMEMBERED = 4096  # of each: seconds of the busiest operator


class Key(NamedTuple):
    controller: str
    key: str

    def __str__(self) -> str:
        return f"{self.controller} {self.key}"


class Round(NamedTuple):
    """One reconcile that is over."""

    key: Key
    triggers: tuple[Trigger, ...]
    writes: tuple[ApiWrite, ...]
    finished: ReconcileFinished


class _Open(NamedTuple):
    started: ReconcileStarted
    writes: list[ApiWrite]


class History:
    """Follows the events and puts reconciles together. Bounded; one that was forgotten is not found."""

    def __init__(self) -> None:
        self._open: OrderedDict[str, _Open] = OrderedDict()
        self._writers: OrderedDict[int, tuple[Key, ApiWrite]] = OrderedDict()  # by the write's number
        self._causes: OrderedDict[int, int] = OrderedDict()  # of a watch event: the write that it shows

    def feed(self, event: BusEvent) -> Round | None:
        """The reconcile that this event ends, if it is one that ends."""
        match event:
            case ReconcileStarted():
                self._put(self._open, event.id, _Open(event, []))
            case ApiWrite(reconcile=id_) if id_ in self._open:
                started, writes = self._open[id_]
                writes.append(event)
                self._put(self._writers, event.seq, (Key(started.controller, started.key), event))
                if event.shown_by:
                    self._put(self._causes, event.shown_by, event.seq)
            case ObjectChanged(cause=cause) if cause:
                self._put(self._causes, event.seq, cause)
            case ReconcileFinished() if event.id in self._open:
                started, writes = self._open.pop(event.id)
                return Round(Key(event.controller, event.key), started.triggers, tuple(writes), event)
        return None

    def write_shown_by(self, seq: int) -> tuple[Key, ApiWrite] | None:
        """Whose write this watch event shows."""
        return self._writers.get(self._causes.get(seq, 0))

    @staticmethod
    def _put(table: OrderedDict, key: object, value: object) -> None:  # type: ignore[type-arg]
        table[key] = value
        if len(table) > _REMEMBERED:
            table.popitem(last=False)

"""Writes that change nothing, and conflicts without end."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

from controller_runtime.events import ApiWrite, BusEvent, ObjectChanged
from why.problems.bounded import Bounded
from why.problems.problem import Sighting
from why.problems.rounds import Key, Round

_IDLE_WRITES = 5  # that changed nothing, of one object, within the time below
_CONFLICTS = 10
_WITHIN = 60.0  # seconds
_OBJECTS = 4096


class IdleWrites:
    """An answer that carries the version which the object had already: nothing was stored."""

    def __init__(self) -> None:
        self._versions: Bounded[str, list[str]] = Bounded(_OBJECTS, list)
        self._times: Bounded[tuple[Key, str], deque[float]] = Bounded(
            _OBJECTS, lambda: deque(maxlen=_IDLE_WRITES)
        )

    def feed(self, event: BusEvent) -> Iterator[Sighting]:
        if isinstance(event, ObjectChanged):
            self._versions.get(event.ref.uid)[:] = [event.resource_version]
        return iter(())

    def over(self, round_: Round) -> Iterator[Sighting]:
        for write in round_.writes:
            if write.error or write.verb not in ("update", "patch") or not write.resource_version:
                continue
            known = self._versions.get(write.ref.uid)
            if known == [write.resource_version] and not write.shown_by:
                times = self._times.get((round_.key, write.ref.uid))
                times.append(write.at)
                if len(times) == _IDLE_WRITES and times[-1] - times[0] < _WITHIN:
                    yield self._sighting(round_.key, write)
            known[:] = [write.resource_version]

    def _sighting(self, key: Key, write: ApiWrite) -> Sighting:
        what = f"{write.ref.kind} {write.ref.key}" + (f"/{write.subresource}" if write.subresource else "")
        return Sighting(
            "write that changes nothing", str(key),
            f"its {write.verb} of {what} changes nothing, {_IDLE_WRITES} times within a minute",
            f"the answer has resourceVersion {write.resource_version}, which the object had before",
            "compare before writing: a request that changes nothing costs the API server all the same",
        )  # fmt: skip


class Conflicts:
    """One controller that runs into conflicts (409) all the time."""

    def __init__(self) -> None:
        self._times: Bounded[Key, deque[float]] = Bounded(1024, lambda: deque(maxlen=_CONFLICTS))

    def feed(self, event: BusEvent) -> Iterator[Sighting]:
        return iter(())

    def over(self, round_: Round) -> Iterator[Sighting]:
        for write in round_.writes:
            if write.status == 409 and "already exists" not in write.error:
                times = self._times.get(round_.key)
                times.append(write.at)
                if len(times) == _CONFLICTS and times[-1] - times[0] < _WITHIN:
                    what = f"its {write.verb} of {write.ref.kind} {write.ref.key}"
                    says = f"{what} runs into conflicts, {_CONFLICTS} within a minute"
                    remedy = "write a patch, or read the object again before each try (retry_on_conflict)"
                    yield Sighting("conflict storm", str(round_.key), says, write.error, remedy)

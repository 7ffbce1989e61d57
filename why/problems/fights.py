"""Two writers of one field."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field

from controller_runtime.events import BusEvent, ObjectChanged
from why.differences import author, decode_changed, differences
from why.problems.bounded import Bounded
from why.problems.problem import Sighting

_TURNS = 4  # changes of one field, back and forth between two managers
_WITHIN = 60.0  # seconds
_OBJECTS = 4096
_BUSY = 3  # changes within a minute, before which nothing is decoded


@dataclass
class _Watched:
    """``turns``: of a field, who set it, to what, when."""

    times: deque[float] = field(default_factory=lambda: deque(maxlen=_BUSY))
    raw: bytes = b""
    turns: dict[str, deque[tuple[str, str, float]]] = field(default_factory=dict)


class Fights:
    """One field of one object that two field managers set in turn."""

    def __init__(self) -> None:
        self._objects: Bounded[str, _Watched] = Bounded(_OBJECTS, _Watched)

    def __len__(self) -> int:
        """How many objects are remembered."""
        return len(self._objects)

    def feed(self, event: BusEvent) -> Iterator[Sighting]:
        if not isinstance(event, ObjectChanged) or event.initial:
            return
        if event.type == "DELETED":
            self._objects.drop(event.ref.uid)
        elif event.type == "MODIFIED":
            yield from self._modified(event)

    def _modified(self, event: ObjectChanged) -> Iterator[Sighting]:
        watched = self._objects.get(event.ref.uid)
        watched.times.append(event.at)
        if len(watched.times) < _BUSY or event.at - watched.times[0] > _WITHIN:
            watched.raw = b""
            return
        before, watched.raw = watched.raw, bytes(event.raw)
        if not before:
            return
        old, new = decode_changed(before, watched.raw)
        manager = author(old, new)
        if not manager:  # two writes within a second leave one entry: nobody can say whose this was
            return
        for change in differences(old, new):
            if len(watched.turns) > 64 and change.path not in watched.turns:
                continue
            turns = watched.turns.setdefault(change.path, deque(maxlen=_TURNS))
            turns.append((manager, repr(change.new), event.at))
            if _is_fight(turns):
                yield _fight(event, change.path, turns)


def _is_fight(turns: deque[tuple[str, str, float]]) -> bool:
    if len(turns) < _TURNS or turns[-1][2] - turns[0][2] > _WITHIN:
        return False
    evens, odds = list(turns)[::2], list(turns)[1::2]
    one, other = {turn[:2] for turn in evens}, {turn[:2] for turn in odds}
    return len(one) == len(other) == 1 and evens[0][0] != odds[0][0] and evens[0][1] != odds[0][1]


def _fight(event: ObjectChanged, path: str, turns: deque[tuple[str, str, float]]) -> Sighting:
    (one, value, _), (other, opposite, _) = turns[0], turns[1]
    about = f"{event.ref.kind} {event.ref.key}"
    return Sighting(
        "fight over a field", f"{about} {path}",
        f"{one} and {other} fight over {path} of {about}",
        f"{_values(event, one, value, other, opposite)}, {_TURNS} times within a minute",
        f"let only one of them set {path}; server-side apply shows who owns it (--show-managed-fields)",
    )  # fmt: skip


def _values(event: ObjectChanged, one: str, value: str, other: str, opposite: str) -> str:
    if event.ref.kind == "Secret":
        return "the values of Secrets are not shown; they are set in turn"
    return f"{one} sets {value[:80]}, {other} sets {opposite[:80]}"

"""Reconciles that wake themselves by what they write, again and again."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field

import msgspec

from controller_runtime.events import BusEvent, ObjectChanged
from why.differences import Difference, differences
from why.problems.bounded import Bounded
from why.problems.problem import Sighting
from why.problems.rounds import History, Key, Round

# So many rounds in a row in which a key was woken by nothing but its own write of an object, and wrote that
# object and no other again. What converges (a finalizer, then a status that follows) takes two or three.
_ROUNDS = 5
_KEYS = 1024

_REMEDIES = {
    "a timestamp": "write the time only when something else has changed, or leave it out of the comparison",
    "the order of a list": "sort the list before it is written and before it is compared",
    "a field that was taken away": "the server drops this field: leave it out of what is written",
}
_REMEDY = (
    "compare what is there with what is wanted before writing; generation_changed on for_() skips status"
)


@dataclass
class _Streak:
    rounds: int = 0
    times: deque[float] = field(default_factory=lambda: deque(maxlen=32))


class Loops:
    """Catches them by the causes of events, and names the write and the field that changes each time."""

    def __init__(self, history: History) -> None:
        self._history = history
        self._streaks: Bounded[Key, _Streak] = Bounded(_KEYS, _Streak)
        self._versions: Bounded[str, deque[bytes]] = Bounded(_KEYS, lambda: deque(maxlen=2))

    def feed(self, event: BusEvent) -> Iterator[Sighting]:
        # Of objects that a key which woke itself has written.
        if isinstance(event, ObjectChanged) and event.ref.uid in self._versions:
            self._versions.get(event.ref.uid).append(bytes(event.raw))
        return iter(())

    def over(self, round_: Round) -> Iterator[Sighting]:
        """A reconcile has ended."""
        streak = self._streaks.get(round_.key)
        again = self._woken_by_itself(round_)
        if not again:
            streak.rounds = 0
            return
        streak.rounds += 1
        streak.times.append(round_.finished.at)
        self._versions.get(again)
        if streak.rounds >= _ROUNDS:
            yield self._sighting(round_, streak, again)

    def _woken_by_itself(self, round_: Round) -> str:
        """The uid of the object whose write by this very key woke it, and which it wrote again."""
        uids = set()
        for trigger in round_.triggers:
            found = self._history.write_shown_by(trigger.seq) if trigger.seq else None
            if found is None or found[0] != round_.key:
                return ""
            uids.add(trigger.ref.uid)
        written = {w.ref.uid for w in round_.writes if not w.error and w.verb in ("update", "patch")}
        # Who writes others as well gets on with something.
        return uids.pop() if len(uids) == 1 and uids == written == {w.ref.uid for w in round_.writes} else ""

    def _sighting(self, round_: Round, streak: _Streak, uid: str) -> Sighting:
        write = next(w for w in round_.writes if w.ref.uid == uid)
        what = f"{write.ref.kind} {write.ref.key}" + (f"/{write.subresource}" if write.subresource else "")
        changed = self._changed(uid)
        fields = ", ".join(d.path for d in changed[:3]) or "nothing that a watch shows"
        manner = next((d.manner for d in changed if d.manner), "")
        span = streak.times[-1] - streak.times[0]
        rate = f"{(len(streak.times) - 1) / span * 60:.0f} a minute" if span > 0 else "without a pause"
        says = f"its own {write.verb} of {what} wakes it again and again, {rate}: {fields} changes each time"
        evidence = "; ".join(d.shown(write.ref.kind) for d in changed[:3])
        return Sighting(
            "reconcile loop", str(round_.key), says + (f" ({manner})" if manner else ""), evidence,
            _REMEDIES.get(manner, _REMEDY),
        )  # fmt: skip

    def _changed(self, uid: str) -> list[Difference]:
        versions = self._versions.get(uid)
        if len(versions) < 2:
            return []
        old, new = (msgspec.json.decode(raw) for raw in versions)
        return differences(old, new)

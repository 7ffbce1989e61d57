"""A recording as the source of the console: it plays, pauses, and goes to any of its events."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Literal

from controller_runtime.bus import Batch
from controller_runtime.events import BusEvent
from recording.codec import Gap
from recording.index import Index, MarkKind

SPEEDS = (0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 100.0)
# Events before a position that are shown as news when it is gone to; what is older is there as state.
HISTORY = 5_000
# Events that may wait before the clock is held: at 100x there can be more than a screen can take.
AHEAD = 2_000


class Replay:
    """An EventSource. ``position`` is how many events are on the screen, ``stopwatch`` counts seconds."""

    def __init__(self, index: Index, stopwatch: Callable[[], float]) -> None:
        self.index = index
        self.position = 0
        self.playing = False
        self._due = 0  # the position that is wanted while it is not played
        self.speed = 1.0
        self._stopwatch = stopwatch
        self._at = index.times[0] if len(index) else index.header.at
        self._since = 0.0  # on the stopwatch, when it was ``_at``

    # As an EventSource

    def __len__(self) -> int:
        due = self.index.at_time(self.now()) if self.playing else self._due
        return max(0, due - self.position)

    def drain(self, limit: int) -> Batch:
        end = self.position + min(len(self), limit)
        events, dropped = _split(self.index.event(n) for n in range(self.position, end))
        self.position = end
        if self.playing and end == len(self.index):
            self.pause()
        return Batch(events, [], dropped)

    def now(self) -> float:
        """The time of the recording. It goes on with ``speed`` while it is played."""
        if not self.playing:
            return self._at
        at = self._at + (self._stopwatch() - self._since) * self.speed
        last = self.index.times[min(self.position + AHEAD, len(self.index) - 1)]
        return min(at, last)

    # What a person does

    def play(self) -> None:
        """Go on from here; nothing when it is at its end."""
        if not self.playing and self.position < len(self.index):
            self.playing, self._since = True, self._stopwatch()

    def pause(self) -> None:
        if self.playing:
            self._at = self.now()
            self.playing, self._due = False, self.index.at_time(self._at)

    def step(self) -> None:
        """Show one more event, when it is not played."""
        if not self.playing and self._due < len(self.index):
            self._at = self.index.times[self._due]
            self._due += 1

    def change_speed(self, step: Literal[-1, 1]) -> None:
        place = SPEEDS.index(self.speed) + step
        self._at, self._since = self.now(), self._stopwatch()
        self.speed = SPEEDS[min(max(place, 0), len(SPEEDS) - 1)]

    def go_to(self, position: int) -> Batch:
        """Be just after the first ``position`` events; what a state that knows nothing has to be given.

        Pauses nothing: what was played is played on from there.
        """
        self.position = self._due = position = min(max(position, 0), len(self.index))
        if position:
            self._at = self.index.times[position - 1]
        elif len(self.index):
            self._at = self.index.times[0]
        self._since = self._stopwatch()
        began = max(0, position - HISTORY)
        states, _ = _split(self.index.event(n) for n in self.index.latest_states(began))
        events, _ = _split(self.index.event(n) for n in range(began, position))
        return Batch(events, states, 0)

    def mark(self, kind: MarkKind | None, *, forward: bool) -> int | None:
        """The position just after the nearest mark of that kind, None when there is none."""
        found = self.index.mark(self.position, kind, forward=forward)
        return None if found is None else found + 1


def _split(found: Iterable[BusEvent | None]) -> tuple[list[BusEvent], int]:
    """The events that can be read, and how many the recorder missed among them."""
    events: list[BusEvent] = []
    dropped = 0
    for event in found:
        if isinstance(event, Gap):
            dropped += event.count
        elif event is not None:
            events.append(event)
    return events, dropped

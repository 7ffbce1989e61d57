"""Moves events from their source to the state, a few milliseconds at a time."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from controller_runtime.bus import Batch
from controller_runtime.events import BusEvent
from tui import reducer
from tui.source import EventSource
from tui.state import ConsoleState

INTERVAL = 0.1  # seconds between drains
BUDGET = 0.008  # seconds of work in one drain
STORM = 500  # events that wait; from there on a drain may take longer
STORM_BUDGET = 0.03  # seconds
CHUNK = 64  # events taken from the source at once


class Pump:
    """``drain`` is called by a timer of the app, in the app's thread."""

    def __init__(
        self,
        source: EventSource,
        state: ConsoleState,
        stopwatch: Callable[[], float],
    ) -> None:
        self._source = source
        self._state = state
        self._stopwatch = stopwatch
        self._waiting: deque[tuple[BusEvent, bool]] = deque()

    @property
    def backlog(self) -> int:
        return len(self._waiting) + len(self._source)

    def start_over(self, batch: Batch) -> None:
        """Forget everything, and know what is in ``batch``, at once."""
        self._waiting.clear()
        self._state.start_over()
        for event in batch.states:
            reducer.apply(self._state, event, news=False)
        for event in batch.events:
            reducer.apply(self._state, event)

    def drain(self, budget: float | None = None) -> int:
        """Apply events until there are none or ``budget`` seconds are used up. Returns how many.

        Without a budget it takes 8 ms, and 30 ms while a storm of events waits.
        """
        if budget is None:
            budget = STORM_BUDGET if self.backlog > STORM else BUDGET
        end = self._stopwatch() + budget
        applied = 0
        while True:
            if not self._waiting:
                batch = self._source.drain(CHUNK)
                reducer.dropped(self._state, batch.dropped, self._source.now())
                self._waiting.extend((e, False) for e in batch.states)
                self._waiting.extend((e, True) for e in batch.events)
                if not self._waiting:
                    return applied
            for _ in range(min(16, len(self._waiting))):
                event, news = self._waiting.popleft()
                reducer.apply(self._state, event, news=news)
                applied += 1
            if self._stopwatch() >= end:
                return applied

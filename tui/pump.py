"""Moves events from the bus to the state, a few milliseconds at a time."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from controller.bus import Subscription
from controller.bus_events import BusEvent
from tui import reducer
from tui.state import ConsoleState

INTERVAL = 0.1  # seconds between drains
BUDGET = 0.008  # seconds of work in one drain
CHUNK = 64  # events taken from the subscription at once


class Pump:
    """``drain`` is called by a timer of the app, in the app's thread."""

    def __init__(
        self,
        subscription: Subscription,
        state: ConsoleState,
        clock: Callable[[], float],
        stopwatch: Callable[[], float],
    ) -> None:
        self._subscription = subscription
        self._state = state
        self._clock = clock
        self._stopwatch = stopwatch
        self._waiting: deque[tuple[BusEvent, bool]] = deque()

    @property
    def backlog(self) -> int:
        return len(self._waiting) + len(self._subscription)

    def drain(self, budget: float = BUDGET) -> int:
        """Apply events until there are none or ``budget`` seconds are used up. Returns how many."""
        end = self._stopwatch() + budget
        applied = 0
        while True:
            if not self._waiting:
                batch = self._subscription.drain(CHUNK)
                reducer.dropped(self._state, batch.dropped, self._clock())
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

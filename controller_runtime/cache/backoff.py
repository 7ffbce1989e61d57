"""How often a reflector may try: back-off with jitter, and a hard limit of requests per second."""

from __future__ import annotations

import random
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass


def _wait(event: threading.Event, seconds: float) -> bool:
    return event.wait(seconds)


@dataclass(frozen=True)
class Timing:
    """Clocks, randomness and sleep, to be replaced in tests.

    ``wait`` sleeps until the event is set or the seconds are over and says whether it was set.
    """

    wall: Callable[[], float] = time.time
    monotonic: Callable[[], float] = time.monotonic
    random: Callable[[], float] = random.random
    wait: Callable[[threading.Event, float], bool] = _wait


REAL_TIME = Timing()


class Backoff:
    """0.8 s, doubled each time, times [1, 2), never above the cap.

    Source: client-go tools/cache/reflector.go; there the jitter comes on top of the cap. A time that the
    server names (Retry-After) is kept to instead, but not for ever.
    """

    INITIAL = 0.8  # seconds
    CAP = 30.0  # seconds
    ASKED_CAP = 60.0  # seconds
    ASKED_TIMES = 10  # in a row; client-go rest/request.go maxRetries

    def __init__(self, random: Callable[[], float]) -> None:
        self._random = random
        self._failures = 0
        self._asked = 0

    def next(self, cap: float = CAP, asked: float = 0.0) -> float:
        """Seconds to wait after one more failure; ``asked`` is what the server named, 0 for nothing."""
        if asked > 0:
            asked = min(asked, self.ASKED_CAP)
            self._asked += 1
            return asked if self._asked <= self.ASKED_TIMES else max(asked, self._own(cap))
        return self._own(cap)

    def _own(self, cap: float) -> float:
        base = min(self.INITIAL * 2.0 ** min(self._failures, 16), cap / 2)
        self._failures += 1
        return base * (1 + self._random())

    def reset(self) -> None:
        self._failures = self._asked = 0


class RateGate:
    """Lets at most ``LIMIT`` requests through in any ``WINDOW``; ``wait_turn`` blocks for the rest."""

    LIMIT = 2
    WINDOW = 1.0  # seconds

    def __init__(self, timing: Timing, wake: threading.Event) -> None:
        self._timing = timing
        self._wake = wake
        self._times: deque[float] = deque(maxlen=self.LIMIT)

    def wait_turn(self) -> None:
        if len(self._times) == self.LIMIT:
            remaining = self._times[0] + self.WINDOW - self._timing.monotonic()
            if remaining > 0:
                self._timing.wait(self._wake, remaining)
        self._times.append(self._timing.monotonic())

    def forgive(self) -> None:
        """The last request was a question about what the server can do; it is not asked again."""
        if self._times:
            self._times.pop()

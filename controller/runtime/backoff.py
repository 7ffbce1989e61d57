"""How long to wait after a failure."""

from __future__ import annotations

from collections.abc import Callable

# client-go tools/cache/reflector.go: 0.8 s, doubled up to 30 s, times a jitter of [1, 2).
INITIAL = 0.8
FACTOR = 2.0
CAP = 30.0


class Backoff:
    """Unlike client-go's it starts over only when it is told to, which a healthy stream does."""

    def __init__(self, random: Callable[[], float]) -> None:
        self._random = random
        self._delay = INITIAL
        self.failures = 0

    def next(self, *, cap: float = CAP) -> float:
        """Seconds to wait after one more failure; 60 at most."""
        self.failures += 1
        delay = min(self._delay, cap)
        self._delay = min(self._delay * FACTOR, CAP)
        return delay * (1.0 + self._random())

    def reset(self) -> None:
        self._delay = INITIAL
        self.failures = 0

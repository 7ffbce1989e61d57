"""Where the console's events come from: the live bus, or a recording."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Protocol

from controller_runtime.bus import Batch, Subscription


class EventSource(Protocol):
    """The pump asks it, in the app's thread. Nothing here may block."""

    def __len__(self) -> int:
        """How many events wait."""

    def drain(self, limit: int) -> Batch:
        """Take at most ``limit`` of them."""

    def now(self) -> float:
        """The time on the screen, in Unix seconds: ages and delays are counted to it."""


class Live:
    """A subscription to the bus, and the time as it passes."""

    def __init__(self, subscription: Subscription, clock: Callable[[], float] = time.time) -> None:
        self._subscription = subscription
        self.now = clock
        self.drain = subscription.drain

    def __len__(self) -> int:
        return len(self._subscription)

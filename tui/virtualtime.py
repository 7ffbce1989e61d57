"""An event loop whose seconds pass as soon as nothing is left to do: what waits for them is there at once.

What runs in it is the same every time, as long as it asks no other clock and starts no thread.
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Iterator
from contextlib import contextmanager

from textual import _time


class VirtualLoop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self._now = 0.0
        super().__init__(_Selector(self))

    def time(self) -> float:
        """Seconds since it was made."""
        return self._now

    def pass_by(self, seconds: float) -> None:
        self._now += seconds


class _Selector(selectors.SelectSelector):
    """Lets the time pass that it should wait."""

    def __init__(self, loop: VirtualLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        found = super().select(None if timeout is None else 0)
        if not found and timeout is not None and timeout > 0:
            self._loop.pass_by(timeout)
        return found


@contextmanager
def timers_of(loop: VirtualLoop) -> Iterator[None]:
    """Textual's timers go by the time of ``loop``; they have a clock of their own otherwise."""
    real = _time.get_time
    _time.get_time = loop.time
    try:
        yield
    finally:
        _time.get_time = real

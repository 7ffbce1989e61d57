"""Writes whole lines to a file descriptor, past Python's buffers, which lock and cannot be left."""

from __future__ import annotations

import os
import select
import time
from collections.abc import Callable

RETRY_DELAY = 1.0  # seconds, doubled with each failure in a row
RETRY_DELAY_MAX = 30.0  # seconds
_LOOK_EVERY = 0.1  # seconds; at whether to give up


class LineWriter:
    """For one thread, which may be held up by a reader that does not read. ``busy_for`` is for others.

    What the encoding lacks is written as an escape. A failure, a full disk for instance, is given to
    ``failed`` once and tried again until it goes away, which ``recovered`` is called for.
    """

    def __init__(
        self,
        descriptor: int,
        encoding: str = "utf-8",
        *,
        failed: Callable[[OSError], None] = lambda error: None,
        recovered: Callable[[], None] = lambda: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._descriptor = descriptor
        self._encoding = encoding
        self._failed = failed
        self._recovered = recovered
        self._clock = clock
        self._since: float | None = None
        self._failing = False

    def busy_for(self) -> float:
        """Seconds since the write that is under way began; 0 without one."""
        since = self._since
        return 0.0 if since is None else self._clock() - since

    def write(self, text: str, give_up: Callable[[], bool]) -> bool:
        """All of it, however long that takes; False when ``give_up`` says so while it cannot be written.

        Raises BrokenPipeError when nobody can read it any more.
        """
        data = memoryview(text.encode(self._encoding, "backslashreplace"))
        delay = RETRY_DELAY
        self._since = self._clock()
        try:
            while data:
                try:
                    data = data[os.write(self._descriptor, data) :]
                except BrokenPipeError:
                    raise
                except BlockingIOError:  # somebody else made it so, and reads slowly
                    select.select([], [self._descriptor], [], _LOOK_EVERY)
                    if give_up():
                        return False
                except OSError as error:
                    if not self._failing:
                        self._failing = True
                        self._failed(error)
                    if self._wait(delay, give_up):
                        return False
                    delay = min(2 * delay, RETRY_DELAY_MAX)
            if self._failing:
                self._failing = False
                self._recovered()
            return True
        finally:
            self._since = None

    def _wait(self, seconds: float, give_up: Callable[[], bool]) -> bool:
        until = self._clock() + seconds
        while self._clock() < until:
            if give_up():
                return True
            time.sleep(_LOOK_EVERY)
        return give_up()

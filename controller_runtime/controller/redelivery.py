"""Events that a handler could not take are given to it again: lost, they would leave a key unreconciled."""

from __future__ import annotations

import heapq
import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from controller_runtime.threads import Threads

log = logging.getLogger("controller_runtime")

DELAY = 1.0  # seconds, doubled with each try
MAX_TRIES = 6  # which takes a minute
MAX_WAITING = 1000  # more are dropped


@dataclass(order=True, slots=True)
class _Waiting:
    due: float
    number: int
    call: Callable[[], None] = field(compare=False)
    fields: dict[str, Any] = field(compare=False)
    tries: int = field(compare=False)


class Redelivery:
    """Thread-safe. Failures are logged, the first and the last of each. ``fields`` are for the log.

    Handlers only enqueue keys, so an event may come after a later one. ``is_over``: nothing is tried more.
    """

    def __init__(
        self, name: str, threads: Threads, clock: Callable[[], float], is_over: Callable[[], bool]
    ) -> None:
        self._name = name
        self._threads = threads
        self._clock = clock
        self._is_over = is_over
        self._lock = threading.Lock()
        self._waiting: list[_Waiting] = []
        self._number = 0
        self._is_armed = False

    def failed(
        self, error: BaseException, call: Callable[[], None], fields: dict[str, Any], tries: int = 1
    ) -> None:
        """``call`` raised it: call it again later, while it raises."""
        if tries == 1:
            log.error("Event handler failed", exc_info=error, extra={"fields": fields})
        if tries >= MAX_TRIES or not self._wait(call, fields, tries):
            fields = {**fields, "error": f"{type(error).__name__}: {error}"}
            log.error("Event handler failed for good, the event is lost", extra={"fields": fields})

    def _wait(self, call: Callable[[], None], fields: dict[str, Any], tries: int) -> bool:
        with self._lock:
            if len(self._waiting) >= MAX_WAITING:
                return False
            self._number += 1
            due = self._clock() + DELAY * 2 ** (tries - 1)
            heapq.heappush(self._waiting, _Waiting(due, self._number, call, fields, tries + 1))
            self._arm()
        return True

    def _arm(self) -> None:
        """A timer for the first that is due. Call it with the lock."""
        if self._is_armed or not self._waiting or self._is_over():
            return
        self._is_armed = True
        seconds = max(0.0, self._waiting[0].due - self._clock())
        self._threads.after(seconds, f"{self._name}-redelivery", self._again).start()

    def _again(self) -> None:
        due: list[_Waiting] = []
        with self._lock:
            while self._waiting and self._waiting[0].due <= self._clock():
                due.append(heapq.heappop(self._waiting))
        for waiting in due:
            if self._is_over():
                return
            try:
                waiting.call()
            except BaseException as error:
                self.failed(error, waiting.call, waiting.fields, waiting.tries)
        with self._lock:
            self._is_armed = False
            self._arm()

"""A group of runnables that start together and stop together, a thread each."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from functools import partial
from typing import Protocol

from controller_runtime.threads import SupervisedThread, Threads

LOOK_EVERY = 0.1  # seconds


class Runnable(Protocol):
    """``start`` works until ``stop`` is set, then winds up and returns.

    A runnable with a false attribute ``needs_leader_election`` runs on standbys as well.
    """

    def start(self, stop: threading.Event) -> None: ...


class RunnableGroup:
    """``on_error`` is called from the thread of a runnable that raised."""

    def __init__(self, name: str, on_error: Callable[[BaseException], None], threads: Threads) -> None:
        self._name = name
        self._on_error = on_error
        self._lock = threading.Lock()
        self._waiting: list[Runnable] = []
        self._supervisor = threads
        self._threads: list[SupervisedThread] = []
        self._stop = threading.Event()
        self._started = False

    def add(self, runnable: Runnable) -> None:
        """It starts with the group, or now when the group has started."""
        with self._lock:
            self._waiting.append(runnable)
            if self._started:
                self._launch()

    def start(self) -> None:
        with self._lock:
            self._started = True
            if not self._stop.is_set():
                self._launch()

    def _launch(self) -> None:
        self._threads = [thread for thread in self._threads if thread.is_alive()]
        while self._waiting:
            runnable = self._waiting.pop(0)
            name = getattr(runnable, "name", "") or type(runnable).__name__
            self._threads.append(
                self._supervisor.start(
                    f"{self._name}-{name}", partial(runnable.start, self._stop), on_death=self._on_error
                )
            )

    def stop(self, deadline: float, is_harmless: Callable[[], bool] = lambda: False) -> bool:
        """Tell all to stop and wait until ``deadline`` (time.monotonic); whether all have ended.

        ``is_harmless``: whether those that have not are as good as ended; it is asked again and again.
        """
        with self._lock:
            self._stop.set()
            threads = list(self._threads)
        for thread in threads:
            while thread.is_alive() and (left := deadline - time.monotonic()) > 0:
                if is_harmless():
                    return True
                thread.join(min(left, LOOK_EVERY))
        return not any(thread.is_alive() for thread in threads)

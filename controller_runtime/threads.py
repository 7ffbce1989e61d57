"""The one place that starts threads: why one ends is said (log, bus, /healthz), and it goes on."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from functools import partial

from controller_runtime.bus import EventBus
from controller_runtime.events import ThreadDied, trace

log = logging.getLogger("controller_runtime.threads")

RESTART_DELAY = 1.0  # seconds, doubled with each death in a row
RESTART_DELAY_MAX = 30.0  # seconds
STEADY_AFTER = 60.0  # seconds; one that ran for so long begins at the first delay again
# How long /healthz shows that a thread died: one probe at the kubelet's default period of 10 s sees it, and
# only one that dies again and again fails the three probes in a row after which the pod is restarted.
DEATH_SHOWN = 10.0  # seconds
STUCK_AFTER = 300.0  # seconds; longer than any wait of the runtime for an answer
_LOOK_EVERY = 0.05  # seconds; while a thread waits to be begun again


class SupervisedThread:
    """One thread with its role. Made by ``Threads.start``."""

    def __init__(
        self,
        name: str,
        run: Callable[[], object],
        done: Callable[[], bool] | None,
        on_death: Callable[[BaseException], None] | None,
        busy: Callable[[], float] | None,
        threads: Threads,
    ) -> None:
        self.name = name
        self._run = run
        self._done = done
        self._on_death = on_death
        self._busy = busy
        self._threads = threads
        self._died = 0.0  # when, on the clock of the threads
        self._error = ""  # what it died of last
        self.thread = threading.Thread(target=self._supervise, name=name, daemon=True)

    def is_alive(self) -> bool:
        return self.thread.is_alive()

    def join(self, timeout: float | None = None) -> None:
        self.thread.join(timeout)

    def check(self) -> str:
        """For /healthz: "" or what is wrong with it."""
        if not self.thread.is_alive():
            return f"it ended: {self._error}" if self._error else ""
        if self._error and (ago := self._threads.clock() - self._died) < DEATH_SHOWN:
            return f"it died {ago:.0f} s ago and is begun again: {self._error}"
        if self._busy is not None and (seconds := self._busy()) > STUCK_AFTER:
            return f"it has been stuck for {seconds:.0f} s"
        return ""

    def _supervise(self) -> None:
        delay = RESTART_DELAY
        while True:
            began = self._threads.clock()
            error: BaseException | None = None
            try:
                self._run()
            except BaseException as died:
                error = died
            if error is None and (self._done is None or self._done()):
                break
            if self._threads.clock() - began > STEADY_AFTER:
                delay = RESTART_DELAY
            if self._bury(error or RuntimeError("it returned though it is still needed"), delay):
                return
            delay = min(2 * delay, RESTART_DELAY_MAX)
        self._threads.forget(self)

    def _bury(self, error: BaseException, delay: float) -> bool:
        """Say why it died, and wait before it is begun again. True when it is not."""
        ended = self._on_death is not None
        words = f"{type(error).__name__}: {error}"
        self._died, self._error = self._threads.clock(), words
        self._threads.report(self.name, error, words, None if ended else delay)
        if self._on_death is not None:
            self._on_death(error)
            return True
        until = self._died + delay
        while self._threads.clock() < until:
            if self._done is not None and self._done():
                self._threads.forget(self)
                return True
            time.sleep(_LOOK_EVERY)
        return False


class Threads:
    """All threads of one process, or of one manager in a test. Thread-safe."""

    def __init__(
        self,
        bus: EventBus | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], float] = time.time,
    ) -> None:
        self.clock = clock
        self._bus = bus
        self._now = now
        self._lock = threading.Lock()
        self._threads: dict[str, SupervisedThread] = {}

    def start(
        self,
        name: str,
        run: Callable[[], object],
        *,
        done: Callable[[], bool] | None = None,
        on_death: Callable[[BaseException], None] | None = None,
        busy: Callable[[], float] | None = None,
    ) -> SupervisedThread:
        """Run ``run`` on a thread of its own, which does not keep the process alive.

        ``done``: whether it is meant to end by now; one that returns before is begun again. Without it
        returning is the end. One that raises is begun again after a delay, unless there is ``on_death``: that
        is called on the thread with the error, and stops what cannot go on without it. ``busy``: for how many
        seconds it has been at one thing, 0 when it waits for work; above STUCK_AFTER it counts as stuck.
        """
        with self._lock:
            taken, number = name, 2
            while taken in self._threads:
                taken, number = f"{name}-{number}", number + 1
            thread = SupervisedThread(taken, run, done, on_death, busy, self)
            self._threads[taken] = thread
        try:
            thread.thread.start()
        except BaseException:  # there are too many
            self.forget(thread)
            raise
        return thread

    def after(self, seconds: float, name: str, call: Callable[[], object]) -> threading.Timer:
        """Call it once, later, unless the timer is cancelled. Begin it with its ``start``."""
        timer = threading.Timer(seconds, partial(self._once, name, call))
        timer.name, timer.daemon = name, True
        return timer

    def _once(self, name: str, call: Callable[[], object]) -> None:
        try:
            call()
        except BaseException as error:
            self.report(name, error, f"{type(error).__name__}: {error}", None)

    def checks(self) -> dict[str, Callable[[], str]]:
        """A health check for each thread, by its name."""
        with self._lock:
            return {name.replace(" ", "-"): thread.check for name, thread in self._threads.items()}

    def forget(self, thread: SupervisedThread) -> None:
        with self._lock:
            if self._threads.get(thread.name) is thread:
                del self._threads[thread.name]

    def report(self, name: str, error: BaseException, words: str, restart_in: float | None) -> None:
        """Log and publish that it died; ``restart_in`` is in seconds, None when it is not begun again."""
        message = "Thread died" if restart_in is None else "Thread died and is restarted"
        log.error(message, exc_info=error, extra={"fields": {"thread": name, "error": words}})
        if self._bus is not None:
            self._bus.publish(
                ThreadDied(
                    at=self._now(), name=name, error=words, restart_in=restart_in,
                    traceback=trace(error),
                )
            )  # fmt: skip

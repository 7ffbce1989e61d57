"""A logging handler that never makes the caller wait: lines are written by a thread of its own."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Protocol

from controller_runtime.threads import Threads

MAX_LINES = 10_000
MAX_CHARACTERS = 4 << 20


class Sink(Protocol):
    def write(self, text: str, give_up: Callable[[], bool]) -> bool:
        """Write it, whole lines, however long that takes unless ``give_up``. May raise BrokenPipeError."""


class QueuedHandler(logging.Handler):
    """Bounded in lines and characters; what is dropped is counted, and said as soon as there is room.

    ``start`` begins to write. What nobody can read any more (a broken pipe) is dropped.
    """

    def __init__(self, sink: Sink) -> None:
        super().__init__()
        self.dropped = 0  # in all
        self._sink = sink
        self._lines: deque[str] = deque()
        self._characters = 0
        self._unsaid = 0  # drops that were not said yet
        self._changed = threading.Condition()
        self._idle = True  # nothing waits and nothing is being written
        self._closed = False

    def start(self, threads: Threads, name: str = "log") -> None:
        threads.start(name, self._run, done=lambda: self._closed)

    def emit(self, record: logging.LogRecord) -> None:
        try:
            line = self.format(record)
        except Exception as error:  # a message that does not fit its arguments
            line = f"cannot format a log line of {record.name}: {type(error).__name__}: {error}"
        self.put(line)

    def put(self, line: str) -> None:
        """A line that is no log record. Never blocks."""
        with self._changed:
            if len(self._lines) >= MAX_LINES or self._characters + len(line) > MAX_CHARACTERS:
                self.dropped += 1
                self._unsaid += 1
                return
            self._lines.append(line)
            self._characters += len(line)
            self._idle = False
            self._changed.notify_all()

    def flush_within(self, seconds: float) -> bool:
        """Wait until all is written; False when that takes longer."""
        with self._changed:
            return self._changed.wait_for(lambda: self._idle, seconds)

    def close(self) -> None:
        """Write no more; ``flush_within`` comes before."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        super().close()

    def _run(self) -> None:
        while not self._closed:
            with self._changed:
                self._changed.wait_for(lambda: self._lines or self._closed)
                lines, unsaid = list(self._lines), self._unsaid
                self._lines.clear()
                self._characters = self._unsaid = 0
            if unsaid:
                lines.append(self.format(_dropped(unsaid)))
            try:
                self._sink.write("".join(f"{line}\n" for line in lines), lambda: self._closed)
            except BrokenPipeError:
                self.dropped += len(lines)
            finally:
                with self._changed:
                    self._idle = not self._lines
                    self._changed.notify_all()


def _dropped(count: int) -> logging.LogRecord:
    message = "Log lines were dropped: nobody read them fast enough"
    record = logging.LogRecord("controller_runtime", logging.WARNING, "", 0, message, (), None)
    record.created = time.time()
    record.fields = {"count": count}
    return record

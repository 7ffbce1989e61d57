"""Log lines on their way from the threads that read them to who shows them: bounded, the dropped counted."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

MOST_LINES = 20_000  # that wait
MOST_CHARACTERS = 8 << 20  # of all that wait


class Source(NamedTuple):
    """One container of one pod."""

    namespace: str
    pod: str
    container: str


class LogLine(NamedTuple):
    source: Source
    time: str  # as the kubelet wrote it, RFC 3339 with nanoseconds; "" for a note
    text: str
    is_note: bool = False  # said by us: why nothing comes, or no more


class LogBatch(NamedTuple):
    lines: Sequence[LogLine]
    dropped: int  # since the batch before


@dataclass(frozen=True)
class LogOptions:
    """``tail``: so many of the last lines of each container; ``since``: not older than so many seconds."""

    tail: int | None = None
    since: int | None = None
    previous: bool = False  # of the run before, which has ended


class Feed:
    """``begin`` is called once for each new source, and ``end`` once. Thread-safe."""

    def __init__(
        self, begin: Callable[[Feed, Source], None], most: int = MOST_LINES, room: int = MOST_CHARACTERS
    ) -> None:
        self.over = threading.Event()
        self._begin = begin
        self._most = most
        self._room = room
        self._lock = threading.Lock()
        self._lines: deque[LogLine] = deque()
        self._characters = 0
        self._dropped = 0
        self._sources: set[Source] = set()
        self._on_close: list[Callable[[], None]] = []

    def follow(self, sources: Sequence[Source]) -> None:
        """Read these as well; those that are read already go on."""
        for source in sources:
            with self._lock:
                if source in self._sources or self.over.is_set():
                    continue
                self._sources.add(source)
            self._begin(self, source)

    def forget(self, source: Source) -> None:
        """It is read no more, and may be followed again."""
        with self._lock:
            self._sources.discard(source)

    def add(self, line: LogLine) -> None:
        with self._lock:
            self._lines.append(line)
            self._characters += len(line.text)
            while len(self._lines) > self._most or self._characters > self._room:
                self._characters -= len(self._lines.popleft().text)
                self._dropped += 1

    def take(self, most: int = 5_000) -> LogBatch:
        """What came since the last time, the oldest first. Never waits."""
        with self._lock:
            lines = [self._lines.popleft() for _ in range(min(most, len(self._lines)))]
            self._characters -= sum(len(line.text) for line in lines)
            dropped, self._dropped = self._dropped, 0
        return LogBatch(lines, dropped)

    def on_close(self, call: Callable[[], None]) -> None:
        with self._lock:
            if not self.over.is_set():
                self._on_close.append(call)
                return
        call()

    def close(self) -> None:
        with self._lock:
            self.over.set()
            calls, self._on_close = self._on_close, []
        for call in calls:
            call()

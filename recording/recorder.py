"""The flight recorder: keeps the last minutes of the bus in memory, and writes a file when one is wanted."""

from __future__ import annotations

import logging
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Hashable
from pathlib import Path

import msgspec

from controller_runtime.bus import LINGER, EventBus
from controller_runtime.events import BusEvent, ObjectChanged
from recording.codec import Gap, encode, encode_header
from recording.files import create
from recording.writer import RecordingFile

log = logging.getLogger("recording")

WINDOW = 15 * 60.0  # seconds
MAX_BYTES = 24 << 20  # of the events in memory
STATES = 512  # of watches, connections, heals and the like, each its latest


class Recorder:
    """``run`` until ``close``; ``save`` may be called from any thread at any time, also after that."""

    def __init__(
        self,
        bus: EventBus,
        *,
        program: str = "",
        clock: Callable[[], float] = time.time,
        window: float = WINDOW,
        max_bytes: int = MAX_BYTES,
    ) -> None:
        self._bus = bus
        self._program = program
        self._clock = clock
        self._window = window
        self._max_bytes = max_bytes
        self._subscription = bus.subscribe("recorder", maxlen=50_000)
        self._file: RecordingFile | None = None
        self._reading = threading.Lock()  # from the bus to the file
        self._lock = threading.Lock()
        self._events: deque[BusEvent] = deque()
        self._bytes = 0
        self._refused: set[type[BusEvent]] = set()
        self._before: OrderedDict[Hashable, BusEvent] = OrderedDict()  # states older than the window

    def write_to(self, path: Path) -> None:
        """Write everything from now on. Call it before ``run``. Raises OSError."""
        self._file = RecordingFile(path, program=self._program, clock=self._clock, state=self._state_lines)

    @property
    def is_over(self) -> bool:
        return self._subscription.closed and not len(self._subscription)

    def run(self) -> None:
        """Read the bus until ``close`` was called and all is read."""
        while not self.is_over:
            self._subscription.wait(0.5, linger=LINGER)
            self.record()
        if self._file is not None:
            self._file.close()

    def record(self) -> None:
        """Take in what waits. On any thread."""
        with self._reading:
            self._record()

    def _record(self) -> None:
        batch = self._subscription.drain()
        events = [_as_state(event) for event in batch.states]
        if batch.dropped:
            events.append(Gap(at=self._clock(), count=batch.dropped))
        events += batch.events
        if not events:
            return
        self._keep(events)
        if self._file is not None:
            self._file.write(self._lines(events))

    def close(self) -> None:
        """No more events. ``run`` ends when it has read those that wait."""
        self._subscription.close()

    def save(self, path: Path) -> int:
        """Write the last minutes to a new file; the number of events. Raises OSError.

        It begins with what was there then: objects that did not change since as they are now, others as they
        were after their first change.
        """
        self.record()
        with self._lock:
            events = list(self._events)
            states = list(self._before.values())
        began = events[0].at if events else self._clock()
        first: dict[Hashable, ObjectChanged] = {}
        for event in events:
            if isinstance(event, ObjectChanged):
                first.setdefault(event.state_key, event)
        objects = [
            o for listing in self._bus.list_stores() for o in listing.objects if o.state_key not in first
        ]
        objects += [o for o in first.values() if o.type != "ADDED"]
        states += [
            msgspec.structs.replace(o, at=began, seq=0, cause=0, type="ADDED", initial=True) for o in objects
        ]
        sink = create(path)
        try:
            sink.write(encode_header(self._program, began) + b"\n")
            for line in self._lines([*states, *events]):
                sink.write(line + b"\n")
        finally:
            sink.close()
        return len(events)

    def _keep(self, events: list[BusEvent]) -> None:
        # What a list shows is in the stores: they have it in less memory.
        events = [e for e in events if not (isinstance(e, ObjectChanged) and e.initial)]
        with self._lock:
            self._events.extend(events)
            self._bytes += sum(e.size for e in events)
            oldest = self._clock() - self._window
            while self._events and (self._bytes > self._max_bytes or self._events[0].at < oldest):
                gone = self._events.popleft()
                self._bytes -= gone.size
                key = gone.state_key
                if key is not None and not isinstance(gone, ObjectChanged):
                    self._before[key] = gone
                    self._before.move_to_end(key)
                    if len(self._before) > STATES:
                        self._before.popitem(last=False)

    def _state_lines(self) -> list[bytes]:
        with self._lock:
            latest = dict(self._before)
            latest |= {
                key: e
                for e in self._events
                if (key := e.state_key) is not None and not isinstance(e, ObjectChanged)
            }
        objects = [o for listing in self._bus.list_stores() for o in listing.objects]
        return self._lines([*latest.values(), *objects])

    def _lines(self, events: list[BusEvent]) -> list[bytes]:
        """Events of an operator that are no JSON are left out, which is logged once for each type."""
        lines: list[bytes] = []
        for event in events:
            try:
                lines.append(encode(event))
            except (TypeError, ValueError, RecursionError, msgspec.MsgspecError) as error:
                if type(event) not in self._refused:
                    self._refused.add(type(event))
                    log.warning("%s events cannot be recorded: %s", type(event).__name__, error)
        return lines


def _as_state(event: BusEvent) -> BusEvent:
    """One that lost its history, so that a reader takes it for state and not for news."""
    return msgspec.structs.replace(event, initial=True) if isinstance(event, ObjectChanged) else event

"""Where each event of a recording is, when it was, what it is the state of: large ones open and seek fast."""

from __future__ import annotations

import mmap
import tempfile
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Callable
from pathlib import Path
from typing import IO, Literal

import msgspec

from controller_runtime.events import BusEvent
from recording.codec import EVENTS, Header, decode, decode_header
from recording.files import chunks
from recording.reader import Damage, why_unreadable

MarkKind = Literal["fault", "denial", "heal", "error"]

_TAGS = frozenset(event.__struct_config__.tag for event in EVENTS)
_STATES = frozenset({"object", "watch", "connection", "queue", "leader", "heal"})
_MARKED = frozenset({"watch", "write", "heal", "reconcile_finished", "quarantined", "thread_died", "log"})
_BROKEN = frozenset({"forbidden", "unauthorized", "unreachable"})
_FAILED = frozenset({"error", "terminal_error", "timeout"})


class _Ref(msgspec.Struct, gc=False):
    kind: str = ""
    namespace: str = ""
    name: str = ""
    uid: str = ""


class _Line(msgspec.Struct, gc=False):
    """What of a line the index needs; the rest is parsed when the event is wanted."""

    event: str
    at: float
    ref: _Ref | None = None
    kind: str = ""
    group: str = ""
    resource: str = ""
    scope: str = ""
    role: str = ""
    controller: str = ""
    old_uid: str = ""
    state: str = ""
    stage: str = ""
    result: str = ""
    level: str = ""
    status: int = 0
    initial: bool = False


_decode_line = msgspec.json.Decoder(_Line).decode


class Index:
    """Events are counted from 0. Times never go back, though the clock of a machine may have.

    ``marks`` are the events worth jumping to. ``kinds`` are the kinds that were watched, with their plurals.
    """

    def __init__(self, path: Path, damaged: Callable[[Damage], None], *, until: float = float("inf")) -> None:
        """Reads the file once, up to the Unix time ``until``. Raises OSError or NotARecording."""
        self.times = array("d")
        self.marks: list[tuple[int, MarkKind]] = []
        self.kinds: dict[tuple[str, str, str], None] = {}  # group, kind, plural
        self._damaged = damaged
        self._until = until
        self._starts = array("Q")
        self._ends = array("Q")
        self._lines = array("Q")
        self._states = array("L")  # number of the key that it is the state of; 0: of none
        self._numbers: dict[object, int] = {}
        self._broken: set[tuple[str, str, str]] = set()
        self._file = _unpacked(path)
        self._bytes = _map(self._file)
        self.header = self._read()

    def __len__(self) -> int:
        return len(self.times)

    def close(self) -> None:
        if isinstance(self._bytes, mmap.mmap):
            self._bytes.close()
        self._file.close()

    def event(self, number: int) -> BusEvent | None:
        """None for one that turns out to be unreadable; it is reported."""
        line = self._bytes[self._starts[number] : self._ends[number]]
        try:
            return decode(line)
        except (msgspec.MsgspecError, RecursionError) as error:
            self._damaged(Damage(self._lines[number], why_unreadable(line, error)))
            return None

    def at_time(self, at: float) -> int:
        """How many events there were until then."""
        return bisect_right(self.times, at)

    def latest_states(self, before: int) -> list[int]:
        """The last event of each thing that events are the state of, among the first ``before``; in order."""
        states = self._states
        seen = bytearray(len(self._numbers) + 1)
        seen[0] = 1
        found: list[int] = []
        left = len(self._numbers)
        for number in range(before - 1, -1, -1):
            key = states[number]
            if not seen[key]:
                seen[key] = 1
                found.append(number)
                left -= 1
                if not left:
                    break
        found.reverse()
        return found

    def mark(self, position: int, kind: MarkKind | None, *, forward: bool) -> int | None:
        """The nearest event of that kind (None: any) from ``position`` on, or before the one before it."""
        numbers = [n for n, k in self.marks if kind in (None, k)]
        if forward:
            found = bisect_left(numbers, position)
            return numbers[found] if found < len(numbers) else None
        found = bisect_left(numbers, position - 1) - 1
        return numbers[found] if found >= 0 else None

    def _read(self) -> Header:
        data = self._bytes
        end = data.find(b"\n")
        header = decode_header(data[: end if end >= 0 else len(data)])
        start, line, latest = (end + 1 if end >= 0 else len(data)), 1, 0.0
        while start < len(data):
            line += 1
            end = data.find(b"\n", start)
            if end < 0:
                end = len(data)
            if end > start:
                text = data[start:end]
                try:
                    found = _decode_line(text)
                except (msgspec.MsgspecError, RecursionError) as error:
                    self._damaged(Damage(line, why_unreadable(text, error)))
                else:
                    if found.event in _TAGS:
                        latest = max(latest, found.at)
                        if latest > self._until:
                            return header
                        self._starts.append(start)
                        self._ends.append(end)
                        self._lines.append(line)
                        self.times.append(latest)
                        self._states.append(self._number_of(found) if found.event in _STATES else 0)
                        if found.event in _MARKED:
                            self._note(found, len(self.times) - 1)
                    else:
                        words = f"it is no event that is known here: {found.event}"
                        self._damaged(Damage(line, words))
            start = end + 1
        return header

    def _number_of(self, line: _Line) -> int:
        key: object
        match line.event:
            case "object" if line.ref is not None:
                ref = line.ref
                key = ref.uid or (ref.kind, ref.namespace, ref.name)
            case "watch":
                key = "watch", line.group, line.resource, line.scope
            case "connection" | "queue":
                key = line.event, line.role or line.controller
            case "leader":
                key = "leader"
            case "heal":
                key = "heal", line.old_uid
            case _:
                return 0
        return self._numbers.setdefault(key, len(self._numbers) + 1)

    def _note(self, line: _Line, number: int) -> None:
        kind: MarkKind | None = None
        match line.event:
            case "watch":
                self.kinds[line.group, line.kind, line.resource] = None
                key = line.group, line.resource, line.scope
                if line.state in _BROKEN and key not in self._broken:
                    kind = "fault"
                (self._broken.add if line.state in _BROKEN else self._broken.discard)(key)
            case "write" if line.status == 403:
                kind = "denial"
            case "heal" if line.stage == "ready":
                kind = "heal"
            case "reconcile_finished" if line.result in _FAILED:
                kind = "error"
            case "quarantined" | "thread_died":
                kind = "fault"
            case "log" if line.level == "error":
                kind = "fault"
        if kind is not None:
            self.marks.append((number, kind))


def _unpacked(path: Path) -> IO[bytes]:
    if path.suffix not in (".gz", ".zst"):
        return path.open("rb")
    file = tempfile.TemporaryFile()  # noqa: SIM115, closed by Index.close
    for chunk in chunks(path):
        file.write(chunk)
    file.flush()
    return file


def _map(file: IO[bytes]) -> mmap.mmap | bytes:
    file.seek(0, 2)
    return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) if file.tell() else b""

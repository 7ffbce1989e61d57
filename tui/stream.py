"""The live stream: a bounded ring of lines, each under a number that never changes."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

from tui.names import ObjectName


@dataclass(frozen=True, slots=True)
class Line:
    """One line of news. A line that learns who did it is replaced, never changed."""

    at: float
    style: str  # added, modified, deleted, ok, warn, error, muted, info
    glyph: str
    word: str
    subject: str
    detail: str = ""
    by: str = ""
    about: ObjectName | None = None  # the object
    fault: bool = False


class Ring:
    """The newest ``capacity`` lines by sequence number; the oldest go first, a tenth at a time."""

    def __init__(self, capacity: int = 100_000) -> None:
        self._capacity = capacity
        self._slack = max(capacity // 10, 1)
        self._lines: list[Line] = []
        self._seqs: list[int] = []
        self.replaced: deque[int] = deque(maxlen=1000)  # numbers of lines that were said better since
        self.first = 0

    @property
    def end(self) -> int:
        """The number that the next line will get."""
        return self.first + len(self._lines)

    def __len__(self) -> int:
        return len(self._lines)

    def __iter__(self) -> Iterator[Line]:
        return iter(self._lines)

    def clear(self) -> None:
        """No number is given twice, so that who knows one finds no other line under it."""
        self.first = self.end
        self._lines.clear()
        self._seqs.clear()

    def append(self, line: Line, seq: int = 0) -> int:
        """``seq`` is the number of the event that it tells of. Returns the number of the line."""
        self._lines.append(line)
        self._seqs.append(seq)
        extra = len(self._lines) - self._capacity
        if extra >= self._slack:
            del self._lines[:extra], self._seqs[:extra]
            self.first += extra
        return self.end - 1

    def get(self, number: int) -> Line | None:
        index = number - self.first
        return self._lines[index] if 0 <= index < len(self._lines) else None

    def replace(self, number: int, line: Line) -> None:
        index = number - self.first
        if 0 <= index < len(self._lines):
            self._lines[index] = line
            self.replaced.append(number)

    def take_replaced(self) -> list[int]:
        """The numbers of the lines that were said better since the last call."""
        numbers = list(self.replaced)
        self.replaced.clear()
        return numbers

    def seq(self, number: int) -> int:
        """The number of the event that a line tells of; 0 when it is not known."""
        index = number - self.first
        return self._seqs[index] if 0 <= index < len(self._seqs) else 0

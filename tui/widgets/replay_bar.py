"""Where a replay is: time, speed, and a line with its marks that can be clicked."""

from __future__ import annotations

from dataclasses import dataclass

from textual import events
from textual.message import Message

from recording.index import MarkKind
from tui.replay import Replay
from tui.text import clock_time
from tui.widgets.lines import Panel, Row

# The graver one is shown when several are at one place.
SIGNS: dict[MarkKind, tuple[str, str]] = {
    "heal": ("✓", "ok"), "error": ("!", "warn"), "denial": ("✗", "error"), "fault": ("▲", "error"),
}  # fmt: skip
LEAST_LINE = 10  # cells


class ReplayBar(Panel):
    DEFAULT_CSS = "ReplayBar { height: 1; width: 1fr; padding: 0 1; background: $surface; }"

    @dataclass
    class Sought(Message):
        """A place on the line was clicked: ``share`` is 0 at its beginning and 1 at its end."""

        share: float

    def __init__(self, replay: Replay) -> None:
        super().__init__(id="replay")
        self._replay = replay
        self._line = (0, 1)  # where it begins, and its length, in cells
        self._marks: tuple[int, dict[int, MarkKind]] = (-1, {})

    def rows(self, width: int) -> list[Row]:
        replay = self._replay
        total = len(replay.index)
        state = "▶" if replay.playing else "■" if replay.position >= total else "‖"
        left = f"{state} {clock_time(replay.now())} {replay.speed:g}x "
        right = f" {replay.position:,}/{total:,}"
        length = width - len(left) - len(right)
        if length < LEAST_LINE:
            self._line = (0, 1)
            return [[(left, "accent"), (right, "muted")]]
        self._line = (len(left), length)
        return [[(left, "accent"), *self._drawn_line(length), (right, "muted")]]

    def _drawn_line(self, length: int) -> Row:
        here = round(self._share(self._replay.now()) * (length - 1))
        marks = self._placed(length)
        row: Row = []
        for cell in range(length):
            if cell == here:
                piece = ("●", "accent")
            elif cell in marks:
                piece = SIGNS[marks[cell]]
            else:
                piece = ("━" if cell < here else "─", "text" if cell < here else "muted")
            if row and row[-1][1] == piece[1]:
                row[-1] = (row[-1][0] + piece[0], piece[1])
            else:
                row.append(piece)
        return row

    def _placed(self, length: int) -> dict[int, MarkKind]:
        if self._marks[0] != length:
            order = list(SIGNS)
            found: dict[int, MarkKind] = {}
            for number, kind in self._replay.index.marks:
                cell = round(self._share(self._replay.index.times[number]) * (length - 1))
                if cell not in found or order.index(kind) > order.index(found[cell]):
                    found[cell] = kind
            self._marks = (length, found)
        return self._marks[1]

    def _share(self, at: float) -> float:
        times = self._replay.index.times
        if not len(times) or times[-1] <= times[0]:
            return 0.0
        return min(max((at - times[0]) / (times[-1] - times[0]), 0.0), 1.0)

    def on_click(self, event: events.Click) -> None:
        begin, length = self._line
        cell = event.get_content_offset(self)
        if cell is not None and length > 1 and begin <= cell.x < begin + length:
            self.post_message(self.Sought((cell.x - begin) / (length - 1)))

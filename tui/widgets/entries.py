"""Entries of several lines, with a cursor that goes from one to the next."""

from __future__ import annotations

from dataclasses import dataclass, field

from rich.cells import cell_len
from textual import events
from textual.geometry import Size
from textual.message import Message
from textual.strip import Strip

from controller_runtime.kube.terminal import safe_text
from tui.text import wrap
from tui.widgets.lines import LineView, Piece, Row


@dataclass(frozen=True)
class Entry:
    """``target`` is what the entry is about; without one the cursor passes it by."""

    rows: tuple[Row, ...]
    target: object = None


@dataclass(frozen=True)
class _Laid:
    rows: list[Row] = field(default_factory=list)
    places: list[tuple[int, int, int]] = field(default_factory=list)  # entry, its first line, its last


class Entries(LineView):
    """``show`` gives it other entries; the cursor stays at its place, or on the same target."""

    @dataclass
    class Chosen(Message):
        """Enter was pressed, or the mouse twice."""

        target: object

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self._entries: tuple[Entry, ...] = ()
        self._laid = _Laid()
        self._cursor = 0

    @property
    def target(self) -> object:
        """What the cursor is on; None when there is nothing."""
        if not self._laid.places:
            return None
        return self._entries[self._laid.places[self._cursor][0]].target

    def show(self, entries: tuple[Entry, ...]) -> None:
        before = self.target
        self._entries, self._laid = entries, _Laid()
        for index, entry in enumerate(entries):
            first = len(self._laid.rows)
            self._laid.rows.extend(entry.rows)
            if entry.target is not None:
                self._laid.places.append((index, first, len(self._laid.rows) - 1))
        targets = [entries[index].target for index, _, _ in self._laid.places]
        if before in targets:
            self._cursor = targets.index(before)
        self._cursor = max(0, min(self._cursor, len(targets) - 1))
        size = Size(self.room.width, len(self._laid.rows))
        if size != self.virtual_size:
            self.virtual_size = size
        self.refresh_changed()

    def line(self, y: int) -> Strip:
        index = round(self.scroll_offset.y) + y
        if index >= len(self._laid.rows):
            return self.paint([], self.room.width)
        over = ""
        if self._laid.places:
            _, first, last = self._laid.places[self._cursor]
            over = "lit" if first <= index <= last else ""
        return self.paint(self._laid.rows[index], self.room.width, over)

    def action_line(self, step: int) -> None:
        """To the next entry; by a line where there is none."""
        if not 0 <= self._cursor + step < len(self._laid.places):
            super().action_line(step)
            return
        self._cursor += step
        _, first, last = self._laid.places[self._cursor]
        top, height = round(self.scroll_offset.y), max(self.size.height, 1)
        if first < top or last >= top + height:
            self.scroll_to(y=first if first < top else last - height + 1, animate=False, immediate=True)
        self.refresh()

    def on_click(self, event: events.Click) -> None:
        line = round(self.scroll_offset.y) + event.get_content_offset_capture(self).y
        for place, (_, first, last) in enumerate(self._laid.places):
            if first <= line <= last:
                again, self._cursor = place == self._cursor, place
                self.refresh()
                if again and event.chain > 1:
                    self.post_message(self.Chosen(self.target))


def wrapped(text: str, style: str, width: int, lead: Piece = ("", "text")) -> list[Row]:
    """Text in lines of ``width`` cells; ``lead`` stands before the first, and as much space before others."""
    room = cell_len(lead[0])
    lines = [line for part in text.split("\n") for line in wrap(safe_text(part), max(width - room, 8))]
    first: list[Row] = [[lead, (lines[0], style)]]
    return first + [[(" " * room, "text"), (line, style)] for line in lines[1:]]

"""Log lines of several containers: followed, searched, wrapped, with their times, coloured by pod."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from textual.binding import Binding
from textual.geometry import Size
from textual.strip import Strip

from controller.logfeed import LogBatch, LogLine, Source
from controller_runtime.kube.terminal import safe_text
from controller_runtime.kube.times import parse_time
from tui.logs import LogLines, merged, plain
from tui.text import fit_middle, pad, wrap
from tui.widgets.event_row import fine_time
from tui.widgets.lines import LineView, Piece, Row

COLOURS = ("info", "modified", "deleted", "accent", "ok", "warn", "added")  # of the pods, in turn
WIDEST = 28  # cells, for the name of a pod
STEP = 20  # cells that left and right move a long line


class _Entry(NamedTuple):
    """A row: a line, or a piece of one that is wrapped."""

    line: LogLine
    text: str
    is_first: bool


class LogView(LineView):
    BINDINGS = [
        Binding("left", "shift(-1)", "Left", show=False, id="log.left"),
        Binding("right", "shift(1)", "Right", show=False, id="log.right"),
    ]

    def __init__(self) -> None:
        super().__init__(id="log")
        self.lines = LogLines()
        self.dropped = 0
        self.follow = True
        self.wraps = False
        self.shows_times = False
        self.container = ""  # of which lines are shown; "" for all
        self.nothing = ""  # what is said while there are no lines
        self._entries: list[_Entry] = []
        self._shift = 0
        self._pattern: re.Pattern[str] | None = None
        self._matches: list[int] = []  # indexes of entries
        self._match: int | None = None  # the entry that was found last
        self._names: dict[Source, str] = {}
        self._colours: dict[tuple[str, str], str] = {}  # by namespace and pod

    # Lines ----------------------------------------------------------------------------------------

    def know(self, sources: Sequence[Source]) -> None:
        """Where lines may come from. With more than one, each line says from which."""
        for source in sources:
            pod = (source.namespace, source.pod)
            self._colours.setdefault(pod, COLOURS[len(self._colours) % len(COLOURS)])
            self._names.setdefault(source, "")
        several = {s.container for s in self._names}
        pods = {(s.namespace, s.pod) for s in self._names}
        for source in self._names:
            parts = ([source.pod] if len(pods) > 1 else []) + ([source.container] if len(several) > 1 else [])
            self._names[source] = fit_middle(safe_text("/".join(parts)), WIDEST)

    @property
    def _name_width(self) -> int:
        return max(map(len, self._names.values()), default=0)

    def clear(self) -> None:
        self.lines = LogLines()
        self.dropped = 0
        self.rebuild()

    def add(self, batch: LogBatch) -> None:
        self.dropped += batch.dropped
        if not batch.lines:
            return
        lines = merged(batch.lines)
        if self.lines.extend(lines):
            before = len(self._entries)
            self.rebuild()
            if not self.follow:  # what is looked at stays where it is
                away = max(before + len(lines) - len(self._entries), 0)
                self.scroll_relative(y=-away, animate=False)
            return
        self._append(lines)
        self._settle()

    def rebuild(self) -> None:
        """All rows anew: the width, the wrapping or the choice of containers is another one."""
        self._entries, self._matches, self._match = [], [], None
        self._append(self.lines.lines)
        self._settle()

    def _append(self, lines: Sequence[LogLine]) -> None:
        width = self._text_width
        for line in lines:
            if self.container and line.source.container != self.container:
                continue
            text = safe_text(plain(line.text))
            pieces = wrap(text, width) if self.wraps and len(text) > width // 2 else [text]
            for index, piece in enumerate(pieces):
                if self._pattern is not None and self._pattern.search(piece):
                    self._matches.append(len(self._entries))
                self._entries.append(_Entry(line, piece, index == 0))

    def _settle(self) -> None:
        self.virtual_size = Size(self.room.width, len(self._entries))
        if self.follow:
            self.scroll_end(animate=False)
        self.refresh()

    @property
    def _text_width(self) -> int:
        name = self._name_width
        return max(self.room.width - (name + 1 if name else 0) - (13 if self.shows_times else 0), 10)

    @property
    def count(self) -> int:
        return len(self._entries)

    def on_resize(self) -> None:
        if self.wraps:
            self.rebuild()
        else:
            self._settle()

    # Moving ---------------------------------------------------------------------------------------

    def action_line(self, step: int) -> None:
        self._leave_end(step)
        super().action_line(step)

    def action_page(self, step: int) -> None:
        self._leave_end(step)
        super().action_page(step)

    def action_top(self) -> None:
        self.follow = False
        super().action_top()

    def action_bottom(self) -> None:
        self.follow = True
        super().action_bottom()

    def _leave_end(self, step: int) -> None:
        if step < 0:
            self.follow = False

    def on_mouse_scroll_up(self) -> None:
        self.follow = False

    def action_shift(self, step: int) -> None:
        if not self.wraps:
            self._shift = max(self._shift + step * STEP, 0)
            self.refresh()

    # Search ---------------------------------------------------------------------------------------

    @property
    def found(self) -> str:
        """Which match of how many, in words; "" without a search."""
        if self._pattern is None:
            return ""
        if not self._matches:
            return f"/{self._pattern.pattern} not found"
        place = f"{self._matches.index(self._match) + 1} of " if self._match in self._matches else ""
        return f"/{self._pattern.pattern} {place}{len(self._matches):,}"

    def search(self, pattern: re.Pattern[str] | None) -> None:
        self._pattern = pattern
        self._match = None
        self._matches = (
            [i for i, e in enumerate(self._entries) if pattern.search(e.text)] if pattern is not None else []
        )
        self.refresh()

    def step(self, by: int) -> bool:
        """To the next match (1) or the one before (-1), round the ends. False when there is none."""
        if not self._matches:
            return False
        here = self._match
        if here is None:
            here = round(self.scroll_offset.y) + (self.size.height if by < 0 else -1)
        later = [i for i in self._matches if (i > here if by > 0 else i < here)]
        self._match = (later or self._matches)[0 if by > 0 else -1]
        self.follow = False
        height = max(self.size.height, 1)
        top = round(self.scroll_offset.y)
        if not top <= self._match < top + height:
            self.scroll_to(y=max(self._match - height // 2, 0), animate=False)
        self.refresh()
        return True

    # Drawing --------------------------------------------------------------------------------------

    def line(self, y: int) -> Strip:
        index = round(self.scroll_offset.y) + y
        width = self.room.width
        if not self._entries:
            return self.paint([(self.nothing, "muted")] if y == 0 else [], width)
        if index >= len(self._entries):
            return self.paint([], width)
        entry = self._entries[index]
        row: Row = []
        if name := self._name_width:
            source = entry.line.source
            text = self._names.get(source, "") if entry.is_first else ""
            row.append((pad(text, name + 1), self._colours.get((source.namespace, source.pod), "muted")))
        if self.shows_times:
            at = parse_time(entry.line.time) if entry.is_first else None
            row.append((pad("" if at is None else fine_time(at), 13), "muted"))
        if entry.line.is_note:
            row += [("· ", "muted"), (entry.text, "warn")]
        else:
            row += self._lit(entry.text[self._shift if not self.wraps else 0 :])
        return self.paint(row, width, "cursor" if index == self._match else "")

    def _lit(self, text: str) -> list[Piece]:
        """With what is searched for in a colour of its own."""
        if self._pattern is None:
            return [(text, "text")]
        pieces: list[Piece] = []
        last = 0
        for found in self._pattern.finditer(text):
            if found.end() > found.start():
                pieces += [(text[last : found.start()], "text"), (found[0], "match")]
                last = found.end()
        return [*pieces, (text[last:], "text")]

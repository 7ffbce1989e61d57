"""The live stream: what happened, newest last."""

from __future__ import annotations

import re
from bisect import bisect_left

from rich.cells import cell_len
from textual.geometry import Size
from textual.strip import Strip

from controller_runtime.kube.terminal import safe_text
from tui.filters import Filter
from tui.state import ConsoleState
from tui.stream import Line
from tui.text import clock_time, fit, pad
from tui.widgets.lines import LineView, Row

WORD = 9  # cells, for RECONCILE and the like


_BEFORE = re.compile(r"[^\s,→]+→")  # what a value was before: it goes first when space is short


def line_row(line: Line, width: int, *, subject: bool = True) -> Row:
    """Time, glyph, word, subject, what changed, by whom. The author keeps its place; the rest gives way."""
    row: Row = [
        (clock_time(line.at) + " ", "muted"),
        (pad(f"{line.glyph} {line.word}", WORD + 2) + " ", line.style),
    ]
    left = width - WORD - 12
    by = f"by {line.by}" if line.by else ""
    about = safe_text(line.subject) if subject or not line.detail else ""
    detail = safe_text(line.detail)
    if by and left - cell_len(by) < 8:
        by = ""
    if cell_len(about) + cell_len(_BEFORE.sub("→", detail)) + cell_len(by) + 3 > left:
        by = by.replace("by reconcile #", "by #")
    room = left - (cell_len(by) + 2 if by else 0)
    about = fit(about, room)
    row.append((about, "text" if line.style != "muted" else "muted"))
    room -= cell_len(about)
    if detail and room > 3:
        gap = " " if about else ""
        if cell_len(detail) > room - len(gap):
            detail = _BEFORE.sub("→", detail)
        detail = fit(detail, room - len(gap))
        row.append((gap + detail, _detail_style(line)))
    if by:
        row.append(("  " + by if about or detail else by, "accent" if line.by == "you" else "muted"))
    return row


def _detail_style(line: Line) -> str:
    return {"error": "error", "ok": "ok", "warn": "warn"}.get(line.style, "muted")


class EventLog(LineView):
    """Draws ``state.stream``. Follows the end until someone scrolls up or pauses it."""

    def __init__(self, state: ConsoleState, number: int) -> None:
        super().__init__(id="stream")
        self.number = number
        self.follow = True
        self.filter: Filter | None = None
        self.faults_only = False
        self._state = state
        self._matching: list[int] | None = None  # numbers of the lines that are shown; None: all
        self._scanned = 0
        self._first = 0
        self._seen_end = 0
        self._cache: dict[int, tuple[Line, int, Strip]] = {}

    @property
    def count(self) -> int:
        return len(self._state.stream) if self._matching is None else len(self._matching)

    @property
    def new(self) -> int:
        """Lines that came since the stream was paused."""
        return 0 if self.follow else max(self._state.stream.end - self._seen_end, 0)

    def commit(self) -> None:
        stream = self._state.stream
        evicted = stream.first - self._first
        self._first = stream.first
        if self._matching is not None:
            evicted = self._extend_matching()
        size = Size(self.room.width, self.count)
        if size != self.virtual_size:
            self.virtual_size = size
        if self.follow:
            self._seen_end = stream.end
            self.scroll_end(animate=False, immediate=True, force=True)
        elif evicted:
            self.scroll_to(y=max(self.scroll_offset.y - evicted, 0), animate=False, immediate=True)
        if len(self._cache) > 2000:
            self._cache.clear()
        self._retitle()
        self.refresh_changed()

    def set_filter(self, wanted: Filter | None, *, faults_only: bool) -> None:
        self.filter, self.faults_only = wanted, faults_only
        self._matching = [] if wanted or faults_only else None
        self._scanned = self._state.stream.first
        self.commit()

    def _extend_matching(self) -> int:
        assert self._matching is not None
        stream = self._state.stream
        gone = bisect_left(self._matching, stream.first)
        del self._matching[:gone]
        for number in range(max(self._scanned, stream.first), stream.end):
            line = stream.get(number)
            if line is not None and self._keeps(line):
                self._matching.append(number)
        self._scanned = stream.end
        return gone

    def _keeps(self, line: Line) -> bool:
        if self.faults_only and not line.fault:
            return False
        if self.filter is None:
            return True
        return self.filter.keeps(
            f"{line.word}\n{line.subject}\n{line.about.key if line.about else ''}\n{line.detail}\n{line.by}"
        )

    def toggle_follow(self) -> None:
        self.follow = not self.follow
        self._seen_end = self._state.stream.end
        self.commit()

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        super().watch_scroll_y(old_value, new_value)
        if new_value < old_value and self.follow and not self.is_vertical_scroll_end:
            self._seen_end = self._state.stream.end
            self.follow = False
            self._retitle()

    def action_bottom(self) -> None:
        self.follow = True
        self.commit()

    def _retitle(self) -> None:
        parts = [f"Stream [{self.number}]"]
        if self.follow:
            parts.append("following")
        else:
            parts.append(f"paused · +{self.new} new" if self.new else "paused")
        parts.append(f"{self.count:,}")
        if self.filter:
            parts.append(f"/{self.filter.text}")
        if self.faults_only:
            parts.append("faults only")
        self.entitle(" · ".join(parts))

    def on_resize(self) -> None:
        self._cache.clear()
        self.commit()

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self._cache.clear()

    def line(self, y: int) -> Strip:
        width = self.room.width
        index = round(self.scroll_offset.y) + y
        if index >= self.count:
            if y == 0 and not self.count:
                words = "Nothing matches." if self._matching is not None else "Waiting for the first event …"
                return self.paint([(words, "muted")], width)
            return self.paint([], width)
        number = self._state.stream.first + index if self._matching is None else self._matching[index]
        line = self._state.stream.get(number)
        if line is None:
            return self.paint([], width)
        cached = self._cache.get(number)
        if cached is not None and cached[0] is line and cached[1] == width:
            return cached[2]
        strip = self.paint(line_row(line, width), width)
        self._cache[number] = (line, width, strip)
        return strip

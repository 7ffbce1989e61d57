"""The live stream: what happened, newest last, with a cursor that shows what belongs to what."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass

from textual import events
from textual.binding import Binding
from textual.geometry import Size
from textual.message import Message
from textual.strip import Strip

from tui.filters import Filter, Subject
from tui.state import ConsoleState
from tui.stream import Line
from tui.widgets.event_row import line_row
from tui.widgets.lines import LineView

SCANNED_AT_ONCE = 20_000  # lines that a new filter looks at in one commit


class EventLog(LineView):
    """Draws ``state.stream``. Follows the end until someone moves up or pauses it."""

    BINDINGS = [
        Binding("enter", "jump", "Go to object", id="stream.jump"),
        Binding("t", "times", "Times", id="stream.times"),
    ]

    @dataclass
    class Highlighted(Message):
        """The cursor is on another line; None when there is none."""

        number: int | None

    @dataclass
    class Jumped(Message):
        """``enter`` on a line: go to the object that it is about."""

        line: Line

    def __init__(self, state: ConsoleState, number: int) -> None:
        super().__init__(id="stream")
        self.number = number
        self.follow = True
        self.shows_deltas = False
        self.filter: Filter | None = None
        self.faults_only = False
        self.namespace = ""  # the only one of which objects are shown; "" for all
        self._state = state
        self._matching: list[int] | None = None  # numbers of the lines that are shown; None: all
        self._scanned = 0
        self._first = 0
        self._seen_end = 0
        self._cursor: int | None = None  # number of a line
        self._lit: frozenset[int] = frozenset()  # numbers of the events of the cursor's chain
        self._cache: dict[int, tuple[Line, object, Strip]] = {}

    @property
    def count(self) -> int:
        return len(self._state.stream) if self._matching is None else len(self._matching)

    @property
    def new(self) -> int:
        """Lines that came since the stream was paused."""
        return 0 if self.follow else max(self._state.stream.end - self._seen_end, 0)

    @property
    def cursor(self) -> int | None:
        """The number of the line under the cursor."""
        if self._cursor is None or self.follow:
            return self._at(self.count - 1)
        return self._cursor

    @property
    def shown(self) -> list[Line]:
        """What passes the filter, the oldest first."""
        numbers = (self._at(index) for index in range(self.count))
        found = (self._state.stream.get(n) for n in numbers if n is not None)
        return [line for line in found if line is not None]

    def _at(self, index: int) -> int | None:
        if not 0 <= index < self.count:
            return None
        return self._state.stream.first + index if self._matching is None else self._matching[index]

    def _index(self, number: int) -> int:
        """Where the line is, or the next one that is shown."""
        if self._matching is None:
            return number - self._state.stream.first
        return bisect_left(self._matching, number)

    def commit(self) -> None:
        stream = self._state.stream
        evicted = stream.first - self._first
        self._first = stream.first
        if self._matching is not None:
            evicted = self._extend_matching()
        self.resize_content(Size(self.room.width, self.count))
        if self.follow:
            self._seen_end = stream.end
            self.scroll_end(animate=False, immediate=True, force=True)
        elif evicted:
            self.scroll_to(y=max(self.scroll_offset.y - evicted, 0), animate=False, immediate=True)
        if len(self._cache) > 2000:
            self._cache.clear()
        if self.has_focus and self.follow:
            self._light()
        self._retitle()
        self.refresh_changed()

    # Filters --------------------------------------------------------------------------------------

    def set_filter(self, wanted: Filter | None, *, faults_only: bool, namespace: str) -> None:
        self.filter, self.faults_only, self.namespace = wanted, faults_only, namespace
        self._matching = [] if wanted or faults_only or namespace else None
        self._scanned = self._state.stream.first
        self.commit()

    def _extend_matching(self) -> int:
        """Look at the lines that came since, or at some of them; returns how many shown ones are over."""
        assert self._matching is not None
        stream = self._state.stream
        gone = bisect_left(self._matching, stream.first)
        del self._matching[:gone]
        begin = max(self._scanned, stream.first)
        for number in stream.take_replaced():
            place = bisect_left(self._matching, number)
            is_in = place < len(self._matching) and self._matching[place] == number
            if stream.first <= number < begin and not is_in and self._keeps(number):
                self._matching.insert(place, number)
        end = min(begin + SCANNED_AT_ONCE, stream.end)
        self._matching += [n for n in range(begin, end) if self._keeps(n)]
        self._scanned = end
        return gone

    def _keeps(self, number: int) -> bool:
        line = self._state.stream.get(number)
        if line is None or (self.faults_only and not line.fault):
            return False
        about = line.about
        if self.namespace and about is not None and about.namespace not in ("", self.namespace):
            return False
        if self.filter is None:
            return True
        text = "\n".join((line.word, line.subject, about.key if about else "", line.detail, line.by))
        kind, ns = (about.kind, about.namespace) if about else ("", "")
        return self.filter.keeps(Subject(text, kind, line.word, ns, line.by, fault=line.fault))

    # The cursor -----------------------------------------------------------------------------------

    def toggle_follow(self) -> None:
        self._cursor = self.cursor
        self.follow = not self.follow
        self._seen_end = self._state.stream.end
        self.commit()

    def _stop_following(self) -> None:
        if self.follow:
            self._seen_end = self._state.stream.end
            self.follow = False

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        super().watch_scroll_y(old_value, new_value)
        if new_value < old_value and self.follow and not self.is_vertical_scroll_end:
            self._cursor = self.cursor
            self._stop_following()
            self._retitle()

    def select(self, number: int) -> None:
        """Put the cursor on a line, or on the next one that is shown, and stop following."""
        index = max(min(self._index(number), self.count - 1), 0)
        chosen = self._at(index)
        if chosen is None:
            return
        self._stop_following()
        self._cursor = chosen
        top, height = round(self.scroll_offset.y), max(self.size.height, 1)
        if not top <= index < top + height:
            goal = index if index < top else index - height + 1
            self.scroll_to(y=goal, animate=False, immediate=True, force=True)
        self._light()
        self._retitle()
        self.refresh_changed()

    def _light(self) -> None:
        """Find what belongs to the line under the cursor, and say which line it is."""
        number = self.cursor
        seq = self._state.stream.seq(number) if number is not None else 0
        chain = self._state.chains.chain(seq) if seq and self.has_focus else []
        self._lit = frozenset(node.seq for node in chain) if len(chain) > 1 else frozenset()
        self.post_message(self.Highlighted(number))

    def action_line(self, step: int) -> None:
        here = self.cursor
        if here is not None:
            index = self._index(here) + step
            number = self._at(max(min(index, self.count - 1), 0))
            if number is not None:
                self.select(number)

    def action_page(self, step: int) -> None:
        self.action_line(step * max(self.size.height - 1, 1))

    def action_top(self) -> None:
        if (number := self._at(0)) is not None:
            self.select(number)

    def action_bottom(self) -> None:
        self.follow = True
        self._light()
        self.commit()

    def on_click(self, event: events.Click) -> None:
        index = round(self.scroll_offset.y) + event.get_content_offset_capture(self).y
        if (number := self._at(index)) is not None:
            self.select(number)

    def on_focus(self) -> None:
        self._light()
        self.refresh_changed()

    def on_blur(self) -> None:
        self._lit = frozenset()
        self.refresh_changed()

    def action_times(self) -> None:
        self.shows_deltas = not self.shows_deltas
        self.commit()

    def action_jump(self) -> None:
        number = self.cursor
        line = self._state.stream.get(number) if number is not None else None
        if line is not None:
            self.post_message(self.Jumped(line))

    # Drawing --------------------------------------------------------------------------------------

    def _retitle(self) -> None:
        parts = [f"Stream [{self.number}]"]
        if self.follow:
            parts.append("following")
        else:
            parts.append(f"paused · +{self.new} new" if self.new else "paused")
        parts.append(f"{self.count:,}")
        if self.namespace:
            parts.append(self.namespace)
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
        number = self._at(index)
        line = self._state.stream.get(number) if number is not None else None
        if number is None or line is None:
            if y == 0 and not self.count:
                words = "Nothing matches." if self._matching is not None else "Waiting for the first event …"
                return self.paint([(words, "muted")], width)
            return self.paint([], width)
        over = ""
        if self.has_focus and number == self.cursor:
            over = "cursor"
        elif self._lit and self._state.stream.seq(number) in self._lit:
            over = "lit"
        stamp = (width, over, self.shows_deltas)
        cached = self._cache.get(number)
        if cached is not None and cached[0] is line and cached[1] == stamp:
            return cached[2]
        before = self._at(index - 1)
        since = self._state.stream.get(before) if before is not None and self.shows_deltas else None
        row = line_row(line, width, since=since.at if since else line.at if self.shows_deltas else None)
        strip = self.paint(row, width, over)
        self._cache[number] = (line, stamp, strip)
        return strip

"""What is denied or broken, one line each; ``enter`` opens its card. A line goes when that works again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from rich.cells import cell_len
from textual import events
from textual.binding import Binding
from textual.geometry import Size
from textual.message import Message
from textual.strip import Strip

from controller_runtime.kube.rules import to_yaml
from controller_runtime.kube.terminal import safe_text
from tui.state import ConsoleState
from tui.text import fit
from tui.troubles import Problem, problems
from tui.widgets.lines import LineView

MOST = 5  # lines; more can be scrolled to


class Banner(LineView):
    DEFAULT_CSS = """
    Banner {
        height: auto; display: none; background: $error 12%;
        &.-shown { display: block; }
    }
    """
    BINDINGS = [Binding("enter", "card", "What is missing", id="banner.card")]

    @dataclass
    class Opened(Message):
        problem: Problem

    def __init__(self, state: ConsoleState, clock: Callable[[], float]) -> None:
        super().__init__(id="banner")
        self._state = state
        self._clock = clock
        self._cursor = 0
        self._problems: list[Problem] = []
        self.tiny = False  # room for one line only

    @property
    def problems(self) -> list[Problem]:
        return self._problems

    @property
    def rule(self) -> str:
        """The missing rules as YAML; "" when nothing is forbidden."""
        rules = [p.rule for p in self._problems]
        return to_yaml(rule for rule in rules if rule is not None)

    def commit(self) -> bool:
        """Whether there are more or fewer lines than before."""
        before = len(self._problems)
        self._problems = problems(self._state, self._clock())
        count = len(self._problems)
        self._cursor = max(min(self._cursor, count - 1), 0)
        if before != count:
            self.set_class(bool(count), "-shown")
            self.can_focus = bool(count)
            self.styles.height = 1 if self.tiny else min(count, MOST)
            self.virtual_size = Size(self.room.width, count)
        self.refresh_changed()
        return before != count

    def action_line(self, step: int) -> None:
        self._choose(self._cursor + step)

    def action_top(self) -> None:
        self._choose(0)

    def action_bottom(self) -> None:
        self._choose(len(self._problems) - 1)

    def _choose(self, index: int) -> None:
        self._cursor = max(min(index, len(self._problems) - 1), 0)
        top, height = round(self.scroll_offset.y), max(self.size.height, 1)
        if not top <= self._cursor < top + height:
            self.scroll_to(y=max(self._cursor - height + 1, 0), animate=False, immediate=True, force=True)
        self.refresh()

    def on_click(self, event: events.Click) -> None:
        self._choose(round(self.scroll_offset.y) + event.y)
        self.action_card()

    def on_focus(self) -> None:
        self.refresh()

    def on_blur(self) -> None:
        self.refresh()

    def action_card(self) -> None:
        if self._problems:
            self.post_message(self.Opened(self._problems[self._cursor]))

    def line(self, y: int) -> Strip:
        width = self.room.width
        index = round(self.scroll_offset.y) + y
        if index >= len(self._problems):
            return self.paint([], width)
        problem = self._problems[index]
        more = len(self._problems) - 1 if self.tiny or self.size.height == 1 else 0
        title = f" ✗ {safe_text(problem.title)}" + (f" and {more} more" if more else "")
        hint = "  enter: why " if self.has_focus else "  w: why "
        right = f"{problem.tries}{hint}" if index == self._cursor else f"{problem.tries} "
        room = width - cell_len(title) - cell_len(right) - 2
        if room < 0:
            right, room = hint if width > 40 else "", width - cell_len(title) - cell_len(hint) - 2
        middle = fit(safe_text(problem.message), room) if room > 12 else ""
        space = " " * max(width - cell_len(title) - cell_len(middle) - cell_len(right) - 2, 0)
        over = "cursor" if self.has_focus and index == self._cursor else ""
        row = [(title, "error"), ("  ", "text"), (middle, "text"), (space, "text"), (right, "muted")]
        return self.paint(row, width, over)

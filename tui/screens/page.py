"""One object in full. enter leads from it to its relatives, and esc back."""

from __future__ import annotations

from collections.abc import Callable

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding
from textual.geometry import Size
from textual.screen import ModalScreen
from textual.strip import Strip
from textual.widgets import Footer

from controller_runtime.kube.terminal import safe_text
from tui.family import EVENTS
from tui.kinds.model import ObjectView
from tui.names import uid_of
from tui.ports import Actions, Questions
from tui.state import ConsoleState
from tui.views.page import PageRow, page_rows
from tui.widgets.lines import LineView
from why.finding import Explanation

EVERY = 0.5  # seconds
ASK_AGAIN = 5.0  # seconds


class _Rows(LineView):
    """Rows with a cursor, which stays with what it leads to."""

    def __init__(self, target: ObjectView, state: ConsoleState, clock: Callable[[], float]) -> None:
        super().__init__(id="page")
        self.shown = target
        self._state = state
        self._clock = clock
        self._rows: list[PageRow] = []
        self._cursor = 0
        self.why: Explanation | None = None

    @property
    def here(self) -> PageRow | None:
        return self._rows[self._cursor] if self._cursor < len(self._rows) else None

    def show(self, o: ObjectView) -> None:
        self.shown = o
        self.why = None
        self._cursor = 0
        self._rows = []
        self.scroll_to(y=0, animate=False)
        self.commit()

    def commit(self) -> None:
        """As it is now: the object itself, or its last state when it is gone."""
        gone = self._state.gone.get(uid_of(self.shown.ref))
        self.shown = self._state.find(self.shown.ref) or (gone.last if gone else self.shown)
        before = self.here
        self._rows = page_rows(self._state, self.shown, self.why, self.room.width - 2, self._clock())
        if before is not None and before.target is not None:
            same = (i for i, row in enumerate(self._rows) if row.target == before.target)
            self._cursor = next(same, self._cursor)
        self._cursor = min(self._cursor, max(len(self._rows) - 1, 0))
        ref = self.shown.ref
        self.entitle(f"{ref.kind} {ref.key}")
        size = Size(self.room.width, len(self._rows))
        if size != self.virtual_size:
            self.virtual_size = size
        self.refresh_changed()

    def on_resize(self) -> None:
        self.commit()

    def action_line(self, step: int) -> None:
        self._go(self._cursor + step)

    def action_page(self, step: int) -> None:
        self._go(self._cursor + step * max(self.size.height - 1, 1))

    def action_top(self) -> None:
        self._go(0)

    def action_bottom(self) -> None:
        self._go(len(self._rows) - 1)

    def next_link(self, step: int) -> None:
        """To the next row, or the one before, that leads somewhere, round the ends."""
        links = [i for i, row in enumerate(self._rows) if row.target is not None]
        later = [i for i in links if (i > self._cursor if step > 0 else i < self._cursor)]
        if links:
            self._go((later or links)[0 if step > 0 else -1])

    def on_click(self, event: events.Click) -> None:
        self._go(round(self.scroll_offset.y) + event.y - 1)

    def _go(self, index: int) -> None:
        self._cursor = min(max(index, 0), max(len(self._rows) - 1, 0))
        top, height = round(self.scroll_offset.y), max(self.scrollable_content_region.height, 1)
        if not top <= self._cursor < top + height:
            self.scroll_to(y=self._cursor if self._cursor < top else self._cursor - height + 1, animate=False)
        self.refresh()

    def line(self, y: int) -> Strip:
        index = round(self.scroll_offset.y) + y
        if index >= len(self._rows):
            return self.paint([], self.room.width)
        row = self._rows[index]
        is_here = index == self._cursor
        sign = "›" if row.target is not None else " "
        over = ("cursor" if row.target is not None else "lit") if is_here else ""
        return self.paint([(f"{sign} ", "accent"), *row.row], self.room.width, over)


class Page(ModalScreen[None]):
    CSS_PATH = "page.tcss"
    BINDINGS = [
        Binding("escape,q,d", "back", "Back", key_display="esc", id="page.back"),
        Binding("enter", "jump", "Go there", id="page.jump"),
        Binding("tab", "link(1)", "Next relative", id="page.next"),
        Binding("shift+tab", "link(-1)", "Relative before", show=False, id="page.before"),
        Binding("y", "ask('yaml')", "YAML", id="page.yaml"),
        Binding("h", "ask('history')", "History", id="page.history"),
        Binding("l", "ask('logs')", "Logs", id="page.logs"),
        Binding("X", "ask('why')", "Why", id="page.why"),
    ]

    def __init__(
        self,
        target: ObjectView,
        state: ConsoleState,
        actions: Actions,
        clock: Callable[[], float],
        ask: Callable[[str, ObjectView], None],
        questions: Questions | None,
    ) -> None:
        """``ask`` opens another screen for an object: "yaml", "history", "logs", "why"."""
        super().__init__()
        self._state = state
        self._actions = actions
        self._ask = ask
        self._clock = clock
        self._questions = questions
        self._question = ""
        self._asked = 0.0
        self._rows = _Rows(target, state, clock)
        self._way: list[ObjectView] = []  # of objects that were left for a relative

    def compose(self) -> ComposeResult:
        yield self._rows
        yield Footer(show_command_palette=False)

    def on_mount(self) -> None:
        if not self._state.watch_of(EVENTS):
            self._actions.browse("events.events.k8s.io")
        self.set_interval(EVERY, self.commit)
        self.set_focus(self._rows)
        self.commit()

    def commit(self) -> None:
        """As everything is now; why it is so is asked for again after a while."""
        answer = self._state.explained.pop(self._question, None)
        if answer is not None and answer.explanation is not None:
            self._rows.why = answer.explanation
        if self._questions is not None and self._clock() - self._asked > ASK_AGAIN:
            self._asked = self._clock()
            self._question = self._questions.explain(self._rows.shown.ref)
        self._rows.commit()

    def action_back(self) -> None:
        if self._way:
            self._show(self._way.pop())
        else:
            self.dismiss()

    def action_link(self, step: int) -> None:
        self._rows.next_link(step)

    def action_jump(self) -> None:
        here = self._rows.here
        if here is None or here.target is None:
            said = "Nothing leads from this line: tab goes to the next that leads somewhere."
            self.notify(said, severity="warning", timeout=3, markup=False)
            return
        there = self._state.named(here.target)
        if there is None:
            name = here.target
            said = safe_text(f"{name.kind} {name.name} is not here: it is gone, or its kind is not watched.")
            self.notify(said, severity="warning", markup=False)
            return
        self._way.append(self._rows.shown)
        self._show(there)

    def _show(self, o: ObjectView) -> None:
        self._question, self._asked = "", 0.0
        self._rows.show(o)
        self.commit()

    def action_ask(self, action: str) -> None:
        self._ask(action, self._rows.shown)

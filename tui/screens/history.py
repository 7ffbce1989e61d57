"""The history of one object: [ and ] step through the versions that were seen."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.binding import Binding
from textual.geometry import Size
from textual.screen import ModalScreen
from textual.strip import Strip

from tui.kinds.model import ObjectView
from tui.names import uid_of
from tui.state import ConsoleState
from tui.views.history import history_rows
from tui.widgets.lines import LineView, Row


class _Rows(LineView):
    def __init__(self, target: ObjectView, state: ConsoleState) -> None:
        super().__init__(id="history")
        self._target = target
        self._state = state
        self._versions = state.versions.of(uid_of(target.ref))
        self._place = max(len(self._versions) - 1, 0)
        self._rows: list[Row] = []

    def step(self, by: int) -> bool:
        """To an earlier or later version; False when there is none."""
        place = self._place + by
        if not 0 <= place < len(self._versions):
            return False
        self._place = place
        self.commit()
        return True

    def commit(self) -> None:
        ref, count = self._target.ref, len(self._versions)
        place = f" · version {self._place + 1} of {count}" if count else ""
        self.entitle(f"{ref.kind} {ref.key}{place}", "[ earlier  ] later  esc closes")
        self._rows = history_rows(self._state, self._versions, self._place, self.room.width)
        self.virtual_size = Size(self.room.width, len(self._rows))
        self.scroll_to(y=0, animate=False)
        self.refresh()

    def on_resize(self) -> None:
        self.commit()

    def line(self, y: int) -> Strip:
        index = round(self.scroll_offset.y) + y
        return self.paint(self._rows[index] if index < len(self._rows) else [], self.room.width)


class History(ModalScreen[None]):
    CSS_PATH = "history.tcss"
    BINDINGS = [
        Binding("escape,q,h", "dismiss", "Back", id="history.back"),
        Binding("left_square_bracket,left", "step(-1)", "Earlier", id="history.earlier"),
        Binding("right_square_bracket,right", "step(1)", "Later", id="history.later"),
    ]

    def __init__(self, target: ObjectView, state: ConsoleState) -> None:
        super().__init__()
        self._rows = _Rows(target, state)

    def compose(self) -> ComposeResult:
        yield self._rows

    def action_step(self, by: int) -> None:
        if not self._rows.step(by):
            what = "This is the first version that was seen." if by < 0 else "This is the newest version."
            self.notify(what, timeout=2, markup=False)

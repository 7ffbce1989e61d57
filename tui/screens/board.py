"""A screen of rows that are made anew twice a second: heals, watches, queues, controllers, journal."""

from __future__ import annotations

from collections.abc import Callable

from textual.app import ComposeResult
from textual.binding import Binding
from textual.geometry import Size
from textual.screen import ModalScreen
from textual.strip import Strip

from tui.state import ConsoleState
from tui.views.heals import heal_rows
from tui.views.inside import controller_rows, queue_rows, watch_rows
from tui.views.journal import journal_rows
from tui.views.pulse import pulse_rows
from tui.widgets.lines import LineView, Row

View = Callable[[ConsoleState, int, float], list[Row]]

VIEWS: dict[str, tuple[str, View]] = {
    "heals": ("Heals", heal_rows),
    "pulse": ("Pulse", pulse_rows),
    "watches": ("Watches", watch_rows),
    "queue": ("Queue", queue_rows),
    "controllers": ("Controllers", controller_rows),
    "journal": ("Journal", journal_rows),
}
EVERY = 0.5  # seconds


class _Rows(LineView):
    def __init__(self, view: View, state: ConsoleState, clock: Callable[[], float]) -> None:
        super().__init__(id="board")
        self._view = view
        self._state = state
        self._clock = clock
        self._rows: list[Row] = []

    def commit(self) -> None:
        self._rows = self._view(self._state, self.room.width, self._clock())
        size = Size(self.room.width, len(self._rows))
        if size != self.virtual_size:
            self.virtual_size = size
        self.refresh_changed()

    def on_resize(self) -> None:
        self.commit()

    def line(self, y: int) -> Strip:
        index = round(self.scroll_offset.y) + y
        return self.paint(self._rows[index] if index < len(self._rows) else [], self.room.width)


class Board(ModalScreen[None]):
    CSS_PATH = "board.tcss"
    BINDINGS = [Binding("escape,q", "dismiss", "Back", id="board.back")]

    def __init__(self, name: str, state: ConsoleState, clock: Callable[[], float]) -> None:
        """``name`` is one of ``VIEWS``."""
        super().__init__()
        self._title, view = VIEWS[name]
        self._rows = _Rows(view, state, clock)

    def compose(self) -> ComposeResult:
        self._rows.entitle(self._title, "esc closes")
        yield self._rows

    def on_mount(self) -> None:
        self.set_interval(EVERY, self._rows.commit)

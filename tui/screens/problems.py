"""What goes wrong over time with operators: now, and what is over."""

from __future__ import annotations

from collections.abc import Callable

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding
from textual.screen import ModalScreen

from tui.names import ObjectName
from tui.state import ConsoleState
from tui.views.problems import count_words, problem_entries
from tui.widgets.entries import Entries
from tui.work import where

EVERY = 0.5  # seconds


class Problems(ModalScreen[ObjectName | None]):
    """``enter`` leads to the object."""

    CSS_PATH = "problems.tcss"
    BINDINGS = [
        Binding("escape,q", "dismiss", "Back", id="problems.back"),
        Binding("enter", "go", "Go there", id="problems.go"),
    ]

    def __init__(self, state: ConsoleState, clock: Callable[[], float]) -> None:
        super().__init__()
        self._state = state
        self._clock = clock
        self._entries = Entries(id="problems")

    def compose(self) -> ComposeResult:
        yield self._entries

    def on_mount(self) -> None:
        self.set_interval(EVERY, self.draw)
        self.call_after_refresh(self.draw)

    def on_resize(self) -> None:
        self.call_after_refresh(self.draw)

    def draw(self) -> None:
        count = len(self._state.problems)
        title = count_words(count) if count else "Problems"
        self._entries.entitle(title[0].upper() + title[1:], "enter object  esc closes")
        self._entries.show(problem_entries(self._state, self._entries.room.width, self._clock()))

    @on(Entries.Chosen)
    def action_go(self) -> None:
        match self._entries.target:
            case (_, str(about)):
                name = where(self._state, about)
                if name is None:
                    self.notify(
                        "Not available here: it is about no object.", severity="warning", markup=False
                    )
                else:
                    self.dismiss(name)
            case _:
                self.notify("Not available here: there is none.", severity="warning", markup=False)

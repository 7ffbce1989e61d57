"""The line in which a regular expression to search for is typed."""

from __future__ import annotations

import re
from dataclasses import dataclass

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Horizontal
from textual.message import Message
from textual.widgets import Input, Label


class SearchBar(Horizontal):
    DEFAULT_CSS = """
    SearchBar {
        height: 1; display: none; background: $panel;
        &.-open { display: block; }
        & > Label { width: auto; color: $accent; padding: 0 0 0 1; }
        & > Input { width: 1fr; background: $panel; }
        & > #search-error { color: $error; padding: 0 1; }
    }
    """
    BINDINGS = [Binding("escape", "close", "Clear", id="search.clear")]

    @dataclass
    class Changed(Message):
        """``pattern`` is None when nothing is searched for."""

        pattern: re.Pattern[str] | None

    @dataclass
    class Closed(Message):
        """The box is left; ``goes`` is False when the search was given up."""

        goes: bool

    def compose(self) -> ComposeResult:
        yield Label("/")
        yield Input(placeholder="regular expression; n and N go on", select_on_focus=False, compact=True)
        yield Label("", id="search-error", markup=False)

    def open(self) -> None:
        self.add_class("-open")
        self.query_one(Input).focus()

    @on(Input.Changed)
    def look(self, event: Input.Changed) -> None:
        event.stop()
        said = ""
        try:
            pattern = re.compile(event.value, re.IGNORECASE) if event.value else None
        except re.error as error:
            said = f"not a regular expression: {error.msg}"
        else:
            self.post_message(self.Changed(pattern))
        self.query_one("#search-error", Label).update(said)

    @on(Input.Submitted)
    def give(self, event: Input.Submitted) -> None:
        event.stop()
        self.remove_class("-open")
        self.post_message(self.Closed(goes=True))

    def action_close(self) -> None:
        self.query_one(Input).value = ""
        self.remove_class("-open")
        self.post_message(self.Closed(goes=False))

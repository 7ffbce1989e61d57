"""The box in which a filter is typed."""

from __future__ import annotations

from dataclasses import dataclass

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Horizontal
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Input, Label

from tui.filters import Filter, parse


class FilterBar(Horizontal):
    DEFAULT_CSS = """
    FilterBar {
        height: 1; display: none; background: $panel;
        &.-open { display: block; }
        & > Label { width: auto; color: $accent; padding: 0 0 0 1; }
        & > Input { width: 1fr; background: $panel; }
        & > #filter-error { color: $error; padding: 0 1; }
    }
    """
    BINDINGS = [Binding("escape", "close", "Clear", id="filter.clear")]

    @dataclass
    class Changed(Message):
        target: Widget
        filter: Filter | None

    @dataclass
    class Closed(Message):
        target: Widget

    def __init__(self) -> None:
        super().__init__(id="filter")
        self._target: Widget | None = None

    def compose(self) -> ComposeResult:
        yield Label("/")
        yield Input(placeholder="regular expression, ! inverts", select_on_focus=False, compact=True)
        yield Label("", id="filter-error", markup=False)

    def open(self, target: Widget, text: str) -> None:
        self._target = target
        self.add_class("-open")
        box = self.query_one(Input)
        box.value = text
        box.focus()

    @on(Input.Changed)
    def apply(self, event: Input.Changed) -> None:
        error = self.query_one("#filter-error", Label)
        try:
            wanted = parse(event.value)
        except ValueError as invalid:
            error.update(str(invalid))
            return
        error.update("")
        if self._target is not None:
            self.post_message(self.Changed(self._target, wanted))

    @on(Input.Submitted)
    def close_and_keep(self) -> None:
        self._leave()

    def action_close(self) -> None:
        self.query_one(Input).value = ""
        if self._target is not None:
            self.post_message(self.Changed(self._target, None))
        self._leave()

    def _leave(self) -> None:
        self.remove_class("-open")
        if self._target is not None:
            self.post_message(self.Closed(self._target))

"""The line in which a command is typed: tab completes, up and down walk in what was typed before."""

from __future__ import annotations

from dataclasses import dataclass

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Horizontal
from textual.message import Message
from textual.suggester import Suggester
from textual.widgets import Input, Label

from tui.commands import Command, History, complete, parse


class _Words(Suggester):
    def __init__(self) -> None:
        super().__init__(use_cache=False, case_sensitive=False)

    async def get_suggestion(self, value: str) -> str | None:
        return complete(value) or None


class CommandBar(Horizontal):
    DEFAULT_CSS = """
    CommandBar {
        height: 1; display: none; background: $panel;
        &.-open { display: block; }
        & > Label { width: auto; color: $accent; padding: 0 0 0 1; }
        & > Input { width: 1fr; background: $panel; }
    }
    """
    BINDINGS = [
        Binding("escape", "close", "Back", id="command.close"),
        Binding("tab", "complete", "Complete", show=False, priority=True, id="command.complete"),
        Binding("up", "older", "Older", show=False, id="command.older"),
        Binding("down", "newer", "Newer", show=False, id="command.newer"),
    ]

    @dataclass
    class Given(Message):
        command: Command

    @dataclass
    class Closed(Message):
        pass

    def __init__(self) -> None:
        super().__init__(id="command")
        self._history = History()

    def compose(self) -> ComposeResult:
        yield Label(":")
        yield Input(
            placeholder="pods, deployments, any kind; /regex, k=v or a namespace after it; help, q",
            suggester=_Words(), select_on_focus=False, compact=True,
        )  # fmt: skip

    @property
    def _box(self) -> Input:
        return self.query_one(Input)

    def open(self) -> None:
        self.add_class("-open")
        self._box.value = ""
        self._box.focus()

    @on(Input.Submitted)
    def give(self, event: Input.Submitted) -> None:
        event.stop()
        text = event.value.strip()
        self._leave()
        if text:
            self._history.add(text)
            self.post_message(self.Given(parse(text)))

    @on(Input.Changed)
    def keep(self, event: Input.Changed) -> None:
        event.stop()

    def action_complete(self) -> None:
        if word := complete(self._box.value):
            self._box.value = word
            self._box.cursor_position = len(word)

    def action_older(self) -> None:
        if (line := self._history.older()) is not None:
            self._box.value = line
            self._box.cursor_position = len(line)

    def action_newer(self) -> None:
        self._box.value = self._history.newer()
        self._box.cursor_position = len(self._box.value)

    def action_close(self) -> None:
        self._leave()

    def _leave(self) -> None:
        self.remove_class("-open")
        self.post_message(self.Closed())

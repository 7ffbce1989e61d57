"""One line for who is here for the first time: how to see a pod heal. It goes with the first delete."""

from __future__ import annotations

from textual.content import Content
from textual.widgets import Static

from tui.state import ConsoleState

TEXT = "Try it: 2 goes to the pods, ctrl+d deletes one, and it heals. ctrl+p finds all, ? has the keys."


class Hint(Static):
    DEFAULT_CSS = """
    Hint { height: 1; padding: 0 1; color: $accent; background: $surface; display: none; }
    Hint.-shown { display: block; }
    Main.-low Hint, Main.-tiny Hint { display: none; }
    """

    def __init__(self, state: ConsoleState, *, wanted: bool) -> None:
        """``wanted``: the cluster is one to try things on."""
        super().__init__(Content(TEXT), id="hint", classes="-shown" if wanted else "")
        self._state = state

    def commit(self) -> None:
        if self.has_class("-shown") and any(a.verb == "delete" for a in self._state.actions.values()):
            self.remove_class("-shown")

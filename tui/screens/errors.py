"""What went wrong inside, whole: fields and tracebacks, the newest first."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.binding import Binding
from textual.screen import ModalScreen

from controller_runtime.kube.terminal import safe_text
from tui.state import ConsoleState
from tui.text import clock_time
from tui.widgets.yaml_view import YamlView


def errors_text(state: ConsoleState) -> str:
    lines = [f"Also in {state.log_file}", ""] if state.log_file else []
    if state.ended is not None:
        lines = ["The controller has ended: nothing is reconciled, and what is shown is as it was.", *lines]
    if not state.errors:
        lines.append("Nothing has gone wrong.")
    for error in reversed(state.errors):
        lines.append(f"{clock_time(error.at)} {safe_text(error.message)}")
        lines += [f"    {safe_text(line)}" for line in error.text.splitlines()]
        lines.append("")
    return "\n".join(lines)


class Errors(ModalScreen[None]):
    CSS_PATH = "yaml.tcss"
    BINDINGS = [
        Binding("escape,E", "dismiss", "Back", id="errors.back"),
        Binding("q", "app.ask_quit", "Quit", id="errors.quit"),
    ]

    def __init__(self, state: ConsoleState) -> None:
        super().__init__()
        self._state = state

    def compose(self) -> ComposeResult:
        view = YamlView(errors_text(self._state))
        view.entitle("The controller has ended" if self._state.ended else "Errors", "esc closes")
        yield view

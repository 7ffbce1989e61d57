"""The question before objects are applied: shows them whole, as whom, and whether that is allowed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import yaml
from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.widgets import Button, Static

from controller.events import ActionFinished
from controller_runtime.kube.resource import Ref
from controller_runtime.kube.terminal import safe_text
from tui.ports import Actions
from tui.screens.confirm import Confirm
from tui.state import ConsoleState

VERBS = ("create", "patch")  # server-side apply asks for both
FRAME = 7  # lines of border, padding, margins and buttons


class ConfirmApply(Confirm):
    def __init__(
        self, title: str, documents: Sequence[dict[str, Any]], state: ConsoleState, actions: Actions
    ) -> None:
        """``documents`` are JSON data, applied in their order when the answer is yes."""
        super().__init__(title, "Apply", variant="warning")
        self._documents = documents
        self._state = state
        self._checks = [actions.check(verb, _ref(d)) for d in documents for verb in VERBS]
        self._shown: Content | None = None

    def on_mount(self) -> None:
        self.set_interval(0.1, self.look)
        self.look()

    def on_resize(self) -> None:
        self.call_after_refresh(self._fit)

    def _fit(self) -> None:
        """The documents have the room that is left, so that the buttons are always in sight."""
        room = self.size.height - self.query_one("#lines").size.height - FRAME
        self.query_one("#documents").styles.max_height = max(room, 1)

    def look(self) -> None:
        """Show the answers to the access checks when they are there."""
        shown = self.lines()
        if shown != self._shown:
            self._shown = shown
            self.query_one("#lines", Static).update(shown)
            self.query_one("#confirm", Button).disabled = self._obstacle() is not None

    def compose(self) -> ComposeResult:
        with Vertical(id="dialog") as dialog:
            dialog.border_title = Content(safe_text(self._title))
            yield Static(self.lines(), id="lines")
            with VerticalScroll(id="documents"):
                yield Static(self._documents_text())
            yield from self.buttons()

    def _documents_text(self) -> Content:
        text = yaml.safe_dump_all(self._documents, sort_keys=False, default_flow_style=None, width=60)
        return Content.assemble(("\n".join(map(safe_text, text.splitlines())), "$accent"))

    def lines(self) -> Content:
        person = self._state.person or self._state.connection
        connection = self._state.connection
        kinds = " and ".join(d["kind"] for d in self._documents)
        names = ", ".join(dict.fromkeys(d["metadata"]["name"] for d in self._documents))
        rows = [_row("changes", f"creates {kinds} {names}, or sets what is there to this")]
        rows.append(_row("cluster", connection.cluster or connection.server if connection else ""))
        rows.append(_row("as", person.identity if person else ""))
        obstacle = self._obstacle()
        if obstacle is not None:
            said = (f"✗ {safe_text(obstacle)}", "$error")
        elif any(answer is None for answer in self._answers()):
            said = ("◌ asking the server …", "$accent")
        else:
            said = ("✓ yes", "$success")
        return Content("\n").join([*rows, Content.assemble((f"{'allowed':<9}", "$muted"), said)])

    def _answers(self) -> list[ActionFinished | None]:
        known = (self._state.actions.get(check) for check in self._checks)
        return [action.finished if action is not None else None for action in known]

    def _obstacle(self) -> str | None:
        """The first refusal; None when nothing is known to be in the way."""
        return next((a.message for a in self._answers() if a is not None and not a.ok), None)

    @on(Button.Pressed, "#confirm")
    def action_confirm(self) -> None:
        if self._obstacle() is None:
            self.dismiss(True)
        else:
            self.look()


def _ref(document: dict[str, Any]) -> Ref:
    meta = document["metadata"]
    return Ref(document["kind"], meta.get("namespace", ""), meta["name"], "", document["apiVersion"])


def _row(label: str, value: str) -> Content:
    return Content.assemble((f"{label:<9}", "$muted"), (safe_text(value), ""))

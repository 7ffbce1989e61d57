"""The question before an object is changed: to what, whether it is allowed, whether it is still there."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from textual import on
from textual.app import ComposeResult
from textual.content import Content
from textual.widgets import Button, Input, Static

from controller.events import ActionVerb
from controller.verdict import Verdict
from controller_runtime.kube.rules import to_yaml
from controller_runtime.kube.terminal import safe_text
from tui.kinds.model import ObjectView
from tui.ports import Actions
from tui.screens.confirm import Confirm
from tui.state import ConsoleState

EVERY = 0.1  # seconds between looks
LABEL = 13  # cells


@dataclass(frozen=True)
class Box:
    """A line to write in. ``wrong`` says what is wrong with a text; "" when it can be taken."""

    text: str
    wrong: Callable[[str], str]
    placeholder: str = ""


class Change(Confirm):
    """True for yes; there is none when the object is gone, also when another one has its name."""

    DEFAULT_CSS = """
    Change #dialog { border: round $warning; border-title-color: $warning; }
    """

    def __init__(
        self,
        title: str,
        yes: str,
        verb: ActionVerb,
        target: ObjectView,
        state: ConsoleState,
        actions: Actions,
        *,
        rows: Sequence[tuple[str, str]] = (),
    ) -> None:
        """``rows``: what is said of it, each with a label."""
        super().__init__(title, yes, variant="warning")
        self._verb = verb
        self._target = target
        self._state = state
        self._actions = actions
        self._rows = rows
        self._shown: Content | None = None

    def on_mount(self) -> None:
        self.set_interval(EVERY, self.look)
        self.look()

    def look(self) -> None:
        """Show what is known now."""
        shown = self.lines()
        if shown != self._shown:
            self._shown = shown
            self.query_one("#lines", Static).update(shown)
            self.query_one("#confirm", Button).disabled = bool(self.obstacle())

    @property
    def _verdict(self) -> Verdict:
        return self._actions.allowed(self._verb, self._target.ref)

    def obstacle(self) -> str:
        if self._state.find(self._target.ref) is None:
            return "it is gone"
        verdict = self._verdict
        if verdict.allowed is False:
            return verdict.message
        return ""

    def lines(self) -> Content:
        ref = self._target.ref
        rows = [("name", ref.name), ("namespace", ref.namespace or "none"), *self._rows]
        parts = [Content.assemble((f"{k:<{LABEL}}", "$muted"), (safe_text(v), "bold")) for k, v in rows]
        verdict, obstacle = self._verdict, self.obstacle()
        label = (f"{'allowed':<{LABEL}}", "$muted")
        if obstacle:
            parts.append(Content.assemble(label, (f"✗ {safe_text(obstacle)}", "$error")))
            if verdict.rule is not None:
                rule = "\n".join(map(safe_text, to_yaml([verdict.rule]).splitlines()))
                parts.append(Content.assemble((rule, "$accent")))
        elif verdict.allowed is None:
            parts.append(Content.assemble(label, ("◌ not known yet", "$accent")))
        else:
            parts.append(Content.assemble(label, ("✓ yes", "$success")))
        return Content("\n").join(parts)

    @on(Button.Pressed, "#confirm")
    def action_confirm(self) -> None:
        if self.obstacle():
            self.look()
        else:
            self.dismiss(True)


class ChangeText(Change):
    """A change with something to write; ``text`` is what was written, and enter says yes."""

    DEFAULT_CSS = """
    ChangeText Input { margin-top: 1; }
    """
    AUTO_FOCUS = "Input"

    def __init__(
        self,
        title: str,
        yes: str,
        verb: ActionVerb,
        target: ObjectView,
        state: ConsoleState,
        actions: Actions,
        box: Box,
        *,
        rows: Sequence[tuple[str, str]] = (),
    ) -> None:
        super().__init__(title, yes, verb, target, state, actions, rows=rows)
        self._box = box
        self.text = box.text

    def buttons(self) -> ComposeResult:
        yield Input(self._box.text, placeholder=self._box.placeholder, compact=True)
        yield from super().buttons()

    def obstacle(self) -> str:
        return super().obstacle() or self._box.wrong(self.text)

    @on(Input.Changed)
    def take(self, event: Input.Changed) -> None:
        event.stop()
        self.text = event.value
        self.look()

    @on(Input.Submitted)
    def submit(self, event: Input.Submitted) -> None:
        event.stop()
        self.action_confirm()

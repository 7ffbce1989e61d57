"""Questions before something is done. The answer that changes nothing has the focus."""

from __future__ import annotations

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Button, Static

from controller_runtime.kube.rules import to_yaml
from controller_runtime.kube.terminal import safe_text
from tui.kinds.model import ObjectView
from tui.names import kind_of, name_of
from tui.ports import Actions
from tui.state import ConsoleState
from tui.text import identity_forms

PROPAGATION = "Background"


class Confirm(ModalScreen[bool]):
    """A question with two answers; ``y`` and ``n`` do what the buttons do."""

    CSS_PATH = "confirm.tcss"
    BINDINGS = [
        Binding("y", "confirm", "Yes", id="confirm.yes"),
        Binding("n,escape", "cancel", "No", id="confirm.no"),
        Binding("left,h", "app.focus_previous", "Left", show=False, id="confirm.left"),
        Binding("right,l", "app.focus_next", "Right", show=False, id="confirm.right"),
    ]
    AUTO_FOCUS = "#cancel"

    def __init__(self, title: str, yes: str, *, variant: str = "error") -> None:
        super().__init__()
        self._title = title
        self._yes = yes
        self._is_grave = variant == "error"

    def lines(self) -> Content:
        return Content("")

    def compose(self) -> ComposeResult:
        with Vertical(id="dialog") as dialog:
            dialog.border_title = Content(safe_text(self._title))
            yield Static(self.lines(), id="lines")
            with Horizontal(id="buttons"):
                yield Button("Cancel  n", id="cancel", compact=True)
                yield Button(
                    f"{self._yes}  y",
                    id="confirm",
                    variant="error" if self._is_grave else "warning",
                    compact=True,
                )

    @on(Button.Pressed, "#cancel")
    def action_cancel(self) -> None:
        self.dismiss(False)

    @on(Button.Pressed, "#confirm")
    def action_confirm(self) -> None:
        self.dismiss(True)


class ConfirmQuit(Confirm):
    def __init__(self) -> None:
        super().__init__("Quit?", "Quit", variant="warning")

    def lines(self) -> Content:
        return Content(
            "The controller in this process stops too, and pods are not healed until it runs again."
        )


class ConfirmDelete(Confirm):
    """Says exactly what would be deleted and whether it is allowed; True only for that very object."""

    def __init__(self, target: ObjectView, state: ConsoleState, actions: Actions) -> None:
        super().__init__(f"Delete {target.ref.kind}?", "Delete")
        self._target = target
        self._state = state
        self._check = actions.check("delete", target.ref)
        self._shown: Content | None = None

    def on_mount(self) -> None:
        self.set_interval(0.1, self.look)
        self.look()

    def look(self) -> None:
        """Show the answer to the access check when it is there, and whether the object still is."""
        shown = self.lines()
        if shown != self._shown:
            self._shown = shown
            self.query_one("#lines", Static).update(shown)
            self.query_one("#confirm", Button).disabled = self._obstacle() is not None

    def _obstacle(self) -> str | None:
        """Why it cannot be deleted; None when nothing is known to be in the way."""
        ref = self._target.ref
        if away := self._away():
            return away
        if self._state.find(ref) is None:
            if self._state.named(name_of(ref)) is not None:
                return "it is gone; a newer one has its name"
            return "it is gone already"
        action = self._state.actions.get(self._check)
        if action is not None and action.finished is not None and not action.finished.ok:
            return action.finished.message
        return None

    def _away(self) -> str:
        """What happens when the server is not there: nothing, now or later."""
        connection = self._state.connection
        watches = self._state.watch_of(kind_of(self._target.ref))
        is_gone = connection is not None and connection.state in ("failed", "ended")
        if is_gone or (watches and all(w.state == "unreachable" for w in watches)):
            return "no answer: nothing is deleted, now or later"
        return ""

    def lines(self) -> Content:
        ref = self._target.ref
        person = self._state.person or self._state.connection
        known = [c for c in (self._state.connection, person) if c is not None]
        cluster = next((name for c in known for name in (c.cluster, c.server) if name), "")
        identity = identity_forms(person.identity if person else "")
        who = next((form for form in identity if len(form) <= 50), identity[-1])
        grace = (
            "the default of the server" if self._target.grace is None else f"{self._target.grace} s, its own"
        )
        rows = [
            ("name", ref.name, "bold"),
            ("namespace", ref.namespace or "none: cluster-scoped", "bold"),
            ("cluster", cluster, ""),
            ("as", who, ""),
            ("grace", grace if ref.kind == "Pod" else "none", ""),
            ("propagation", PROPAGATION, ""),
        ]
        parts: list[Content] = []
        for label, value, style in rows:
            if value:
                parts.append(Content.assemble((f"{label:<13}", "$muted"), (safe_text(value), style)))
        parts.append(self._access())
        return Content("\n").join(parts)

    def _access(self) -> Content:
        label = (f"{'allowed':<13}", "$muted")
        obstacle = self._obstacle()
        action = self._state.actions.get(self._check)
        finished = action.finished if action else None
        if obstacle is not None:
            text = Content.assemble(label, (f"✗ {safe_text(obstacle)}", "$error"))
            if finished is not None and finished.missing_rule is not None and not finished.ok:
                rule = "\n".join(map(safe_text, to_yaml([finished.missing_rule]).splitlines()))
                text = Content("\n").join([text, Content.assemble((rule, "$accent"))])
            return text
        if finished is None:
            return Content.assemble(label, ("◌ asking the server …", "$accent"))
        return Content.assemble(label, ("✓ yes", "$success"))

    @on(Button.Pressed, "#confirm")
    def action_confirm(self) -> None:
        if self._obstacle() is None:
            self.dismiss(True)
        else:
            self.look()

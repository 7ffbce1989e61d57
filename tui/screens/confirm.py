"""Questions before something is done. The answer that changes nothing has the focus."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Button, Static

from controller.events import ActionFinished
from controller_runtime.kube.rules import to_yaml
from controller_runtime.kube.terminal import safe_text
from tui.kinds.model import ObjectView
from tui.names import kind_of, name_of, plural
from tui.ports import Actions
from tui.state import ConsoleState
from tui.text import identity_forms
from tui.work import undone_by

PROPAGATION = "Background"
MOST_NAMES = 6  # are listed


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
            yield from self.buttons()

    def buttons(self) -> ComposeResult:
        with Horizontal(id="buttons"):
            yield Button("Cancel  n", id="cancel", compact=True)
            variant: Literal["error", "warning"] = "error" if self._is_grave else "warning"
            yield Button(f"{self._yes}  y", id="confirm", variant=variant, compact=True)

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
    """Says exactly what would be deleted and whether it is allowed; True only for those very objects."""

    def __init__(
        self, targets: Sequence[ObjectView], state: ConsoleState, actions: Actions, *, hidden: int = 0
    ) -> None:
        """``targets`` are of one kind; ``hidden`` of them are not on the screen, because of a filter."""
        first, count = targets[0].ref, len(targets)
        super().__init__(
            f"Delete {first.kind if count == 1 else f'{count} {plural(first.kind, count)}'}?", "Delete"
        )
        self._targets = targets
        self._hidden = hidden
        self._state = state
        places = {t.ref.namespace: t.ref for t in reversed(targets)}
        self._checks = [actions.check("delete", ref) for _, ref in sorted(places.items())]
        self._shown: Content | None = None

    def on_mount(self) -> None:
        self.set_interval(0.1, self.look)
        self.look()

    def look(self) -> None:
        """Show the answer to the access check when it is there, and whether the objects still are."""
        shown = self.lines()
        if shown != self._shown:
            self._shown = shown
            self.query_one("#lines", Static).update(shown)
            self.query_one("#confirm", Button).disabled = self._obstacle() is not None

    @property
    def present(self) -> list[ObjectView]:
        """Those that are still there, by uid."""
        return [t for t in self._targets if self._state.find(t.ref) is not None]

    def _answers(self) -> list[ActionFinished]:
        """The answers to the access checks that are there, the refusals first."""
        known = (self._state.actions.get(check) for check in self._checks)
        return sorted(
            (a.finished for a in known if a is not None and a.finished is not None), key=lambda f: f.ok
        )

    def _obstacle(self) -> str | None:
        """Why nothing can be deleted; None when nothing is known to be in the way."""
        if away := self._away():
            return away
        if not self.present:
            ref = self._targets[0].ref
            if len(self._targets) > 1:
                return "they are gone already"
            is_replaced = self._state.named(name_of(ref)) is not None
            return "it is gone; a newer one has its name" if is_replaced else "it is gone already"
        answers = self._answers()
        return answers[0].message if answers and not answers[0].ok else None

    def _away(self) -> str:
        """What happens when the server is not there: nothing, now or later."""
        connection = self._state.connection
        watches = self._state.watch_of(kind_of(self._targets[0].ref))
        is_gone = connection is not None and connection.state in ("failed", "ended")
        if is_gone or (watches and all(w.state == "unreachable" for w in watches)):
            return "no answer: nothing is deleted, now or later"
        return ""

    def lines(self) -> Content:
        ref = self._targets[0].ref
        person = self._state.person or self._state.connection
        known = [c for c in (self._state.connection, person) if c is not None]
        cluster = next((name for c in known for name in (c.cluster, c.server) if name), "")
        identity = identity_forms(person.identity if person else "")
        who = next((form for form in identity if len(form) <= 50), identity[-1])
        rows = [
            ("name" if len(self._targets) == 1 else "names", self._names(), "bold"),
            ("namespace", self._namespaces(), "bold"),
            ("with it", self._owned(), "$warning"),
            ("but", self._made_again(), "$warning"),
            ("cluster", cluster, ""),
            ("as", who, ""),
            ("grace", self._grace() if ref.kind == "Pod" else "none", ""),
            ("propagation", PROPAGATION, ""),
        ]
        if self._hidden:
            rows.insert(1, ("hidden", f"{self._hidden} of them by the filter", "$warning"))
        parts: list[Content] = []
        for label, value, style in rows:
            if value:
                parts.append(Content.assemble((f"{label:<13}", "$muted"), (safe_text(value), style)))
        parts.append(self._access())
        return Content("\n").join(parts)

    def _names(self) -> str:
        names = [t.ref.name for t in self._targets]
        return ", ".join(names[:MOST_NAMES]) + (
            f" and {len(names) - MOST_NAMES} more" if names[MOST_NAMES:] else ""
        )

    def _namespaces(self) -> str:
        return ", ".join(sorted({t.ref.namespace for t in self._targets})) or "none: cluster-scoped"

    def _grace(self) -> str:
        graces = {t.grace for t in self._targets}
        if len(graces) > 1:
            return "each its own"
        grace = next(iter(graces))
        return "the default of the server" if grace is None else f"{grace} s, its own"

    def _made_again(self) -> str:
        """By whom, of what is known."""
        owners = sorted({who for t in self._targets if (who := undone_by(t))})
        if not owners:
            return ""
        names = ", ".join(owners[:MOST_NAMES]) + (" and others" if owners[MOST_NAMES:] else "")
        return f"{names} may make {'it' if len(self._targets) == 1 else 'them'} again"

    def _owned(self) -> str:
        """What the garbage collector takes away with it, of what is known."""
        uids = {t.ref.uid for t in self._targets}
        counts = {
            kind.kind: sum(any(owner.uid in uids for owner in o.owners) for o in objects.values())
            for kind, objects in self._state.objects.items()
        }
        return ", ".join(f"{n} {plural(kind, n)}" for kind, n in counts.items() if n)

    def _access(self) -> Content:
        label = (f"{'allowed':<13}", "$muted")
        obstacle, answers = self._obstacle(), self._answers()
        if obstacle is not None:
            text = Content.assemble(label, (f"✗ {safe_text(obstacle)}", "$error"))
            rule = answers[0].missing_rule if answers and not answers[0].ok else None
            if rule is not None:
                lines = "\n".join(map(safe_text, to_yaml([rule]).splitlines()))
                text = Content("\n").join([text, Content.assemble((lines, "$accent"))])
            return text
        if len(answers) < len(self._checks):
            return Content.assemble(label, ("◌ asking the server …", "$accent"))
        gone = len(self._targets) - len(self.present)
        left = f"; {gone} gone already" if gone else ""
        return Content.assemble(label, (f"✓ yes{left}", "$success"))

    @on(Button.Pressed, "#confirm")
    def action_confirm(self) -> None:
        if self._obstacle() is None:
            self.dismiss(True)
        else:
            self.look()

"""One denial or failure in full, with its remedy at hand: copy the rule, try again now, add the rule."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from controller_runtime.kube.bindings import granting
from controller_runtime.kube.rules import to_yaml
from controller_runtime.kube.terminal import safe_text
from tui.card_text import card_text
from tui.clipboard import copy
from tui.ports import Actions
from tui.rights import row_of
from tui.screens.apply import ConfirmApply
from tui.state import ConsoleState
from tui.troubles import NOT_INSTALLED, Problem, of_row, problems


class Card(ModalScreen[None]):
    CSS_PATH = "card.tcss"
    BINDINGS = [
        Binding("escape,q,enter,w", "dismiss", "Close", id="card.close"),
        Binding("c", "copy", "Copy the rule", id="card.copy"),
        Binding("r", "retry", "Try now", id="card.retry"),
        Binding("a", "add", "Add the rule", id="card.add"),
        Binding("j,down,right", "step(1)", "Next", id="card.next"),
        Binding("k,up,left", "step(-1)", "Previous", show=False, id="card.previous"),
    ]

    def __init__(
        self, problem: Problem, state: ConsoleState, actions: Actions, clock: Callable[[], float]
    ) -> None:
        super().__init__()
        self._problem = problem
        self._state = state
        self._actions = actions
        self._clock = clock
        self._shown: Content | None = None
        self._over: float | None = None  # Unix seconds at which it was seen to work again

    def compose(self) -> ComposeResult:
        with VerticalScroll(id="card"):
            yield Static(id="card-text")

    def on_mount(self) -> None:
        self.set_interval(0.5, self.look)
        self.look()

    @property
    def _identity(self) -> str:
        connection = self._state.connection
        return connection.identity if connection else ""

    def look(self) -> None:
        """Show it as it is now, or that it is over."""
        box = self.query_one("#card")
        now = problems(self._state, self._clock())
        here = self._here(now)
        if here is None:
            text = self._restored()
            place = ""
        else:
            self._problem, self._over = here, None
            text = card_text(here, self._identity, self._state)
            place = f"{now.index(here) + 1} of {len(now)} · " if len(now) > 1 and here in now else ""
        if text == self._shown:
            return
        self._shown = text
        what = self._problem.title
        box.set_class(here is None, "-over")
        box.border_title = Content(safe_text(f"✗ {what}" if here else f"✓ {what.rpartition(' · ')[2]}"))
        keys = "r tries now · " if here else ""
        if here is not None and here.key[0] == NOT_INSTALLED:
            keys += "a installs it · "
        elif here is not None and here.rule is not None:
            keys = f"c copies the rule · {keys}a adds it · "
        box.border_subtitle = Content(f"{place}{keys}esc closes")
        self.query_one("#card-text", Static).update(text)

    def _here(self, now: list[Problem]) -> Problem | None:
        """What has become of the problem that is shown."""
        key = self._problem.key
        if key[0] == "right":
            row = row_of(self._state, key[1:])
            return of_row(self._state, row, self._clock()) if row is not None and row.missing else None
        return next((p for p in now if p.key == key), None)

    def _restored(self) -> Content:
        if self._over is None:
            self._over = self._clock()
        said = f"✓ RESTORED after {max(self._over - self._problem.since, 0):.0f} s"
        return Content.assemble((said if self._problem.since else "✓ It works again.", "$success"))

    def action_step(self, step: int) -> None:
        now = problems(self._state, self._clock())
        place = next((i for i, p in enumerate(now) if p.key == self._problem.key), -1 if step > 0 else 0)
        if now:
            self._problem = now[(place + step) % len(now)]
            self.look()

    def action_copy(self) -> None:
        if self._problem.rule is None:
            self._refuse("no rule is missing")
            return
        self.notify(copy(self.app, to_yaml([self._problem.rule]), "The rule"), markup=False)

    def action_retry(self) -> None:
        if self._actions.retry():
            self.notify("Trying now …", timeout=2, markup=False)
        else:
            self._refuse("nothing runs that could try")

    def action_add(self) -> None:
        """Ask whether to apply what mends it: a rule with its binding, or a definition."""
        documents = self._remedy()
        if not documents:
            return
        what = "Install this definition?" if self._problem.rule is None else "Add this rule?"

        def answered(confirmed: bool | None) -> None:
            if confirmed:
                self._actions.apply(documents)

        self.app.push_screen(ConfirmApply(what, documents, self._state, self._actions), answered)

    def _remedy(self) -> list[dict[str, Any]]:
        """The objects that mend it; none, and why is said, when there are none."""
        problem, identity = self._problem, self._identity
        found: list[dict[str, Any]] = []
        if self._actions.read_only:
            self._refuse("this console is read-only")
        elif problem.key[0] == NOT_INSTALLED and self._over is None:
            found = self._actions.definitions(problem.key[1], problem.key[2])
            if not found:
                self._refuse(f"nobody here has the definition of {problem.key[2]}")
        elif problem.rule is None or self._over is not None:
            self._refuse("no rule is missing")
        elif not identity:
            self._refuse("the server does not say who the operator is")
        else:
            found = granting(identity, problem.rule, problem.namespace)
        return found

    def _refuse(self, why: str) -> None:
        self.notify(safe_text(f"Not available here: {why}."), severity="warning", markup=False)

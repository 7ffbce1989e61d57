"""``:can-i``: what the operator needs, by resource, verb and scope, against what its identity has."""

from __future__ import annotations

from collections.abc import Callable

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding
from textual.screen import ModalScreen

from controller_runtime.kube.rules import to_yaml
from tui.clipboard import copy
from tui.ports import Actions
from tui.rights import rows
from tui.screens.card import Card
from tui.state import ConsoleState
from tui.troubles import of_row
from tui.widgets.rights_table import RightsTable


class Rights(ModalScreen[None]):
    CSS_PATH = "rights.tcss"
    BINDINGS = [
        Binding("escape,q", "dismiss", "Back", id="rights.back"),
        Binding("r", "review", "Ask anew", id="rights.review"),
        Binding("c", "copy", "Copy the rules", id="rights.copy"),
    ]

    def __init__(
        self, state: ConsoleState, actions: Actions, clock: Callable[[], float], subject: str = ""
    ) -> None:
        """``subject``: somebody whose rights are shown beside the operator's."""
        super().__init__()
        self._state = state
        self._actions = actions
        self._clock = clock
        self._subject = subject
        self._table = RightsTable(state, clock, subject)

    def compose(self) -> ComposeResult:
        yield self._table

    def on_mount(self) -> None:
        self.set_interval(0.3, self._table.commit)
        self._table.commit()
        if self._subject:
            self.action_review()

    def action_review(self) -> None:
        if not self._actions.review(self._subject):
            self._refuse("there is no connection to ask on")

    def action_copy(self) -> None:
        missing = [row.rule for row in rows(self._state.reviews.get("controller"))]
        rules = [rule for rule in missing if rule is not None]
        if not rules:
            self._refuse("no rule is missing")
            return
        self.notify(copy(self.app, to_yaml(rules), "What is missing"), markup=False)

    @on(RightsTable.Chosen)
    def show_card(self, event: RightsTable.Chosen) -> None:
        if self.app.screen is not self:
            return
        if not event.row.missing:
            self._refuse(f"nothing is missing on {event.row.resource or event.row.url}")
            return
        problem = of_row(self._state, event.row, self._clock())
        self.app.push_screen(Card(problem, self._state, self._actions, self._clock))

    def _refuse(self, why: str) -> None:
        self.notify(f"Not available here: {why}.", severity="warning", markup=False)

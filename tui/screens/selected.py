"""What is opened for an object: its page, YAML, history and logs, and the question before a delete."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from textual.screen import ModalScreen

from controller_runtime.kube.terminal import safe_text
from tui.kinds.model import ObjectView
from tui.names import plural
from tui.ports import Actions
from tui.screens.asking import Asking
from tui.screens.confirm import ConfirmDelete
from tui.screens.history import History
from tui.screens.logs import Logs
from tui.screens.page import Page
from tui.screens.yaml import Yaml
from tui.state import ConsoleState
from tui.widgets.resource_table import ResourceTable


class Selected:
    def __init__(
        self, screen: Asking, state: ConsoleState, actions: Actions, clock: Callable[[], float]
    ) -> None:
        self._screen = screen
        self._state = state
        self._actions = actions
        self._clock = clock
        # By the action that a key of the tables asks for.
        self._screens: dict[str, Callable[[ObjectView], ModalScreen[None]]] = {
            "yaml": Yaml,
            "history": lambda target: History(target, state),
            "page": lambda target: Page(target, state, actions, clock, self.open, screen.questions),
            "logs": lambda target: Logs(target, state, actions),
        }

    def open(self, action: str, target: ObjectView) -> None:
        if action == "why":
            self._screen.explain(target.ref)
        else:
            self._screen.app.push_screen(self._screens[action](target))

    def confirm_delete(self, event: ResourceTable.DeleteRequested) -> None:
        if self._screen.app.screen is not self._screen:  # a second ctrl+d that was quicker than the dialog
            return
        dialog = ConfirmDelete(event.targets, self._state, self._actions, hidden=event.hidden)

        def answered(confirmed: bool | None) -> None:
            if confirmed:
                self._delete(dialog.present)
                event.table.clear_marks()

        self._screen.app.push_screen(dialog, answered)

    def _delete(self, targets: Sequence[ObjectView]) -> None:
        for target in targets:
            self._actions.delete(target.ref)
        ref, count = targets[0].ref, len(targets)
        what = f"{ref.kind} {ref.name}" if count == 1 else f"{count} {plural(ref.kind, count)}"
        self._screen.notify(safe_text(f"Deleting {what} …"), markup=False, timeout=3)

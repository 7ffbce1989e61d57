"""Where the command line leads: the table of any kind, also of one that has to be asked for first."""

from __future__ import annotations

from collections.abc import Callable

from controller_runtime.kube.resource import Resource
from tui.kinds.model import Kind
from tui.kinds.registry import described, printed
from tui.names import GroupKind
from tui.ports import Actions
from tui.state import ConsoleState


class Going:
    """``show`` puts a kind in front with a filter; ``refuse`` gets the sentence why it cannot be."""

    def __init__(
        self,
        state: ConsoleState,
        actions: Actions,
        show: Callable[[Kind, str], None],
        refuse: Callable[[str], None],
    ) -> None:
        self._state = state
        self._actions = actions
        self._show = show
        self._refuse = refuse
        self._wishes: dict[str, str] = {}  # kinds that were asked for by name, and the filter for each

    def go(self, name: str, wanted: str) -> None:
        """The table of a kind: what is known of it, else what the server serves under that name."""
        known = next((k for k in described().values() if k.resource.plural == name), None)
        browsed = next((k for k, plural in self._state.plurals.items() if plural == name), None)
        if known is not None and self._state.watch_of(known.group_kind):
            self._show(known, wanted)
        elif browsed is not None:
            resource = Resource(browsed.group, "", browsed.kind, name)
            self._show(described().get(browsed) or printed(resource, self._state.columns[browsed]), wanted)
        else:
            if known is not None and known.resource.group:  # others may serve the same plural
                name = f"{name}.{known.resource.group}"
            self._wishes[name] = wanted
            self._actions.browse(name)

    def answer(self) -> None:
        """Show the kinds that were asked for and are found, and say which are not."""
        answers, self._state.browsed = self._state.browsed, []
        for answer in answers:
            wanted = self._wishes.pop(answer.name, None)
            if wanted is None:
                continue
            if answer.resource is None:
                self._refuse(answer.message)
                continue
            key = GroupKind(answer.resource.group, answer.resource.kind)
            self._show(described().get(key) or printed(answer.resource, answer.columns), wanted)

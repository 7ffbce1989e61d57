"""Has an object changed, after a question or in the editor: scale, restart, pause, labels, YAML."""

from __future__ import annotations

from collections.abc import Callable

from textual.screen import Screen

from controller.events import ActionVerb
from controller_runtime.kube.resource import Ref
from tui.doings import is_paused, parse_pairs, parse_replicas, replicas
from tui.kinds.model import ObjectView
from tui.ports import Actions
from tui.screens.change import Box, Change, ChangeText
from tui.screens.editing import Editing
from tui.state import ConsoleState
from tui.work import undone_by

ONE_BY_ONE = "one after the other: each goes when the one before is ready again"


class Changing:
    """``ask`` opens the question; what becomes of it is published, and shown by whoever reads that."""

    def __init__(self, screen: Screen[None], state: ConsoleState, actions: Actions) -> None:
        self._screen = screen
        self._state = state
        self._actions = actions
        self._editing = Editing(screen, state, actions)

    def ask(self, verb: ActionVerb, target: ObjectView, text: str = "") -> None:
        """``text``: what is in the box to begin with."""
        if self._screen.app.screen is not self._screen:  # a second key that was quicker than the dialog
            return
        match verb:
            case "scale":
                self._ask_scale(target, text)
            case "restart":
                self._ask(target, "restart", "Restart", ("pods", ONE_BY_ONE), self._actions.restart)
            case "pause" if is_paused(target):
                row = ("then", "the operator brings it to what its spec asks for")
                self._ask(target, "resume", "Resume", row, self._actions.resume)
            case "pause":
                row = ("then", "pods that fail or are deleted stay away until it is resumed")
                self._ask(target, "pause", "Pause", row, self._actions.pause)
            case "edit":
                self._editing.open(target)
            case "label" | "annotate":
                self._ask_pairs(target, verb, text)

    def _ask(
        self, target: ObjectView, verb: ActionVerb, yes: str, row: tuple[str, str], do: Callable[[Ref], str]
    ) -> None:
        what = "Pause reconciling of" if verb == "pause" else yes
        title = f"{what} {target.ref.kind}?"
        dialog = Change(title, yes, verb, target, self._state, self._actions, rows=[row, *_undone(target)])
        self._open(dialog, lambda: do(target.ref))

    def _ask_scale(self, target: ObjectView, text: str) -> None:
        now = replicas(target)

        def wrong(text: str) -> str:
            return _wrong(parse_replicas, text) or ("it has that many" if int(text) == now else "")

        box = Box(text or str(now), wrong, "replicas")
        rows = [("replicas", f"{now} now; how many?"), *_undone(target)]
        title = f"Scale {target.ref.kind}?"
        dialog = ChangeText(title, "Scale", "scale", target, self._state, self._actions, box, rows=rows)
        self._open(dialog, lambda: self._actions.scale(target.ref, parse_replicas(dialog.text)))

    def _ask_pairs(self, target: ObjectView, verb: ActionVerb, text: str) -> None:
        do = self._actions.label if verb == "label" else self._actions.annotate
        box = Box(text, lambda text: _wrong(parse_pairs, text), "key=value, or key- to take it away")
        have = " ".join(f"{k}={v}" for k, v in target.labels.items()) if verb == "label" else ""
        yes, rows = verb.capitalize(), [("has", have)] if have else []
        rows += _undone(target)
        title = f"{yes} {target.ref.kind}?"
        dialog = ChangeText(title, yes, verb, target, self._state, self._actions, box, rows=rows)
        self._open(dialog, lambda: do(target.ref, parse_pairs(dialog.text)))

    def _open(self, dialog: Change, do: Callable[[], object]) -> None:
        def answered(confirmed: bool | None) -> None:
            if confirmed:
                do()

        self._screen.app.push_screen(dialog, answered)


def _undone(target: ObjectView) -> list[tuple[str, str]]:
    """A row that says who may undo the change."""
    who = undone_by(target)
    return [("but", f"{who} owns it and may put it back: change that instead")] if who else []


def _wrong(parse: Callable[[str], object], text: str) -> str:
    try:
        parse(text)
    except ValueError as error:
        return str(error)
    return ""

"""What can be asked of an object from the main screen: why it is as it is."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Sequence
from pathlib import Path

from textual.binding import Binding
from textual.screen import Screen

from controller_runtime.kube.resource import Ref
from controller_runtime.kube.terminal import safe_text
from controller_runtime.kube.times import milli_timestamp
from tui.kinds.model import ObjectView
from tui.names import ObjectName, name_of
from tui.notifying import Notifying, desktop_sequence
from tui.ports import Questions
from tui.screens.explain import Explain, Jump
from tui.screens.problems import Problems
from tui.state import ConsoleState

Bundle = Callable[[Ref, Sequence[str], bool], Path]  # the object, its timeline, whether it is anonymous
JUMP_PATIENCE = 5.0  # seconds for a kind that nobody watched to be listed


def timeline(state: ConsoleState, ref: Ref) -> list[str]:
    """What the stream says of an object, the oldest first."""
    lines = [state.stream.get(number) for number in state.history.get(name_of(ref), ())]
    return [
        " ".join(
            filter(None, (milli_timestamp(o.at), o.word, o.subject, o.detail, f"by {o.by}" if o.by else ""))
        )
        for o in lines
        if o is not None
    ]


class Asking(Screen[None]):
    """A part of the main screen, which says what is selected and how one gets to another object."""

    BINDINGS = [Binding("X", "explain", "Why", id="main.explain")]

    _state: ConsoleState
    _clock: Callable[[], float]
    questions: Questions | None = None
    bundle: Bundle | None = None
    _notifying: Notifying
    _goal: tuple[ObjectName, float] | None = None  # where a jump is to end, and until when it may

    def chosen(self) -> ObjectView | None:
        """What the person means: the object under the cursor."""
        raise NotImplementedError

    def go_to(self, name: ObjectName) -> bool:
        """Put the cursor on it; False when it has no row."""
        raise NotImplementedError

    def open_kind(self, name: str, wanted: str) -> None:
        """The table of a kind, with a filter."""
        raise NotImplementedError

    def open_for(self, action: str, target: ObjectView) -> None:
        """A screen about it: "page", "yaml", "history", "logs"."""
        raise NotImplementedError

    def refuse(self, why: str) -> None:
        raise NotImplementedError

    def action_explain(self, what: str = "") -> None:
        """Of the object under the cursor, or of the one that ``what`` names (KIND/NAME)."""
        if self.questions is None:
            self.refuse("there is no cluster to ask")
            return
        here = self.chosen()
        subject: Ref | str = what if what or here is None else here.ref
        if not subject:
            self.refuse("choose an object in a table first, or name one, as in :why pod/NAME")
            return
        self.explain(subject, here.ref.namespace if here is not None else "")

    def explain(self, subject: Ref | str, namespace: str = "") -> None:
        if self.questions is not None:
            screen = Explain(subject, self._state, self.questions, self._clock, namespace)
            self.app.push_screen(screen, self.jumped)

    def action_ring(self) -> None:
        """Say on the desktop when the object under the cursor changes its state, or no longer."""
        here = self.chosen()
        if here is None:
            self.refuse("choose an object in a table first")
            return
        name = name_of(here.ref)
        is_on = self._notifying.toggle(name, self._state)
        what = f"{name.kind} {name.key}"
        said = f"A bell and a desktop notification when {what} changes its state." if is_on else (
            f"No longer when {what} changes."
        )  # fmt: skip
        self.notify(safe_text(said), markup=False)

    def say_changes(self) -> None:
        """To the person, who may be elsewhere."""
        for name, before, now in self._notifying.changes(self._state):
            title, body = f"{name.kind} {name.key}", f"{before} → {now}"
            self.app.notify(safe_text(body), title=safe_text(title), timeout=10, markup=False)
            self.app.bell()
            if (driver := self.app._driver) is not None:
                driver.write(desktop_sequence(title, body, os.environ))

    def action_bundle(self, option: str = "") -> None:
        """Write all about the object under the cursor to a file, and say where."""
        here = self.chosen()
        if self.bundle is None:
            self.refuse("there is no cluster to ask")
        elif option not in ("", "--anonymize"):
            self.refuse(f"{option} is no option of :bundle: there is --anonymize")
        elif here is None:
            self.refuse("choose an object in a table first")
        else:
            self.notify("Collecting …", timeout=2, markup=False)
            self.run_worker(self._bundle(self.bundle, here.ref, bool(option)), group="bundle", exclusive=True)

    async def _bundle(self, bundle: Bundle, ref: Ref, anonymize: bool) -> None:
        try:
            path = await asyncio.to_thread(bundle, ref, timeline(self._state, ref), anonymize)
        except Exception as error:
            self.notify(safe_text(str(error)), title="No bundle", severity="error", markup=False)
        else:
            self.notify(safe_text(str(path)), title="The bundle is written", timeout=10, markup=False)

    def action_problems(self) -> None:
        def led(name: ObjectName | None) -> None:
            if name is not None:
                self.seek(name)

        self.app.push_screen(Problems(self._state, self._clock), led)

    def jumped(self, jump: Jump | None) -> None:
        """Go where a screen leads to."""
        if jump is None:
            return
        ref = jump.ref
        match jump.look:
            case "events":
                self.open_kind("events", f"{ref.kind}/{ref.name} ns:{ref.namespace}")
            case "logs":
                if (view := self._state.find(ref) or self._state.named(name_of(ref))) is not None:
                    self.open_for("logs", view)
                else:
                    self.refuse(f"{ref.kind} {ref.name} is gone, or not watched")
            case _:
                self.seek(name_of(ref))

    def seek(self, name: ObjectName) -> None:
        """To the object, by way of the table of its kind, which may have to be opened first."""
        if self.go_to(name):
            return
        kind = name.kind.lower()
        self.open_kind(f"{kind}.{name.group}" if name.group else kind, "")
        self._goal = name, self._clock() + JUMP_PATIENCE

    def finish_jump(self) -> None:
        """Once the table that was opened for a jump has the object."""
        if self._goal is None:
            return
        name, until = self._goal
        if self.go_to(name):
            self._goal = None
        elif self._clock() > until:
            self._goal = None
            self.refuse(f"{name.kind} {name.key} is not in the table")

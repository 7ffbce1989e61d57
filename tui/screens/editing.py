"""Editing an object as YAML in the person's own editor, again and again until the server takes it."""

from __future__ import annotations

import asyncio
import os
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from textual.app import SuspendNotSupported
from textual.screen import Screen

from controller.events import ActionFinished
from controller_runtime.kube.terminal import safe_text
from tui import edits
from tui.kinds.model import ObjectView
from tui.ports import Actions
from tui.state import ConsoleState

LOOK = 0.05  # seconds between looks for the answer


class Editing:
    """``edit`` gives the terminal to the editor and comes back with what is to be said, in a sentence."""

    def __init__(self, screen: Screen[None], state: ConsoleState, actions: Actions) -> None:
        self._screen = screen
        self._state = state
        self._actions = actions

    def open(self, target: ObjectView) -> None:
        """Edit it, and say what became of it."""
        self._screen.run_worker(self._edit_and_say(target), group="edit", exclusive=True)

    async def _edit_and_say(self, target: ObjectView) -> None:
        said = await self.edit(target)
        if said:
            self._screen.notify(safe_text(said), markup=False)

    async def edit(self, target: ObjectView) -> str:
        before = edits.begin(target)
        path = _new_file(target.ref.name, before)
        shown, refused = before, False
        while True:
            if why := self._run_editor(path):
                return _keep(path, why, refused=refused)
            after = _read(path)
            if after is None or after == shown:
                said = "Nothing was changed." if after else "The text could not be read again."
                return _keep(path, said, refused=refused)
            refusal = await self._submit(target, edits.body(before), edits.body(after))
            if not refusal:
                said = "Nothing was changed." if refusal == "" else ""
                return _keep(path, said, refused=False)
            shown, refused = edits.again(after, refusal), True
            _write(path, shown)

    async def _submit(self, target: ObjectView, before: str, after: str) -> str | None:
        """Why it was refused; None when it was done, "" when there was nothing to do."""
        try:
            patch = edits.difference(before, after)
        except ValueError as error:
            return str(error)
        if not patch:
            return ""
        finished = await self._answer(self._actions.edit(target.ref, patch))
        return None if finished.ok else finished.message

    async def _answer(self, id_: str) -> ActionFinished:
        while True:
            action = self._state.actions.get(id_)
            if action is not None and action.finished is not None:
                return action.finished
            await asyncio.sleep(LOOK)

    def _run_editor(self, path: Path) -> str:
        """Wait for it, with the terminal as it was before the console. Returns what went wrong, or ""."""
        command = editor(os.environ)
        try:
            with self._screen.app.suspend():
                code = subprocess.run([*command, str(path)], check=False).returncode
        except SuspendNotSupported:
            return "This terminal cannot be given to an editor."
        except OSError as error:
            return f"The editor {command[0]} did not start: {error.strerror}. Set EDITOR to another one."
        return f"{Path(command[0]).name} ended with {code}; nothing was changed." if code else ""


def _new_file(name: str, text: str) -> Path:
    """A file that only this user may read (mkstemp makes it 0600)."""
    handle, path = tempfile.mkstemp(prefix=f"reconsole-{name[:40]}-", suffix=".yaml")
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)
    return Path(path)


def _read(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, ValueError):
        return None


def _write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")


def _keep(path: Path, said: str, *, refused: bool) -> str:
    """What to say. What was refused is not thrown away."""
    if refused:
        return f"{said} Your text is in {path}"
    path.unlink(missing_ok=True)
    return said


def editor(environment: Mapping[str, str]) -> list[str]:
    """The command, as kubectl finds it, with VISUAL before EDITOR as other tools do."""
    for name in ("KUBE_EDITOR", "VISUAL", "EDITOR"):
        with suppress(ValueError):  # a quote that is not closed
            if words := shlex.split(environment.get(name, "")):
                return words
    return ["notepad"] if sys.platform == "win32" else ["vi"]

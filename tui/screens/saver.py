"""ctrl+s: what has the focus is written to a file, and it is said where."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

from textual.app import App

from controller_runtime.kube.terminal import safe_text
from tui import saving
from tui.state import ConsoleState
from tui.widgets.event_log import EventLog
from tui.widgets.resource_table import ResourceTable


class Saver:
    """Beside the log file; in the directory of now when there is none."""

    def __init__(self, app: App[int], state: ConsoleState, clock: Callable[[], float]) -> None:
        self._app = app
        self._state = state
        self._clock = clock

    def save(self) -> None:
        """The stream or table that has the focus; of everything else the screen."""
        focused = self._app.focused
        if isinstance(focused, EventLog):
            lines = focused.shown
            self._write("stream", ".jsonl", f"{len(lines):,} lines", lambda: saving.stream_lines(lines))
        elif isinstance(focused, ResourceTable):
            rows, columns = focused.shown, focused.kind.columns
            now = self._clock()
            what = f"{len(rows):,} rows"
            self._write(focused.title, ".csv", what, lambda: saving.table_csv(columns, rows, now))
        else:
            self.save_screen()

    def save_screen(self) -> None:
        picture = self._app.export_screenshot()
        self._write("screen", ".svg", "The screen", lambda: picture)

    def _write(self, name: str, ending: str, what: str, text: Callable[[], str]) -> None:
        directory = Path(self._state.log_file).parent if self._state.log_file else Path.cwd()

        async def work() -> None:
            try:
                path = await asyncio.to_thread(
                    lambda: saving.write(directory, f"reconsole-{name}", ending, text(), self._clock())
                )
            except OSError as error:
                said = f"{directory}: {error.strerror or error}"
                self._app.notify(safe_text(said), title="Not saved", severity="error", markup=False)
            else:
                said = f"{what}: {path}"
                self._app.notify(safe_text(said), title="Saved", timeout=10, markup=False)

        self._app.run_worker(work(), group="save", exclusive=True)

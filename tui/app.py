"""The console: puts the pump, the state and the screens together."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Literal

from textual.app import App
from textual.binding import Binding
from textual.screen import Screen

from controller_runtime.kube.resource import Ref, Resource
from controller_runtime.kube.terminal import safe_text
from tui.palette import Palette
from tui.ports import Actions, Questions
from tui.pump import INTERVAL, Pump
from tui.rights import needs, rows
from tui.screens.confirm import ConfirmQuit
from tui.screens.errors import Errors
from tui.screens.main import TABLES, Main
from tui.screens.rights import Rights
from tui.screens.saver import Saver
from tui.settings import Settings
from tui.source import EventSource
from tui.state import ConsoleState
from tui.stream import Ring
from tui.theme import CHANGES, THEMES
from tui.widgets.captions import Captions

# In drains, ten a second: what changes is drawn at once, and then no more often than this.
STREAM_EVERY = 2
TABLES_EVERY = 4
AGES_EVERY = 10  # where nothing happens: ages and "live" in one write
QUIT_WINDOW = 2.0  # seconds for the second ctrl+c


class ConsoleApp(App[int]):
    """Shows what comes from ``source`` and asks ``actions`` for what the person wants done."""

    # Of its default screen an app does not load the styles itself.
    CSS_PATH = Path(__file__).parent / "screens" / "main.tcss"
    COMMANDS = {Palette}
    PAUSE_GC_ON_SCROLL = True
    BINDINGS = [
        Binding("ctrl+q", "ask_quit", "Quit", show=False, priority=True, id="app.quit"),
        # Priority, because a modal screen lets no other key of the app through.
        Binding("ctrl+s", "save", "Save", show=False, priority=True, id="app.save"),
        Binding("ctrl+r", "save_recording", "Save recording", show=False, id="app.save-recording"),
        Binding("ctrl+c", "interrupt", "Quit at once", show=False, priority=True, id="app.interrupt"),
    ]

    def __init__(
        self,
        source: EventSource,
        actions: Actions,
        *,
        read_only: bool = False,
        log_file: str = "",
        title: str = "reconsole",
        tables: Sequence[Resource] = TABLES,
        restart: Callable[[], object] | None = None,
        save_recording: Callable[[], Path] | None = None,
        questions: Questions | None = None,
        bundle: Callable[[Ref, Sequence[str], bool], Path] | None = None,
        stopwatch: Callable[[], float] = time.perf_counter,
        settings: Settings | None = None,
    ) -> None:
        """``save_recording`` writes the last minutes of events: where to, or raises with a sentence.

        ``bundle`` does the same for all about an object: a timeline to put in, and whether it is anonymous.
        """
        self._settings = settings or Settings()
        super().__init__()
        self.title = title
        self.state = ConsoleState(log_file=log_file)
        self.state.stream = Ring(self._settings.rows)
        self.pump = Pump(source, self.state, stopwatch)
        self._actions = actions
        self._tables = tables
        self._read_only = read_only or actions.read_only
        self._restart = restart  # starts the embedded cluster, which has ended, again
        self._clock = source.now
        self._save_recording = save_recording
        self._questions = questions
        self._bundle = bundle
        self._drains = 0
        self._stream_due = self._tables_due = 0  # drains, from which on they may be drawn
        self._is_stream_behind = self._are_tables_behind = False
        self._interrupted = -QUIT_WINDOW
        self._main: Main | None = None
        self._showed_end = False

    def get_theme_variable_defaults(self) -> dict[str, str]:
        return {**super().get_theme_variable_defaults(), **CHANGES}

    def get_default_screen(self) -> Screen[object]:
        self._main = Main(
            self.state, self._actions, self._clock,
            title=self.title, read_only=self._read_only, tables=self._tables, restart=self._restart,
        )  # fmt: skip
        self._main.questions = self._questions
        self._main.bundle = self._bundle
        return self._main  # type: ignore[return-value]

    def on_mount(self) -> None:
        for theme in THEMES:
            self.register_theme(theme)
        self.theme = self._settings.theme
        self.set_keymap(dict(self._settings.keys))
        self.set_interval(INTERVAL, self.tick)
        self._leave_on_signals()

    def _leave_on_signals(self) -> None:
        """Without this the terminal would stay as the console needs it when someone ends the process."""
        loop = asyncio.get_running_loop()
        for name, code in (("SIGTERM", 0), ("SIGHUP", 0), ("SIGQUIT", 128 + 3)):
            # Only the main thread may, and not on Windows.
            with suppress(NotImplementedError, RuntimeError, ValueError, AttributeError):
                loop.add_signal_handler(getattr(signal, name), partial(self.exit, code, code))

    def tick(self) -> None:
        """One turn of the pump: drain, show the stream, and every third time the tables."""
        applied = self.pump.drain()
        self._drains += 1
        for notice in self.state.notices[:3]:
            self.notify(
                safe_text(notice.message),
                title=safe_text(notice.title),
                severity=notice.severity,
                markup=False,
            )
        self.state.notices.clear()
        if self._main is None or not self._main.is_mounted or not self.screen_stack:  # it begins or ends
            return
        self._caption_dialogs()
        if self.state.ended is not None and not self._showed_end:
            self._showed_end = True
            self.push_screen(Errors(self.state))
        if applied:
            self._is_stream_behind = self._are_tables_behind = True
        if self._is_stream_behind and self._drains >= self._stream_due:
            self._main.commit_stream()
            self._is_stream_behind, self._stream_due = False, self._drains + STREAM_EVERY
        ages_due = self._tables_due - TABLES_EVERY + AGES_EVERY
        if self._drains >= (self._tables_due if self._are_tables_behind else ages_due):
            self._main.commit()
            self._are_tables_behind, self._tables_due = False, self._drains + TABLES_EVERY

    def _caption_dialogs(self) -> None:
        """What a story says stays bright where a dialog dims the rest."""
        if self.screen is self._main or not self.screen.is_modal:
            return
        if (captions := next(iter(self.screen.query(Captions)), None)) is not None:
            captions.commit()
        elif self.state.caption is not None:
            self.screen.mount(Captions(self.state, classes="docked"))

    def show(self) -> None:
        """Draw everything anew, now."""
        if self._main is not None and self._main.is_mounted:
            self._main.commit_stream()
            self._main.commit()

    def action_save(self) -> None:
        """What has the focus, as a file; a screen may have its own."""
        if (own := getattr(self.screen, "action_save", None)) is not None:
            own()
            return
        Saver(self, self.state, self._clock).save()

    def action_save_screen(self) -> None:
        Saver(self, self.state, self._clock).save_screen()

    def action_save_recording(self) -> None:
        """Write the last minutes of events to a file, and say where."""
        self.run_worker(self._save(), group="save", exclusive=True)

    async def _save(self) -> None:
        if self._save_recording is None:
            self.notify("Not available here: nothing is recorded.", severity="warning", markup=False)
            return
        try:
            path = await asyncio.to_thread(self._save_recording)
        except Exception as error:
            self.notify(safe_text(str(error)), title="Not saved", severity="error", markup=False)
        else:
            said = f"reconsole replay {path}"
            self.notify(safe_text(said), title="The last minutes are saved", timeout=10, markup=False)

    def action_can_i(self, subject: str = "") -> None:
        """The matrix of permissions, with those of ``subject`` beside the operator's."""
        self.push_screen(Rights(self.state, self._actions, self._clock, subject))

    def action_revoke(self, resource: str = "") -> None:
        self._change_rights("revoke", resource)

    def action_grant(self, resource: str = "") -> None:
        self._change_rights("grant", resource)

    def _change_rights(self, verb: Literal["revoke", "grant"], resource: str) -> None:
        """Play with the operator's role on the embedded cluster: what becomes of it shows at once."""
        connection = self.state.connection
        needed = sorted({row.resource for row in rows(self.state.reviews.get("controller")) if row.resource})
        rules = needs(self.state, resource)
        if not rules:
            some = f": one of {', '.join(needed)}" if needed else ""
            said = f"Say which resource, as in :{verb} services{some}."
            self.notify(safe_text(said), severity="warning", markup=False)
        elif connection is not None and verb == "revoke":
            self._actions.revoke(connection.identity, resource)
        elif connection is not None:
            self._actions.grant(connection.identity, resource, rules)

    def action_ask_quit(self) -> None:
        def answered(quits: bool | None) -> None:
            if quits:
                self.exit(0)

        if not isinstance(self.screen, ConfirmQuit):
            self.push_screen(ConfirmQuit(), answered)

    def action_interrupt(self) -> None:
        now = self._clock()
        if now - self._interrupted < QUIT_WINDOW:
            self.exit(0)
            return
        self._interrupted = now
        self.notify("Press ctrl+c again to quit.", severity="warning", timeout=QUIT_WINDOW, markup=False)

"""The console: Textual in the main thread, the session on one of its own."""

from __future__ import annotations

import logging
import os
import signal
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from controller.events import ControllerEnded
from controller_runtime.bus import EventBus
from controller_runtime.events import trace
from controller_runtime.threads import Threads
from reconsole.demo.tape import Tape
from reconsole.flight import FlightRecorder
from reconsole.logfile import file_handler, log_path, log_to
from reconsole.options import Failure, Options
from reconsole.session import Session, end_soon

if TYPE_CHECKING:
    from controller_runtime.kube.resource import Resource
    from controller_runtime.manager.logqueue import QueuedHandler
    from reconsole.operators import Operator
    from tui.app import ConsoleApp

log = logging.getLogger("reconsole")

LOG_GRACE = 0.3  # seconds, for the last lines


Maker = Callable[..., "ConsoleApp"]  # is given what the class is given


def run_console(
    options: Options,
    *,
    make: Callable[[EventBus], Maker] | None = None,
    size: tuple[int, int] | None = None,
) -> int:
    """Run until the person quits. Returns the exit code.

    ``make`` says what makes the app for a bus. With a ``size`` in cells it runs without a terminal.
    """
    from reconsole.config import load_settings

    bus = EventBus()
    threads = Threads(bus)
    subscription = bus.subscribe("console", maxlen=50_000)
    try:
        flight = FlightRecorder(bus, threads, options.events)
        settings = load_settings(no_mouse=options.no_mouse)
        tape = Tape(options.record) if options.record else None
        if make is not None:
            settings = replace(settings, keys={})  # a script presses those that are there by default
        session = Session(options, bus, threads, flight=flight)
    except Failure as failure:
        print(f"error: {failure}", file=sys.stderr)
        return 1
    failures: list[Failure] = []
    replaced: list[Session] = []

    from tui.app import ConsoleApp
    from tui.source import Live
    from tui.tape import taped

    def ended(error: BaseException | None) -> None:
        if error is None or session in replaced:
            return
        if isinstance(error, Failure):
            failures.append(error)
            _leave(app)
        else:
            crashed(error)

    def crashed(error: BaseException) -> None:
        log.error("The controller ended", exc_info=error)
        words = f"{type(error).__name__}: {error}"
        failures.append(Failure(f"the controller ended: {words}" + (f"; see {log_file}" if log_file else "")))
        bus.publish(ControllerEnded(at=time.time(), message=words, traceback=trace(error)))

    def begin_again() -> None:
        """Another embedded cluster in the place of the one that has ended."""
        nonlocal session
        replaced.append(session)
        session.close()
        try:
            session = Session(options, bus, threads, flight=flight)
        except Failure as failure:
            failures.append(failure)
            _leave(app)
            return
        actions.use(session.person)
        asker.use(session.person)
        session.start(ended)

    def restart() -> None:
        threads.start("restart", begin_again, on_death=crashed)

    from controller.actions import Actions
    from controller.browse import Browser
    from controller.podlogs import PodLogs
    from reconsole.bundle import Bundler
    from reconsole.needs import definitions_needed
    from why.asker import Asker

    path = log_path(os.environ)
    file = _log(bus, threads, path)
    log_file = str(path) if file else ""
    browser = Browser(session.person, bus, threads)
    actions = Actions(
        session.person, bus, read_only=options.read_only, browser=browser,
        logs=PodLogs(session.person, threads), embedded=options.embedded, reviewer=lambda: session.reviewer,
        definitions=lambda: definitions_needed(session.operator),
    )  # fmt: skip
    asker = Asker(session.person, bus, threads)
    app = (make(bus) if make else ConsoleApp)(
        Live(subscription), actions, read_only=options.read_only, tables=_tables(session.operator),
        log_file=log_file, save_recording=flight.save, questions=asker,
        bundle=Bundler(lambda: session.person),
        restart=restart if options.embedded else None, settings=settings,
    )  # fmt: skip
    if tape is not None:
        app.driver_class = taped(app.driver_class, tape.keep)
    session.with_terminal = partial(_suspended, app)
    session.start(ended)
    signal.signal(signal.SIGTERM, lambda *_: app.exit(0))
    try:
        app.run(headless=size is not None, size=size, mouse=settings.mouse)
    finally:
        if tape is not None:
            tape.close()
        session.stop.set()
        browser.close()
        actions.close()
        session.close()
        flight.close()
    if (crash := app._exception) is not None:  # Textual has printed it, and that is all that it does
        log.error("The console ended", exc_info=crash)
    if file is not None:
        file.flush_within(LOG_GRACE)
    for reason in failures:
        print(f"error: {reason}", file=sys.stderr)
    code = 1 if failures else app.return_code or 0
    if size is None:  # else whoever called it goes on
        end_soon(threads, code)
    return code


def _log(bus: EventBus, threads: Threads, path: Path) -> QueuedHandler | None:
    """Log lines go onto the bus and to the file, whose handler is returned: None when there can be none."""
    from controller_runtime.manager.buslog import BusHandler

    shown = BusHandler(bus)
    try:
        file = file_handler(path, threads)
    except OSError as error:
        log_to(shown)
        log.warning("There is no log file: %s: %s", path, error.strerror or error)
        return None
    log_to(shown, file)
    return file


def _tables(operator: Operator | None) -> Sequence[Resource]:
    """The kinds that are shown: those of the operator's file, or of the one that is brought along."""
    from tui.screens.main import TABLES

    if operator is None or not operator.kinds:
        return TABLES
    return [kind.resource for kind in operator.kinds]


def _suspended(app: ConsoleApp, run: Callable[[], None]) -> None:
    """Run it with the terminal as it was before the app, whose screen comes back afterwards."""

    def suspended() -> None:
        with app.suspend():
            run()

    _call(app, suspended)


def _leave(app: ConsoleApp) -> None:
    _call(app, partial(app.exit, return_code=1))


def _call(app: ConsoleApp, function: Callable[[], object]) -> None:
    """Run it in the app, from another thread, also when the app is still on its way up."""
    while True:
        try:
            app.call_from_thread(function)
        except RuntimeError:
            if app.is_running or app.return_code is not None:
                return
            time.sleep(0.05)
        else:
            return

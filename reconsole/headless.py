"""``--no-ui``: the controller without a screen. Data on stdout, diagnostics on stderr."""

from __future__ import annotations

import logging
import os
import signal
import sys
from collections.abc import Callable
from contextlib import closing
from functools import partial
from types import FrameType

from controller_runtime.bus import EventBus
from controller_runtime.kube.terminal import escape
from controller_runtime.manager.logqueue import QueuedHandler
from controller_runtime.manager.logs import JsonFormatter, TextFormatter
from controller_runtime.manager.writer import LineWriter
from controller_runtime.threads import Threads
from reconsole.flight import FlightRecorder
from reconsole.lines import PRINTED, json_line, text_line
from reconsole.logfile import log_to
from reconsole.options import Failure, Options
from reconsole.output import OUTPUT_LOST, descriptor_of
from reconsole.printer import Printer
from reconsole.session import Session, end_soon

log = logging.getLogger("reconsole")

# Of the five seconds that a stop takes when nothing but a server or a reader holds it up.
PRINTING_GRACE = 0.5  # seconds
LOG_GRACE = 0.3  # seconds


def run_headless(options: Options) -> int:
    """Run until SIGTERM or ctrl+c, wind up, and return the exit code. A second signal exits at once with 1.

    OUTPUT_LOST is the exit code when all went well but for events that could not be printed.
    """
    bus = EventBus()
    threads = Threads(bus)
    logs = _log_to_stderr(threads, json=options.output == "json")
    say = partial(_say, logs, json=options.output == "json")
    try:
        with closing(FlightRecorder(bus, threads, options.events)) as flight:
            code = _run(options, bus, threads, say, flight)
    except Failure as failure:
        say(str(failure))
        code = 1
    logs.flush_within(LOG_GRACE)
    end_soon(threads, code)
    return code


def _run(
    options: Options, bus: EventBus, threads: Threads, say: Callable[[str], bool], flight: FlightRecorder
) -> int:
    """The exit code. Raises Failure."""
    subscription = bus.subscribe("headless", of=PRINTED, maxlen=100_000)

    def end_at_once(reason: str) -> None:
        # What hangs cannot be wound up, and somebody else may lead already.
        say(reason)
        os._exit(1)

    session = Session(options, bus, threads, flight=flight, on_lost=end_at_once)
    signalled = False

    def on_signal(number: int, frame: FrameType | None) -> None:
        nonlocal signalled
        if signalled:
            os._exit(1)
        signalled = True
        log.info("Stopping: %s", signal.Signals(number).name)
        session.stop.set()

    signal.signal(signal.SIGTERM, on_signal)
    signal.signal(signal.SIGINT, on_signal)
    line = json_line if options.output == "json" else text_line
    printer = Printer(subscription, line, *descriptor_of(sys.stdout), reader_left=session.stop.set)
    printing = threads.start("printer", printer.run, done=lambda: printer.is_over, busy=printer.busy_for)
    # The session runs on a thread, so that this one is free to take signals.
    errors: list[BaseException] = []
    session.start(lambda error: errors.append(error) if error else None)
    session.wait()
    subscription.close()
    printing.join(PRINTING_GRACE)
    for error in errors:
        if isinstance(error, Failure):
            raise error
        log.error("The controller ended", exc_info=error)
        raise Failure(f"the controller ended: {type(error).__name__}: {error}")
    if printer.lost:
        log.error("Output was lost", extra={"fields": {"count": printer.lost}})
        return OUTPUT_LOST
    return 0


def _log_to_stderr(threads: Threads, *, json: bool) -> QueuedHandler:
    """All that is logged goes through one queue, so that nobody waits for who reads stderr."""
    handler = QueuedHandler(LineWriter(*descriptor_of(sys.stderr)))
    handler.setFormatter(JsonFormatter() if json else TextFormatter())
    log_to(handler)
    handler.start(threads)
    return handler


def _say(logs: QueuedHandler, reason: str, *, json: bool) -> bool:
    """Why the program ends, on stderr; whether it could be written."""
    if json:
        log.error("%s", reason)
    else:
        logs.put(f"error: {escape(reason)}")
    return logs.flush_within(LOG_GRACE)

"""``--no-ui``: the controller without a screen. Data on stdout, diagnostics on stderr."""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from functools import partial
from types import FrameType

from controller_runtime.bus import EventBus
from controller_runtime.kube.terminal import escape
from controller_runtime.manager.logqueue import QueuedHandler
from controller_runtime.manager.logs import JsonFormatter, TextFormatter
from controller_runtime.threads import SupervisedThread, Threads
from reconsole.lines import json_line, text_line
from reconsole.options import Failure, Options
from reconsole.output import OUTPUT_LOST, descriptor_of
from reconsole.printer import Printer
from reconsole.session import Session

log = logging.getLogger("reconsole")

# Of the five seconds that a stop takes when nothing else than a server or a reader holds it up.
IDLE_GRACE = 1.0  # seconds, for a session that has not begun to work, or has ended it
PRINTING_GRACE = 0.5  # seconds
LOG_GRACE = 0.3  # seconds
EXIT_GRACE = 0.5  # seconds, for what Python waits for at its end


def run_headless(options: Options) -> int:
    """Run until SIGTERM or ctrl+c, wind up, and return the exit code. A second signal exits at once with 1.

    OUTPUT_LOST is the exit code when all went well but for events that could not be printed.
    """
    bus = EventBus()
    threads = Threads(bus)
    logs = _log_to_stderr(threads, json=options.output == "json")
    say = partial(_say, logs, json=options.output == "json")
    try:
        code = _run(options, bus, threads, say)
    except Failure as failure:
        say(str(failure))
        code = 1
    logs.flush_within(LOG_GRACE)
    # Requests that are still connecting would hold up the end of the interpreter.
    threads.after(EXIT_GRACE, "exit", lambda: os._exit(code)).start()
    return code


def _run(options: Options, bus: EventBus, threads: Threads, say: Callable[[str], bool]) -> int:
    """The exit code. Raises Failure."""
    subscription = bus.subscribe("headless", maxlen=100_000)

    def end_at_once(reason: str) -> None:
        # What hangs cannot be wound up, and somebody else may lead already.
        say(reason)
        os._exit(1)

    session = Session(options, bus, threads, on_lost=end_at_once)
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
    result: list[Failure] = []
    worker = threads.start("session", partial(_work, session, result))
    _wait(session, worker)
    subscription.close()
    printing.join(PRINTING_GRACE)
    if result:
        raise result[0]
    if printer.lost:
        log.error("Output was lost", extra={"fields": {"count": printer.lost}})
        return OUTPUT_LOST
    return 0


def _work(session: Session, result: list[Failure]) -> None:
    try:
        session.run()
    except Failure as failure:
        result.append(failure)
    except BaseException as error:
        log.exception("The controller ended")
        result.append(Failure(f"the controller ended: {type(error).__name__}: {error}"))


def _wait(session: Session, worker: SupervisedThread) -> None:
    """Until it has ended; a stop does not wait long while it connects or closes the embedded cluster."""
    leave_at = None
    while worker.is_alive():
        worker.join(0.2)
        if session.stop.is_set() and not session.is_managing:
            leave_at = leave_at or time.monotonic() + IDLE_GRACE
            if time.monotonic() >= leave_at:
                session.abandon()
                return


def _log_to_stderr(threads: Threads, *, json: bool) -> QueuedHandler:
    """All that is logged goes through one queue, so that nobody waits for who reads stderr."""
    descriptor, encoding = descriptor_of(sys.stderr)
    handler = QueuedHandler(descriptor, encoding)
    handler.setFormatter(JsonFormatter() if json else TextFormatter())
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    logging.captureWarnings(True)
    threading.excepthook = _log_end_of_thread
    handler.start(threads)
    return handler


def _log_end_of_thread(args: threading.ExceptHookArgs) -> None:
    """Of a thread that somebody else started, a library or the operator."""
    name = args.thread.name if args.thread else ""
    log.error("Thread died", exc_info=args.exc_value, extra={"fields": {"thread": name}})


def _say(logs: QueuedHandler, reason: str, *, json: bool) -> bool:
    """Why the program ends, on stderr; whether it could be written."""
    if json:
        log.error("%s", reason)
    else:
        logs.put(f"error: {escape(reason)}")
    return logs.flush_within(LOG_GRACE)

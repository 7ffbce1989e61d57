"""``--no-ui``: the controller without a screen. Data on stdout, diagnostics on stderr."""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
from functools import partial
from types import FrameType

from controller_runtime.bus import LINGER, EventBus, Subscription
from reconsole.lines import json_line, text_line
from reconsole.options import Failure, Options
from reconsole.session import Session

log = logging.getLogger("reconsole")


def run_headless(options: Options) -> int:
    """Run until SIGTERM or ctrl+c, drain, and return the exit code. A second signal exits at once with 1."""
    _log_to_stderr(json=options.output == "json")
    bus = EventBus()
    subscription = bus.subscribe("headless", maxlen=100_000)
    try:
        session = Session(options, bus)
    except Failure as failure:
        return _failed(failure)

    def on_signal(number: int, frame: FrameType | None) -> None:
        if session.stop.is_set():
            os._exit(1)
        log.info("Stopping: %s", signal.Signals(number).name)
        session.stop.set()

    signal.signal(signal.SIGTERM, on_signal)
    signal.signal(signal.SIGINT, on_signal)
    printer = Printer(subscription, options.output, session.stop)
    printing = session.threads.start("printer", printer.run, done=lambda: printer.is_over)
    # The session runs on a thread, so that this one is free to take signals.
    result: list[Failure] = []
    worker = session.threads.start("session", partial(_run, session, result))
    while worker.is_alive():
        worker.join(0.5)
    subscription.close()
    printing.join(5.0)
    return _failed(result[0]) if result else 0


def _log_to_stderr(*, json: bool) -> None:
    from controller_runtime.manager.logs import JsonFormatter, TextFormatter

    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter() if json else TextFormatter())
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)


def _run(session: Session, result: list[Failure]) -> None:
    try:
        session.run()
    except Failure as failure:
        result.append(failure)
    except Exception as error:
        log.exception("The controller ended")
        result.append(Failure(f"the controller ended: {error}"))


def _failed(failure: Failure) -> int:
    print(f"error: {failure}", file=sys.stderr)
    return 1


class Printer:
    """Writes a line for each event. When nobody reads any more it stops the session, quietly."""

    def __init__(self, subscription: Subscription, output: str, stop: threading.Event) -> None:
        self.is_over = False
        self._subscription = subscription
        self._line = json_line if output == "json" else text_line
        self._stop_session = stop

    def run(self) -> None:
        try:
            while not self._subscription.closed or len(self._subscription):
                self._subscription.wait(0.5, linger=LINGER)
                batch = self._subscription.drain()
                if batch.dropped:
                    print(
                        f"warning: {batch.dropped} events were not printed: reader too slow", file=sys.stderr
                    )
                lines = [line for event in batch.events if (line := self._line(event))]
                if lines:
                    sys.stdout.write("".join(f"{line}\n" for line in lines))
                    sys.stdout.flush()
        except (BrokenPipeError, ValueError):
            # Python flushes stdout once more at its end; let that go nowhere.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            self._stop_session.set()
        self.is_over = True

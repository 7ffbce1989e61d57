"""The log file of the console: whose it is, how it is kept small, and what its lines hold."""

from __future__ import annotations

import logging
import os
import sys
import threading
from pathlib import Path

import pytest

from controller_runtime.bus import EventBus
from controller_runtime.events import Log
from controller_runtime.manager.buslog import BusHandler
from controller_runtime.manager.logs import TraceFormatter
from reconsole import logfile
from reconsole.logfile import KEPT, RotatingFile, log_path
from reconsole.printer import Printer
from tests.runtime.sandboxed import Recording


@pytest.mark.parametrize(
    ("state", "path"),
    [
        ("/var/x", "/var/x/reconsole/reconsole.log"),
        ("", "{home}/.local/state/reconsole/reconsole.log"),
        ("relative", "{home}/.local/state/reconsole/reconsole.log"),  # invalid, by the specification
    ],
)
def test_its_path(state: str, path: str) -> None:
    assert str(log_path({"XDG_STATE_HOME": state})) == path.format(home=Path.home())


def test_it_is_for_its_owner_and_rotated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logfile, "MAX_BYTES", 100)
    path = tmp_path / "state" / "reconsole" / "reconsole.log"
    one, two = RotatingFile(path), RotatingFile(path)  # two consoles at once
    for number in range(20):
        assert (one, two)[number % 2].write(f"line {number:02} {'x' * 30}\n", lambda: False)
    files = sorted(path.parent.iterdir())
    assert [f.name for f in files] == ["reconsole.log", *(f"reconsole.log.{n}" for n in range(1, KEPT + 1))]
    assert all(f.stat().st_mode & 0o777 == 0o600 and f.stat().st_size <= 100 for f in files)
    assert path.parent.stat().st_mode & 0o777 == 0o700
    kept = [line[:7] for f in reversed(files) for line in f.read_text().splitlines()]
    assert kept == [f"line {number:02}" for number in range(20 - len(kept), 20)]
    one.close()
    two.close()


def test_a_file_that_is_taken_away_is_begun_anew_and_a_full_disk_is_no_error(tmp_path: Path) -> None:
    path = tmp_path / "reconsole.log"
    file = RotatingFile(path)
    assert file.write("a\n", lambda: False)
    path.unlink()
    assert file.write("b\n", lambda: False)
    assert path.read_text() == "b\n"
    file.close()
    assert not RotatingFile(Path("/dev/null/x")).write("a\n", lambda: False)


def _record() -> logging.LogRecord:
    try:
        raise ValueError("odd \x1b[2J")
    except ValueError as error:
        info = (ValueError, error, error.__traceback__)
    record = logging.LogRecord("lib", logging.ERROR, "", 0, "it failed", (), info)
    record.fields = {"source": "kind", "worker count": 2}
    return record


def test_fields_and_tracebacks_reach_the_file_and_the_bus() -> None:
    lines = TraceFormatter().format(_record()).splitlines()
    assert lines[0].endswith('lib: it failed source=kind worker_count=2 error="ValueError: odd \\\\x1b[2J"')
    assert lines[1] == "    Traceback (most recent call last):"
    assert lines[-1] == "    ValueError: odd \\x1b[2J"
    bus = EventBus()
    recording = Recording(bus)
    BusHandler(bus).emit(_record())
    [event] = recording.of(Log)
    assert event.detail == 'source=kind worker_count=2 error="ValueError: odd \\\\x1b[2J"'
    assert "test_logfile.py" in event.traceback


def test_what_cannot_be_formatted_or_only_be_printed_by_python_is_logged() -> None:
    bus = EventBus()
    recording = Recording(bus)
    hooks = threading.excepthook, sys.unraisablehook
    handlers = logging.getLogger().handlers[:]

    class Odd:
        def __del__(self) -> None:
            raise ValueError("in a finalizer")

    try:
        logfile.log_to(BusHandler(bus))
        logging.getLogger("x").warning("%d", "one")
        odd = Odd()
        del odd
        thread = threading.Thread(target=lambda: 1 / 0, name="theirs")
        thread.start()
        thread.join()
    finally:
        threading.excepthook, sys.unraisablehook = hooks
        logging.captureWarnings(False)
        logging.getLogger().handlers[:] = handlers
    one, two, three = recording.of(Log)
    assert one.message == "cannot format '%d': TypeError: %d format: a real number is required, not str"
    assert "in a finalizer" in two.traceback
    assert (three.message, "ZeroDivisionError" in three.traceback) == ("Thread died", True)
    assert "thread=theirs" in three.detail


def test_an_event_that_cannot_be_printed_is_counted_and_the_others_are_printed() -> None:
    bus = EventBus()
    subscription = bus.subscribe("test")
    reading, writing = os.pipe()
    printer = Printer(subscription, lambda event: str(1 // int(event.at)), writing, "utf-8", lambda: None)
    for at in (1, 0, 1):
        bus.publish(Log(at=at, level="info", message=""))
    subscription.close()
    printer.run()
    assert os.read(reading, 100) == b"1\n1\n"
    assert printer.lost == 1
    os.close(reading)
    os.close(writing)

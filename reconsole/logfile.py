"""Where log lines go: to one set of handlers, and with the console on to a file that is kept small."""

from __future__ import annotations

import logging
import os
import sys
import threading
from collections.abc import Callable, Mapping
from pathlib import Path

from controller_runtime.manager.logqueue import QueuedHandler
from controller_runtime.manager.logs import TraceFormatter
from controller_runtime.threads import Threads

MAX_BYTES = 1 << 20
KEPT = 3  # older files

log = logging.getLogger("reconsole")


def log_to(*handlers: logging.Handler) -> None:
    """These alone get what is logged, what Python warns of, and what ends a thread that others started."""
    logging.basicConfig(level=logging.INFO, handlers=handlers, force=True)
    logging.captureWarnings(True)
    threading.excepthook = _log_end_of_thread
    sys.unraisablehook = _log_ignored


def _log_end_of_thread(args: threading.ExceptHookArgs) -> None:
    name = args.thread.name if args.thread else ""
    log.error("Thread died", exc_info=args.exc_value, extra={"fields": {"thread": name}})


def _log_ignored(args: sys.UnraisableHookArgs) -> None:
    """Errors that Python can only print, of a finalizer for one: on a screen they would be dirt."""
    log.warning("%s %r", args.err_msg or "Exception ignored in", args.object, exc_info=args.exc_value)


def log_path(environ: Mapping[str, str]) -> Path:
    """``reconsole.log`` in the state directory. Source: XDG Base Directory Specification 0.8."""
    state = environ.get("XDG_STATE_HOME", "")
    base = Path(state) if os.path.isabs(state) else Path.home() / ".local" / "state"
    return base / "reconsole" / "reconsole.log"


def file_handler(path: Path, threads: Threads) -> QueuedHandler:
    """A handler that writes to ``path``. Raises OSError when that cannot be."""
    sink = RotatingFile(path)
    sink.open()
    handler = QueuedHandler(sink)
    handler.setFormatter(TraceFormatter())
    handler.start(threads, "log-file")
    return handler


class RotatingFile:
    """A file for its owner alone. Above MAX_BYTES it becomes ``.1``, that becomes ``.2``, and KEPT are kept.

    Several processes may share it: lines are appended whole, and whoever finds that the file has another
    name by now opens the new one. What cannot be written is lost: it is a log.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor = -1

    def open(self) -> None:
        """Raises OSError."""
        self.close()
        self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._descriptor = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        os.fchmod(self._descriptor, 0o600)

    def close(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def write(self, text: str, give_up: Callable[[], bool]) -> bool:
        data = text.encode("utf-8", "backslashreplace")
        try:
            if not self._is_current():
                self.open()
            if (size := os.fstat(self._descriptor).st_size) and size + len(data) > MAX_BYTES:
                self._rotate()
            os.write(self._descriptor, data)
        except OSError:
            return False
        return True

    def _is_current(self) -> bool:
        try:
            return self._descriptor >= 0 and os.path.samestat(os.stat(self._path), os.fstat(self._descriptor))
        except FileNotFoundError:
            return False

    def _rotate(self) -> None:
        for number in range(KEPT, 0, -1):
            older = self._name(number - 1)
            if older.exists():
                older.replace(self._name(number))
        self.open()

    def _name(self, number: int) -> Path:
        return self._path.with_name(f"{self._path.name}.{number}") if number else self._path

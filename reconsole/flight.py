"""The flight recorder of a process: the file of ``--events``, and the last minutes on demand."""

from __future__ import annotations

import os
import time
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from controller_runtime.bus import EventBus
from controller_runtime.threads import Threads
from reconsole.logfile import log_path
from reconsole.options import Failure
from recording.recorder import Recorder

CLOSE_TIMEOUT = 2.0  # seconds, for what is still to be written


class FlightRecorder:
    """Records a bus from now on, whatever sessions come and go on it, on a thread of its own."""

    def __init__(self, bus: EventBus, threads: Threads, path: Path | None) -> None:
        """It keeps the last minutes, and writes all to ``path`` if there is one. Raises Failure."""
        self._recorder = Recorder(bus, program=_program())
        if path is not None:
            try:
                self._recorder.write_to(path)
            except (OSError, ImportError) as error:
                raise Failure(f"cannot write the recording {path}: {_words(error)}") from error
        recorder = self._recorder
        self._thread = threads.start("recorder", recorder.run, done=lambda: recorder.is_over)

    def save(self, path: Path | None = None) -> Path:
        """Write the last minutes to ``path``, or to a new file in the state directory. Raises Failure."""
        try:
            if path is None:
                directory = log_path(os.environ).parent
                directory.mkdir(parents=True, exist_ok=True, mode=0o700)
                path = directory / time.strftime("recording-%Y%m%dT%H%M%SZ.jsonl.gz", time.gmtime())
            self._recorder.save(path)
        except (OSError, ImportError) as error:
            raise Failure(f"cannot write the recording {path}: {_words(error)}") from error
        return path

    def close(self) -> None:
        """Write what is still to be written."""
        self._recorder.close()
        self._thread.join(CLOSE_TIMEOUT)


def _program() -> str:
    try:
        return f"reconsole {version('reconsole')}"
    except PackageNotFoundError:
        return "reconsole"


def _words(error: Exception) -> str:
    return (error.strerror if isinstance(error, OSError) else "") or str(error)

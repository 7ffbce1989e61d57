"""Where flight recordings go: the file of ``--events``, and the last minutes when they are asked for."""

from __future__ import annotations

import os
import time
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING

from reconsole.logfile import log_path
from reconsole.options import Failure

if TYPE_CHECKING:
    from controller_runtime.bus import EventBus
    from recording.recorder import Recorder


def new_recorder(bus: EventBus, path: Path | None) -> Recorder:
    """It keeps the last minutes, and writes all to ``path`` if there is one. Raises Failure."""
    from recording.recorder import Recorder

    recorder = Recorder(bus, program=_program())
    if path is not None:
        try:
            recorder.write_to(path)
        except (OSError, ImportError) as error:
            raise Failure(f"cannot write the recording {path}: {_words(error)}") from error
    return recorder


def save(recorder: Recorder, path: Path | None = None) -> Path:
    """Write the last minutes to ``path``, or to a new file in the state directory. Raises Failure."""
    try:
        if path is None:
            directory = log_path(os.environ).parent
            directory.mkdir(parents=True, exist_ok=True, mode=0o700)
            path = directory / time.strftime("recording-%Y%m%dT%H%M%SZ.jsonl.gz", time.gmtime())
        recorder.save(path)
    except (OSError, ImportError) as error:
        raise Failure(f"cannot write the recording {path}: {_words(error)}") from error
    return path


def _program() -> str:
    try:
        return f"reconsole {version('reconsole')}"
    except PackageNotFoundError:
        return "reconsole"


def _words(error: Exception) -> str:
    return (error.strerror if isinstance(error, OSError) else "") or str(error)

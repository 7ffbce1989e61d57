"""``--record``: the screen of a live session, as it is written to the terminal."""

from __future__ import annotations

import logging
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path

from reconsole.demo.cast import event, header
from reconsole.options import Failure

log = logging.getLogger("reconsole")


class Tape:
    """Each write is in the file at once. A full disk ends it, and nothing else; that is logged."""

    def __init__(self, path: Path, stopwatch: Callable[[], float] = time.monotonic) -> None:
        """A new file that only its owner can read. Raises Failure."""
        self._size = shutil.get_terminal_size()
        self._stopwatch = stopwatch
        self._began = stopwatch()
        self._is_open = True
        try:
            self._file = os.fdopen(
                os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600),
                "w",
                encoding="utf-8",
                buffering=1,
            )
            self._file.write(header(self._size, title="reconsole", at=time.time()) + "\n")
        except OSError as error:
            raise Failure(f"cannot record the screen to {path}: {error.strerror or error}") from error

    def keep(self, data: str) -> None:
        """What goes to the terminal now."""
        if not self._is_open:
            return
        at = self._stopwatch() - self._began
        lines = [event(at, "o", data)]
        if (size := shutil.get_terminal_size()) != self._size:
            self._size = size
            lines.insert(0, event(at, "r", f"{size[0]}x{size[1]}"))
        try:
            self._file.write("".join(f"{line}\n" for line in lines))
        except OSError as error:
            self._is_open = False
            log.warning("The screen is recorded no more: %s", error.strerror or error)

    def close(self) -> None:
        self._is_open = False
        try:
            self._file.close()
        except OSError as error:
            log.warning("The end of the screen recording is missing: %s", error.strerror or error)

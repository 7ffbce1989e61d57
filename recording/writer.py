"""A recording on disk: rotated by size, and written on after whatever kept it from being written."""

from __future__ import annotations

import errno
import logging
import os
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path

from recording.codec import Gap, encode, encode_header
from recording.files import Sink, create

log = logging.getLogger("recording")

ROTATE_AT = 256 << 20  # bytes of one file
KEPT = 4  # older files, FILE.1 the newest of them
RETRY_AFTER = 30.0  # seconds


class RecordingFile:
    """For one thread. A full disk or a broken file is logged once, and tried again until it goes away.

    ``state`` gives the lines that a further file begins with, so that each can be read for itself.
    """

    def __init__(
        self,
        path: Path,
        *,
        program: str,
        clock: Callable[[], float],
        state: Callable[[], Iterable[bytes]],
        rotate_at: int = ROTATE_AT,
    ) -> None:
        """Raises OSError when the file cannot be made, or is a folder, a device or a pipe."""
        self.path = path
        self._target = Path(os.path.realpath(path))  # a link stays where it is
        self._program = program
        self._clock = clock
        self._state = state
        self._rotate_at = rotate_at
        self._part = 0
        self._lost = 0  # lines that could not be written
        self._retry_at: float | None = None
        self._sink: Sink | None = None
        self._begin()

    def write(self, lines: list[bytes]) -> None:
        """Each is on its way to the disk when this returns. Raises nothing."""
        count = len(lines)
        if self._retry_at is not None and self._clock() < self._retry_at:
            self._lost += count
            return
        try:
            if self._sink is None:
                self._begin()
            assert self._sink is not None
            if self._lost:
                # The line that broke off is ended, and is one damaged line.
                lines = [b"", encode(Gap(at=self._clock(), count=self._lost)), *lines]
            self._sink.write(b"\n".join(lines) + b"\n")
            if self._retry_at is not None:
                log.info("The recording goes on; %d events are missing in it", self._lost)
                self._retry_at, self._lost = None, 0
            if self._sink.size() >= self._rotate_at:
                self._begin()
        except (OSError, ValueError) as error:
            if self._retry_at is None:
                log.error("Cannot write the recording %s: %s; it is tried again", self.path, _words(error))
            self._lost += count
            self._retry_at = self._clock() + RETRY_AFTER

    def close(self) -> None:
        """End the file, and say what it lacks."""
        if self._lost:
            log.error(
                "The recording %s ends early, without its last events: %d are missing", self.path, self._lost
            )
        self._close_sink()

    def _close_sink(self) -> None:
        if self._sink is not None:
            with suppress(OSError):
                self._sink.close()

    def _begin(self) -> None:
        """A new file; what is there under its name becomes FILE.1."""
        self._close_sink()
        self._sink = None
        target = self._target
        if target.exists() and not target.is_file():
            raise OSError(errno.EINVAL, "it is no regular file")  # to be renamed, or waited for
        for number in range(KEPT, 0, -1):
            older = older_part(target, number - 1)
            if older.is_file():
                os.replace(older, older_part(target, number))
        self._sink = create(target)
        self._part += 1
        header = encode_header(self._program, self._clock(), self._part)
        first = self._state() if self._part > 1 else ()
        self._sink.write(b"\n".join([header, *first]) + b"\n")


def older_part(path: Path, number: int) -> Path:
    """As in run.jsonl.gz, run.1.jsonl.gz, run.2.jsonl.gz."""
    if not number:
        return path
    stem, dot, rest = path.name.partition(".")
    return path.with_name(f"{stem}.{number}{dot}{rest}")


def _words(error: Exception) -> str:
    return (error.strerror or str(error)) if isinstance(error, OSError) else str(error)

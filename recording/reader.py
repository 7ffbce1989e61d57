"""Reads a recording line by line; a damaged line is noted with its number and skipped."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import msgspec

from controller_runtime.events import BusEvent
from recording.codec import Header, NotARecording, decode, decode_header
from recording.files import lines


class Damage(NamedTuple):
    line: int  # from 1
    reason: str


def header_of(path: Path) -> Header:
    """Raises OSError or NotARecording."""
    return decode_header(next(lines(path), b""))


def read(path: Path, damaged: Callable[[Damage], None]) -> Iterator[tuple[int, BusEvent]]:
    """The events with the numbers of their lines, from 2. Raises OSError or NotARecording."""
    for number, line in enumerate(lines(path), 1):
        if number == 1:
            decode_header(line)
        elif line:
            try:
                yield number, decode(line)
            except (msgspec.MsgspecError, RecursionError) as error:
                damaged(Damage(number, why_unreadable(line, error)))


def why_unreadable(line: bytes, error: Exception) -> str:
    """In words for a person."""
    if isinstance(error, msgspec.ValidationError):
        with suppress(NotARecording):
            decode_header(line)
            return "another recording begins here: it was appended"
        return f"it is no event that is known here: {error}"
    return "it is cut off or was overwritten"

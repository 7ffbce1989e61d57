"""stdout and stderr as they are found: closed, full, or with an encoding that lacks characters."""

from __future__ import annotations

import errno
import os
import sys
from typing import TextIO

# The exit code when all went well but for output that could not be written. Source: EX_IOERR of sysexits.h.
OUTPUT_LOST = 74
OUTPUT_ERRORS = (errno.EPIPE, errno.ENOSPC, errno.EBADF, errno.EIO, errno.EDQUOT)


def prepare() -> None:
    """Call it first. What an encoding lacks is written as an escape from here on.

    A standard stream that is closed gets its number taken by something that cannot be written, lest the next
    socket gets it.
    """
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDONLY)  # takes the lowest number that is free
    for stream in (sys.stdout, sys.stderr):
        if stream is not None and hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def descriptor_of(stream: TextIO | None) -> tuple[int, str]:
    """Its number and its encoding. A closed one gets a number at which nothing can be written."""
    return (-1, "utf-8") if stream is None else (stream.fileno(), stream.encoding)


def finish(code: int) -> int:
    """Flush stdout; the exit code."""
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except OSError as error:
        return lost(error, code)
    return code


def lost(error: OSError, code: int = 0) -> int:
    """stdout could not be written: the exit code, which is ``code`` unless that is 0."""
    # What is left in Python's buffer goes nowhere, or Python would complain at its end.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    if error.errno == errno.EPIPE:
        return code  # the reader has what it wanted
    print(f"error: the output could not be written: {error.strerror or error}", file=sys.stderr)
    return code or OUTPUT_LOST

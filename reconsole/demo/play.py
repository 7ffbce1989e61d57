"""``reconsole play``: a screen recording in the terminal, which gets of it nothing but what draws."""

from __future__ import annotations

import json
import os
import re
import select
import sys
import termios
import tty
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, NamedTuple

from controller_runtime.kube.terminal import escape, safe_text
from reconsole.options import Failure

LONGEST = 16 << 20  # characters of one line
OPEN, CLOSE = "\x1b[?1049h\x1b[?25l\x1b[2J\x1b[H", "\x1b[0m\x1b[?2026l\x1b[?25h\x1b[?1049l"
LONGEST_PAUSE = 10.0  # seconds; nobody waits longer for the next picture
# Colours, moves of the cursor, erasing, and drawing at once (ECMA-48; mode 2026 of terminals).
_DRAWING = re.compile(r"\x1b\[[\d;:]*[mHfABCDEFGdJKX]|\x1b\[\?(?:2026|25)[hl]")
_SEQUENCE = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b[\]PX^_].*?(?:\x07|\x1b\\)|\x1b[ -/]*[0-~]", re.DOTALL)
_CUT = re.compile(r"\x1b(?:\[[0-?]*[ -/]*|[\]PX^_][^\x07\x1b]*|[ -/]*)\Z")


class Moment(NamedTuple):
    at: float  # seconds since the beginning
    code: str
    data: str


class Cast:
    """A file in asciicast v2. ``width`` and ``height`` are in cells."""

    def __init__(self, file: IO[str], name: str) -> None:
        """Raises Failure for another file."""
        self._file = file
        self._name = name
        try:
            header: Any = json.loads(file.readline(LONGEST))
        except (ValueError, RecursionError):
            header = None
        if not isinstance(header, dict) or "version" not in header:
            raise Failure(f"{name} is no screen recording: its first line is no header of an asciicast")
        if header["version"] != 2:
            raise Failure(f"{name} is an asciicast of version {header['version']!r}; only 2 can be played")
        size = header.get("width"), header.get("height")
        if not all(isinstance(n, int) and 0 < n <= 1000 for n in size):
            raise Failure(f"{name} does not say how large its screen is: width and height are {size}")
        self.width, self.height = size

    def moments(self) -> Iterator[Moment]:
        """Raises Failure for a line that is none, with its number. A last one that is cut off is the end."""
        for number, line in enumerate(iter(lambda: self._file.readline(LONGEST), ""), 2):
            try:
                at, code, data = json.loads(line)
                moment = Moment(float(at), str(code), str(data))
            except (ValueError, TypeError, RecursionError):
                if line.endswith("\n"):
                    raise Failure(f"{self._name}:{number}: it is no event of an asciicast") from None
                return
            yield moment


class Filter:
    """Lets through what draws. Everything else that a terminal obeys is dropped, or made visible."""

    def __init__(self) -> None:
        self._rest = ""

    def __call__(self, data: str) -> str:
        text = self._rest + data
        cut = _CUT.search(text)
        self._rest = text[cut.start() :][:4096] if cut else ""
        text = text[: cut.start()] if cut else text
        parts = []
        end = 0
        for found in _SEQUENCE.finditer(text):
            parts += [_plain(text[end : found.start()]), found[0] if _DRAWING.fullmatch(found[0]) else ""]
            end = found.end()
        return "".join([*parts, _plain(text[end:])])


def _plain(text: str) -> str:
    return "".join(c if c in "\r\n" else safe_text(c) for c in text)


def run_play(path: Path, speed: float) -> int:
    """``speed`` divides all pauses. Returns the exit code."""
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            cast = Cast(file, escape(str(path)))
            if not (sys.stdin.isatty() and sys.stdout.isatty()):
                raise Failure("a screen recording needs a terminal to be played in")
            with _screen() as wait:
                play(cast, sys.stdout, wait, speed)
    except OSError as error:
        print(f"error: cannot play {escape(str(path))}: {error.strerror or error}", file=sys.stderr)
        return 1
    except Failure as failure:
        print(f"error: {failure}", file=sys.stderr)
        return 1
    return 0


def play(cast: Cast, out: IO[str], wait: Callable[[float], str], speed: float) -> None:
    """Until its end or until ``wait``, which is given seconds, returns the key q. Space pauses."""
    shown = Filter()
    now = 0.0
    for at, code, data in cast.moments():
        pause = min(max(0.0, at - now), LONGEST_PAUSE) / speed
        now = max(now, at)
        key = wait(pause) if pause > 0 else ""
        if key == " ":
            key = wait(float("inf"))
        if key in ("q", "\x03", "\x1b"):
            return
        if code == "o":
            out.write(shown(data))
            out.flush()


@contextmanager
def _screen() -> Iterator[Callable[[float], str]]:
    """A screen of its own, and what waits for a key in it; the terminal is as before in the end."""
    keyboard = sys.stdin.fileno()
    before = termios.tcgetattr(keyboard)

    def wait(seconds: float) -> str:
        ready, _, _ = select.select([keyboard], [], [], None if seconds == float("inf") else seconds)
        return os.read(keyboard, 1).decode("latin-1") if ready else ""

    try:
        tty.setcbreak(keyboard)
        sys.stdout.write(OPEN)
        yield wait
    finally:
        sys.stdout.write(CLOSE)
        sys.stdout.flush()
        termios.tcsetattr(keyboard, termios.TCSADRAIN, before)

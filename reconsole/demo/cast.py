"""Screen recordings: asciicast v2, as asciinema plays it (docs.asciinema.org/manual/asciicast/v2)."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence

BEGIN, END = "\x1b[?2026h", "\x1b[?2026l"  # all of it at once, where the terminal knows how


def header(size: tuple[int, int], *, title: str, at: float) -> str:
    """The first line. ``at`` is when it was recorded, in Unix seconds."""
    width, height = size
    fields = {
        "version": 2, "width": width, "height": height, "timestamp": int(at), "title": title,
        "env": {"TERM": "xterm-256color"},
    }  # fmt: skip
    return json.dumps(fields, ensure_ascii=False)


def event(at: float, code: str, data: str) -> str:
    """One line: after ``at`` seconds, o(utput), r(esize) or m(arker)."""
    return json.dumps([round(at, 6), code, data], ensure_ascii=False)


class CastWriter:
    """Writes pictures as what a terminal needs to get from each to the next."""

    def __init__(
        self, write: Callable[[str], object], size: tuple[int, int], *, title: str, at: float
    ) -> None:
        """``write`` is given lines without their end."""
        self._write = write
        self._shown: list[str] = []
        write(header(size, title=title, at=at))
        write(event(0.0, "o", "\x1b[?25l\x1b[2J"))

    def chapter(self, at: float, name: str) -> None:
        self._write(event(at, "m", name))

    def show(self, at: float, lines: Sequence[str]) -> None:
        """From ``at`` on, this is on the screen: a line with its colours for each of its lines."""
        before = self._shown + [""] * (len(lines) - len(self._shown))
        changed = [
            f"\x1b[{y + 1}H{new}"
            for y, (old, new) in enumerate(zip(before, lines, strict=True))
            if old != new
        ]
        if changed:
            self._write(event(at, "o", "".join([BEGIN, *changed, END])))
        self._shown = list(lines)

    def end(self, at: float) -> None:
        """It stays until then."""
        self._write(event(at, "o", "\x1b[0m"))

"""One line of the stream: time, glyph, word, subject, what changed, by whom."""

from __future__ import annotations

import re
import time

from rich.cells import cell_len

from controller_runtime.kube.terminal import safe_text
from tui.stream import Line
from tui.text import clock_time, fit, pad
from tui.widgets.lines import Row

WORD = 9  # cells, for RECONCILE and the like
FINE = 100  # cells from which the time has milliseconds

_BEFORE = re.compile(r"[^\s,→]+→")  # what a value was before: it goes first when space is short


def fine_time(at: float) -> str:
    """With milliseconds."""
    return f"{time.strftime('%H:%M:%S', time.localtime(at))}.{int(at * 1000) % 1000:03}"


def delta(seconds: float) -> str:
    """The time since the line before, in a column of eight cells: +18 ms, +1.24 s, +5m."""
    if seconds < 0.9995:
        return f"+{max(seconds, 0.0) * 1000:.0f} ms"
    return f"+{seconds:.2f} s" if seconds < 100 else f"+{seconds / 60:.0f} m"


def line_row(line: Line, width: int, *, subject: bool = True, since: float | None = None) -> Row:
    """The author keeps its place; the rest gives way. ``since``: show the time since then."""
    when = clock_time(line.at) if width < FINE else fine_time(line.at)
    if since is not None:
        when = delta(line.at - since).rjust(len(when))
    row: Row = [
        (when + " ", "muted"),
        (pad(f"{line.glyph} {line.word}", WORD + 2) + " ", line.style),
    ]
    left = width - WORD - 4 - len(when)
    by = f"by {line.by}" if line.by else ""
    about = safe_text(line.subject) if subject or not line.detail else ""
    detail = safe_text(line.detail)
    if by and left - cell_len(by) < 8:
        by = ""
    if cell_len(about) + cell_len(_BEFORE.sub("→", detail)) + cell_len(by) + 3 > left:
        by = by.replace("by reconcile #", "by #")
    room = left - (cell_len(by) + 2 if by else 0)
    about = fit(about, room)
    row.append((about, "text" if line.style != "muted" else "muted"))
    room -= cell_len(about)
    if detail and room > 3:
        gap = " " if about else ""
        if cell_len(detail) > room - len(gap):
            detail = _BEFORE.sub("→", detail)
        detail = fit(detail, room - len(gap))
        row.append((gap + detail, _detail_style(line)))
    if by:
        row.append(("  " + safe_text(by) if about or detail else safe_text(by), _author_style(line.by)))
    return row


def _author_style(by: str) -> str:
    return "accent" if by == "you" else "info" if by.startswith("reconcile #") else "muted"


def _detail_style(line: Line) -> str:
    return {"error": "error", "ok": "ok", "warn": "warn"}.get(line.style, "muted")

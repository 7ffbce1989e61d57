"""Text on the screen: measured, cut, wrapped, and in the words of people."""

from __future__ import annotations

import re
import time

from rich.cells import cell_len, chop_cells


def fit(text: str, width: int) -> str:
    """``text`` in at most ``width`` cells, ending in … when it was cut. Not padded."""
    if cell_len(text) <= width:
        return text
    if width <= 0:
        return ""
    used = 0
    for index, character in enumerate(text):
        used += cell_len(character)
        if used > width - 1:
            return text[:index] + "…"
    return text


def fit_middle(text: str, width: int) -> str:
    """Like ``fit``, but cut in the middle: names of pods differ at their ends."""
    if cell_len(text) <= width or width < 5:
        return fit(text, width)
    tail = text[-((width - 1) // 2) :]
    while cell_len(tail) > (width - 1) // 2:
        tail = tail[1:]
    return fit(text, width - cell_len(tail)) + tail


def pad(text: str, width: int, *, right: bool = False) -> str:
    """``text`` in exactly ``width`` cells, cut or filled with spaces."""
    text = fit(text, width)
    space = " " * (width - cell_len(text))
    return space + text if right else text + space


def wrap(text: str, width: int) -> list[str]:
    """``text`` in lines of at most ``width`` cells, broken at spaces where there are any."""
    lines: list[str] = []
    line = ""
    for word in text.split(" "):
        joined = f"{line} {word}" if line else word
        if cell_len(joined) <= width:
            line = joined
            continue
        if line:
            lines.append(line)
        *heads, line = chop_cells(word, width) if cell_len(word) > width > 0 else [word]
        lines += heads
    return [*lines, line] if line or not lines else lines


def age(seconds: float) -> str:
    """A time span as kubectl writes it: 45s, 4m11s, 25m, 3h12m, 5d3h, 41d."""
    s = max(int(seconds), 0)
    if s < 120:
        return f"{s}s"
    minutes, s = divmod(s, 60)
    if minutes < 10:
        return f"{minutes}m{s}s" if s else f"{minutes}m"
    if minutes < 180:
        return f"{minutes}m"
    hours, minutes = divmod(minutes, 60)
    if hours < 8:
        return f"{hours}h{minutes}m" if minutes else f"{hours}h"
    if hours < 48:
        return f"{hours}h"
    days, hours = divmod(hours, 24)
    if days < 8:
        return f"{days}d{hours}h" if hours else f"{days}d"
    return f"{days}d"


def clock_time(at: float) -> str:
    return time.strftime("%H:%M:%S", time.localtime(at))


def fine_age(seconds: float) -> str:
    """The age of something that is fresh: tenths of a second up to ten seconds, then like ``age``."""
    return f"{max(seconds, 0.0):.1f}s" if seconds < 9.95 else age(seconds)


def milliseconds(seconds: float) -> str:
    """A duration: 0.4 ms, 18 ms, 1.24 s."""
    if seconds < 0.0095:
        return f"{max(seconds, 0.0) * 1000:.1f} ms"
    if seconds < 0.9995:
        return f"{seconds * 1000:.0f} ms"
    return f"{seconds:.2f} s"


def natural(text: str) -> tuple[tuple[int, int | str], ...]:
    """A sort key that puts redis-2 before redis-10."""
    return tuple((0, int(p)) if p.isdigit() else (1, p) for p in re.split(r"([0-9]+)", text) if p)


def identity_forms(identity: str) -> list[str]:
    """Ways to write an identity, each shorter than the one before."""
    forms = [identity]
    if identity.startswith("system:serviceaccount:"):
        forms += ["…:" + identity.removeprefix("system:serviceaccount:"), "…:" + identity.rpartition(":")[2]]
    return forms

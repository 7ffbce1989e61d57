"""Numbers as little bars: on one line, or several lines high."""

from __future__ import annotations

from collections.abc import Sequence

BARS = "▁▂▃▄▅▆▇█"


def sparkline(counts: Sequence[int]) -> str:
    top = max([*counts, 1])
    return "".join(BARS[min(c * (len(BARS) - 1) // top, len(BARS) - 1)] if c else BARS[0] for c in counts)


def chart(counts: Sequence[int], height: int) -> list[str]:
    """The same on ``height`` lines, the upper ones first; whatever is not nothing is seen."""
    top = max([*counts, 1])
    eighths = [max(round(c / top * height * 8), 1) if c else 0 for c in counts]
    lines = [
        "".join((" " + BARS)[min(max(e - floor * 8, 0), 8)] for e in eighths)
        for floor in range(height - 1, 0, -1)
    ]
    return [*lines, "".join(BARS[min(max(e, 1), 8) - 1] for e in eighths)]

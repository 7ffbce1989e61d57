"""Numbers as a line of little bars."""

from __future__ import annotations

from collections.abc import Sequence

BARS = "▁▂▃▄▅▆▇█"


def sparkline(counts: Sequence[int]) -> str:
    top = max([*counts, 1])
    return "".join(BARS[min(c * (len(BARS) - 1) // top, len(BARS) - 1)] if c else BARS[0] for c in counts)

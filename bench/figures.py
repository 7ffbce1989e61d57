"""What a benchmark answers, and the table that it is shown in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

HEADER = ("figure", "ours", "against", "ratio", "bar")


@dataclass(frozen=True)
class Figure:
    """One line. Less is better, except where ``more``; ``bar`` is what ``ours`` has to keep, in its unit.

    ``ratio_bar``: how many times ``ours`` has to be better than ``against``.
    """

    name: str
    ours: float
    unit: str
    against: float | None = None
    rival: str = ""
    bar: float | None = None
    ratio_bar: float | None = None
    more: bool = False

    @property
    def ratio(self) -> float | None:
        """How many times better ours is."""
        if self.against is None or not self.ours or not self.against:
            return None
        return self.ours / self.against if self.more else self.against / self.ours

    @property
    def is_kept(self) -> bool:
        """Whether every bar is kept."""
        wide = self.bar is None or (self.ours >= self.bar if self.more else self.ours <= self.bar)
        return wide and (self.ratio_bar is None or self.ratio is None or self.ratio >= self.ratio_bar)

    def cells(self) -> tuple[str, ...]:
        against = f"{_number(self.against)} {self.unit} {self.rival}" if self.against is not None else ""
        ratio = f"{self.ratio:.1f}x" if self.ratio is not None else ""
        return (self.name, f"{_number(self.ours)} {self.unit}", against.strip(), ratio, self._bar())

    def _bar(self) -> str:
        sign = "≥" if self.more else "≤"
        asked = [f"{sign} {_number(self.bar)} {self.unit}"] if self.bar is not None else []
        asked += [f"≥ {self.ratio_bar:g}x"] if self.ratio_bar is not None else []
        return f"{', '.join(asked)}  {'kept' if self.is_kept else 'MISSED'}" if asked else ""


def table(figures: Sequence[Figure]) -> str:
    rows = [HEADER, *(f.cells() for f in figures)]
    widths = [max(len(row[i]) for row in rows) for i in range(len(HEADER))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows]
    lines.insert(1, "  ".join("-" * width for width in widths))
    return "\n".join(line.rstrip() for line in lines)


def percentile(values: Sequence[float], share: float) -> float:
    """The value that ``share`` (0 to 1) of ``values`` do not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def _number(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"

"""Where space goes: columns within a table, and panes one above the other. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tui.kinds.columns import NAMESPACE
from tui.kinds.model import Column

GAP = 2  # cells between columns
MARGIN = 2  # cells left of the first, for the cursor
AGE = 5  # cells of a time span
LEAST_NAME = 4


def fit_columns(columns: Sequence[Column], widths: Mapping[str, int], width: int) -> list[tuple[Column, int]]:
    """The columns that fit into ``width`` cells, and how wide each is.

    ``widths`` are the widest texts that can be seen, by title. Long texts are cut down to the ``flex`` of
    their column before a column goes, and the one with the highest rank goes first; so what fits into a
    width fits into every greater one.
    """
    full = {c.title: _natural(c, widths) for c in columns}
    least = {c.title: min(full[c.title], c.flex or full[c.title]) for c in columns}
    kept = list(columns)
    while _sum(kept, least) > width and max(c.rank for c in kept) > 0:
        kept.remove(max(kept, key=lambda c: c.rank))
    sizes = {c.title: least[c.title] for c in kept}
    missing = _sum(kept, sizes) - width
    for column in sorted(kept, key=lambda c: -sizes[c.title]):
        if missing > 0:
            cut = min(missing, max(sizes[column.title] - LEAST_NAME, 0))
            sizes[column.title] -= cut
            missing -= cut
    spare = width - _sum(kept, sizes)
    for column in sorted(kept, key=lambda c: c.rank):
        more = min(max(spare, 0), full[column.title] - sizes[column.title])
        sizes[column.title] += max(more, 0)
        spare -= max(more, 0)
    return [(c, sizes[c.title]) for c in kept]


def _natural(column: Column, widths: Mapping[str, int]) -> int:
    text = max(AGE if column.ticks else column.least, widths.get(column.title, 0))
    return max(len(column.title), text)


def _sum(columns: Sequence[Column], sizes: Mapping[str, int]) -> int:
    return MARGIN + sum(sizes[c.title] + GAP for c in columns) - GAP


def share_height(wanted: Sequence[int], room: int, least: int) -> list[int]:
    """Heights for panes that want ``wanted`` lines, in ``room`` lines together.

    Each gets at least ``least``, and none more than it wants; the big ones give way first.
    """
    heights = [max(w, least) for w in wanted]
    while sum(heights) > room and max(heights) > least:
        heights[heights.index(max(heights))] -= 1
    return heights


def ranked(columns: Sequence[Column], namespaces: int) -> list[Column]:
    """``columns`` without NAMESPACE where there is none, as a spare one where there is but one."""
    if namespaces == 0:
        return [c for c in columns if c is not NAMESPACE]
    return [_SPARE_NAMESPACE if c is NAMESPACE and namespaces == 1 else c for c in columns]


_SPARE_NAMESPACE = Column(NAMESPACE.title, NAMESPACE.cell, rank=9, flex=NAMESPACE.flex)

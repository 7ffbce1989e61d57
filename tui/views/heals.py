"""The heal board: every heal with a bar for each stage, and how long they take by kind and by who deleted."""

from __future__ import annotations

from collections.abc import Sequence

from controller.events import Heal
from tui.authors import UNKNOWN
from tui.state import ConsoleState
from tui.text import clock_time, fit_middle, milliseconds, pad
from tui.views.sparkline import sparkline
from tui.widgets.lines import Piece, Row

NAME = 34  # cells
LATEST = 40  # heals in the sparkline


def heal_rows(state: ConsoleState, width: int, now: float) -> list[Row]:
    heals = [h for h in state.heals.values() if h.stage != "abandoned"]
    done = [h for h in heals if h.seconds is not None]
    if not heals:
        return [[("Nothing has been deleted yet that the operator makes again.", "muted")]]
    rows: list[Row] = []
    if done:
        rows += [_head(), *_summaries(done), []]
    longest = max([h.seconds or 0.0 for h in done] + [now - h.requested for h in heals if h.ready is None])
    room = max(width - NAME - 32, 10)
    rows.append(
        [(pad("", 10), "head"), (pad("OBJECT", NAME), "head"), (pad("", room), "head"), ("TOOK  BY", "head")]
    )
    for heal in reversed(heals):
        rows.append(_row(heal, room, longest, now))
    return rows


def _head() -> Row:
    titles = (("", 22), ("HEALS", 7), ("MEDIAN", 10), ("P95", 10), ("WORST", 10))
    return [(pad(title, size, right=bool(title)), "head") for title, size in titles] + [("  LATEST", "head")]


def _summaries(done: Sequence[Heal]) -> list[Row]:
    """One row for all, one a kind, one for each who deleted, where there is more than one."""
    groups: list[tuple[str, list[Heal]]] = [("all", list(done))]
    kinds = sorted({h.kind for h in done})
    authors = sorted({h.by or UNKNOWN for h in done})
    if len(kinds) > 1:
        groups += [(kind, [h for h in done if h.kind == kind]) for kind in kinds]
    if len(authors) > 1:
        groups += [(f"deleted by {by}", [h for h in done if (h.by or UNKNOWN) == by]) for by in authors]
    return [_summary(name, [h.seconds or 0.0 for h in heals]) for name, heals in groups]


def _summary(name: str, seconds: list[float]) -> Row:
    ordered = sorted(seconds)
    figures = [quantile(ordered, 0.5), quantile(ordered, 0.95), ordered[-1]]
    row: Row = [(pad(name, 22), "text"), (pad(str(len(seconds)), 7, right=True), "text")]
    row += [
        (pad(milliseconds(f), 10, right=True), style)
        for f, style in zip(figures, ("ok", "text", "warn"), strict=True)
    ]
    return [*row, ("  " + sparkline([round(s * 1000) for s in seconds[-LATEST:]]), "accent")]


def quantile(ordered: Sequence[float], part: float) -> float:
    """The smallest value that at least ``part`` of them do not exceed."""
    return ordered[max(-(-len(ordered) * round(part * 100) // 100) - 1, 0)]


def _row(heal: Heal, room: int, longest: float, now: float) -> Row:
    end = heal.ready if heal.ready is not None else now
    stages = [
        (heal.gone if heal.gone is not None else end, "deleted"),
        (heal.created if heal.created is not None else end, "info"),
        (end, "ok" if heal.ready is not None else "busy"),
    ]
    bar: list[Piece] = []
    last, used = heal.requested, 0
    for at, style in stages:
        goal = min(round((max(at, last) - heal.requested) / max(longest, 0.001) * room), room)
        bar.append(("█" * max(goal - used, 0), style))
        used, last = max(goal, used), max(at, last)
    if not used:
        bar = [("▏", "ok")]
        used = 1
    took = milliseconds(end - heal.requested) + ("" if heal.ready is not None else " …")
    name = fit_middle(f"{heal.kind} {heal.key}", NAME - 1)
    return [
        (pad(clock_time(heal.requested), 10), "muted"), (pad(name, NAME), "text"), *bar,
        (" " * (room - used), "text"), (pad(took, 10), "text" if heal.ready is not None else "warn"),
        (heal.by or UNKNOWN, "accent" if heal.by == "you" else "muted"),
    ]  # fmt: skip

"""Problems of operators as entries: what is wrong now, then what is over."""

from __future__ import annotations

from tui.names import plural
from tui.state import ConsoleState
from tui.text import age, clock_time
from tui.widgets.entries import Entry, wrapped
from tui.widgets.lines import Row
from why.problems.problem import Problem

Key = tuple[str, str]  # what tells a problem from others: kind and about


def count_words(count: int) -> str:
    return f"{count} {plural('problem', count)}"


def problem_entries(state: ConsoleState, width: int, now: float) -> tuple[Entry, ...]:
    entries: list[Entry] = []
    there = sorted(state.problems.values(), key=lambda p: p.since, reverse=True)
    if not there:
        good = "Nothing is wrong with the operators that can be seen from here."
        entries.append(Entry(([("✓ ", "ok"), (good, "text")], [])))
    for problem in there:
        entries.append(Entry((*_rows(problem, width, now), []), (problem.kind, problem.about)))
    if state.past_problems:
        entries.append(Entry(([("Over", "head")], [])))
    for problem in reversed(state.past_problems):
        entries.append(Entry((*_past_rows(problem, width, now), []), (problem.kind, problem.about)))
    return tuple(entries)


def _rows(problem: Problem, width: int, now: float) -> list[Row]:
    times = f"{problem.count}×" if problem.count > 1 else "once"
    facts = f"  {times} · since {clock_time(problem.since)}, {age(now - problem.since)} ago"
    last = f" · last seen {age(now - problem.last)} ago" if problem.count > 1 else ""
    rows: list[Row] = [
        [("! ", "error"), (problem.kind, "bold"), ("  ", "text"), (problem.about, "info"),
         (facts + last, "muted")],
    ]  # fmt: skip
    rows += wrapped(problem.says, "text", width, ("    ", "text"))
    if problem.evidence:
        rows += wrapped(problem.evidence, "muted", width, ("    ", "muted"))
    if problem.remedy:
        rows += wrapped(problem.remedy, "accent", width, ("  → ", "accent"))
    return rows


def _past_rows(problem: Problem, width: int, now: float) -> list[Row]:
    lasted = f"  {clock_time(problem.since)} to {clock_time(problem.last)} · {problem.count}×"
    head: Row = [("· ", "dim"), (problem.kind, "dim"), ("  ", "dim"), (problem.about, "dim"), (lasted, "dim")]
    return [head, *wrapped(problem.says, "dim", width, ("    ", "dim"))]

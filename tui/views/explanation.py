"""An explanation as entries: the sentence, the findings with their evidence, and what could not be seen."""

from __future__ import annotations

from controller_runtime.kube.times import parse_time
from tui.text import age, clock_time
from tui.widgets.entries import Entry, wrapped
from tui.widgets.lines import Row
from why.finding import Explanation, Finding
from why.words import MARKS

STYLES = {"broken": "error", "warning": "warn", "note": "muted"}
DAY = 86_400


def explanation_entries(explanation: Explanation, width: int, now: float) -> tuple[Entry, ...]:
    is_well = explanation.is_well
    lead = ("✓ ", "ok") if is_well else ("✗ ", "error")
    entries = [Entry((*wrapped(explanation.sentence, "bold", width, lead), []))]
    entries += [Entry((*_rows(finding, width, now), []), finding) for finding in explanation.findings]
    if explanation.unseen:
        rows: list[Row] = [[("Could not be seen, so nothing is concluded from it:", "muted")]]
        for unseen in explanation.unseen:
            rows += wrapped(unseen, "warn", width, ("  ? ", "warn"))
        entries.append(Entry(tuple(rows)))
    return tuple(entries)


def _rows(finding: Finding, width: int, now: float) -> list[Row]:
    style = STYLES[finding.severity]
    rows = wrapped(finding.says, "text", width, (f"  {MARKS[finding.severity]} ", style))
    if finding.inferred:
        rows[-1] = [*rows[-1], ("  inferred", "accent")]
    if finding.evidence:
        rows += wrapped(finding.evidence, "muted", width, ("      ", "muted"))
    facts: Row = [("      ", "muted"), (f"{finding.about.kind} {finding.about.key}", "info")]
    if (since := parse_time(finding.since)) is not None:
        at = f"{clock_time(since)}, " if now - since < DAY else ""
        facts += [("  since ", "muted"), (f"{at}{age(now - since)} ago", "muted")]
    rows.append(facts)
    if finding.remedy:
        rows += wrapped(finding.remedy, "accent", width, ("    → ", "accent"))
    return rows

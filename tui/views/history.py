"""One version of an object: what changed in it since the one before, field by field."""

from __future__ import annotations

from collections.abc import Sequence

from controller_runtime.kube.terminal import safe_text
from tui.state import ConsoleState
from tui.text import wrap
from tui.versions import Version, differences
from tui.widgets.event_row import fine_time
from tui.widgets.lines import Row

STYLES = {"+": "added", "−": "deleted", "~": "modified"}
WORDS = {"ADDED": "added", "MODIFIED": "modified", "DELETED": "deleted"}


def history_rows(state: ConsoleState, versions: Sequence[Version], place: int, width: int) -> list[Row]:
    """``place``: which of the versions, from 0."""
    if not versions:
        return [[("No version of it was seen.", "muted")]]
    version = versions[place]
    line = state.stream.get(version.line) if version.line is not None else None
    by = f"  by {line.by}" if line is not None and line.by else ""
    rows: list[Row] = [
        [
            (f"{fine_time(version.at)}  ", "muted"),
            (version.type, WORDS.get(version.type, "muted")),
            (by, "accent" if by == "  by you" else "muted"),
        ],
        [],
    ]
    if place == 0:
        return [*rows, [("The first version that was seen; y shows it whole.", "muted")]]
    found = differences(versions[place - 1].raw, version.raw)
    if not found:
        rows.append([("Nothing changed but what the server keeps for itself.", "muted")])
    for difference in found:
        style = STYLES[difference.kind]
        rows.append([(f"{difference.kind} {difference.path}", style)])
        values = ((difference.old, "deleted", "+"), (difference.new, "added", "−"))
        for value, look, without in values:
            if difference.kind != without:
                lines = wrap(safe_text(value), max(width - 4, 8))
                rows += [[(f"    {text}", look)] for text in lines]
    return rows

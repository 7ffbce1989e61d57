"""How a review of permissions changes what the console knows: what is missing, since when, what is back."""

from __future__ import annotations

from controller.events import PermissionsReviewed
from controller_runtime.events import FAILED
from controller_runtime.kube.permissions import Permission
from tui.rights import in_order, rows
from tui.state import ConsoleState
from tui.stream import Line


def permissions_reviewed(state: ConsoleState, event: PermissionsReviewed, news: bool) -> None:
    before = state.reviews.get(event.role)
    state.reviews[event.role] = event
    if event.role != "controller" or event.message:
        return
    had = {right.permission for right in before.rights if right.allowed} if before else set()
    for row in rows(event):
        gone = [r.permission for r in row.missing if r.permission not in state.missing]
        back = [c.permission for c in row.cells.values() if c.allowed and c.permission in state.missing]
        lasted = max((event.at - state.missing[c] for c in back), default=0.0)
        said = any(_is_said_elsewhere(state, cell) for cell in back)
        for cell in gone:
            state.missing[cell] = event.at
        for cell in back:
            del state.missing[cell]
        where = f"in {row.namespace}" if row.namespace else ""
        if gone and news:
            word = "REVOKED" if had.intersection(gone) else "MISSING"
            what = " ".join(filter(None, (_what(gone), where)))
            state.say(Line(event.at, "warn", "!", word, what, "permission; :can-i shows all", fault=True))
        elif back and news and not said:
            what = " ".join(filter(None, (_what(back), where)))
            state.say(Line(event.at, "ok", "✓", "RESTORED", what, f"after {lasted:.0f} s"))


def _what(cells: list[Permission]) -> str:
    return f"{', '.join(in_order(cell.verb for cell in cells))} {cells[0].resource or cells[0].url}"


def _is_said_elsewhere(state: ConsoleState, cell: Permission) -> bool:
    """A watch or a write that was refused says by itself that it works again: soon, or it has."""
    refused = any(
        (w.group, w.resource, w.scope) == (cell.group, cell.resource, cell.namespace)
        and (w.state in FAILED or w.since > state.missing[cell])
        for w in state.watches.values()
    )
    return refused or any(
        d.write.missing_rule is not None and cell.resource in d.write.missing_rule.resources
        for d in state.denials.values()
    )

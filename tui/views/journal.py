"""The journal: what the person at this console has changed, and what became of it."""

from __future__ import annotations

from tui.state import Action, ConsoleState
from tui.text import clock_time, fit_middle, pad
from tui.widgets.lines import Row

NAME = 40  # cells


def journal_rows(state: ConsoleState, width: int, now: float) -> list[Row]:
    """The newest first. Questions whether something is allowed change nothing and are left out."""
    actions = [action for action in reversed(state.actions.values()) if action.verb != "check"]
    if not actions:
        return [[("Nothing has been changed from this console.", "muted")]]
    head: Row = [(pad("TIME", 10), "head"), (pad("WHAT", 10), "head"), (pad("OBJECT", NAME), "head")]
    return [[*head, ("ANSWER", "head")], *map(_row, actions)]


def _row(action: Action) -> Row:
    ref, done = action.ref, action.finished
    if done is None:
        answer, style = "under way …", "busy"
    elif done.ok:
        answer, style = f"✓ {done.message}", "ok"
    else:
        answer, style = f"✗ {done.message}", "error"
    return [
        (pad(clock_time(action.at), 10), "muted"),
        (pad(action.verb, 10), "text"),
        (pad(fit_middle(f"{ref.kind} {ref.key}", NAME - 1), NAME), "text"),
        (answer, style),
    ]

"""What an empty table says: denied, empty, filtered and loading are different things."""

from __future__ import annotations

from tui.filters import Filter
from tui.state import ConsoleState


def body(
    state: ConsoleState, kind: str, title: str, wanted: Filter | None, faults_only: bool
) -> tuple[str, str]:
    """The words and their style."""
    watches = state.watch_of(kind)
    if state.objects.get(kind):
        if wanted:
            return f"Nothing matches /{wanted.text}. Press esc to clear the filter.", "muted"
        if faults_only:
            return "No faults. Press ctrl+z to see all.", "ok"
    for watch in watches:
        where = f" in {watch.scope}" if watch.scope else ""
        match watch.state:
            case "forbidden":
                what = f"{watch.verb or 'list'} {watch.resource}{where}"
                return f"✗ Denied: {what}. The missing rule is in the box above.", "error"
            case "unauthorized":
                return f"✗ The API server does not accept the login. {watch.message}", "error"
            case "unreachable":
                return f"✗ The API server does not answer. {watch.message}", "error"
    if watches and all(w.state in ("live", "polling") for w in watches):
        scopes = [w.scope for w in watches if w.scope]
        where = f" in {', '.join(scopes)}" if scopes else ""
        return f"No {title}{where}.", "muted"
    connection = state.connection
    if connection is not None and connection.state == "failed":
        return f"✗ No connection. {connection.message}", "error"
    if any(w.state == "reconnecting" for w in watches):
        return "↻ Reconnecting …", "warn"
    if connection is None or connection.state == "connecting":
        return "◌ Connecting …", "accent"
    return f"◌ Loading {title} …", "accent"

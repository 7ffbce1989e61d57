"""What a table says beside its rows: denied, empty, filtered and loading are different things."""

from __future__ import annotations

from controller_runtime.events import FAILED, SERVING
from tui.kinds.model import Kind
from tui.names import GroupKind
from tui.rows import Rows
from tui.state import ConsoleState

BLIND = (*FAILED, "stopped")


def blind_since(state: ConsoleState, kind: GroupKind) -> float | None:
    """When the rows were last known to be true, in Unix seconds; None while they are."""
    watches = state.watch_of(kind)
    if state.connection is not None and state.connection.state == "ended":
        return state.connection.at
    if not watches or not all(w.state in BLIND for w in watches):
        return None
    known = [w.last_event or w.since for w in watches]
    return max([*known, state.last_event.get(kind, 0.0)])


def body(state: ConsoleState, kind: Kind, rows: Rows) -> tuple[str, str]:
    """The words of an empty table, and their style."""
    watches = state.watch_of(kind.group_kind)
    if state.objects.get(kind.group_kind):
        if rows.filter:
            return f"Nothing matches /{rows.filter.text}. Press esc to clear the filter.", "muted"
        if rows.faults_only:
            return "No faults. Press ctrl+z to see all.", "ok"
        if rows.namespace:
            return f"No {kind.title} in {rows.namespace}. Press 0 to see all namespaces.", "muted"
    for watch in watches:
        where = f" in {watch.scope}" if watch.scope else ""
        match watch.state:
            case "forbidden":
                what = f"{watch.verb or 'list'} {watch.resource}{where}"
                return f"✗ Denied: {what}. Press w to see the rule that is missing.", "error"
            case "unauthorized":
                return f"✗ The API server does not accept the login. {watch.message}", "error"
            case "unreachable":
                return f"✗ The API server does not answer. {watch.message}", "error"
    if watches and all(w.state in SERVING for w in watches):
        scopes = [w.scope for w in watches if w.scope]
        where = f" in {', '.join(scopes)}" if scopes else ""
        return f"No {kind.title}{where}.", "muted"
    connection = state.connection
    if connection is not None and connection.state == "failed":
        return f"✗ No connection. {connection.message}", "error"
    if any(w.state == "reconnecting" for w in watches):
        return "↻ Reconnecting …", "warn"
    if connection is None or connection.state == "connecting":
        return "◌ Connecting …", "accent"
    return f"◌ Loading {kind.title} …", "accent"

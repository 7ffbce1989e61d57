"""How the state of the watches, the connection and the lease change what the console knows."""

from __future__ import annotations

from controller.events import Connection
from controller_runtime.events import BEGINNING, FAILED, RETRYING, SERVING, LeaderStatus, WatchStatus
from tui.names import plural
from tui.state import ConsoleState, Notice, Trouble
from tui.stream import Line
from tui.troubles import watch_name


def watch_changed(state: ConsoleState, event: WatchStatus, news: bool) -> None:
    key = event.key
    before = state.watches.get(key)
    state.watches[key] = event
    changed = before is None or before.state != event.state
    name = watch_name(event)
    if event.state in RETRYING or event.state in FAILED:
        trouble = state.troubles.get(key)
        if trouble is None or trouble.state in RETRYING:
            state.troubles[key] = Trouble(event.since if trouble is None else trouble.since, event.state)
        # A watch that the server ended in good order comes back at once: only failures are shown.
        if changed and news and (event.attempts or event.state != "reconnecting"):
            state.say(_broken_line(event, name))
    elif event.state in SERVING:
        trouble = state.troubles.pop(key, None)
        if not news:
            return
        if trouble is not None and trouble.state in FAILED:
            lasted = f"after {max(event.at - trouble.since, 0):.0f} s"
            state.say(Line(event.at, "ok", "✓", "RESTORED", name, lasted))
            state.notices.append(Notice("information", f"{name} are back", f"RESTORED {lasted}"))
        elif trouble is None and changed and (before is None or before.state in BEGINNING):
            count = f"{event.objects} {plural(event.kind, event.objects)}"
            where = f"in {event.scope}" if event.scope else ""
            state.say(Line(event.at, "muted", "·", "LISTED", count, where))


def _broken_line(event: WatchStatus, name: str) -> Line:
    style = "warn" if event.state in RETRYING else "error"
    glyph = "↻" if style == "warn" else "✗"
    word = {"forbidden": "FORBIDDEN", "unauthorized": "NO LOGIN", "unreachable": "NO ANSWER"}.get(
        event.state, "RECONNECT"
    )
    return Line(event.at, style, glyph, word, f"{event.verb} {name}".strip(), event.message, fault=True)


def connection_changed(state: ConsoleState, event: Connection, news: bool) -> None:
    if event.role == "person":
        state.person = event
        return
    before, state.connection = state.connection, event
    if before is not None and before.state == "ended" and event.state == "connecting":
        state.forget_cluster()
    if not news or (before is not None and before.state == event.state):
        return
    if event.state == "failed":
        state.say(Line(event.at, "error", "✗", "NO ANSWER", event.server, event.message, fault=True))
    elif event.state == "ended":
        state.say(Line(event.at, "error", "✗", "ENDED", event.cluster, event.message, fault=True))
    elif event.state == "connected":
        state.say(
            Line(event.at, "ok", "●", "CONNECTED", event.cluster, event.version),
        )


def leader_changed(state: ConsoleState, event: LeaderStatus, news: bool) -> None:
    before, state.leader = state.leader, event
    if not news or event.state == "disabled" or (before is not None and before.state == event.state):
        return
    lost = event.state == "lost"
    detail = event.message or (f"held by {event.holder}" if event.holder else "")
    style = "error" if lost else "info"
    state.say(Line(event.at, style, "◆", "LEADER", event.state, detail, fault=lost))

"""How each event changes the console's state. Pure: no clock, no terminal, no network."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from controller.events import (
    ActionFinished,
    ActionStarted,
    Browsing,
    Caption,
    Connection,
    ControllerEnded,
    Deed,
    Heal,
    PermissionsReviewed,
    Printed,
)
from controller_runtime.events import (
    ApiWrite,
    BusEvent,
    LeaderStatus,
    Log,
    ObjectChanged,
    Quarantined,
    QueueSnapshot,
    ReconcileFinished,
    ReconcileStarted,
    ThreadDied,
    WatchStatus,
)
from tui.names import GroupKind, name_of
from tui.reduce_objects import object_changed, written
from tui.reduce_rights import permissions_reviewed
from tui.reduce_watches import connection_changed, leader_changed, watch_changed
from tui.reduce_why import explained, problem_changed, queue_changed
from tui.reduce_work import healed, reconcile_finished, reconcile_started
from tui.state import Action, ConsoleState, Notice, remember
from tui.stream import Line
from why.events import Explained, ProblemChanged


def apply(state: ConsoleState, event: BusEvent, *, news: bool = True) -> None:
    """Take in one event. ``news`` is False for states that outlived their history in an overflow."""
    state.seq = event.seq
    state.chains.add(event)
    handler = _HANDLERS.get(type(event))
    if handler is not None:
        handler(state, event, news)


def dropped(state: ConsoleState, count: int, at: float) -> None:
    """Note that ``count`` events were lost as history."""
    if count:
        state.dropped += count
        state.say(Line(at, "warn", "…", "DROPPED", f"{count:,} events came too fast to be shown", fault=True))


def _action_started(state: ConsoleState, event: ActionStarted, news: bool) -> None:
    before = state.actions.get(event.id)
    remember(
        state.actions,
        event.id,
        Action(event.verb, event.ref, before.finished if before else None, event.at),
        200,
    )


def _action_finished(state: ConsoleState, event: ActionFinished, news: bool) -> None:
    asked = state.actions.get(event.id)
    at = asked.at if asked is not None else event.at
    remember(state.actions, event.id, Action(event.verb, event.ref, event, at), 200)
    if event.verb == "check" or event.ok:
        if event.ok and event.verb not in ("check", "delete"):
            state.say(Line(event.at, "info", "·", event.verb.upper(), event.message, by="you"))
            state.notices.append(Notice("information", event.verb.capitalize(), event.message))
        return
    what = f"{event.verb} {event.ref.kind} {event.ref.name}"
    about = name_of(event.ref)
    state.say(Line(event.at, "error", "✗", "REFUSED", what, event.message, by="you", about=about, fault=True))
    state.notices.append(Notice("error", f"Could not {what}", event.message))


def _log(state: ConsoleState, event: Log, news: bool) -> None:
    if event.level not in ("warning", "error"):
        return
    style, glyph = ("error", "✗") if event.level == "error" else ("warn", "!")
    ref = event.ref
    about = name_of(ref) if ref else None
    subject = f"{ref.kind} {ref.name}" if ref else event.logger.rpartition(".")[2]
    word = event.level.upper()
    what = f"{event.message} {event.detail}".rstrip()
    state.say(Line(event.at, style, glyph, word, subject, what, about=about, fault=True))
    state.keep_error(event.at, event.message, event.detail, event.traceback)


def _browsing(state: ConsoleState, event: Browsing, news: bool) -> None:
    if event.resource is not None:
        kind = GroupKind(event.resource.group, event.resource.kind)
        state.columns[kind] = event.columns
        state.plurals[kind] = event.resource.plural
    state.browsed.append(event)


def _printed(state: ConsoleState, event: Printed, news: bool) -> None:
    remember(state.cells, event.uid, event.cells, 50_000)


def _caption(state: ConsoleState, event: Caption, news: bool) -> None:
    state.caption, state.deed = event, None


def _deed(state: ConsoleState, event: Deed, news: bool) -> None:
    state.deed = event


def _quarantined(state: ConsoleState, event: Quarantined, news: bool) -> None:
    name = f"{event.resource} {event.name}".strip()
    stale = f"stale: still shown as of version {event.stale_version}; " if event.stale_version else ""
    state.say(Line(event.at, "error", "✗", "MALFORMED", name, stale + event.reason, fault=True))


def _thread_died(state: ConsoleState, event: ThreadDied, news: bool) -> None:
    what = event.error if event.restart_in is None else f"{event.error}; begun again"
    state.say(Line(event.at, "error", "✗", "THREAD", event.name, what, fault=True))
    state.keep_error(event.at, f"the thread {event.name} died: {event.error}", event.traceback)


def _ended(state: ConsoleState, event: ControllerEnded, news: bool) -> None:
    state.ended = event
    state.say(Line(event.at, "error", "✗", "ENDED", "the controller", event.message, fault=True))
    state.keep_error(event.at, f"the controller ended: {event.message}", event.traceback)


_HANDLERS: dict[type[BusEvent], Callable[[ConsoleState, Any, bool], None]] = {
    ObjectChanged: object_changed,
    ApiWrite: written,
    ReconcileStarted: reconcile_started,
    ReconcileFinished: reconcile_finished,
    Heal: healed,
    WatchStatus: watch_changed,
    Connection: connection_changed,
    LeaderStatus: leader_changed,
    ActionStarted: _action_started,
    ActionFinished: _action_finished,
    Log: _log,
    Quarantined: _quarantined,
    ThreadDied: _thread_died,
    QueueSnapshot: queue_changed,
    Explained: explained,
    ProblemChanged: problem_changed,
    Browsing: _browsing,
    Printed: _printed,
    ControllerEnded: _ended,
    Caption: _caption,
    Deed: _deed,
    PermissionsReviewed: permissions_reviewed,
}

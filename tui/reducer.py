"""How each event changes the console's state. Pure: no clock, no terminal, no network."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from controller.events import ActionFinished, ActionStarted, Connection, ControllerEnded, Heal
from controller_runtime.events import (
    BEGINNING,
    FAILED,
    RETRYING,
    SERVING,
    ApiWrite,
    BusEvent,
    LeaderStatus,
    Log,
    ObjectChanged,
    Quarantined,
    ReconcileFinished,
    ReconcileStarted,
    ThreadDied,
    WatchStatus,
)
from tui.kinds.changes import brief
from tui.kinds.model import ObjectView
from tui.kinds.registry import describe, view
from tui.names import ObjectName, kind_of, name_of, plural, uid_of
from tui.state import (
    HISTORY,
    Action,
    ConsoleState,
    Denial,
    Error,
    Gone,
    Notice,
    Reconcile,
    Trouble,
    author,
    remember,
)
from tui.stream import Line
from tui.text import age, milliseconds
from tui.troubles import watch_name, write_name


def apply(state: ConsoleState, event: BusEvent, *, news: bool = True) -> None:
    """Take in one event. ``news`` is False for states that outlived their history in an overflow."""
    handler = _HANDLERS.get(type(event))
    if handler is not None:
        handler(state, event, news)


def dropped(state: ConsoleState, count: int, at: float) -> None:
    """Note that ``count`` events were lost as history."""
    if count:
        state.dropped += count
        _say(
            state, Line(at, "warn", "…", "DROPPED", f"{count:,} events came too fast to be shown", fault=True)
        )


def _say(state: ConsoleState, line: Line) -> int:
    number = state.stream.append(line)
    if line.about is not None:
        numbers = state.history.get(line.about)
        if numbers is None:
            numbers = deque(maxlen=HISTORY)
        numbers.append(number)
        remember(state.history, line.about, numbers)
    return number


# Objects ------------------------------------------------------------------------------------------

_CHANGE = {
    "ADDED": ("added", "+"),
    "MODIFIED": ("modified", "~"),
    "DELETED": ("deleted", "−"),
}


def _object(state: ConsoleState, event: ObjectChanged, news: bool) -> None:
    ref = event.ref
    uid, kind, name = uid_of(ref), kind_of(ref), name_of(ref)
    table = state.objects.setdefault(kind, {})
    state.touch(kind, uid)
    old = table.get(uid)
    new: ObjectView | None = None
    if event.type == "DELETED":
        if table.pop(uid, None) is not None and news:
            remember(state.gone, uid, Gone(view(ref, bytes(event.raw)), event.at))
        if state.current.get(name) == uid:
            del state.current[name]
    else:
        new = table[uid] = view(ref, bytes(event.raw))
        state.current[name] = uid
    state.last_event[kind] = max(event.at, state.last_event.get(kind, 0.0))
    if not news or event.initial:
        return
    state.rate.add(event.at)
    what = brief(old, new) if new else "missed while disconnected" if event.state_unknown else ""
    if event.type == "ADDED" and new and new.status not in describe(kind).usual:
        what = new.status
    style, glyph = _CHANGE[event.type]
    # A delete shows twice: as a deletion timestamp, and as the end of the object. Both are its doing.
    is_delete = new is None or (new.deleting is not None and (old is None or old.deleting is None))
    signature = (uid, "delete") if is_delete else (uid, event.resource_version)
    number = _say(
        state,
        Line(
            event.at, style, glyph, event.type, f"{ref.kind} {ref.name}", what,
            by=state.authors.get(signature, ""), about=name,
            fault=new is not None and new.health == "bad",
        ),
    )  # fmt: skip
    if signature not in state.authors:
        numbers = [*state.unsigned.get(signature, []), number]
        remember(state.unsigned, signature, numbers)


def _write(state: ConsoleState, event: ApiWrite, news: bool) -> None:
    _deny_or_allow(state, event)
    if event.error or event.outcome != "answered":
        word = {"answered": "REFUSED", "unknown": "NO ANSWER", "unsent": "NOT SENT"}[event.outcome]
        _say(
            state,
            Line(
                event.at, "error", "✗", word, f"{event.verb} {event.ref.kind} {event.ref.name}",
                event.error or f"HTTP {event.status}", by=author(state, event),
                about=name_of(event.ref), fault=True,
            ),
        )  # fmt: skip
        return
    by = author(state, event)
    if not by:
        return
    version = "delete" if event.verb == "delete" else event.resource_version
    signature = (uid_of(event.ref), version)
    remember(state.authors, signature, by)
    for number in state.unsigned.pop(signature, ()):
        line = state.stream.get(number)
        if line is not None:
            state.stream.replace(number, replace(line, by=by))


def _deny_or_allow(state: ConsoleState, event: ApiWrite) -> None:
    key = (event.verb, kind_of(event.ref), event.ref.namespace, event.subresource)
    if event.status == 403 and event.reconcile:
        denial = state.denials.setdefault(key, Denial(event, event.at))
        denial.write = event
        denial.count += 1
    elif event.outcome == "answered" and not event.error and (allowed := state.denials.pop(key, None)):
        lasted = f"after {max(event.at - allowed.since, 0):.0f} s"
        _say(state, Line(event.at, "ok", "✓", "RESTORED", write_name(event), lasted))


def _ask_no_more(state: ConsoleState, event: ReconcileFinished) -> None:
    """A reconcile of the same object that went well without the refused write has no need of it."""
    for key, denial in list(state.denials.items()):
        if denial.write.reconcile == event.id:
            denial.keys.add(event.key)
        elif event.key in denial.keys and not event.error:
            denial.keys.discard(event.key)
            if not denial.keys:
                del state.denials[key]


# Reconciles and heals -----------------------------------------------------------------------------


def _reconcile_started(state: ConsoleState, event: ReconcileStarted, news: bool) -> None:
    remember(state.reconcile_ids, event.id, event.number)
    remember(state.reconciles, event.number, Reconcile(event.number, event.at))


def _reconcile_finished(state: ConsoleState, event: ReconcileFinished, news: bool) -> None:
    remember(state.reconcile_ids, event.id, event.number)
    reconcile = state.reconciles.get(event.number)
    if reconcile is None:
        reconcile = Reconcile(event.number, event.at - event.duration)
        remember(state.reconciles, event.number, reconcile)
    reconcile.duration = event.duration
    _ask_no_more(state, event)
    namespace, _, name = event.key.rpartition("/")
    about = ObjectName(event.group, event.kind, namespace, name)
    subject = f"{event.key.rpartition('/')[2]} #{event.number}"
    failed = event.result in ("error", "terminal_error", "timeout")
    took = milliseconds(event.duration)
    if failed:
        what = f"{event.result.replace('_', ' ')}: {event.error}"
        _say(state, Line(event.at, "error", "✗", "RECONCILE", subject, what, about=about, fault=True))
        if event.traceback:
            _keep(state, event.at, f"reconcile of {event.key}: {event.error}", event.traceback)
        return
    parts = [took]
    if event.writes:
        parts.append(f"{event.writes} write{'s' if event.writes > 1 else ''}")
    if event.result == "requeue_after":
        parts.append(f"again {age(event.requeue_after)}")
    style = "info" if event.writes else "muted"
    _say(state, Line(event.at, style, "↻", "RECONCILE", subject, " · ".join(parts), about=about))


def _heal(state: ConsoleState, event: Heal, news: bool) -> None:
    before = state.heals.get(event.old_uid)
    remember(state.heals, event.old_uid, event)
    about = ObjectName(state.group_of(event.kind), event.kind, event.namespace, event.name)
    subject = f"{event.kind} {event.name}"
    remember(state.heal_of, about, event.old_uid)
    if not news or (before is not None and before.stage == event.stage):
        return
    if event.stage == "ready" and event.seconds is not None:
        what = f"in {event.seconds:.2f} s"
        _say(state, Line(event.at, "ok", "✓", "HEALED", subject, what, about=about))
    elif event.stage == "abandoned":
        _say(
            state,
            Line(
                event.at,
                "muted",
                "·",
                "LEFT",
                f"{event.kind} {event.name}",
                "no replacement is wanted",
                about=about,
            ),
        )


# Watches and connection ---------------------------------------------------------------------------


def _watch(state: ConsoleState, event: WatchStatus, news: bool) -> None:
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
            _say(state, _broken_line(event, name))
    elif event.state in SERVING:
        trouble = state.troubles.pop(key, None)
        if not news:
            return
        if trouble is not None and trouble.state in FAILED:
            lasted = f"after {max(event.at - trouble.since, 0):.0f} s"
            _say(state, Line(event.at, "ok", "✓", "RESTORED", name, lasted))
            state.notices.append(Notice("information", f"{name} are back", f"RESTORED {lasted}"))
        elif trouble is None and changed and (before is None or before.state in BEGINNING):
            count = f"{event.objects} {plural(event.kind, event.objects)}"
            where = f"in {event.scope}" if event.scope else ""
            _say(state, Line(event.at, "muted", "·", "LISTED", count, where))


def _broken_line(event: WatchStatus, name: str) -> Line:
    style = "warn" if event.state in RETRYING else "error"
    glyph = "↻" if style == "warn" else "✗"
    word = {"forbidden": "FORBIDDEN", "unauthorized": "NO LOGIN", "unreachable": "NO ANSWER"}.get(
        event.state, "RECONNECT"
    )
    return Line(event.at, style, glyph, word, f"{event.verb} {name}".strip(), event.message, fault=True)


def _connection(state: ConsoleState, event: Connection, news: bool) -> None:
    if event.role == "person":
        state.person = event
        return
    before, state.connection = state.connection, event
    if before is not None and before.state == "ended" and event.state == "connecting":
        state.forget_cluster()
    if not news or (before is not None and before.state == event.state):
        return
    if event.state == "failed":
        _say(state, Line(event.at, "error", "✗", "NO ANSWER", event.server, event.message, fault=True))
    elif event.state == "ended":
        _say(state, Line(event.at, "error", "✗", "ENDED", event.cluster, event.message, fault=True))
    elif event.state == "connected":
        _say(
            state,
            Line(event.at, "ok", "●", "CONNECTED", event.cluster, event.version),
        )


def _leader(state: ConsoleState, event: LeaderStatus, news: bool) -> None:
    before, state.leader = state.leader, event
    if not news or event.state == "disabled" or (before is not None and before.state == event.state):
        return
    lost = event.state == "lost"
    detail = event.message or (f"held by {event.holder}" if event.holder else "")
    style = "error" if lost else "info"
    _say(state, Line(event.at, style, "◆", "LEADER", event.state, detail, fault=lost))


# The rest -----------------------------------------------------------------------------------------


def _action_started(state: ConsoleState, event: ActionStarted, news: bool) -> None:
    before = state.actions.get(event.id)
    remember(state.actions, event.id, Action(event.verb, event.ref, before.finished if before else None), 200)


def _action_finished(state: ConsoleState, event: ActionFinished, news: bool) -> None:
    remember(state.actions, event.id, Action(event.verb, event.ref, event), 200)
    if event.verb == "check" or event.ok:
        return
    what = f"{event.verb} {event.ref.kind} {event.ref.name}"
    about = name_of(event.ref)
    _say(
        state, Line(event.at, "error", "✗", "REFUSED", what, event.message, by="you", about=about, fault=True)
    )
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
    _say(
        state,
        Line(event.at, style, glyph, word, subject, what, about=about, fault=True),
    )
    _keep(state, event.at, event.message, event.detail, event.traceback)


def _keep(state: ConsoleState, at: float, message: str, *parts: str) -> None:
    """For the screen that shows errors whole."""
    state.errors.append(Error(at, message, "\n".join(filter(None, parts))))


def _thread_died(state: ConsoleState, event: ThreadDied, news: bool) -> None:
    what = event.error if event.restart_in is None else f"{event.error}; begun again"
    _say(state, Line(event.at, "error", "✗", "THREAD", event.name, what, fault=True))
    _keep(state, event.at, f"the thread {event.name} died: {event.error}", event.traceback)


def _ended(state: ConsoleState, event: ControllerEnded, news: bool) -> None:
    state.ended = event
    _say(state, Line(event.at, "error", "✗", "ENDED", "the controller", event.message, fault=True))
    _keep(state, event.at, f"the controller ended: {event.message}", event.traceback)


def _quarantined(state: ConsoleState, event: Quarantined, news: bool) -> None:
    name = f"{event.resource} {event.name}".strip()
    stale = f"stale: still shown as of version {event.stale_version}; " if event.stale_version else ""
    _say(state, Line(event.at, "error", "✗", "MALFORMED", name, stale + event.reason, fault=True))


_HANDLERS: dict[type[BusEvent], Callable[[ConsoleState, Any, bool], None]] = {
    ObjectChanged: _object,
    ApiWrite: _write,
    ReconcileStarted: _reconcile_started,
    ReconcileFinished: _reconcile_finished,
    Heal: _heal,
    WatchStatus: _watch,
    Connection: _connection,
    LeaderStatus: _leader,
    ActionStarted: _action_started,
    ActionFinished: _action_finished,
    Log: _log,
    ThreadDied: _thread_died,
    ControllerEnded: _ended,
    Quarantined: _quarantined,
}

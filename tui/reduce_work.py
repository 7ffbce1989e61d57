"""How the operator's work changes the state: reconciles and heals."""

from __future__ import annotations

from controller.events import Heal
from controller_runtime.events import ReconcileFinished, ReconcileStarted
from tui.names import GroupKind, ObjectName
from tui.state import ConsoleState, Reconcile, remember
from tui.stream import Line
from tui.text import age, milliseconds


def _ask_no_more(state: ConsoleState, event: ReconcileFinished) -> None:
    """A reconcile of the same object that went well without the refused write has no need of it."""
    for key, denial in list(state.denials.items()):
        if denial.write.reconcile == event.id:
            denial.keys.add(event.key)
        elif event.key in denial.keys and not event.error:
            denial.keys.discard(event.key)
            if not denial.keys:
                del state.denials[key]


def reconcile_started(state: ConsoleState, event: ReconcileStarted, news: bool) -> None:
    remember(state.reconcile_ids, event.id, event.number)
    namespace, _, name = event.key.rpartition("/")
    kind = state.controllers.get(event.controller, GroupKind("", ""))
    about = ObjectName(*kind, namespace, name) if kind.kind else None
    line = Line(event.at, "muted", "↻", "RECONCILE", f"{name} #{event.number}", "…", about=about)
    number = state.say(line) if news else None
    remember(
        state.reconciles,
        event.number,
        Reconcile(event.number, event.at, line=number, controller=event.controller),
    )


def reconcile_finished(state: ConsoleState, event: ReconcileFinished, news: bool) -> None:
    remember(state.reconcile_ids, event.id, event.number)
    reconcile = state.reconciles.get(event.number)
    if reconcile is None:
        reconcile = Reconcile(event.number, event.at - event.duration, controller=event.controller)
        remember(state.reconciles, event.number, reconcile)
    reconcile.duration = event.duration
    _ask_no_more(state, event)
    if event.traceback:
        state.keep_error(event.at, f"reconcile of {event.key}: {event.error}", event.traceback)
    state.controllers[event.controller] = GroupKind(event.group, event.kind)
    line = _finished_line(event, reconcile)
    if reconcile.line is None:
        state.say(line)
    else:
        state.replace(reconcile.line, line)


def _finished_line(event: ReconcileFinished, reconcile: Reconcile) -> Line:
    """In the place of the line of its beginning, so that it stands before what it caused."""
    namespace, _, name = event.key.rpartition("/")
    about = ObjectName(event.group, event.kind, namespace, name)
    at = event.at if reconcile.line is None else reconcile.started
    subject = f"{name} #{event.number}"
    if event.result in ("error", "terminal_error", "timeout"):
        what = f"{event.result.replace('_', ' ')}: {event.error}"
        return Line(at, "error", "✗", "RECONCILE", subject, what, about=about, fault=True)
    parts = [milliseconds(event.duration)]
    if event.writes:
        parts.append(f"{event.writes} write{'s' if event.writes > 1 else ''}")
    if event.result == "requeue_after":
        parts.append(f"again {age(event.requeue_after)}")
    style = "info" if event.writes else "muted"
    return Line(at, style, "↻", "RECONCILE", subject, " · ".join(parts), about=about)


def healed(state: ConsoleState, event: Heal, news: bool) -> None:
    before = state.heals.get(event.old_uid)
    remember(state.heals, event.old_uid, event)
    about = ObjectName(state.group_of(event.kind), event.kind, event.namespace, event.name)
    subject = f"{event.kind} {event.name}"
    remember(state.heal_of, about, event.old_uid)
    if not news or (before is not None and before.stage == event.stage):
        return
    if event.stage == "ready" and event.seconds is not None:
        what = f"in {event.seconds:.2f} s"
        state.say(Line(event.at, "ok", "✓", "HEALED", subject, what, about=about))
    elif event.stage == "abandoned":
        state.say(
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

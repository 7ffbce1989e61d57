"""How watch events and writes change the state: rows, the lines of the stream and who did it."""

from __future__ import annotations

from dataclasses import replace

import msgspec

from controller_runtime.events import ApiWrite, ObjectChanged
from tui.authors import author_of
from tui.kinds.changes import brief
from tui.kinds.model import ObjectView
from tui.kinds.registry import describe, described, view
from tui.names import GroupKind, kind_of, name_of, uid_of
from tui.state import ConsoleState, Denial, Gone, author, remember
from tui.stream import Line
from tui.troubles import write_name
from tui.versions import Version

EVENTS = GroupKind("events.k8s.io", "Event")  # news of its own, and its end is none
LASTING = (403, 422)  # refusals that stay until a person does something

_CHANGE = {
    "ADDED": ("added", "+"),
    "MODIFIED": ("modified", "~"),
    "DELETED": ("deleted", "−"),
}


def _printed(state: ConsoleState, kind: GroupKind, o: ObjectView) -> ObjectView:
    """With the cells that the server printed, for a kind that nobody described."""
    columns, cells = state.columns.get(kind), state.cells.get(uid_of(o.ref))
    if kind in described() or columns is None or cells is None:
        return o
    printed = dict(zip(columns, cells, strict=False))
    facts = {k.lower(): v for k, v in printed.items() if k not in ("Name", "Age")}
    return msgspec.structs.replace(o, cells=printed, facts={**o.facts, **facts})


def object_changed(state: ConsoleState, event: ObjectChanged, news: bool) -> None:
    ref = event.ref
    uid, kind, name = uid_of(ref), kind_of(ref), name_of(ref)
    table = state.objects.setdefault(kind, {})
    state.touch(kind, uid)
    old = table.get(uid)
    new: ObjectView | None = None
    if event.type == "DELETED":
        if table.pop(uid, None) is not None and news:
            remember(state.gone, uid, Gone(view(event), event.at))
        if state.current.get(name) == uid:
            del state.current[name]
    else:
        new = table[uid] = _printed(state, kind, view(event))
        state.current[name] = uid
    if new is not None and not event.initial and (reached := describe(kind).milestones(new)):
        times = state.milestones.get(uid)
        if times is None:
            times = {}
            remember(state.milestones, uid, times)
        for milestone in reached:
            times.setdefault(milestone, event.at)
    state.last_event[kind] = max(event.at, state.last_event.get(kind, 0.0))
    kept = Version(event.at, "LISTED" if event.initial else event.type, new.raw if new else bytes(event.raw))
    if not news or event.initial or kind == EVENTS:
        if kind != EVENTS:
            state.versions.add(uid, kept)
        return
    state.rate.add(event.at)
    what = brief(old, new) if new else "missed while disconnected" if event.state_unknown else ""
    if event.type == "ADDED" and new and new.status not in describe(kind).usual:
        what = new.status
    style, glyph = _CHANGE[event.type]
    # A delete shows twice: as a deletion timestamp, and as the end of the object. Both are its doing.
    is_delete = new is None or (new.deleting is not None and (old is None or old.deleting is None))
    signature = (uid, "delete") if is_delete else (uid, event.resource_version)
    number = state.say(Line(
            event.at, style, glyph, event.type, f"{ref.kind} {ref.name}", what,
            by=state.authors.get(signature) or author_of(old, new), about=name,
            fault=new is not None and new.health == "bad",
        ),
    )  # fmt: skip
    state.versions.add(uid, replace(kept, line=number))
    if signature not in state.authors:
        numbers = [*state.unsigned.get(signature, []), number]
        remember(state.unsigned, signature, numbers)


def written(state: ConsoleState, event: ApiWrite, news: bool) -> None:
    _deny_or_allow(state, event)
    if event.error or event.outcome != "answered":
        word = {"answered": "REFUSED", "unknown": "NO ANSWER", "unsent": "NOT SENT"}[event.outcome]
        state.say(Line(
                event.at, "error", "✗", word, f"{event.verb} {event.ref.kind} {event.ref.name}",
                _why(event), by=author(state, event),
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


def _why(event: ApiWrite) -> str:
    """The server's words, and what helps; of a missing rule the card tells more."""
    words = event.error or f"HTTP {event.status}"
    return f"{words}; {event.remedy}" if event.remedy and event.missing_rule is None else words


def _deny_or_allow(state: ConsoleState, event: ApiWrite) -> None:
    key = (event.verb, kind_of(event.ref), event.ref.namespace, event.subresource)
    if event.status in LASTING and event.reconcile:
        denial = state.denials.setdefault(key, Denial(event, event.at))
        denial.write = event
        denial.count += 1
    elif event.outcome == "answered" and not event.error and (allowed := state.denials.pop(key, None)):
        lasted = f"after {max(event.at - allowed.since, 0):.0f} s"
        state.say(Line(event.at, "ok", "✓", "RESTORED", write_name(event), lasted))

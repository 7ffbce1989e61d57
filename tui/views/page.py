"""The page of one object: who it is, its family, conditions, containers, Events, and what happened to it."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, NamedTuple

import msgspec

from controller_runtime.kube.terminal import safe_text
from controller_runtime.kube.times import parse_time
from tui.as_yaml import as_yaml
from tui.family import EVENTS, Relative, events_about, family, last_seen
from tui.kinds.model import Base, ObjectView
from tui.kinds.registry import described
from tui.logs import POD
from tui.names import ObjectName, kind_of, name_of, uid_of
from tui.state import ConsoleState
from tui.text import age, pad, wrap
from tui.views.containers import container_rows
from tui.views.spans import bar_rows, heal_spans
from tui.widgets.event_row import fine_time
from tui.widgets.lines import Row
from tui.widgets.yaml_view import yaml_row
from why.finding import Explanation

HEALTH = {"ok": ("●", "ok"), "busy": ("◌", "busy"), "bad": ("✗", "bad"), "done": ("−", "done")}
LABEL = 13  # cells
MOST_EVENTS = 20
LATEST = 12  # lines of what happened
LONGEST_SPEC = 200  # lines
QUIET = ("kubectl.kubernetes.io/last-applied-configuration",)  # annotations that repeat the object


class PageRow(NamedTuple):
    row: Row
    target: ObjectName | None = None  # what enter leads to


class _Condition(Base, frozen=True):
    type: str = ""
    status: str = ""
    reason: str | None = None
    message: str | None = None
    last_transition_time: str | None = None


class _Metadata(Base, frozen=True):
    annotations: dict[str, str] | None = None
    generation: int | None = None


class _Status(Base, frozen=True):
    conditions: tuple[_Condition, ...] | None = None
    observed_generation: int | None = None


class _Object(Base, frozen=True):
    metadata: _Metadata = _Metadata()
    status: _Status | None = None


_decode = msgspec.json.Decoder(_Object).decode

# Conditions that are bad news when they are True.
BAD_NEWS = ("Pressure", "Degraded", "Failed", "Failure", "Unavailable", "Unreachable", "Stalled")

# Of Progressing, which by itself is neither. Source: Kubernetes, pkg/controller/deployment/util.
GIVEN_UP = ("Exceeded", "Failed", "Error")
SETTLED = "NewReplicaSetAvailable"  # a Deployment keeps Progressing True when it is done

Section = Callable[[ConsoleState, ObjectView, int, float], list[PageRow]]


def page_rows(
    state: ConsoleState, o: ObjectView, why: Explanation | None, width: int, now: float
) -> list[PageRow]:
    """``why``: the explanation of it, once there is one."""
    rows = [*_why(why, width), *_identity(state, o, width, now)]
    sections: tuple[tuple[str, Section], ...] = (
        ("Family", _family), ("Conditions", _conditions), ("Containers", _containers), ("Events", _events),
        ("Latest heal", _heal), ("What happened", _happened), ("Spec", _spec),
    )  # fmt: skip
    for title, section in sections:
        if found := section(state, o, width, now):
            rows += [PageRow([]), PageRow([(title, "accent")]), *found]
    return rows


def _why(why: Explanation | None, width: int) -> list[PageRow]:
    if why is None or why.is_well:
        return []
    lines = wrap(safe_text(why.sentence), max(width - 2, 10))
    more = f"{len(why.findings)} findings: X" if len(why.findings) > 1 else "X: on what evidence"
    return [*(PageRow([(line, "warn")]) for line in lines), PageRow([(more, "muted")]), PageRow([])]


def _identity(state: ConsoleState, o: ObjectView, width: int, now: float) -> list[PageRow]:
    sign, style = HEALTH[o.health]
    gone = state.gone.get(uid_of(o.ref))
    words = o.status or "there"
    if gone is not None and state.find(o.ref) is None:
        sign, style, words = "−", "deleted", f"Deleted {age(now - gone.at)} ago"
    head: Row = [(f"{sign} ", style), (words, style)]
    if o.deleting is not None and state.find(o.ref) is not None:
        head.append((f"  since {age(now - o.deleting)}, of {o.grace or 0} s of grace", "warn"))
    facts = [(k, v) for k, v in o.facts.items() if v and k not in ("status", "unreadable")]
    rows = [PageRow(head)]
    if facts:
        rows += _labelled("", "  ".join(f"{k} {v}" for k, v in facts), width, "text", indent=2)
    try:
        raw = _decode(o.raw)
    except msgspec.MsgspecError:
        raw = _Object()
    created = "" if o.created is None else f"{age(now - o.created)} ago"
    generation = raw.metadata.generation
    if generation is not None and raw.status is not None and raw.status.observed_generation is not None:
        seen = raw.status.observed_generation
        if seen != generation:
            rows += _labelled("generation", f"{generation}, of which {seen} was observed", width, "warn")
    rows += _labelled("created", created, width)
    rows += _labelled("uid", o.ref.uid, width, "muted")
    rows += _labelled("labels", "  ".join(f"{k}={v}" for k, v in sorted(o.labels.items())), width)
    notes = {k: v for k, v in (raw.metadata.annotations or {}).items() if k not in QUIET}
    for place, (key, value) in enumerate(sorted(notes.items())):
        rows += _labelled("annotations" if not place else "", f"{key}={value[:500]}", width)
    rows += _labelled("finalizers", "  ".join(o.finalizers), width)
    now_there = state.named(name_of(o.ref))
    if now_there is not None and uid_of(now_there.ref) != uid_of(o.ref):
        words = f"another {o.ref.kind} has this name now: enter goes there"
        rows.append(PageRow([(words, "warn")], name_of(o.ref)))
    return rows


def _labelled(
    label: str, text: str, width: int, style: str = "text", *, indent: int = LABEL
) -> list[PageRow]:
    if not text:
        return []
    lines = wrap(safe_text(text), max(width - indent, 10))
    return [
        PageRow([(pad(label if not n else "", indent), "muted"), (line, style)])
        for n, line in enumerate(lines)
    ]


def _family(state: ConsoleState, o: ObjectView, width: int, now: float) -> list[PageRow]:
    relatives = family(state, o)
    if len(relatives) == 1:
        return []
    return [_relative(o, relative, now) for relative in relatives]


def _relative(o: ObjectView, relative: Relative, now: float) -> PageRow:
    view, name = relative.view, relative.name
    branch = "   " * (relative.depth - 1) + "└─ " if relative.depth else ""
    if view is None:
        words = f"{name.kind} {name.name}"
        return PageRow(
            [(branch, "muted"), ("? ", "muted"), (words, "muted"), ("  not watched", "muted")], name
        )
    is_self = uid_of(view.ref) == uid_of(o.ref)
    sign, style = HEALTH[view.health]
    row: Row = [
        (branch, "muted"), (f"{sign} ", style), (f"{name.kind} ", "muted"),
        (name.name, "bold" if is_self else "text"), (f"  {view.status}", style),
    ]  # fmt: skip
    if view.created is not None:
        row.append((f"  {age(now - view.created)}", "muted"))
    if is_self:
        row.append(("  this one", "muted"))
    return PageRow(row, None if is_self else name)


def _conditions(state: ConsoleState, o: ObjectView, width: int, now: float) -> list[PageRow]:
    try:
        status = _decode(o.raw).status
    except msgspec.MsgspecError as error:
        return [PageRow([(f"cannot be read: {error}", "error")])]
    rows: list[PageRow] = []
    for condition in (status.conditions or ()) if status is not None else ():
        sign, style = _judged(condition)
        since = parse_time(condition.last_transition_time)
        row: Row = [
            (f"{sign} ", style), (pad(condition.type, 26), "text"),
            (pad(condition.status, 8), style), (condition.reason or "", "text"),
        ]  # fmt: skip
        if since is not None:
            row.append((f"  {age(now - since)}", "muted"))
        rows.append(PageRow(row))
        if condition.message:
            lines = wrap(safe_text(condition.message), max(width - 4, 10))
            rows += [PageRow([("  ", "text"), (line, "muted" if style == "ok" else style)]) for line in lines]
    return rows


def _judged(condition: _Condition) -> tuple[str, str]:
    """A sign and a style: good news or bad."""
    if condition.status == "Unknown":
        return "?", "warn"
    if condition.type == "Progressing" and not (condition.reason or "").endswith(GIVEN_UP):
        is_under_way = condition.status == "True" and condition.reason != SETTLED
        return ("◌", "busy") if is_under_way else ("○", "muted")
    is_good = (condition.status == "True") is not condition.type.endswith(BAD_NEWS)
    return ("●", "ok") if is_good else ("✗", "error")


def _containers(state: ConsoleState, o: ObjectView, width: int, now: float) -> list[PageRow]:
    return [PageRow(row) for row in container_rows(o.raw, width, now)] if kind_of(o.ref) == POD else []


def _events(state: ConsoleState, o: ObjectView, width: int, now: float) -> list[PageRow]:
    rows: list[PageRow] = []
    found = events_about(state, o)
    for event in found[:MOST_EVENTS]:
        seen, count = last_seen(event), event.cells.get("count", "1")
        style = "warn" if event.status == "Warning" else "text"
        rows.append(
            PageRow(
                [
                    (pad(age(now - seen) if seen else "", 7, right=True) + "  ", "muted"),
                    ("! " if event.status == "Warning" else "  ", "warn"),
                    (event.cells.get("reason", ""), style),
                    (f"  ×{count}" if count != "1" else "", "muted"),
                ]
            )
        )
        lines = wrap(safe_text(event.cells.get("note", "")), max(width - 12, 10))
        rows += [PageRow([(" " * 11, "text"), (line, "muted")]) for line in lines]
    if len(found) > MOST_EVENTS:
        rows.append(PageRow([(f"and {len(found) - MOST_EVENTS} older ones: :events", "muted")]))
    if not rows and not state.watch_of(EVENTS):
        return [PageRow([("Kubernetes Events are not watched.", "muted")])]
    return rows


def _heal(state: ConsoleState, o: ObjectView, width: int, now: float) -> list[PageRow]:
    heals = state.heals_for(o.ref)
    if not heals:
        return []
    heal = heals[-1]
    rows = [PageRow(row) for row in bar_rows(heal_spans(state, heal), width, now)]
    if heal.name != o.ref.name:
        rows.insert(0, PageRow([(f"{heal.kind} {heal.key}", "muted")]))
    return rows


def _happened(state: ConsoleState, o: ObjectView, width: int, now: float) -> list[PageRow]:
    numbers = list(state.history.get(name_of(o.ref), ()))[-LATEST:]
    rows: list[PageRow] = []
    for number in reversed(numbers):
        if (line := state.stream.get(number)) is None:
            continue
        last = line.subject.rpartition(" ")[2]
        which = f"{last} " if last.startswith("#") else ""  # of the reconciles
        row: Row = [
            (f"{fine_time(line.at)}  ", "muted"), (f"{line.glyph} {pad(line.word, 9)} ", line.style),
            (which + line.detail if line.detail else line.subject, "text"),
        ]  # fmt: skip
        if line.by:
            row.append((f"  by {line.by}", "accent" if line.by == "you" else "muted"))
        rows.append(PageRow(row))
    return rows


def _spec(state: ConsoleState, o: ObjectView, width: int, now: float) -> list[PageRow]:
    """What the JSON of an object says, of a kind that nobody described."""
    if kind_of(o.ref) in described():
        return []
    try:
        whole: dict[str, Any] = json.loads(o.raw)
        shown = {k: v for k, v in whole.items() if k not in ("apiVersion", "kind", "metadata")}
        if isinstance(shown.get("status"), dict):
            shown["status"] = {k: v for k, v in shown["status"].items() if k != "conditions"}
    except (ValueError, AttributeError):
        return [PageRow([("not JSON", "error")])]
    shown = {k: v for k, v in shown.items() if v}
    if not shown:
        return []
    lines = as_yaml(shown).splitlines()
    rows = [PageRow(yaml_row(line)) for line in lines[:LONGEST_SPEC]]
    if len(lines) > LONGEST_SPEC:
        rows.append(PageRow([(f"and {len(lines) - LONGEST_SPEC} lines more: y", "muted")]))
    return rows

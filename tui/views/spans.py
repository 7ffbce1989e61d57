"""Cause and effect as bars to scale: how long each step took, and where in the whole it was."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.cells import cell_len

from controller.events import Heal
from tui.chains import Node
from tui.names import ObjectName
from tui.state import ConsoleState
from tui.text import fit, milliseconds, pad
from tui.widgets.lines import Row

LABEL = 16  # cells
EIGHTHS = " ▏▎▍▌▋▊▉█"
SOONEST = 0.0005  # seconds; a step that took less was no wait


@dataclass(frozen=True)
class Span:
    label: str
    begin: float  # Unix seconds
    end: float | None  # None: under way
    style: str
    note: str = ""


def heal_spans(state: ConsoleState, heal: Heal) -> list[Span]:
    """From the delete request to ready: deleting, queued, reconcile and its writes, then the start."""
    spans = [Span("deleting", heal.requested, heal.gone, "deleted", f"by {heal.by}" if heal.by else "")]
    reconcile = state.reconciles.get(heal.reconcile)
    node = next((n for n in state.chains.of_reconcile(heal.reconcile)), None) if reconcile else None
    if reconcile is not None:
        if node is not None and node.seconds > SOONEST:
            spans.append(Span("queued", node.at - node.seconds, node.at, "muted"))
        end = reconcile.started + reconcile.duration if reconcile.duration is not None else None
        spans.append(Span(f"reconcile #{heal.reconcile}", reconcile.started, end, "info"))
        if node is not None:
            spans += [_write_span(n) for n in state.chains.effects(node.seq) if n.what == "write"]
    if heal.created is not None:
        spans += _starting(state, heal)
    return spans


def _starting(state: ConsoleState, heal: Heal) -> list[Span]:
    """From created to ready, in the steps that its kind has."""
    assert heal.created is not None
    spans: list[Span] = []
    begin, label = heal.created, "created"
    reached = state.milestones.get(heal.new_uid, {})
    for name, at in sorted(reached.items(), key=lambda item: item[1]):
        if name != "ready" and at >= begin:
            if at - begin > SOONEST:
                spans.append(Span(label, begin, at, "added", f"until {name}"))
            begin, label = at, name
    if heal.kind == "Pod" or heal.ready is None:
        spans.append(Span(label, begin, heal.ready, "busy" if heal.ready is None else "ok", "until ready"))
    return spans


def _write_span(node: Node) -> Span:
    about = node.about
    what = f"{about.kind} {about.name}" if about else ""
    return Span(f"  {node.text}", node.at - node.seconds, node.at, "accent", what)


def chain_spans(chain: Sequence[Node]) -> list[Span]:
    """The reconciles and writes of a chain, and what came first, as the bus saw them."""
    spans: list[Span] = []
    finished = {n.number: n for n in chain if n.what == "finished"}
    for node in chain:
        if node.what == "started":
            done = finished.get(node.number)
            if node.seconds > SOONEST:
                spans.append(Span("queued", node.at - node.seconds, node.at, "muted"))
            end = node.at + done.seconds if done else None
            spans.append(Span(f"reconcile #{node.number}", node.at, end, "info", done.text if done else ""))
        elif node.what == "write":
            spans.append(_write_span(node))
        elif node.what == "change":
            spans.append(Span(f"{node.text.lower()}", node.at, node.at, "modified", _name(node.about)))
    return spans


def _name(about: ObjectName | None) -> str:
    return f"{about.kind} {about.name}" if about else ""


def bar_rows(spans: Sequence[Span], width: int, now: float) -> list[Row]:
    """A row a span: label, its bar at its place in the whole, how long it took, a note if there is room."""
    if not spans:
        return []
    first = min(s.begin for s in spans)
    last = max(max(now if s.end is None else s.end for s in spans), first + 0.001)
    took = [milliseconds((now if s.end is None else s.end) - s.begin) for s in spans]
    right = max(map(len, took)) + 3
    note = min(max((len(s.note) for s in spans), default=0), max((width - LABEL - right) // 3, 0))
    room = max(width - LABEL - right - note - 2, 8)
    rows: list[Row] = []
    for span, seconds in zip(spans, took, strict=True):
        end = now if span.end is None else span.end
        bar = _bar((span.begin - first) / (last - first), (end - first) / (last - first), room)
        tail = seconds + (" …" if span.end is None else "")
        rows.append(
            [
                (pad(span.label, LABEL), span.style),
                (bar, span.style),
                (pad(tail, right, right=True) + " ", "text"),
                (fit(span.note, note) if note > 3 else "", "muted"),
            ]
        )
    return rows


def _bar(begin: float, end: float, room: int) -> str:
    """A bar from ``begin`` to ``end``, parts of one, in ``room`` cells; never thinner than an eighth."""
    start = min(int(begin * room), room - 1)
    eighths = max(round((end * room - start) * 8), 1)
    whole, rest = divmod(eighths, 8)
    bar = " " * start + "█" * whole + (EIGHTHS[rest] if rest else "")
    bar = bar[:room]
    return bar + " " * (room - cell_len(bar))

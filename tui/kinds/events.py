"""Kubernetes Events, as ``kubectl events`` shows them."""

from __future__ import annotations

from controller_runtime.events import ObjectChanged
from controller_runtime.kube.kinds import Event
from controller_runtime.kube.times import parse_time
from tui.kinds.columns import NAMESPACE, cell
from tui.kinds.model import Base, Cell, Column, Kind, Metadata, ObjectView, row
from tui.text import age


class _Series(Base, frozen=True):
    count: int = 0
    last_observed_time: str | None = None


class _Regarding(Base, frozen=True):
    kind: str = ""
    name: str = ""


class ShownEvent(Event, frozen=True):
    metadata: Metadata
    regarding: _Regarding = _Regarding()
    event_time: str | None = None
    series: _Series | None = None
    deprecated_count: int | None = None
    deprecated_last_timestamp: str | None = None


def read(change: ObjectChanged) -> ObjectView:
    event = change.decoded(ShownEvent)
    series = event.series or _Series()
    times = (series.last_observed_time, event.deprecated_last_timestamp, event.event_time)
    seen = next((at for t in times if (at := parse_time(t)) is not None), None)
    about = f"{event.regarding.kind}/{event.regarding.name}"
    count = str(series.count or event.deprecated_count or 1)
    return row(
        change, event.metadata, event.type, "bad" if event.type == "Warning" else "ok",
        cells={
            "reason": event.reason, "object": about, "note": event.note, "count": count,
            "seen": "" if seen is None else str(seen),
        },
        facts={"reason": event.reason, "object": about, "note": event.note, "count": count},
    )  # fmt: skip


def _seen(o: ObjectView) -> float | None:
    text = o.cells.get("seen", "")
    return float(text) if text else o.created


def _last_seen(o: ObjectView, now: float) -> Cell:
    seen = _seen(o)
    return ("" if seen is None else age(now - seen)), "muted"


KIND = Kind(
    resource=Event.resource,
    title="Events",
    columns=(
        Column(
            "LAST SEEN", _last_seen, rank=3, right=True, ticks=True, value=lambda o: -(_seen(o) or 0.0)
        ),
        NAMESPACE,
        Column("TYPE", lambda o, now: (o.status, "warn" if o.status == "Warning" else "muted")),
        Column("REASON", cell("reason"), rank=1),
        Column("OBJECT", cell("object"), rank=2, flex=20),
        Column("COUNT", cell("count", "muted"), rank=5, right=True),
        Column("MESSAGE", cell("note"), flex=24),
    ),
    read=read,
    decode_as=ShownEvent,
    short_names=("ev",),
    actions=("yaml",),
    quiet=("status", "count"),
    order=3,
)  # fmt: skip

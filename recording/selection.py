"""Which events of a recording are wanted: those of some time, those of one object."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from controller.events import ActionFinished, ActionStarted, Heal
from controller_runtime.events import (
    ApiWrite,
    BusEvent,
    Enqueued,
    Log,
    ObjectChanged,
    Quarantined,
    ReconcileFinished,
    ReconcileStarted,
)
from controller_runtime.kube.resource import Ref

_OFFSET = re.compile(r"\+(\d+(?:\.\d+)?)(s|m|h)?")
_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0}


@dataclass(frozen=True)
class Wanted:
    """``since`` and ``until`` are Unix seconds, ``object`` is kind (in lower case) and namespace/name."""

    since: float = float("-inf")
    until: float = float("inf")
    object: tuple[str, str] | None = None

    def __call__(self, event: BusEvent) -> bool:
        return self.since <= event.at <= self.until and (self.object is None or concerns(event, *self.object))


def concerns(event: BusEvent, kind: str, key: str) -> bool:
    """Whether an event is about an object, its queue key and its reconciles included."""

    def is_it(ref: Ref | None) -> bool:
        return ref is not None and ref.key == key and ref.kind.lower() == kind

    match event:
        case ObjectChanged() | ApiWrite() | ActionStarted() | ActionFinished() | Log():
            return is_it(event.ref)
        case Enqueued():
            return is_it(event.trigger.ref if event.trigger else None)
        case ReconcileStarted():
            return any(is_it(t.ref) for t in event.triggers)
        case ReconcileFinished():
            return event.key == key and event.kind.lower() == kind
        case Heal():
            return (event.key == key and kind == event.kind.lower()) or (
                event.owner == key and kind == event.owner_kind.lower()
            )
        case Quarantined():
            name = f"{event.namespace}/{event.name}" if event.namespace else event.name
            return name == key and event.resource.lower() in (kind, f"{kind}s", f"{kind}es")
        case _:
            return False


def parse_object(text: str) -> tuple[str, str]:
    """KIND/NAMESPACE/NAME, or KIND/NAME for cluster-scoped kinds. Raises ValueError."""
    kind, slash, key = text.partition("/")
    if not (kind and slash and key) or key.count("/") > 1 or not all(key.split("/")):
        raise ValueError(f"{text!r} is no object: write it as in Pod/default/web-0, or Node/node-1")
    return kind.lower(), key


def parse_time(text: str, began: float, zone: Callable[[float], datetime] = datetime.fromtimestamp) -> float:
    """Unix seconds. ``text`` is +90s, +5m or +1h after ``began``, a time of that day, or RFC 3339.

    A time without a zone is the one of this machine. Raises ValueError.
    """
    if offset := _OFFSET.fullmatch(text):
        return began + float(offset[1]) * _UNITS[offset[2] or "s"]
    day = zone(began)
    try:
        if re.fullmatch(r"\d{1,2}:\d{2}(:\d{2}(\.\d+)?)?", text):
            hour, minute, *second = text.split(":")
            seconds = float(second[0]) if second else 0.0
            at = (
                day.replace(hour=int(hour), minute=int(minute), second=0, microsecond=0).timestamp() + seconds
            )
            return at + 86400 if at < began - 43200 else at  # the recording ran over midnight
        return datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()
    except ValueError:
        raise ValueError(
            f"{text!r} is no time: write it as in +5m (from the beginning), 14:30:05 or 2026-01-31T14:30:05Z"
        ) from None

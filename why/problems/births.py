"""Objects that are made again without end: because the operator itself deletes them, or because they fail."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import msgspec

from controller_runtime.events import ApiWrite, BusEvent, ObjectChanged
from why.differences import author
from why.problems.bounded import Bounded
from why.problems.problem import Sighting

_AGAIN = 5  # objects of one name within the time below, all deleted by a reconcile
_WITHIN = 60.0  # seconds
_FAILED = 4  # pods of one name in a row that failed for one cause
_FAILING = 900.0  # seconds: operators wait longer each time
_QUIET = 330.0  # seconds; longer than the longest back-off of the Redis operator
_NAMES = 4096


@dataclass
class _Name:
    """What became of the objects of one name. ``uid`` and ``cause`` are of the last that ended."""

    deleted: deque[float] = field(default_factory=lambda: deque(maxlen=_AGAIN))
    failed: deque[tuple[float, str]] = field(default_factory=lambda: deque(maxlen=_FAILED))
    uid: str = ""
    cause: str = ""
    ours: bool = False  # a reconcile has asked for its end


class BornAgain:
    """A person who deletes what is healed each time is no fault of the operator."""

    def __init__(self) -> None:
        self._names: Bounded[tuple[str, str], _Name] = Bounded(_NAMES, _Name)

    def feed(self, event: BusEvent) -> Iterator[Sighting]:
        match event:
            case ApiWrite(verb="delete", error="") if event.reconcile:
                self._names.get((event.ref.kind, event.ref.key)).ours = True
            case ObjectChanged(type="DELETED"):
                name = self._names.get((event.ref.kind, event.ref.key))
                if name.uid != event.ref.uid:
                    name.uid, name.cause = event.ref.uid, ""
            case ObjectChanged(type="MODIFIED") if event.ref.kind == "Pod":
                if cause := _cause(event.raw):
                    name = self._names.get(("Pod", event.ref.key))
                    name.uid, name.cause = event.ref.uid, cause
            case ObjectChanged(type="ADDED", initial=False):
                name = self._names.get((event.ref.kind, event.ref.key))
                if name.uid:
                    yield from self._born(event, name)

    def _born(self, event: ObjectChanged, name: _Name) -> Iterator[Sighting]:
        about = f"{event.ref.kind} {event.ref.key}"
        name.failed.append((event.at, name.cause))
        causes = {cause for _, cause in name.failed}
        if len(name.failed) == _FAILED and len(causes) == 1 and causes != {""}:
            if event.at - name.failed[0][0] < _FAILING:
                yield _in_vain(about, name.cause)
        elif name.ours:
            name.deleted.append(event.at)
            if len(name.deleted) == _AGAIN and event.at - name.deleted[0] < _WITHIN:
                yield _again(event, about)
        else:
            name.deleted.clear()
        name.uid, name.cause, name.ours = "", "", False


def _again(event: ObjectChanged, about: str) -> Sighting:
    maker = author({}, msgspec.json.decode(event.raw)) or "somebody"
    says = f"the operator deletes it and makes it again, {_AGAIN} times within a minute; made by {maker}"
    remedy = "change the object instead of replacing it, or see what the comparison takes for a difference"
    return Sighting("made again and again", about, says, "", remedy)


def _in_vain(about: str, cause: str) -> Sighting:
    says = f"it is healed again and again, and fails each time: {cause}"
    remedy = "X explains the pod; making it again will not help before its cause is gone"
    return Sighting("healed in vain", about, says, f"the last {_FAILED} ended so", remedy, _QUIET)


def _cause(raw: msgspec.Raw) -> str:
    """Why a pod has failed; "" while it has not, or when it was asked to end."""
    if b'"Failed"' not in bytes(raw):
        return ""
    pod: dict[str, Any] = msgspec.json.decode(raw)
    status = pod.get("status") or {}
    if status.get("phase") != "Failed" or pod["metadata"].get("deletionTimestamp"):
        return ""
    if reason := status.get("reason"):
        return str(reason)
    for container in status.get("containerStatuses") or ():
        ended = (container.get("state") or {}).get("terminated") or {}
        if code := ended.get("exitCode"):
            return f"container {container['name']} ended with exit code {code} ({ended.get('reason', '')})"
    return "Failed"

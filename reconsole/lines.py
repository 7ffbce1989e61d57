"""The lines of ``--no-ui``: one for each watch event, write, reconcile and heal."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from controller.events import Heal
from controller_runtime.events import ApiWrite, BusEvent, ObjectChanged, ReconcileFinished
from controller_runtime.kube.terminal import escape
from controller_runtime.kube.times import milli_timestamp
from why.events import ProblemChanged

PRINTED = (ObjectChanged, ApiWrite, ReconcileFinished, ProblemChanged, Heal)

# Beside "answered", with its HTTP status.
_OUTCOMES = {"unknown": "sent, not answered", "unsent": "never sent"}


def json_line(event: BusEvent) -> str | None:
    """One JSON object without a line break, or None for events that are not printed. Seconds are floats."""
    record = _record(event)
    return None if record is None else json.dumps(record, separators=(",", ":"))


def text_line(event: BusEvent) -> str | None:
    """The same for people: time, what, which, and the figures."""
    clock = datetime.fromtimestamp(event.at).strftime("%H:%M:%S.%f")[:-3]
    match event:
        case ObjectChanged():
            note = "  (listed)" if event.initial else "  (missed while away)" if event.state_unknown else ""
            return f"{clock}  {event.type:9} {event.ref.kind:8} {escape(event.ref.key)}{note}"
        case ApiWrite():
            what = f"{event.verb} {event.ref.kind}" + (f"/{event.subresource}" if event.subresource else "")
            became = f"answered {event.status}" if event.outcome == "answered" else _OUTCOMES[event.outcome]
            error = f": {escape(event.error)}" if event.error else ""
            words = f"{became} in {event.duration * 1000:.0f} ms{error}"
            return f"{clock}  WRITE     {what} {escape(event.ref.key)}  {words}"
        case ReconcileFinished():
            words = f"#{event.number} {event.result} in {event.duration * 1000:.0f} ms, {event.writes} writes"
            error = f": {escape(event.error)}" if event.error else ""
            return f"{clock}  RECONCILE {event.controller:8} {escape(event.key)}  {words}{error}"
        case ProblemChanged(state="began" | "ended", problem=problem):
            words = f": {escape(problem.says)}; {escape(problem.remedy)}" if event.state == "began" else ""
            what = f"{problem.kind} {escape(problem.about)}"
            return f"{clock}  PROBLEM   {event.state:8} {what}{words}"
        case Heal(amended=False):
            seconds = event.seconds
            words = f"healed in {seconds:.2f} s" if seconds is not None else event.stage
            return f"{clock}  HEAL      Pod      {escape(event.key)}  {words}"
    return None


def _record(event: BusEvent) -> dict[str, Any] | None:
    time = milli_timestamp(event.at)
    match event:
        case ObjectChanged(ref=ref):
            return {
                "time": time,
                "type": event.type,
                "kind": ref.kind,
                "namespace": ref.namespace,
                "name": ref.name,
                "uid": ref.uid,
                "resourceVersion": event.resource_version,
                "initial": event.initial,
                "stateUnknown": event.state_unknown,
            }
        case ApiWrite(ref=ref):
            return {
                "time": time,
                "type": "WRITE",
                "verb": event.verb,
                "kind": ref.kind,
                "namespace": ref.namespace,
                "name": ref.name,
                "uid": ref.uid,
                "subresource": event.subresource,
                "resourceVersion": event.resource_version,
                "outcome": event.outcome,
                "status": event.status,
                "durationSeconds": event.duration,
                "error": event.error,
                "reconcileID": event.reconcile,
            }
        case ReconcileFinished():
            return {
                "time": time,
                "type": "RECONCILE",
                "controller": event.controller,
                "key": event.key,
                "reconcileID": event.id,
                "number": event.number,
                "result": event.result,
                "durationSeconds": event.duration,
                "writes": event.writes,
                "error": event.error,
            }
        case ProblemChanged(state="began" | "ended", problem=problem):
            return {
                "time": time,
                "type": "PROBLEM",
                "state": event.state,
                "problem": problem.kind,
                "about": problem.about,
                "says": problem.says,
                "evidence": problem.evidence,
                "remedy": problem.remedy,
                "count": problem.count,
            }
        case Heal(amended=False):
            return {
                "time": time,
                "type": "HEAL",
                "stage": event.stage,
                "kind": "Pod",
                "namespace": event.namespace,
                "name": event.name,
                "owner": event.owner,
                "oldUid": event.old_uid,
                "newUid": event.new_uid,
                "seconds": event.seconds,
                "reconcile": event.reconcile,
            }
    return None

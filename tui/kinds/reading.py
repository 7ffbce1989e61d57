"""From an object to its row, whatever its kind."""

from __future__ import annotations

from controller_runtime.events import ObjectChanged
from controller_runtime.kube.object import KubeObject
from tui.kinds.model import Base, Condition, Health, Metadata, ObjectView, row


class _Status(Base, frozen=True):
    phase: str = ""
    conditions: tuple[Condition, ...] = ()


class _Plain(KubeObject, frozen=True):
    declares = False

    metadata: Metadata
    status: _Status = _Status()


def read_plain(event: ObjectChanged) -> ObjectView:
    """An object of a kind that nobody described: its phase or, without one, its condition Ready."""
    o = event.decoded(_Plain)
    word, health = o.status.phase, _ready(o.status)
    if not word and health is not None:
        word = "Ready" if health == "ok" else "NotReady"
    if o.is_terminating:
        word, health = "Terminating", "done"
    return row(event, o.metadata, word, health or "ok", cells={}, facts={"status": word})


def _ready(status: _Status) -> Health | None:
    for condition in status.conditions:
        if condition.type in ("Ready", "Available"):
            return "ok" if condition.status == "True" else "busy"
    return None


def unreadable(event: ObjectChanged, error: Exception) -> ObjectView:
    """The row of an object that could not be read: it says so."""
    return ObjectView(
        event.ref, bytes(event.raw), "Unreadable", "bad", None, None, {}, {"unreadable": str(error)}
    )

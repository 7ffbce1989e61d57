"""From the bytes of an object to its row, whatever its kind."""

from __future__ import annotations

from typing import TypeVar

import msgspec

from controller_runtime.kube.resource import Ref
from tui.kinds.model import Base, Condition, Health, Metadata, ObjectView, row

T = TypeVar("T")


def decoder(type_: type[T]) -> msgspec.json.Decoder[T]:
    return msgspec.json.Decoder(type_)


class _Status(Base, frozen=True):
    phase: str | None = None
    conditions: tuple[Condition, ...] | None = None


class _Object(Base, frozen=True):
    metadata: Metadata = Metadata()
    status: _Status | None = None


_decoder = decoder(_Object)


def read_plain(ref: Ref, raw: bytes) -> ObjectView:
    """An object of a kind that nobody described: its phase or, without one, its condition Ready."""
    o = _decoder.decode(raw)
    status = o.status or _Status()
    word, health = status.phase or "", _ready(status)
    if not word and health is not None:
        word = "Ready" if health == "ok" else "NotReady"
    if o.metadata.deletion_timestamp:
        word, health = "Terminating", "done"
    return row(ref, raw, o.metadata, word, health or "ok", cells={}, facts={"status": word})


def _ready(status: _Status) -> Health | None:
    for condition in status.conditions or ():
        if condition.type in ("Ready", "Available"):
            return "ok" if condition.status == "True" else "busy"
    return None


def unreadable(ref: Ref, raw: bytes, error: Exception) -> ObjectView:
    """The row of an object that could not be read: it says so."""
    return ObjectView(ref, raw, "Unreadable", "bad", None, None, {}, {"unreadable": str(error)})

"""Columns that many kinds share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tui.kinds.model import Cell, Column, ObjectView
from tui.text import age


def cell(name: str, style: str = "text") -> Callable[[ObjectView, float], Cell]:
    """What the object's cell ``name`` holds."""
    return lambda o, now: (o.cells.get(name, ""), style)


def _age(o: ObjectView, now: float) -> Cell:
    return ("" if o.created is None else age(now - o.created)), "muted"


def _youngest_first(o: ObjectView) -> Any:
    return -(o.created or 0.0)


NAMESPACE = Column("NAMESPACE", lambda o, now: (o.ref.namespace, "muted"), rank=1, flex=12)
NAME = Column("NAME", lambda o, now: (o.ref.name, "text"), flex=20)
READY = Column("READY", cell("ready"), rank=2)
STATUS = Column("STATUS", lambda o, now: (o.status, o.health), flex=17)
AGE = Column("AGE", _age, rank=3, right=True, ticks=True, value=_youngest_first)

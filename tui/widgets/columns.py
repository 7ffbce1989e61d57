"""Which columns each table has and what stands in them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tui.objects import ObjectView
from tui.text import age

Cell = tuple[str, str]  # text and style


@dataclass(frozen=True)
class Column:
    """``rank`` says how long it stays when space runs out: 0 always, then 1, 2 …"""

    title: str
    cell: Callable[[ObjectView, float], Cell]
    rank: int = 0
    right: bool = False
    ticks: bool = False
    least: int = 0  # cells; for words that come and go, so that the columns stay where they are


def _status(o: ObjectView, now: float) -> Cell:
    return o.status, o.health


def _age(o: ObjectView, now: float) -> Cell:
    return ("" if o.created is None else age(now - o.created)), "muted"


def _cell(name: str, style: str = "text") -> Callable[[ObjectView, float], Cell]:
    def cell(o: ObjectView, now: float) -> Cell:
        return o.cells.get(name, ""), style

    return cell


def _restarts(o: ObjectView, now: float) -> Cell:
    count = o.cells.get("restarts", "0")
    return count, "muted" if count == "0" else "warn"


NAMESPACE = Column("NAMESPACE", lambda o, now: (o.ref.namespace, "muted"), rank=4)
NAME = Column("NAME", lambda o, now: (o.ref.name, "text"))
READY = Column("READY", _cell("ready"), rank=1)
STATUS = Column("STATUS", _status)
POD_STATUS = Column("STATUS", _status, least=len("ContainerCreating"))
AGE = Column("AGE", _age, rank=2, right=True, ticks=True)

_COLUMNS: dict[str, tuple[Column, ...]] = {
    "Redis": (NAMESPACE, NAME, READY, STATUS, Column("PORT", _cell("port", "muted"), rank=5), AGE),
    "Pod": (
        NAMESPACE, NAME, READY, POD_STATUS,
        Column("RESTARTS", _restarts, rank=3, right=True),
        AGE,
        Column("IP", _cell("ip", "muted"), rank=6),
        Column("NODE", _cell("node", "muted"), rank=7),
    ),
    "Service": (
        NAMESPACE, NAME,
        Column("TYPE", _cell("type"), rank=5),
        Column("CLUSTER-IP", _cell("ip"), rank=3),
        Column("PORT(S)", _cell("ports"), rank=1),
        AGE,
    ),
}  # fmt: skip

_PLAIN = (NAMESPACE, NAME, AGE)


def columns_of(kind: str) -> tuple[Column, ...]:
    """Those of kubectl for the kinds that have some here; name and age for all others."""
    return _COLUMNS.get(kind, _PLAIN)

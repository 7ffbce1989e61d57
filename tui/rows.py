"""Which objects of a kind a table shows, and in which order. Pure: no screen, no clock of its own."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from tui.filters import Filter, Subject
from tui.kinds.model import Column, Kind, ObjectView
from tui.names import name_of
from tui.state import ConsoleState
from tui.text import natural

GONE_FOR = 10.0  # seconds that a deleted object stays in its table

SortKey = tuple[Any, tuple[Any, ...]]  # the value of the sorted column, then namespace and name


def _subject(o: ObjectView) -> Subject:
    ref = o.ref
    text = "\n".join((ref.namespace, ref.name, o.status, *o.cells.values()))
    return Subject(text, ref.kind, o.status, ref.namespace, labels=o.labels, fault=o.is_fault)


class Rows:
    """``commit`` takes in what changed since the last call. Rows are known by uid."""

    def __init__(self, state: ConsoleState, kind: Kind) -> None:
        self.kind = kind
        self.order: list[str] = []
        self.filter: Filter | None = None
        self.faults_only = False
        self.namespace = ""  # the only one of which objects are shown; "" for all
        self.sort: Column | None = None  # None: by namespace and name
        self.descending = False
        self.marks: set[str] = set()  # uids that the person chose, also while a filter hides them
        self._state = state
        self._changed = state.follow(kind.group_kind)
        self._gone: dict[str, float] = {}  # uids shown although deleted, and when they were
        self._keys: dict[str, SortKey] = {}

    @property
    def is_filtered(self) -> bool:
        return self.filter is not None or self.faults_only or bool(self.namespace)

    def close(self) -> None:
        self._state.unfollow(self.kind.group_kind, self._changed)

    def get(self, uid: str) -> ObjectView | None:
        """The object as it is, or as it was last."""
        here = self.live.get(uid)
        if here is not None or uid not in self._gone:
            return here
        gone = self._state.gone.get(uid)
        return gone.last if gone else None

    @property
    def live(self) -> dict[str, ObjectView]:
        return self._state.objects.get(self.kind.group_kind, {})

    @property
    def shown(self) -> int:
        """How many rows are of objects that are there."""
        return len(self.order) - len(self._gone)

    def is_gone(self, uid: str) -> bool:
        return uid in self._gone

    def find(self, uid: str) -> int | None:
        return self.order.index(uid) if uid in self._keys else None

    def commit(self, now: float) -> bool:
        """Whether rows came, went or changed places."""
        over = [u for u, at in self._gone.items() if now - at > GONE_FOR or self._is_replaced(u)]
        if not self._changed and not over:
            return False
        changed = {*self._changed, *over}
        self._changed.clear()
        return self._take(changed, now)

    def rebuild(self, now: float) -> None:
        """Decide on every row anew: the filter or the order is another one."""
        self._keys.clear()
        self.order = []
        self._changed.clear()
        self._take([*self.live, *self._gone], now)

    def _take(self, changed: Iterable[str], now: float) -> bool:
        leave: set[str] = set()
        moved = False
        for uid in changed:
            o = self._row(uid, now)
            if o is None:
                if uid not in self.live:
                    self.marks.discard(uid)
                if self._keys.pop(uid, None) is not None:
                    leave.add(uid)
                continue
            key, before = self._sort_key(o), self._keys.get(uid)
            if before is None:
                self.order.append(uid)
            if before != key:
                self._keys[uid] = key
                moved = True
        if leave:
            self.order = [u for u in self.order if u not in leave]
        if moved:
            self._sort()
        return moved or bool(leave)

    def _row(self, uid: str, now: float) -> ObjectView | None:
        """The object when it has a row; notes whether it is a deleted one."""
        o = self.live.get(uid)
        if o is not None:
            self._gone.pop(uid, None)
            return o if self.keeps(o) else None
        gone = self._state.gone.get(uid)
        if gone is None or now - gone.at > GONE_FOR or self._is_replaced(uid) or not self.keeps(gone.last):
            self._gone.pop(uid, None)
            return None
        self._gone[uid] = gone.at
        return gone.last

    def _is_replaced(self, uid: str) -> bool:
        gone = self._state.gone.get(uid)
        return gone is None or name_of(gone.last.ref) in self._state.current

    def keeps(self, o: ObjectView) -> bool:
        if self.faults_only and not o.is_fault:
            return False
        if self.namespace and o.ref.namespace and o.ref.namespace != self.namespace:
            return False
        return self.filter is None or self.filter.keeps(_subject(o))

    # Order ----------------------------------------------------------------------------------------

    def _sort_key(self, o: ObjectView) -> SortKey:
        value = self.sort.sort_value(o) if self.sort else ()
        return value, (o.ref.namespace, natural(o.ref.name), o.ref.uid)

    def _sort(self) -> None:
        keys = self._keys
        self.order.sort(key=lambda u: keys[u][1])
        if self.sort is not None:
            self.order.sort(key=lambda u: keys[u][0], reverse=self.descending)

"""The tables one above the other: which kinds, which one is in front, how high each is."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from textual.containers import Vertical

from controller_runtime.kube.resource import Resource
from tui.kinds.model import Kind
from tui.kinds.registry import describe
from tui.names import GroupKind
from tui.ports import Actions
from tui.state import ConsoleState
from tui.widgets.layout import share_height
from tui.widgets.resource_table import ResourceTable

MOST = 3
LEAST_TABLE = 4  # lines: border, head and one row
LEAST_STREAM = 7


class Tables(Vertical):
    def __init__(
        self,
        resources: Sequence[Resource],
        state: ConsoleState,
        clock: Callable[[], float],
        *,
        actions: Actions,
    ) -> None:
        self._state = state
        self._clock = clock
        self._actions = actions
        self._takes_turns = False
        kinds = [describe(GroupKind(r.group, r.kind), r) for r in resources[:MOST]]
        self.all = [self._make(kind, number) for number, kind in enumerate(kinds, start=1)]
        super().__init__(*self.all, id="tables")
        self._name_others()
        self.activate(self.all[min(1, len(self.all) - 1)])

    def _make(self, kind: Kind, number: int) -> ResourceTable:
        return ResourceTable(kind, number, self._state, self._clock, actions=self._actions)

    def __iter__(self) -> Iterator[ResourceTable]:
        return iter(self.all)

    def __len__(self) -> int:
        return len(self.all)

    @property
    def front(self) -> ResourceTable:
        """The table that was focused last."""
        return next((t for t in self.all if t.has_class("-active")), self.all[0])

    def activate(self, table: ResourceTable) -> None:
        for other in self.all:
            other.set_class(other is table, "-active")

    def of(self, kind: GroupKind) -> ResourceTable | None:
        return next((t for t in self.all if t.kind.group_kind == kind), None)

    def show(self, kind: Kind) -> ResourceTable:
        """The table of a kind: the one that is there, or a new one in the place of that in front."""
        table = self.of(kind.group_kind)
        if table is None:
            old = self.front
            table = self._make(kind, old.number)
            self.all[self.all.index(old)] = table
            self.mount(table, before=old)
            old.rows.close()
            old.remove()
            self._name_others()
            self.take_turns(self._takes_turns)
        self.activate(table)
        return table

    def _name_others(self) -> None:
        for table in self.all:
            table.others = [(t.number, t.title) for t in self.all if t is not table]

    def take_turns(self, takes_turns: bool) -> None:
        self._takes_turns = takes_turns
        for table in self.all:
            table.takes_turns = takes_turns

    def commit(self) -> None:
        for table in self.all:
            table.commit()

    def share_height(self, room: int, *, is_wide: bool, is_alone: bool) -> None:
        """Tables as tall as their content; the rest of ``room`` lines goes to what moves."""
        heights = [0] * len(self.all)
        if not self._takes_turns:
            wanted = [t.wanted_height for t in self.all]
            if not is_wide:
                room -= max(LEAST_STREAM, room * 2 // 5)
            heights = share_height(wanted, max(room, 0), LEAST_TABLE)
            if is_wide and sum(heights) < room:
                heights[wanted.index(max(wanted))] += room - sum(heights)
        elif not is_alone and not is_wide:  # the one in front has what it needs, at most half
            front = self.all.index(self.front)
            heights[front] = max(min(self.front.wanted_height, room // 2), LEAST_TABLE)
        for table, height in zip(self.all, heights, strict=True):
            value = height or "1fr"
            if table.styles.height is None or str(table.styles.height) != str(value):
                table.styles.height = value
        total = str(sum(heights)) if sum(heights) and not is_wide else "1fr"
        if str(self.styles.height) != total:
            self.styles.height = int(total) if total.isdigit() else total

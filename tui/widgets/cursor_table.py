"""Rows with a cursor that stays on its object, and goes to the neighbour when that is gone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from textual import events
from textual.message import Message

from controller_runtime.kube.resource import Ref
from tui.kinds.model import Kind, ObjectView
from tui.names import ObjectName, name_of, uid_of
from tui.rows import Rows
from tui.state import ConsoleState
from tui.widgets.lines import LineView

PATIENCE = 0.5  # seconds in which a deleted object's heal must begin, else the cursor goes on


class CursorTable(LineView):
    """Who draws the rows calls ``place_cursor`` whenever they may have changed."""

    @dataclass
    class Highlighted(Message):
        """The cursor is on another object; None when there is none."""

        table: CursorTable
        ref: Ref | None

    def __init__(self, kind: Kind, state: ConsoleState, clock: Callable[[], float], *, id: str) -> None:
        super().__init__(id=id)
        self.kind = kind
        self.rows = Rows(state, kind)
        self._state = state
        self._clock = clock
        self._cursor = 0
        self._wanted: Ref | None = None
        self._said: Ref | None = None
        self._home: Ref | None = None  # the cursor's object before a filter took it away

    @property
    def order(self) -> list[str]:
        """The uids that are shown, in their order."""
        return self.rows.order

    @property
    def cursor_object(self) -> ObjectView | None:
        """What is under the cursor; its last state when it is gone."""
        return self.rows.get(self.order[self._cursor]) if self.order else None

    @property
    def selected(self) -> Ref | None:
        return self._wanted

    def place_cursor(self) -> None:
        """Keep to the object; when it is gone, to the one that took its name, or else to the neighbour.

        While its replacement is on the way, the row of what is gone keeps the cursor.
        """
        if not self.order:
            self._cursor = 0
            return
        if self._wanted is not None:
            place = self._find(self._wanted)
            is_gone = place is not None and self.rows.is_gone(self.order[place])
            if place is not None and is_gone and not self._is_coming_back(self._wanted):
                place = self._neighbour(place)
            if place is not None:
                moved = place != self._cursor
                self._cursor = place
                self._choose(place, scroll=moved)
                return
        self._choose(min(self._cursor, len(self.order) - 1), scroll=False)

    def _find(self, ref: Ref) -> int | None:
        uid = uid_of(ref)
        if uid not in self.rows.live:
            place = self.rows.find(self._state.current.get(name_of(ref), ""))
            if place is not None:
                return place
        return self.rows.find(uid)

    def _neighbour(self, place: int) -> int:
        """The nearest row of an object that is there: the next, or else the one before."""
        rest = [*range(place + 1, len(self.order)), *range(place - 1, -1, -1)]
        return next((i for i in rest if not self.rows.is_gone(self.order[i])), place)

    def _is_coming_back(self, ref: Ref) -> bool:
        heal = self._state.heal_for(ref)
        if heal is not None and heal.old_uid == ref.uid:
            return heal.stage in ("deleting", "gone")
        gone = self._state.gone.get(uid_of(ref))
        return gone is not None and self._clock() - gone.at < PATIENCE

    def select(self, ref: Ref) -> bool:
        """Put the cursor on an object; False when it has no row."""
        place = self._find(ref)
        if place is not None:
            self._choose(place)
        return place is not None

    def select_name(self, name: ObjectName) -> bool:
        """The same for the object that has the name now, or the one that had it last."""
        uid = self._state.current.get(name, "")
        place = self.rows.find(uid)
        if place is None:
            had = (i for i, u in enumerate(self.order) if (o := self.rows.get(u)) and name_of(o.ref) == name)
            place = next(had, None)
        if place is not None:
            self._go(place)
        return place is not None

    def _choose(self, index: int, *, scroll: bool = True) -> None:
        if not self.order:
            return
        before = self._cursor
        self._cursor = max(0, min(index, len(self.order) - 1))
        here = self.rows.get(self.order[self._cursor])
        self._wanted = here.ref if here else None
        if scroll:
            top, height = round(self.scroll_offset.y), max(self.size.height - 1, 1)
            if self._cursor < top:
                self.scroll_to(y=self._cursor, animate=False, immediate=True, force=True)
            elif self._cursor >= top + height:
                self.scroll_to(y=self._cursor - height + 1, animate=False, immediate=True, force=True)
        self.announce()
        if before != self._cursor:
            self.refresh()

    def announce(self, *, again: bool = False) -> None:
        """Say which object is under the cursor, when it is another one than before."""
        if again or self._wanted != self._said:
            self._said = self._wanted
            self.post_message(self.Highlighted(self, self._wanted))

    def _go(self, index: int) -> None:
        self._home = None
        self._choose(index)

    def action_line(self, step: int) -> None:
        self._go(self._cursor + step)

    def action_page(self, step: int) -> None:
        self._go(self._cursor + step * max(self.size.height - 2, 1))

    def action_top(self) -> None:
        self._go(0)

    def action_bottom(self) -> None:
        self._go(len(self.order) - 1)

    def on_click(self, event: events.Click) -> None:
        index = round(self.scroll_offset.y) + event.get_content_offset_capture(self).y - 1
        if 0 <= index < len(self.order):
            self._go(index)

    def on_focus(self) -> None:
        self.announce(again=True)

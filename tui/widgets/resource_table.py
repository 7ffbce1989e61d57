"""A live table of one kind. The cursor stays on its object, and goes to the neighbour when that is gone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from rich.cells import cell_len
from textual import events
from textual.binding import Binding
from textual.geometry import Size
from textual.message import Message
from textual.strip import Strip

from controller_runtime.kube.resource import Ref
from controller_runtime.kube.terminal import safe_text
from tui.filters import Filter
from tui.kinds.model import Column, Kind, ObjectView
from tui.names import ObjectName, name_of, uid_of
from tui.rows import Rows
from tui.state import ConsoleState
from tui.text import clock_time, fit_middle, pad, wrap
from tui.widgets.layout import GAP, fit_columns, ranked
from tui.widgets.lines import LineView, Row
from tui.widgets.table_body import blind_since, body

PATIENCE = 0.5  # seconds in which a deleted object's heal must begin, else the cursor goes on


class ResourceTable(LineView):
    """Draws ``rows``. ``commit`` takes in what changed since the last call."""

    BINDINGS = [
        Binding("ctrl+d", "delete", "Delete", id="table.delete"),
        Binding("y", "yaml", "YAML", id="table.yaml"),
    ]

    @dataclass
    class Highlighted(Message):
        """The cursor is on another object; None when there is none."""

        table: ResourceTable
        ref: Ref | None

    @dataclass
    class DeleteRequested(Message):
        table: ResourceTable
        target: ObjectView

    @dataclass
    class YamlRequested(Message):
        table: ResourceTable
        target: ObjectView

    def __init__(
        self,
        kind: Kind,
        number: int,
        state: ConsoleState,
        clock: Callable[[], float],
        *,
        read_only: bool = False,
    ) -> None:
        super().__init__(id=f"table-{number}")
        self.kind = kind
        self.number = number
        self.read_only = read_only
        self.takes_turns = False
        self.others: list[tuple[int, str]] = []  # tables that take turns with this one when space is short
        self.rows = Rows(state, kind)
        self._state = state
        self._clock = clock
        self._cursor = 0
        self._wanted: Ref | None = None
        self._said: Ref | None = None
        self._home: Ref | None = None  # the cursor's object before a filter took it away
        self._layout: tuple[tuple[Column, int], ...] = ()
        self._cache: dict[str, tuple[ObjectView, object, Strip]] = {}

    @property
    def title(self) -> str:
        return self.kind.title

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

    @property
    def filter(self) -> Filter | None:
        return self.rows.filter

    @property
    def wanted_height(self) -> int:
        """Lines for all rows, with their head and border."""
        return max(len(self.order), 1) + 3

    # Taking in changes ----------------------------------------------------------------------------

    def commit(self) -> None:
        """Take in what changed and draw it. Called a few times a second."""
        if self.rows.commit(self._clock()):
            self._settle_size()
        self._place_cursor()
        self._settle_layout()
        self._retitle()
        self.refresh_changed()

    def set_filter(self, wanted: Filter | None, *, faults_only: bool) -> None:
        """Show but what passes. When all is shown again, the cursor goes back to where it was before."""
        if not self.rows.is_filtered:
            self._home = self._wanted
        self.rows.filter, self.rows.faults_only = wanted, faults_only
        self.rows.rebuild(self._clock())
        self._settle_size()
        if not self.rows.is_filtered and self._home is not None:
            self.select(self._home)
        self.commit()

    def _settle_size(self) -> None:
        self.virtual_size = Size(self.room.width, len(self.order) + 1)

    def _settle_layout(self) -> None:
        """Columns as wide as what can be seen of them."""
        top, height = round(self.scroll_offset.y), max(self.size.height - 1, 1)
        seen = [o for u in self.order[top : top + height] if (o := self.rows.get(u)) is not None]
        connection = self._state.connection
        is_one = connection is not None and len(connection.namespaces) == 1
        spaces = 0 if is_one else len({o.ref.namespace for o in seen if o.ref.namespace})
        if spaces == 1 and self._has_namespaces:
            spaces = 2
        columns = ranked(self.kind.columns, spaces)
        widths = {
            c.title: max((cell_len(safe_text(c.cell(o, 0.0)[0])) for o in seen), default=0)
            for c in columns
            if not c.ticks
        }
        layout = tuple(fit_columns(columns, widths, self.room.width))
        if layout != self._layout:
            self._layout = layout
            self._cache.clear()

    @property
    def _has_namespaces(self) -> bool:
        """Whether the rows, also those that are scrolled away, are of more than one."""
        first = next(iter(self.rows.live.values()), None)
        return first is not None and any(
            o.ref.namespace != first.ref.namespace for o in self.rows.live.values()
        )

    # The cursor -----------------------------------------------------------------------------------

    def _place_cursor(self) -> None:
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

    def on_resize(self) -> None:
        self._cache.clear()
        self._settle_size()
        self._settle_layout()
        self.call_after_refresh(self._choose, self._cursor)

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self._cache.clear()

    # What can be asked for ------------------------------------------------------------------------

    def why_not(self, action: str) -> str:
        """Why ``action`` cannot be done on what is under the cursor; "" when it can."""
        here = self.cursor_object
        if action == "delete" and self.read_only:
            return "this console is read-only: start it without --read-only to delete"
        if action not in self.kind.actions:
            return f"{self.title} have no {action} here"
        if here is None:
            return f"there are no {self.title} to choose from"
        if action == "delete" and uid_of(here.ref) not in self.rows.live:
            return f"{here.ref.kind} {here.ref.name} is gone already"
        return ""

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action == "delete" and (self.read_only or action not in self.kind.actions):
            return None
        return True

    def action_delete(self) -> None:
        if (why := self.why_not("delete")) or (target := self.cursor_object) is None:
            self._refuse(why)
        else:
            self.post_message(self.DeleteRequested(self, target))

    def action_yaml(self) -> None:
        if (why := self.why_not("yaml")) or (target := self.cursor_object) is None:
            self._refuse(why)
        else:
            self.post_message(self.YamlRequested(self, target))

    def _refuse(self, why: str) -> None:
        self.app.notify(safe_text(f"Not available here: {why}."), severity="warning", markup=False)

    def on_key(self, event: events.Key) -> None:
        """A key whose action is switched off says why."""
        if event.key == "ctrl+d" and (why := self.why_not("delete")):
            event.stop()
            self._refuse(why)

    # Drawing --------------------------------------------------------------------------------------

    def _retitle(self) -> None:
        total, shown = len(self.rows.live), self.rows.shown
        count = str(total) if shown == total else f"{shown} of {total}"
        parts = [f"{self.title} [{self.number}]", count]
        if self.filter:
            parts.append(f"/{self.filter.text}")
        if self.rows.faults_only:
            parts.append("faults only")
        if total and (since := blind_since(self._state, self.kind.group_kind)) is not None:
            parts.append(f"as of {clock_time(since)}")
        others = [f"[{n}] {title}" for n, title in self.others] if self.takes_turns else []
        self.entitle(" · ".join(parts), "  ".join(others))

    def line(self, y: int) -> Strip:
        width = self.room.width
        if not self.order:
            return self._render_body(y, width)
        if y == 0:
            row: Row = [("  ", "head")]
            for c, w in self._layout:
                row += [(pad(c.title, w, right=c.right), "head"), (" " * GAP, "head")]
            return self.paint(row, width)
        index = round(self.scroll_offset.y) + y - 1
        uid = self.order[index] if index < len(self.order) else ""
        o = self.rows.get(uid)
        return self.paint([], width) if o is None else self._render_row(index, uid, o, width)

    def _render_row(self, index: int, uid: str, o: ObjectView, width: int) -> Strip:
        blind = blind_since(self._state, self.kind.group_kind)
        gone = self.rows.is_gone(uid)
        now = self._clock() if blind is None else blind
        cells = [c.cell(o, now) for c, _ in self._layout]
        over = ""
        if index == self._cursor:
            over = "cursor" if self.has_focus else "cursor-blurred"
        ticks = [cell[0] for (c, _), cell in zip(self._layout, cells, strict=True) if c.ticks]
        stamp = (width, over, ticks, gone, blind is None)
        cached = self._cache.get(uid)
        if cached is not None and cached[0] is o and cached[1] == stamp:
            return cached[2]
        row: Row = [("› " if over else "  ", "accent")]
        for (column, size), (text, style) in zip(self._layout, cells, strict=True):
            if gone and column.title == "STATUS":
                text, style = "Deleted", "deleted"
            elif gone or blind is not None:
                style = "dim"
            text = safe_text(text)
            text = fit_middle(text, size) if column.flex else text
            row += [(pad(text, size, right=column.right), style), (" " * GAP, "text")]
        strip = self.paint(row, width, over)
        if len(self._cache) > 1000:
            self._cache.clear()
        self._cache[uid] = (o, stamp, strip)
        return strip

    def _render_body(self, y: int, width: int) -> Strip:
        text, style = body(self._state, self.kind, self.filter, self.rows.faults_only)
        lines = wrap(safe_text(text), max(width - 4, 4))
        index = y - (1 if self.size.height > 2 else 0)
        return self.paint([("  ", style), (lines[index], style)] if 0 <= index < len(lines) else [], width)

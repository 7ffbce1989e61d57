"""A live table of one kind. Rows are known by uid; the cursor stays on its object."""

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
from tui.objects import ObjectView
from tui.state import ConsoleState, uid_of
from tui.text import fit_middle, natural, pad, wrap
from tui.widgets.columns import NAME, NAMESPACE, Column, columns_of
from tui.widgets.lines import LineView, Row
from tui.widgets.table_body import body

GAP = 2
LEAST_STATUS = 9  # cells of a STATUS where there is no room: enough to tell them apart


class ResourceTable(LineView):
    """Draws ``state.objects[kind]``. ``commit`` takes in what changed since the last call."""

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
        kind: str,
        title: str,
        number: int,
        state: ConsoleState,
        clock: Callable[[], float],
        *,
        read_only: bool = False,
    ) -> None:
        super().__init__(id=f"table-{kind.lower()}")
        self.kind = kind
        self.title = title
        self.number = number
        self.read_only = read_only
        self.takes_turns = False
        self.others: list[tuple[int, str]] = []  # tables that take turns with this one when space is short
        self.filter: Filter | None = None
        self.faults_only = False
        self._state = state
        self._clock = clock
        self._order: list[str] = []
        self._sort_keys: dict[str, tuple[object, ...]] = {}
        self._widths: dict[str, int] = {c.title: len(c.title) for c in columns_of(kind)}
        self._cursor = 0
        self._wanted: Ref | None = None
        self._cache: dict[str, tuple[ObjectView, object, Strip]] = {}
        self._said: Ref | None = None

    @property
    def order(self) -> list[str]:
        """The uids that are shown, in their order."""
        return self._order

    @property
    def cursor_object(self) -> ObjectView | None:
        """What is under the cursor now; None while the wanted object is not there."""
        if not self._order:
            return None
        here = self._objects.get(self._order[self._cursor])
        if here and self._wanted and uid_of(self._wanted) != uid_of(here.ref):
            return None
        return here

    @property
    def selected(self) -> Ref | None:
        """The object that the person chose, also when it is gone."""
        return self._wanted

    @property
    def _objects(self) -> dict[str, ObjectView]:
        return self._state.objects.get(self.kind, {})

    # Taking in changes ----------------------------------------------------------------------------

    def commit(self) -> None:
        """Take in what changed and draw it. Called a few times a second, and when the filter changes."""
        changed = self._state.dirty.pop(self.kind, set())
        if changed:
            self._take(changed)
            self._place_cursor()
        self._retitle()
        self.refresh_changed()

    def set_filter(self, wanted: Filter | None, *, faults_only: bool) -> None:
        self.filter, self.faults_only = wanted, faults_only
        self._order = sorted(
            (u for u, o in self._objects.items() if self._keeps(o)), key=lambda u: self._sort_key(u)
        )
        self._settle_size()
        self._place_cursor()
        self._retitle()
        self.refresh()

    def _take(self, changed: set[str]) -> None:
        objects = self._objects
        shown = set(self._order)
        new: list[str] = []
        gone: set[str] = set()
        for uid in changed:
            o = objects.get(uid)
            keep = o is not None and self._keeps(o)
            if o is None:
                self._cache.pop(uid, None)
                self._sort_keys.pop(uid, None)
            else:
                self._measure(o)
            if keep and uid not in shown:
                new.append(uid)
            elif not keep and uid in shown:
                gone.add(uid)
        if gone:
            self._order = [u for u in self._order if u not in gone]
        if new:
            self._order.extend(new)
            self._order.sort(key=self._sort_key)
        if gone or new:
            self._settle_size()

    def _sort_key(self, uid: str) -> tuple[object, ...]:
        key = self._sort_keys.get(uid)
        if key is None:
            ref = self._objects[uid].ref
            key = self._sort_keys[uid] = (ref.namespace, natural(ref.name), uid)
        return key

    def _keeps(self, o: ObjectView) -> bool:
        if self.faults_only and o.health in ("ok", "done"):
            return False
        if self.filter is None:
            return True
        return self.filter.keeps(f"{o.ref.namespace}\n{o.ref.name}\n{o.status}")

    def _measure(self, o: ObjectView) -> None:
        for column in columns_of(self.kind):
            if not column.ticks:
                width = cell_len(safe_text(column.cell(o, 0.0)[0]))
                if width > self._widths[column.title]:
                    self._widths[column.title] = width
                    self._cache.clear()

    def _settle_size(self) -> None:
        self.virtual_size = Size(self.room.width, len(self._order) + 1)

    # The cursor -----------------------------------------------------------------------------------

    def _place_cursor(self) -> None:
        """Keep to the object; when it is gone, go to the one that took its name, or wait for it."""
        if not self._order:
            self._cursor = 0
            return
        if self._wanted is not None:
            place = self._find(self._wanted)
            if place is None:
                self._cursor = min(self._cursor, len(self._order) - 1)
                if self._is_coming_back(self._wanted):
                    return
            else:
                self._cursor = place
        self._cursor = min(self._cursor, len(self._order) - 1)
        self._choose(self._cursor, scroll=False)

    def _find(self, ref: Ref) -> int | None:
        uid = uid_of(ref)
        if uid in self._objects:
            return self._order.index(uid) if uid in self._order else None
        named = [u for u in self._order if self._objects[u].ref.key == ref.key]
        return self._order.index(named[0]) if named else None

    def _is_coming_back(self, ref: Ref) -> bool:
        heal = self._state.heal_for(ref) if self.kind == "Pod" else None
        if heal is not None and heal.stage in ("deleting", "gone"):
            return True
        return uid_of(ref) not in self._objects and self._clock() - self._state.last_event[self.kind] < 2.0

    def _choose(self, index: int, *, scroll: bool = True) -> None:
        if not self._order:
            return
        self._cursor = max(0, min(index, len(self._order) - 1))
        self._wanted = self._objects[self._order[self._cursor]].ref
        if scroll:
            top, height = round(self.scroll_offset.y), max(self.size.height - 1, 1)
            if self._cursor < top:
                self.scroll_to(y=self._cursor, animate=False)
            elif self._cursor >= top + height:
                self.scroll_to(y=self._cursor - height + 1, animate=False)
        self.announce()
        self.refresh()

    def announce(self, *, again: bool = False) -> None:
        """Tell which object is under the cursor, when it is another one than before."""
        if again or self._wanted != self._said:
            self._said = self._wanted
            self.post_message(self.Highlighted(self, self._wanted))

    def action_line(self, step: int) -> None:
        self._choose(self._cursor + step)

    def action_page(self, step: int) -> None:
        self._choose(self._cursor + step * max(self.size.height - 2, 1))

    def action_top(self) -> None:
        self._choose(0)

    def action_bottom(self) -> None:
        self._choose(len(self._order) - 1)

    def on_click(self, event: events.Click) -> None:
        index = round(self.scroll_offset.y) + event.get_content_offset_capture(self).y - 1
        if 0 <= index < len(self._order):
            self._choose(index)

    def on_focus(self) -> None:
        self.announce(again=True)

    def on_resize(self) -> None:
        self._cache.clear()
        self._settle_size()

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self._cache.clear()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        return None if action == "delete" and self.read_only else True

    def on_key(self, event: events.Key) -> None:
        if event.key == "ctrl+d" and self.read_only:
            event.stop()
            why = "This console is read-only: start it without --read-only to delete."
            self.notify(why, severity="warning", markup=False)

    def action_delete(self) -> None:
        if (target := self.cursor_object) is not None:
            self.post_message(self.DeleteRequested(self, target))

    def action_yaml(self) -> None:
        if (target := self.cursor_object) is not None:
            self.post_message(self.YamlRequested(self, target))

    # Drawing --------------------------------------------------------------------------------------

    def _retitle(self) -> None:
        total = len(self._objects)
        count = str(total) if len(self._order) == total else f"{len(self._order)} of {total}"
        parts = [f"{self.title} [{self.number}]", count]
        if self.filter:
            parts.append(f"/{self.filter.text}")
        if self.faults_only:
            parts.append("faults only")
        others = [f"[{n}] {title}" for n, title in self.others] if self.takes_turns else []
        self.entitle(" · ".join(parts), "  ".join(others))

    def _layout(self, width: int) -> list[tuple[Column, int]]:
        """The columns that fit, widest need first served by rank; NAME gives way last."""
        columns = [c for c in columns_of(self.kind) if c is not NAMESPACE or self._shows_namespaces]
        sizes = {c.title: max(self._widths[c.title], c.least) if not c.ticks else 5 for c in columns}
        while len(columns) > 2 and 2 + sum(sizes[c.title] + GAP for c in columns) - GAP > width:
            columns.remove(max(columns, key=lambda c: c.rank))
            if max(c.rank for c in columns) == 0:
                break
        extra = 2 + sum(sizes[c.title] + GAP for c in columns) - GAP - width
        if extra > 0:
            sizes |= {c.title: min(self._widths[c.title], LEAST_STATUS) for c in columns if c.least}
            extra = 2 + sum(sizes[c.title] + GAP for c in columns) - GAP - width
        if extra > 0:
            sizes["NAME"] = max(sizes["NAME"] - extra, 4)
        return [(c, sizes[c.title]) for c in columns]

    @property
    def _shows_namespaces(self) -> bool:
        connection = self._state.connection
        if connection is not None and len(connection.namespaces) == 1:
            return False
        return not self._order or any(o.ref.namespace for o in self._objects.values())

    def line(self, y: int) -> Strip:
        width = self.room.width
        if not self._order:
            return self._render_body(y, width)
        layout = self._layout(width)
        if y == 0:
            row: Row = [("  ", "head")]
            for c, w in layout:
                row += [(pad(c.title, w, right=c.right), "head"), (" " * GAP, "head")]
            return self.paint(row, width)
        index = round(self.scroll_offset.y) + y - 1
        if index >= len(self._order):
            return self.paint([], width)
        uid = self._order[index]
        o = self._objects.get(uid)
        if o is None:
            return self.paint([], width)
        now = self._clock()
        cells = [c.cell(o, now) for c, _ in layout]
        over = ""
        if index == self._cursor and self.cursor_object is not None:
            over = "cursor" if self.has_focus else "cursor-blurred"
        stamp = (width, over, [cell[0] for (c, _), cell in zip(layout, cells, strict=True) if c.ticks])
        cached = self._cache.get(uid)
        if cached is not None and cached[0] is o and cached[1] == stamp:
            return cached[2]
        row = [("› " if over else "  ", "accent")]
        for (column, size), (text, style) in zip(layout, cells, strict=True):
            text = safe_text(text)
            if column is NAME:
                text = fit_middle(text, size)
            row += [(pad(text, size, right=column.right), style), (" " * GAP, "text")]
        strip = self.paint(row, width, over)
        if len(self._cache) > 1000:
            self._cache.clear()
        self._cache[uid] = (o, stamp, strip)
        return strip

    def _render_body(self, y: int, width: int) -> Strip:
        text, style = body(self._state, self.kind, self.title, self.filter, self.faults_only)
        lines = wrap(safe_text(text), max(width - 4, 4))
        index = y - (1 if self.size.height > 2 else 0)
        return self.paint([("  ", style), (lines[index], style)] if 0 <= index < len(lines) else [], width)

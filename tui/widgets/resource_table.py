"""A live table of one kind: its columns, order, marks, and what can be asked for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from rich.cells import cell_len
from textual import events
from textual.binding import Binding
from textual.geometry import Size
from textual.message import Message
from textual.strip import Strip

from controller.events import ActionVerb
from controller.verdict import UNKNOWN, Verdict
from controller_runtime.kube.terminal import safe_text
from tui.doings import DOINGS
from tui.filters import Filter
from tui.kinds.model import Column, Kind, ObjectView
from tui.names import uid_of
from tui.ports import Actions
from tui.state import ConsoleState
from tui.text import clock_time, fit_middle, natural, pad, wrap
from tui.widgets.cursor_table import CursorTable
from tui.widgets.layout import GAP, fit_columns, ranked
from tui.widgets.lines import Row
from tui.widgets.table_body import blind_since, body


class ResourceTable(CursorTable):
    """Draws ``rows``. ``commit`` takes in what changed since the last call."""

    BINDINGS = [
        Binding("ctrl+d", "delete", "Delete", id="table.delete"),
        Binding("enter,d", "ask('page')", "Describe", show=False, id="table.page"),
        Binding("s", "change('scale')", "Scale", id="table.scale"),
        Binding("e", "change('edit')", "Edit", show=False, id="table.edit"),
        Binding("R", "change('restart')", "Restart", show=False, id="table.restart"),
        Binding("P", "change('pause')", "Pause reconciling", show=False, id="table.pause"),
        Binding("y", "ask('yaml')", "YAML", id="table.yaml"),
        Binding("h", "ask('history')", "History", show=False, id="table.history"),
        Binding("l", "ask('logs')", "Logs", show=False, id="table.logs"),
        Binding("space", "mark", "Mark", show=False, id="table.mark"),
        Binding("ctrl+backslash", "clear_marks", "Clear marks", show=False, id="table.clear-marks"),
        Binding("N", "sort('NAME')", "Sort by name", show=False, id="table.sort-name"),
        Binding("A", "sort('AGE')", "Sort by age", show=False, id="table.sort-age"),
        Binding("S", "sort('STATUS')", "Sort by status", show=False, id="table.sort-status"),
        Binding(
            "shift+left,less_than_sign", "sort_column(-1)", "Column before", show=False, id="table.sort-left"
        ),
        Binding(
            "shift+right,greater_than_sign",
            "sort_column(1)",
            "Next column",
            show=False,
            id="table.sort-right",
        ),
        Binding("O", "reverse", "Other way round", show=False, id="table.reverse"),
    ]

    @dataclass
    class DeleteRequested(Message):
        table: ResourceTable
        targets: list[ObjectView]
        hidden: int  # of them, by the filter

    @dataclass
    class Asked(Message):
        """Something is to be opened for ``target``: "page", "yaml", "history", "logs"."""

        action: str
        target: ObjectView

    @dataclass
    class ChangeAsked(Message):
        verb: ActionVerb
        target: ObjectView
        text: str = ""

    def __init__(
        self,
        kind: Kind,
        number: int,
        state: ConsoleState,
        clock: Callable[[], float],
        *,
        actions: Actions,
    ) -> None:
        name = "-".join((str(number), kind.resource.kind, *kind.resource.group.split(".")))
        super().__init__(kind, state, clock, id=f"table-{name}".rstrip("-"))
        self.number = number
        self._actions = actions
        self._refusals: tuple[str, ...] = ()  # why things cannot be done, as the footer has it
        self.takes_turns = False
        self.others: list[tuple[int, str]] = []  # tables that take turns with this one when space is short
        self._layout: tuple[tuple[Column, int], ...] = ()
        self._cache: dict[str, tuple[ObjectView, object, Strip]] = {}

    @property
    def title(self) -> str:
        return self.kind.title

    @property
    def filter(self) -> Filter | None:
        return self.rows.filter

    @property
    def shown(self) -> list[ObjectView]:
        """The rows that pass the filter, in their order."""
        return [o for uid in self.order if (o := self.rows.get(uid)) is not None]

    @property
    def wanted_height(self) -> int:
        """Lines for all rows, with their head and border."""
        return max(len(self.order), 1) + 3

    # Taking in changes ----------------------------------------------------------------------------

    def commit(self) -> None:
        """Take in what changed and draw it. Called a few times a second."""
        if self.rows.commit(self._clock()):
            self._settle_size()
        self.place_cursor()
        self._settle_layout()
        self._retitle()
        self.refresh_changed()
        if self.has_focus:
            self._tell_footer()

    def set_filter(self, wanted: Filter | None, *, faults_only: bool, namespace: str) -> None:
        """Show but what passes. When all is shown again, the cursor goes back to where it was before."""
        if not self.rows.is_filtered:
            self._home = self._wanted
        self.rows.filter, self.rows.faults_only, self.rows.namespace = wanted, faults_only, namespace
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
        is_one = self.rows.namespace or (connection is not None and len(connection.namespaces) == 1)
        spaces = 0 if is_one else len({o.ref.namespace for o in seen if o.ref.namespace})
        if spaces == 1 and self._has_namespaces:
            spaces = 2
        columns = ranked(self.kind.columns, spaces)
        widths = {
            c.title: max((cell_len(safe_text(c.cell(o, 0.0)[0])) for o in seen), default=0)
            for c in columns
            if not c.ticks
        }
        if self.rows.sort is not None:
            title = self.rows.sort.title
            widths[title] = max(widths.get(title, 0), len(title) + 1)
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

    def on_resize(self) -> None:
        self._cache.clear()
        self._settle_size()
        self._settle_layout()
        self.call_after_refresh(self._choose, self._cursor)

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self._cache.clear()

    # Order and marks ------------------------------------------------------------------------------

    def action_sort(self, title: str) -> None:
        """Sort by a column; by the same again, the other way round."""
        column = next((c for c in self.kind.columns if c.title == title), None)
        if column is None:
            self._refuse(f"{self.title} have no {title}")
        else:
            self._sort(column, column is self.rows.sort and not self.rows.descending)

    def action_sort_column(self, step: int) -> None:
        columns = [c for c, _ in self._layout]
        if columns:
            here = columns.index(self.rows.sort) if self.rows.sort in columns else -1 if step > 0 else 0
            self._sort(columns[(here + step) % len(columns)], self.rows.descending)

    def action_reverse(self) -> None:
        self._sort(self.rows.sort or self.kind.columns[0], not self.rows.descending)

    def _sort(self, column: Column, descending: bool) -> None:
        self.rows.sort, self.rows.descending = column, descending
        self.rows.rebuild(self._clock())
        self._layout = ()
        self.commit()
        self._choose(self._cursor)
        self.refresh()

    def action_mark(self) -> None:
        """Mark what is under the cursor, or no longer, and go on to the next."""
        here = self.cursor_object
        if here is None or here.ref.uid not in self.rows.live:
            self._refuse("there is nothing to mark")
            return
        self.rows.marks ^= {here.ref.uid}
        self._go(self._cursor + 1)
        self._retitle()
        self.refresh()

    def clear_marks(self) -> None:
        self.rows.marks.clear()
        self._retitle()
        self.refresh()

    def action_clear_marks(self) -> None:
        self.clear_marks()

    # What can be asked for ------------------------------------------------------------------------

    def why_not(self, action: str) -> str:
        """Why ``action`` cannot be done on what is under the cursor; "" when it can."""
        return self._obstacle(action) or self._verdict(action).message

    def _obstacle(self, action: str) -> str:
        """What is in the way, whatever the rights."""
        here = self.cursor_object
        if action == "delete" and action not in self.kind.actions:
            return f"{self.title} have no delete here"
        if here is None:
            return f"there are no {self.title} to choose from"
        if action not in DOINGS:
            return ""
        if uid_of(here.ref) not in self.rows.live:
            return f"{here.ref.kind} {here.ref.name} is gone already"
        return DOINGS[action].why_not(here)

    def _verdict(self, action: str) -> Verdict:
        """Whether it is allowed, with a message when it is not."""
        here = self.cursor_object
        if here is None or action not in DOINGS:
            return UNKNOWN
        return self._actions.allowed(action, here.ref)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action == "mark":  # marks are for what is then done with them
            return not self._actions.read_only
        verb = str(parameters[0]) if action == "change" and parameters else action
        if verb not in DOINGS or self.cursor_object is None:
            return True
        if verb != "delete" and self._obstacle(verb):
            return False
        return None if self.why_not(verb) else True

    def _tell_footer(self) -> None:
        """Keys whose action can no longer be done are greyed, and the others are not."""
        refusals = tuple(self.why_not(verb) for verb in DOINGS)
        if refusals != self._refusals:
            self._refusals = refusals
            self.refresh_bindings()

    def change(self, verb: ActionVerb, text: str = "") -> None:
        """Ask for a change of what is under the cursor; ``text``: what the answer is to begin with.

        What RBAC refuses is asked for too: the question shows the rule that is missing.
        """
        why = self._obstacle(verb) or ("" if self._verdict(verb).rule else self._verdict(verb).message)
        if why or (target := self.cursor_object) is None:
            self._refuse(why)
            return
        if verb != "delete":
            self.post_message(self.ChangeAsked(verb, target, text))
            return
        marked = [o for u in self.rows.marks if (o := self.rows.live.get(u)) is not None]
        marked.sort(key=lambda o: (o.ref.namespace, natural(o.ref.name)))
        hidden = sum(self.rows.find(o.ref.uid) is None for o in marked)
        self.post_message(self.DeleteRequested(self, marked or [target], hidden))

    def action_change(self, verb: ActionVerb) -> None:
        self.change(verb)

    def action_delete(self) -> None:
        self.change("delete")

    def action_ask(self, action: str) -> None:
        if (why := self.why_not(action)) or (target := self.cursor_object) is None:
            self._refuse(why)
        else:
            self.post_message(self.Asked(action, target))

    def _refuse(self, why: str) -> None:
        self.app.notify(safe_text(f"Not available here: {why}."), severity="warning", markup=False)

    def on_key(self, event: events.Key) -> None:
        """A key whose action is switched off says why."""
        for binding in self._bindings.key_to_bindings.get(event.key, ()):
            verb = binding.action.removeprefix("change('").removesuffix("')")
            if verb in DOINGS and self.why_not(verb):
                event.stop()
                self.change(verb)

    # Drawing --------------------------------------------------------------------------------------

    def _retitle(self) -> None:
        total, shown = len(self.rows.live), self.rows.shown
        count = str(total) if shown == total else f"{shown} of {total}"
        parts = [f"{self.title} [{self.number}]", count]
        if self.rows.marks:
            parts.append(f"{len(self.rows.marks)} marked")
        if self.rows.namespace:
            parts.append(self.rows.namespace)
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
                sign = ("▼" if self.rows.descending else "▲") if c is self.rows.sort else ""
                style = "accent" if sign else "head"
                row += [(pad(c.title + sign, w, right=c.right), style), (" " * GAP, "head")]
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
        marked = uid in self.rows.marks
        stamp = (width, over, ticks, gone, blind is None, marked)
        cached = self._cache.get(uid)
        if cached is not None and cached[0] is o and cached[1] == stamp:
            return cached[2]
        row: Row = [("›" if over else " ", "accent"), ("●" if marked else " ", "accent")]
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
        text, style = body(self._state, self.kind, self.rows)
        lines = wrap(safe_text(text), max(width - 4, 4))
        index = y - (1 if self.size.height > 2 else 0)
        return self.paint([("  ", style), (lines[index], style)] if 0 <= index < len(lines) else [], width)

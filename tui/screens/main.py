"""The main screen: header, tables beside the stream, the timeline below, keys at the bottom."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Container, Vertical
from textual.screen import Screen
from textual.widget import Widget
from textual.widgets import Footer, Static

from controller_runtime.kube.terminal import safe_text
from tui.filters import Filter
from tui.objects import ObjectView
from tui.ports import Actions
from tui.screens.confirm import ConfirmDelete
from tui.screens.help import Help
from tui.screens.yaml import Yaml
from tui.state import ConsoleState
from tui.widgets.banner import Banner
from tui.widgets.event_log import EventLog
from tui.widgets.filter_bar import FilterBar
from tui.widgets.header import Header
from tui.widgets.resource_table import ResourceTable
from tui.widgets.timeline import Timeline

# Kinds and their titles; keys 1 to 3 lead to them.
TABLES = (("Redis", "Redis"), ("Pod", "Pods"), ("Service", "Services"))
MOST_TABLES = 3
WIDE = 100  # columns from which the tables stand beside the stream


class Main(Screen[None]):
    HORIZONTAL_BREAKPOINTS = [(0, "-stacked"), (WIDE, "-wide")]
    AUTO_FOCUS = "ResourceTable.-active"

    BINDINGS = [
        Binding("1", "table(0)", "First table", show=False, id="main.redis"),
        Binding("2", "table(1)", "Second table", show=False, id="main.pods"),
        Binding("3", "table(2)", "Third table", show=False, id="main.services"),
        Binding("4", "stream", "Stream", show=False, id="main.stream"),
        Binding("slash", "filter", "Filter", key_display="/", id="main.filter"),
        Binding("p", "pause", "Pause", id="main.pause"),
        Binding("ctrl+z", "faults", "Faults", id="main.faults"),
        Binding("c", "copy_rule", "Copy rule", id="main.copy-rule"),
        Binding("question_mark", "help", "Help", key_display="?", id="main.help"),
        Binding("q", "app.ask_quit", "Quit", id="main.quit"),
        Binding("escape", "back", "Back", show=False, id="main.back"),
    ]

    def __init__(
        self,
        state: ConsoleState,
        actions: Actions,
        clock: Callable[[], float],
        *,
        title: str,
        read_only: bool,
        tables: Sequence[tuple[str, str]] = TABLES,
    ) -> None:
        super().__init__(id="main")
        self._state = state
        self._actions = actions
        self._clock = clock
        self._faults = False
        self._header = Header(state, clock, title=title, read_only=read_only)
        self._banner = Banner(state, clock)
        self._tables = [
            ResourceTable(kind, plural, number, state, clock, read_only=read_only)
            for number, (kind, plural) in enumerate(tables[:MOST_TABLES], start=1)
        ]
        for table in self._tables:
            table.others = [(t.number, t.title) for t in self._tables if t is not table]
        self._activate(self._tables[min(1, len(self._tables) - 1)])
        self._stream = EventLog(state)
        self._timeline = Timeline(state, clock)
        self._filter_bar = FilterBar()

    def compose(self) -> ComposeResult:
        yield self._header
        yield Static("Enlarge to 60×15", id="enlarge")
        yield self._banner
        with Container(id="body"):
            yield Vertical(*self._tables, id="tables")
            yield self._stream
        yield self._timeline
        yield self._filter_bar
        yield Footer(show_command_palette=False, compact=False)

    # Commits --------------------------------------------------------------------------------------

    def commit_stream(self) -> None:
        self._stream.commit()

    def commit(self) -> None:
        """Bring everything but the stream up to date. Called a few times a second."""
        had_rule = bool(self._banner.rule) != self._banner.has_class("-rule")
        self._banner.commit()
        self.set_class(self._banner.has_class("-shown"), "-trouble")
        if had_rule:
            self._banner.toggle_class("-rule")
            self.refresh_bindings()
        for table in self._tables:
            table.commit()
        self._header.update_rows()
        self._timeline.commit()

    # Sizes and focus ------------------------------------------------------------------------------

    def on_resize(self, event: events.Resize) -> None:
        tiny = event.size.width < 60 or event.size.height < 15
        self.set_class(tiny, "-tiny")
        self._header.tiny = self._banner.tiny = tiny
        for table in self._tables:
            table.takes_turns = event.size.width < WIDE
        self.set_class(event.size.height < 30, "-short")
        self.call_after_refresh(self.commit)

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        if isinstance(event.widget, ResourceTable):
            self._activate(event.widget)

    def _activate(self, table: ResourceTable) -> None:
        for other in self._tables:
            other.set_class(other is table, "-active")

    def action_table(self, index: int) -> None:
        if index >= len(self._tables):
            return
        # Not focus(), which comes later: the next key is meant for this table already.
        self._activate(self._tables[index])
        self.set_focus(self._tables[index])

    def action_stream(self) -> None:
        self.set_focus(self._stream)

    @on(ResourceTable.Highlighted)
    def show_timeline(self, event: ResourceTable.Highlighted) -> None:
        if event.table.has_focus or self._timeline.ref is None or event.table.has_class("-active"):
            self._timeline.show(event.ref)

    # Filters --------------------------------------------------------------------------------------

    @property
    def _filtered(self) -> ResourceTable | EventLog:
        """What a filter is for: the focused table or stream, or else the table that is in front."""
        if isinstance(self.focused, ResourceTable | EventLog):
            return self.focused
        return next((t for t in self._tables if t.has_class("-active")), self._tables[0])

    def action_filter(self) -> None:
        target = self._filtered
        self._filter_bar.open(target, target.filter.text if target.filter else "")

    @on(FilterBar.Changed)
    def set_filter(self, event: FilterBar.Changed) -> None:
        self._set_filter(event.target, event.filter)

    @on(FilterBar.Closed)
    def leave_filter(self, event: FilterBar.Closed) -> None:
        self.set_focus(event.target)

    def _set_filter(self, target: Widget, wanted: Filter | None) -> None:
        if isinstance(target, ResourceTable | EventLog):
            target.set_filter(wanted, faults_only=self._faults)

    def action_faults(self) -> None:
        self._faults = not self._faults
        views: list[ResourceTable | EventLog] = [*self._tables, self._stream]
        for view in views:
            view.set_filter(view.filter, faults_only=self._faults)

    def action_pause(self) -> None:
        self._stream.toggle_follow()

    def action_back(self) -> None:
        if self._filtered.filter:
            self._set_filter(self._filtered, None)
        elif self._faults:
            self.action_faults()
        else:
            self._stream.action_bottom()

    # What can be asked for ------------------------------------------------------------------------

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action == "copy_rule":
            return bool(self._banner.rule)
        return True

    def action_copy_rule(self) -> None:
        self.app.copy_to_clipboard(self._banner.rule)
        self.notify("The missing rule is in the clipboard.", markup=False)

    def action_help(self) -> None:
        self.app.push_screen(Help())

    @on(ResourceTable.YamlRequested)
    def show_yaml(self, event: ResourceTable.YamlRequested) -> None:
        self.app.push_screen(Yaml(event.target))

    @on(ResourceTable.DeleteRequested)
    def confirm_delete(self, event: ResourceTable.DeleteRequested) -> None:
        if self.app.screen is not self:  # a second ctrl+d that was quicker than the dialog
            return
        target = event.target

        def answered(confirmed: bool | None) -> None:
            if confirmed:
                self._delete(target)

        self.app.push_screen(ConfirmDelete(target, self._state, self._actions), answered)

    def _delete(self, target: ObjectView) -> None:
        self._actions.delete(target.ref)
        self.notify(safe_text(f"Deleting {target.ref.kind} {target.ref.name} …"), markup=False, timeout=3)

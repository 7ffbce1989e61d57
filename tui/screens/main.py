"""The main screen: header, tables beside the stream, the timeline below, keys at the bottom."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Container
from textual.widgets import Footer, Static

from controller.api import Redis
from controller.events import ActionVerb
from controller_runtime.kube.kinds import Pod, Service
from controller_runtime.kube.resource import Resource
from controller_runtime.kube.terminal import safe_text
from tui.clipboard import copy
from tui.commands import Command, kind_name
from tui.filters import parse
from tui.kinds.model import Kind, ObjectView
from tui.names import ObjectName
from tui.notifying import Notifying
from tui.ports import Actions
from tui.screens.board import Board
from tui.screens.card import Card
from tui.screens.changing import Changing
from tui.screens.errors import Errors
from tui.screens.filtering import Filtering
from tui.screens.going import Going
from tui.screens.help import Help, Sections
from tui.screens.selected import Selected
from tui.state import ConsoleState
from tui.widgets.banner import Banner
from tui.widgets.captions import Captions
from tui.widgets.command_bar import CommandBar
from tui.widgets.event_log import EventLog
from tui.widgets.filter_bar import FilterBar
from tui.widgets.header import Header
from tui.widgets.hint import Hint
from tui.widgets.resource_table import ResourceTable
from tui.widgets.tables import MOST, Tables
from tui.widgets.timeline import Timeline

TABLES = (Redis.resource, Pod.resource, Service.resource)
WIDE = 180  # columns from which the tables, with all of theirs, stand beside the stream
TALL = 28  # lines from which all tables are shown at once
LOW = 20  # lines below which there is room for a table or the stream, not for both
# Keys that work only on some panes or at some times, and what they ask for.
SOMETIMES = {
    "c": "copy_rule", "w": "why", "r": "restart", "ctrl+d": "delete", "y": "yaml", "s": "scale", "e": "edit",
    "R": "restart pods", "P": "pause reconciling", "X": "explain",
}  # fmt: skip


class Main(Filtering):
    more_help: Sections = ()  # of whoever puts more on this screen
    HORIZONTAL_BREAKPOINTS = [(0, "-stacked"), (WIDE, "-wide")]
    AUTO_FOCUS = "ResourceTable.-active"

    BINDINGS = [
        *(
            Binding(str(n), f"pane({n})", f"Pane {n}", show=False, id=f"main.pane-{n}")
            for n in range(1, MOST + 2)
        ),
        Binding("colon", "command", "Go", key_display=":", id="main.command"),
        Binding("left_square_bracket", "chain(1)", "Earlier", show=False, id="main.chain-back"),
        Binding("right_square_bracket", "chain(-1)", "Later", show=False, id="main.chain-on"),
        Binding("p", "pause", "Pause", id="main.pause"),
        Binding("w", "why", "Why", id="main.why"),
        Binding("r", "restart", "Start again", id="main.restart"),
        Binding("c", "copy_rule", "Copy rule", show=False, id="main.copy-rule"),
        Binding("E", "errors", "Errors", show=False, id="main.errors"),
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
        tables: Sequence[Resource] = TABLES,
        restart: Callable[[], object] | None = None,
    ) -> None:
        super().__init__(id="main")
        self._state = state
        self._actions = actions
        self._clock = clock
        self._restart = restart
        self._notifying = Notifying()
        self._came_from_stream = False
        self._takes_turns = False
        self._header = Header(state, clock, title=title, read_only=read_only)
        self._banner = Banner(state, clock)
        self._tables = Tables(tables, state, clock, actions=actions)
        self._stream = EventLog(state, len(self._tables) + 1)
        self._body = Container(self._tables, self._stream, id="body")
        self._timeline = Timeline(state, clock)
        self._captions = Captions(state)
        self._hint = Hint(state, wanted=restart is not None)
        self._filter_bar = FilterBar()
        self._command_bar = CommandBar()
        self._going = Going(state, actions, self._put_in_front, self._refuse)
        self._selected = Selected(self, state, actions, clock)
        self._changing = Changing(self, state, actions)

    def compose(self) -> ComposeResult:
        yield self._header
        yield Static("Enlarge to 60×15", id="enlarge")
        yield self._banner
        yield self._body
        yield self._timeline
        yield self._captions
        yield self._hint
        yield self._filter_bar
        yield self._command_bar
        yield Footer(show_command_palette=False, compact=False)

    def on_mount(self) -> None:
        # Not left to AUTO_FOCUS, which comes after the first picture: a key may come before it.
        self.set_focus(self._tables.front)

    # Commits --------------------------------------------------------------------------------------

    def commit_stream(self) -> None:
        self._stream.commit()

    def commit(self) -> None:
        """Bring everything but the stream up to date. Called a few times a second."""
        if self._banner.commit():
            self.refresh_bindings()
        self._tables.commit()
        is_alone = self.size.height < LOW or self.has_class("-tiny")
        self._tables.share_height(self._body.size.height, is_wide=self.has_class("-wide"), is_alone=is_alone)
        self._going.answer()
        self.finish_jump()
        self.say_changes()
        self._header.update_rows()
        self._timeline.commit()
        self._captions.commit()
        self._hint.commit()

    # Sizes and focus ------------------------------------------------------------------------------

    def on_resize(self, event: events.Resize) -> None:
        tiny = event.size.width < 60 or event.size.height < 15
        self.set_class(tiny, "-tiny")
        self._header.tiny = self._banner.tiny = tiny
        self._takes_turns = tiny or event.size.height < TALL
        self.set_class(self._takes_turns, "-turns")
        self._tables.take_turns(self._takes_turns)
        self.set_class(event.size.height < 30, "-short")
        self.set_class(event.size.height >= 40, "-tall")
        self.set_class(event.size.height < 24, "-low")
        self._show_one(stream=self.focused is self._stream and not tiny)
        self.call_after_refresh(self.commit)

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        if isinstance(event.widget, ResourceTable):
            self._tables.activate(event.widget)
        if event.widget is self._stream:
            self._came_from_stream = False
        else:
            self._timeline.show_line(None)

    def action_pane(self, number: int) -> None:
        """Focus the pane that has ``number`` in its title."""
        # Not focus(), which comes later: the next key is meant for this pane already.
        for table in self._tables:
            if table.number == number:
                self._tables.activate(table)
                self._show_one(stream=False)
                self.set_focus(table)
        if number == self._stream.number and self.has_class("-tiny"):
            self._refuse("the stream needs 60×15 at least")
        elif number == self._stream.number:
            self._show_one(stream=True)
            self.set_focus(self._stream)

    def _show_one(self, *, stream: bool) -> None:
        """Where the table and the stream have no room together, show the one that is wanted."""
        is_low = self.size.height < LOW
        self._stream.display = stream or not is_low
        self._tables.display = not (stream and is_low)

    @on(EventLog.Highlighted)
    def show_line(self, event: EventLog.Highlighted) -> None:
        self._timeline.show_line(event.number if self.focused is self._stream else None)

    @on(EventLog.Jumped)
    def go_to_object(self, event: EventLog.Jumped) -> None:
        """From a line of the stream to its object; ``esc`` leads back."""
        about = event.line.about
        table = self._tables.of(about.group_kind) if about else None
        if about is None or table is None:
            what = f"{about.kind} has no table here" if about else "this line is about no object"
            self._refuse(what)
        elif not table.select_name(about):
            self._refuse(f"{about.kind} {about.name} is gone, or filtered away")
        else:
            self._came_from_stream = True
            self.action_pane(table.number)

    def _refuse(self, why: str) -> None:
        self.notify(safe_text(f"Not available here: {why}."), severity="warning", markup=False)

    @on(ResourceTable.Highlighted)
    def show_timeline(self, event: ResourceTable.Highlighted) -> None:
        if event.table.has_focus or self._timeline.ref is None or event.table.has_class("-active"):
            self._timeline.show(event.ref)

    # What can be asked of an object ---------------------------------------------------------------

    def chosen(self) -> ObjectView | None:
        return self._tables.front.cursor_object

    def go_to(self, name: ObjectName) -> bool:
        table = self._tables.of(name.group_kind)
        if table is None or not table.select_name(name):
            return False
        self.action_pane(table.number)
        return True

    @property
    def front(self) -> ResourceTable:
        return self._tables.front

    @property
    def state(self) -> ConsoleState:
        return self._state

    def open_kind(self, name: str, wanted: str) -> None:
        self._going.go(kind_name(name), wanted)

    def refuse(self, why: str) -> None:
        self._refuse(why)

    def action_pause(self) -> None:
        self._stream.toggle_follow()

    def action_back(self) -> None:
        if isinstance(self.focused, ResourceTable) and self.focused.rows.marks:
            self.focused.clear_marks()
        elif self.filtered.filter:
            self.narrow(self.filtered, None)
        elif self._faults:
            self.action_faults()
        elif self._namespace:
            self.action_namespace()
        elif self._came_from_stream:
            self.action_pane(self._stream.number)
        else:
            self._stream.action_bottom()

    def action_chain(self, step: int) -> None:
        if not self._timeline.page(step):
            self._refuse("there is no earlier heal of it" if step > 0 else "this is its latest heal")

    # The command line -----------------------------------------------------------------------------

    def action_command(self) -> None:
        self._command_bar.open()

    @on(CommandBar.Closed)
    def leave_command(self) -> None:
        self.set_focus(self._tables.front)

    @on(CommandBar.Given)
    async def do_command(self, event: CommandBar.Given) -> None:
        await self.do(event.command)

    async def do(self, command: Command) -> None:
        if command.action == "show":
            self._going.go(command.name, command.filter)
        elif command.action == "quit":
            await self.app.run_action("ask_quit")
        elif command.action:
            await self.run_action(f"{command.action}({command.name!r})" if command.name else command.action)

    def _put_in_front(self, kind: Kind, wanted: str) -> None:
        table = self._tables.show(kind)
        try:
            self.narrow(table, parse(wanted))
        except ValueError as invalid:
            self._refuse(str(invalid))
        self._show_one(stream=False)
        self.call_after_refresh(self.set_focus, table)

    # What can be asked for ------------------------------------------------------------------------

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action == "copy_rule":
            return bool(self._banner.rule)
        if action == "why":
            return bool(self._banner.problems)
        if action == "restart":
            return self._has_ended
        if action == "explain":
            return self.questions is not None
        return True

    def why_not(self, action: str) -> str:
        """Why ``action`` does nothing now."""
        match action:
            case "copy_rule":
                return "no RBAC rule is missing"
            case "why":
                return "nothing is denied or broken"
            case "restart":
                return "the cluster is there"
            case "explain":
                return "there is no cluster to ask"
            case _:
                return f"choose an object in a table first (1 to {len(self._tables)})"

    def on_key(self, event: events.Key) -> None:
        """Keys that work elsewhere say why they do not here; others say where to look."""
        here = self.app.active_bindings.get(event.key)
        if here is not None and here.enabled:
            return
        action = SOMETIMES.get(event.key)
        if action is None:
            if event.is_printable:
                said = f"{event.character} does nothing here; ? shows the keys."
                self.notify(safe_text(said), severity="warning", timeout=2, markup=False)
        else:
            event.stop()
            self.notify(f"Not available here: {self.why_not(action)}.", severity="warning", markup=False)

    def action_copy_rule(self) -> None:
        self.notify(copy(self.app, self._banner.rule, "The missing rule"), markup=False)

    def action_why(self) -> None:
        self.show_card(Banner.Opened(self._banner.problems[0]))

    @property
    def _has_ended(self) -> bool:
        connection = self._state.connection
        return self._restart is not None and connection is not None and connection.state == "ended"

    def action_restart(self) -> None:
        assert self._restart is not None
        self._restart()
        self.notify("Starting the embedded cluster again …", markup=False)

    @on(Banner.Opened)
    def show_card(self, event: Banner.Opened) -> None:
        if self.app.screen is self:
            self.app.push_screen(Card(event.problem, self._state, self._actions, self._clock))

    def action_change(self, verb: ActionVerb, text: str = "") -> None:
        self._tables.front.change(verb, text)

    def action_scale(self, text: str = "") -> None:
        self.action_change("scale", text)

    def action_label(self, text: str = "") -> None:
        self.action_change("label", text)

    def action_annotate(self, text: str = "") -> None:
        self.action_change("annotate", text)

    def action_help(self) -> None:
        self.app.push_screen(Help(self._state.log_file, self.more_help))

    def action_board(self, name: str) -> None:
        self.app.push_screen(Board(name, self._state, self._clock))

    def action_errors(self) -> None:
        self.app.push_screen(Errors(self._state))

    @on(ResourceTable.Asked)
    def open_selected(self, event: ResourceTable.Asked) -> None:
        self.open_for(event.action, event.target)

    def open_for(self, action: str, target: ObjectView) -> None:
        self._selected.open(action, target)

    @on(ResourceTable.ChangeAsked)
    def ask_change(self, event: ResourceTable.ChangeAsked) -> None:
        self._changing.ask(event.verb, event.target, event.text)

    @on(ResourceTable.DeleteRequested)
    def confirm_delete(self, event: ResourceTable.DeleteRequested) -> None:
        self._selected.confirm_delete(event)

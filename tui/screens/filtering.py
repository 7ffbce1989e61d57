"""What the tables and the stream leave out: a filter each, all but faults, all but one namespace."""

from __future__ import annotations

from textual import on
from textual.binding import Binding
from textual.widget import Widget

from tui.filters import Filter
from tui.screens.asking import Asking
from tui.screens.namespaces import ChooseNamespace
from tui.views.problems import count_words
from tui.widgets.event_log import EventLog
from tui.widgets.filter_bar import FilterBar
from tui.widgets.header import Header
from tui.widgets.resource_table import ResourceTable
from tui.widgets.tables import Tables


class Filtering(Asking):
    """A part of the main screen."""

    BINDINGS = [
        Binding("slash", "filter", "Filter", key_display="/", id="main.filter"),
        Binding("ctrl+z", "faults", "Faults", id="main.faults"),
        Binding("n", "choose_namespace", "Namespace", show=False, id="main.namespace"),
        Binding("0", "namespace('')", "All namespaces", show=False, id="main.all-namespaces"),
    ]

    _header: Header
    _tables: Tables
    _stream: EventLog
    _filter_bar: FilterBar
    _faults = False
    _namespace = ""  # "" for all

    @property
    def filtered(self) -> ResourceTable | EventLog:
        """What a filter is for: the focused table or stream, or else the table that is in front."""
        if isinstance(self.focused, ResourceTable | EventLog):
            return self.focused
        return self._tables.front

    def action_filter(self) -> None:
        target = self.filtered
        self._filter_bar.open(target, target.filter.text if target.filter else "")

    @on(FilterBar.Changed)
    def set_filter(self, event: FilterBar.Changed) -> None:
        self.narrow(event.target, event.filter)

    @on(FilterBar.Closed)
    def leave_filter(self, event: FilterBar.Closed) -> None:
        self.set_focus(event.target)

    def narrow(self, target: Widget, wanted: Filter | None) -> None:
        """Another filter for a table or the stream; what is left out everywhere stays left out."""
        if isinstance(target, ResourceTable | EventLog):
            target.set_filter(wanted, faults_only=self._faults, namespace=self._namespace)

    def _narrow_all(self) -> None:
        views: list[ResourceTable | EventLog] = [*self._tables, self._stream]
        for view in views:
            self.narrow(view, view.filter)

    def action_faults(self) -> None:
        self._faults = not self._faults
        self._narrow_all()
        if self._faults and (count := len(self._state.problems)):
            self.notify(f"! {count_words(count)} of operators: :problems shows them.", markup=False)

    def action_namespace(self, name: str = "") -> None:
        """Show but this one; "" and "all" for all."""
        self._namespace = self._header.namespace = "" if name == "all" else name
        self._narrow_all()
        self._header.update_rows()

    def action_choose_namespace(self) -> None:
        def chosen(name: str | None) -> None:
            if name is not None:
                self.action_namespace(name)

        self.app.push_screen(ChooseNamespace(self._state, self._namespace), chosen)

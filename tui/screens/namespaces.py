"""The choice of a namespace: typing narrows the list, enter chooses."""

from __future__ import annotations

from dataclasses import dataclass

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Input

from tui.family import EVENTS
from tui.names import GroupKind
from tui.state import ConsoleState
from tui.text import pad
from tui.widgets.entries import Entries, Entry
from tui.widgets.lines import Row

NAMESPACE = GroupKind("", "Namespace")
NAME = 40  # cells


@dataclass
class _Count:
    objects: int = 0
    faults: int = 0


def namespaces(state: ConsoleState) -> dict[str, _Count]:
    """Those that are known, by name, with what is known in each."""
    found: dict[str, _Count] = {o.ref.name: _Count() for o in state.objects.get(NAMESPACE, {}).values()}
    for kind, objects in state.objects.items():
        if kind == EVENTS:
            continue
        for o in objects.values():
            if o.ref.namespace:
                count = found.setdefault(o.ref.namespace, _Count())
                count.objects += 1
                count.faults += o.is_fault
    return dict(sorted(found.items()))


class ChooseNamespace(ModalScreen[str | None]):
    """Its result is a name, "" for all of them, None for no change."""

    CSS_PATH = "namespaces.tcss"
    BINDINGS = [
        Binding("escape", "dismiss", "Back", id="namespaces.back"),
        Binding("down", "move(1)", "Down", show=False, priority=True, id="namespaces.down"),
        Binding("up", "move(-1)", "Up", show=False, priority=True, id="namespaces.up"),
    ]

    def __init__(self, state: ConsoleState, now: str) -> None:
        super().__init__()
        self._now = now
        self._known = namespaces(state)
        self._entries = Entries(id="namespaces")
        self._entries.can_focus = False
        self._input = Input(placeholder="type to narrow", select_on_focus=False, compact=True)

    def compose(self) -> ComposeResult:
        with Vertical(id="namespace-box") as box:
            box.border_title = Content("Namespace")
            box.border_subtitle = Content("enter chooses · esc closes")
            yield self._input
            yield self._entries

    def on_mount(self) -> None:
        self.set_focus(self._input)
        self.call_after_refresh(self._draw)

    @on(Input.Changed)
    def _draw(self) -> None:
        typed = self._input.value.strip().lower()
        rows: list[Entry] = [] if typed else [Entry((self._row("all namespaces", self._all, ""),), "")]
        rows += [
            Entry((self._row(name, count, name),), name)
            for name, count in self._known.items()
            if typed in name
        ]
        if not rows:
            row: Row = [(f"{typed} is not known here; enter shows it all the same", "muted")]
            rows.append(Entry((row,), typed))
        self._entries.show(tuple(rows))

    @property
    def _all(self) -> _Count:
        counts = self._known.values()
        return _Count(sum(c.objects for c in counts), sum(c.faults for c in counts))

    def _row(self, text: str, count: _Count, name: str) -> Row:
        row: Row = [
            ("● " if name == self._now else "  ", "accent"), (pad(text, NAME), "text"),
            (pad(f"{count.objects:,}", 7, right=True), "muted"),
        ]  # fmt: skip
        if count.faults:
            row.append((f"  ✗ {count.faults}", "error"))
        return row

    def action_move(self, step: int) -> None:
        self._entries.action_line(step)

    @on(Input.Submitted)
    @on(Entries.Chosen)
    def choose(self) -> None:
        if isinstance(self._entries.target, str):
            self.dismiss(self._entries.target)

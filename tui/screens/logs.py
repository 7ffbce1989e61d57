"""The logs of a pod, or of all pods of an object, as they are written."""

from __future__ import annotations

import asyncio
import os
import re
import time
from pathlib import Path

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding
from textual.screen import ModalScreen
from textual.widgets import Footer

from controller.logfeed import Feed, LogLine, LogOptions
from controller_runtime.kube.terminal import safe_text
from tui.kinds.model import ObjectView
from tui.logs import POD, pods_of, sources_of
from tui.ports import Actions
from tui.state import ConsoleState
from tui.widgets.log_view import LogView
from tui.widgets.search_bar import SearchBar

EVERY = 0.2  # seconds
TAIL = 200  # lines of each container
# By their keys, which are those of k9s: which part of the log is read, and its name.
PARTS = (
    (f"last {TAIL} lines", LogOptions(tail=TAIL)),
    ("from the beginning", LogOptions()),
    ("since 1m", LogOptions(since=60)),
    ("since 5m", LogOptions(since=300)),
    ("since 15m", LogOptions(since=900)),
    ("since 30m", LogOptions(since=1800)),
    ("since 1h", LogOptions(since=3600)),
)


class Logs(ModalScreen[None]):
    CSS_PATH = "logs.tcss"
    BINDINGS = [
        Binding("escape,q,l", "back", "Back", key_display="esc", id="logs.back"),
        Binding("slash", "search", "Search", key_display="/", id="logs.search"),
        Binding("n", "step(1)", "Next", show=False, id="logs.next"),
        Binding("N", "step(-1)", "Before", show=False, id="logs.before"),
        Binding("s", "follow", "Follow", id="logs.follow"),
        Binding("p", "previous", "Previous", id="logs.previous"),
        Binding("w", "wrap", "Wrap", id="logs.wrap"),
        Binding("t", "times", "Times", id="logs.times"),
        Binding("a", "container", "Container", id="logs.container"),
        Binding("ctrl+s", "save", "Save", id="logs.save"),
        *(
            Binding(str(n), f"part({n})", "Tail/Head/Since" if n == 0 else name, show=n == 0,
                    key_display="0-6" if n == 0 else None, id=f"logs.part-{n}")
            for n, (name, _) in enumerate(PARTS)
        ),
    ]  # fmt: skip

    def __init__(self, target: ObjectView, state: ConsoleState, actions: Actions) -> None:
        super().__init__()
        self._target = target
        self._state = state
        self._actions = actions
        self._changed = state.follow(POD)
        self._view = LogView()
        self._bar = SearchBar()
        self._part = 0
        self._previous = False
        self._feed: Feed | None = None

    def compose(self) -> ComposeResult:
        yield self._view
        yield self._bar
        yield Footer(show_command_palette=False)

    def on_mount(self) -> None:
        self._open()
        self.set_interval(EVERY, self.commit)
        self.set_focus(self._view)

    def on_unmount(self) -> None:
        self._state.unfollow(POD, self._changed)
        if self._feed is not None:
            self._feed.close()

    def _open(self) -> None:
        if self._feed is not None:
            self._feed.close()
        options = PARTS[self._part][1]
        self._feed = self._actions.logs(
            LogOptions(tail=options.tail, since=options.since, previous=self._previous)
        )
        self._view.clear()
        self._view.follow = self._part != 1
        self._follow_pods(self._feed)
        self.commit()

    def _follow_pods(self, feed: Feed) -> None:
        self._changed.clear()
        sources = sources_of(pods_of(self._state, self._target))
        self._view.know(sources)
        self._view.nothing = (
            "Nothing was logged yet." if sources else f"No pod of {self._target.ref.kind} is there."
        )
        feed.follow(sources)

    def commit(self) -> None:
        """Show what was read since the last time; the log of a pod that came is read as well."""
        assert self._feed is not None
        if self._changed:
            self._follow_pods(self._feed)
        self._view.add(self._feed.take())
        view, ref = self._view, self._target.ref
        parts = ["Logs", f"{ref.kind} {ref.key}", PARTS[self._part][0]]
        if view.container:
            parts.insert(2, view.container)
        if self._previous:
            parts.append("of the run before")
        parts += ["following" if view.follow else "paused", f"{len(view.lines.lines):,} lines"]
        if view.lines.gone:
            parts.append(f"{view.lines.gone:,} older ones gone")
        if view.dropped:
            parts.append(f"{view.dropped:,} came too fast to be read")
        self._view.entitle(" · ".join(parts), view.found)

    # Keys -----------------------------------------------------------------------------------------

    def action_back(self) -> None:
        if self._view.found:
            self._bar.action_close()
        else:
            self.dismiss()

    def action_part(self, number: int) -> None:
        self._part = number
        self._open()

    def action_previous(self) -> None:
        self._previous = not self._previous
        self._open()

    def action_follow(self) -> None:
        if self._view.follow:
            self._view.follow = False
        else:
            self._view.action_bottom()
        self.commit()

    def action_wrap(self) -> None:
        self._view.wraps = not self._view.wraps
        self._view.rebuild()

    def action_times(self) -> None:
        self._view.shows_times = not self._view.shows_times
        self._view.rebuild()

    def action_container(self) -> None:
        """All containers, then each by itself."""
        sources = sources_of(pods_of(self._state, self._target))
        names = ["", *dict.fromkeys(s.container for s in sources)]
        if len(names) <= 2:
            self.notify("There is one container only.", severity="warning", timeout=2, markup=False)
            return
        here = names.index(self._view.container) if self._view.container in names else 0
        self._view.container = names[(here + 1) % len(names)]
        self._view.rebuild()
        self.commit()

    def action_search(self) -> None:
        self._bar.open()

    @on(SearchBar.Changed)
    def search(self, event: SearchBar.Changed) -> None:
        self._view.search(event.pattern)
        self.commit()

    @on(SearchBar.Closed)
    def leave_search(self, event: SearchBar.Closed) -> None:
        self.set_focus(self._view)
        if event.goes:
            self.action_step(-1)

    def action_step(self, by: int) -> None:
        if not self._view.step(by):
            said = "That is not found." if self._view.found else "Nothing is searched for: / begins."
            self.notify(said, severity="warning", timeout=2, markup=False)
        self.commit()

    def action_save(self) -> None:
        self.run_worker(self._save(), group="save", exclusive=True)

    async def _save(self) -> None:
        ref = self._target.ref
        directory = Path(self._state.log_file).parent if self._state.log_file else Path.cwd()
        name = re.sub(r"[^A-Za-z0-9.-]", "_", f"{ref.namespace}-{ref.name}")[:150]
        path = directory / time.strftime(f"logs-{name}-%Y%m%dT%H%M%SZ.txt", time.gmtime())
        lines = [x for x in self._view.lines.lines if not x.is_note]
        try:
            await asyncio.to_thread(_write, path, lines)
        except OSError as error:
            said = safe_text(f"{path}: {error.strerror or error}")
            self.notify(said, title="Not saved", severity="error", markup=False)
        else:
            self.notify(safe_text(str(path)), title=f"{len(lines):,} lines are in", timeout=10, markup=False)


def _write(path: Path, lines: list[LogLine]) -> None:
    """As they were read, each with its time and where it comes from. For its owner's eyes alone."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.writelines(f"{x.time} {x.source.pod}/{x.source.container} {x.text}\n" for x in lines)

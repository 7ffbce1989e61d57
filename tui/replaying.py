"""The console on a recording: the same screens, with the keys of a player."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from textual import on
from textual.binding import Binding
from textual.widgets import Input

from controller.events import ActionVerb
from controller.logfeed import Feed, LogOptions
from controller.verdict import Verdict
from controller_runtime.kube.resource import Ref, Resource
from controller_runtime.kube.rules import PolicyRule
from controller_runtime.kube.terminal import safe_text
from recording.index import Index, MarkKind
from tui.app import ConsoleApp
from tui.replay import Replay
from tui.screens.help import Sections
from tui.screens.main import TABLES
from tui.widgets.replay_bar import ReplayBar

SKIP = 10.0  # seconds of the recording
HELP: Sections = (
    (
        "Replay",
        (
            ("space", "play, pause"),
            (". ,", "one event forwards, backwards"),
            (") (", f"{SKIP:.0f} seconds forwards, backwards"),
            ("- +", "slower, faster"),
            ("} {", "the next mark, the one before"),
            ("F D H X", "the next fault, refused write, heal, failed reconcile"),
            ("▲ ✗ ✓ !", "their marks on the line; a click goes there"),
        ),
    ),
)


class NoActions:
    """Of what is over nothing can be changed."""

    read_only = True

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say

    def delete(self, ref: Ref, *, grace_period: int | None = None, propagation: str = "Background") -> str:
        return ""

    def check(self, verb: str, ref: Ref) -> str:
        return ""

    def apply(self, documents: Sequence[dict[str, Any]]) -> str:
        return ""

    def definitions(self, group: str, resource: str) -> list[dict[str, Any]]:
        return []

    def revoke(self, identity: str, resource: str) -> str:
        return ""

    def grant(self, identity: str, resource: str, rules: Sequence[PolicyRule]) -> str:
        return ""

    def review(self, user: str = "") -> bool:
        return False

    def retry(self) -> bool:
        return False

    def allowed(self, verb: ActionVerb, ref: Ref) -> Verdict:
        return Verdict(False, "this is a recording, where nothing can be changed")

    def scale(self, ref: Ref, replicas: int) -> str:
        return ""

    def restart(self, ref: Ref) -> str:
        return ""

    def pause(self, ref: Ref) -> str:
        return ""

    def resume(self, ref: Ref) -> str:
        return ""

    def label(self, ref: Ref, values: Mapping[str, str | None]) -> str:
        return ""

    def annotate(self, ref: Ref, values: Mapping[str, str | None]) -> str:
        return ""

    def edit(self, ref: Ref, patch: Mapping[str, Any]) -> str:
        return ""

    def browse(self, name: str) -> None:
        self._say(f"{name} are not in this recording.")

    def logs(self, options: LogOptions) -> Feed:
        self._say("Logs are not in a recording.")
        return Feed(lambda feed, source: None)


class ReplayApp(ConsoleApp):
    BINDINGS = [
        # Before the tables, which mark with it: there is nothing that marks would be for.
        Binding("space", "play", "Play/pause", priority=True, id="replay.play"),
        Binding("full_stop", "step(1)", "Step", key_display=". ,", id="replay.step"),
        Binding("comma", "step(-1)", "Step back", show=False, id="replay.back"),
        Binding("right_parenthesis", "skip(1)", "Forward", show=False, id="replay.forward"),
        Binding("left_parenthesis", "skip(-1)", "Backward", show=False, id="replay.backward"),
        Binding("plus", "speed(1)", "Speed", key_display="+ -", id="replay.faster"),
        Binding("minus", "speed(-1)", "Slower", show=False, id="replay.slower"),
        Binding("right_curly_bracket", "mark(1)", "Next mark", key_display="{ }", id="replay.next"),
        Binding("left_curly_bracket", "mark(-1)", "Mark before", show=False, id="replay.previous"),
        Binding("F", "mark(1, 'fault')", "Next fault", show=False, id="replay.fault"),
        Binding("D", "mark(1, 'denial')", "Next denial", show=False, id="replay.denial"),
        Binding("H", "mark(1, 'heal')", "Next heal", show=False, id="replay.heal"),
        Binding("X", "mark(1, 'error')", "Next error of a reconcile", show=False, id="replay.error"),
    ]

    def __init__(
        self,
        index: Index,
        *,
        begin: float | None = None,
        title: str = "reconsole replay",
        tables: Sequence[Resource] = TABLES,
        stopwatch: Callable[[], float] = time.perf_counter,
    ) -> None:
        """``begin`` is the time to open it at, in Unix seconds; None is the beginning."""
        self.replay = Replay(index, stopwatch)
        self._begin = begin
        super().__init__(self.replay, NoActions(self._warn), title=title, tables=tables, stopwatch=stopwatch)
        self._bar = ReplayBar(self.replay)

    async def on_ready(self) -> None:
        if self._main is not None:
            self._main.more_help = HELP
        await self.screen.mount(self._bar, before="Footer")
        if self._begin is not None:
            self._go_to(self.replay.index.at_time(self._begin))
        self.replay.play()

    def tick(self) -> None:
        super().tick()
        if self._bar.is_mounted:
            self._bar.update_rows()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        # What is being written gets its spaces.
        return super().check_action(action, parameters) and (
            action != "play" or not isinstance(self.focused, Input)
        )

    def action_play(self) -> None:
        if self.replay.playing:
            self.replay.pause()
            return
        if self.replay.position >= len(self.replay.index):
            self._go_to(0)
        self.replay.play()

    def action_step(self, count: int) -> None:
        self.replay.pause()
        if count > 0:
            self.replay.step()
        else:
            self._go_to(self.replay.position + count)

    def action_skip(self, direction: int) -> None:
        self._go_to(self.replay.index.at_time(self.replay.now() + direction * SKIP))

    def action_speed(self, direction: int) -> None:
        self.replay.change_speed(1 if direction > 0 else -1)

    def action_mark(self, direction: int, kind: MarkKind | None = None) -> None:
        position = self.replay.mark(kind, forward=direction > 0)
        if position is None:
            what = {None: "mark", "error": "failed reconcile"}.get(kind, kind)
            where = "after" if direction > 0 else "before"
            self._warn(f"There is no {what} {where} this.")
            return
        self.replay.pause()
        self._go_to(position)

    def _warn(self, words: str) -> None:
        self.notify(safe_text(words), severity="warning", timeout=2, markup=False)

    @on(ReplayBar.Sought)
    def seek(self, event: ReplayBar.Sought) -> None:
        times = self.replay.index.times
        if len(times):
            self._go_to(self.replay.index.at_time(times[0] + event.share * (times[-1] - times[0])))

    def _go_to(self, position: int) -> None:
        self.pump.start_over(self.replay.go_to(position))
        self.state.notices.clear()  # they are no news by now
        self.show()

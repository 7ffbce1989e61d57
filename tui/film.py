"""A recorded story as pictures: the same console, without a terminal, in a time of its own."""

from __future__ import annotations

import asyncio
import itertools
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from rich.segment import Segment
from textual._compositor import LayoutUpdate
from textual.app import App
from textual.notifications import SeverityLevel
from textual.strip import Strip

from controller.events import ActionVerb, Caption, Deed
from controller.verdict import Verdict
from controller_runtime.bus import Batch
from controller_runtime.kube.resource import Ref, Resource
from controller_runtime.kube.rules import PolicyRule
from recording.index import Index
from tui.app import ConsoleApp
from tui.demo import key_event
from tui.replay import Replay
from tui.replaying import NoActions
from tui.screens.main import TABLES
from tui.virtualtime import VirtualLoop, timers_of

RATE = 10  # pictures a second, at most
LAST = 5.0  # seconds that it goes on after the last that the story says or does
FOR_EVER = 1e9  # seconds


@dataclass(frozen=True)
class Picture:
    """What is on the screen from ``at`` on, in seconds since the beginning."""

    at: float
    lines: tuple[tuple[Segment, ...], ...]
    caption: Caption | None


def shoot(index: Index, size: tuple[int, int], take: Callable[[Picture], None]) -> float:
    """Play the story of a recording and ``take`` each picture that differs from the one before.

    Returns its length in seconds, which is 0 for a recording in which no story is told. It depends on
    nothing but the recording, and takes a fraction of that time. Not within a running event loop.
    """
    told = [n for n in range(len(index)) if isinstance(index.event(n), Caption | Deed)]
    if not told:
        return 0.0
    loop = VirtualLoop()
    with _utc(), timers_of(loop), asyncio.Runner(loop_factory=lambda: loop) as runner:
        app = _Film(index, told[0], told[-1], loop.time, take)
        runner.run(app.run_async(headless=True, size=size))
        if app._exception is not None:
            raise app._exception
    return app.seconds


class _Story(Replay):
    """Keeps the keys that are pressed in it."""

    def __init__(self, index: Index, stopwatch: Callable[[], float]) -> None:
        super().__init__(index, stopwatch)
        self.pressed: list[str] = []

    def drain(self, limit: int) -> Batch:
        batch = super().drain(limit)
        self.pressed += [event.key for event in batch.events if isinstance(event, Deed) and event.key]
        return batch


class _Recorded(NoActions):
    """Actions whose results are in the recording, under the ids that they had."""

    read_only = False

    def __init__(self) -> None:
        super().__init__(lambda words: None)
        self._ids = itertools.count(1)

    def delete(self, ref: Ref, *, grace_period: int | None = None, propagation: str = "Background") -> str:
        return self._next()

    def check(self, verb: str, ref: Ref) -> str:
        return self._next()

    def allowed(self, verb: ActionVerb, ref: Ref) -> Verdict:
        return Verdict(True)

    def scale(self, ref: Ref, replicas: int) -> str:
        return self._next()

    def restart(self, ref: Ref) -> str:
        return self._next()

    def pause(self, ref: Ref) -> str:
        return self._next()

    def resume(self, ref: Ref) -> str:
        return self._next()

    def label(self, ref: Ref, values: Mapping[str, str | None]) -> str:
        return self._next()

    def annotate(self, ref: Ref, values: Mapping[str, str | None]) -> str:
        return self._next()

    def edit(self, ref: Ref, patch: Mapping[str, Any]) -> str:
        return self._next()

    def apply(self, documents: Sequence[dict[str, Any]]) -> str:
        return self._next()

    def revoke(self, identity: str, resource: str) -> str:
        return self._next()

    def grant(self, identity: str, resource: str, rules: Sequence[PolicyRule]) -> str:
        return self._next()

    def _next(self) -> str:
        return f"action-{next(self._ids)}"


class _Film(ConsoleApp):
    def __init__(
        self, index: Index, first: int, last: int, clock: Callable[[], float], take: Callable[[Picture], None]
    ) -> None:
        self.seconds = 0.0
        self._story = _Story(index, clock)
        tables: Sequence[Resource] = [
            Resource(group, "v1", kind, plural) for group, kind, plural in index.kinds
        ]
        super().__init__(self._story, _Recorded(), tables=tables or TABLES, stopwatch=clock)
        self.animation_level = "none"
        self._first = first
        self._end = index.times[last] - index.times[first] + LAST
        self._now = clock
        self._take = take
        self._lines: tuple[tuple[Segment, ...], ...] = ()
        self._is_changed = True
        self._shooting: asyncio.Task[None] | None = None

    def _leave_on_signals(self) -> None:
        return

    def on_ready(self) -> None:
        self.pump.start_over(self._story.go_to(self._first + 1))
        self.state.notices.clear()
        self._story.play()
        self._shooting = asyncio.create_task(self._shoot())

    def tick(self) -> None:
        super().tick()
        keys, self._story.pressed = self._story.pressed, []
        if keys:
            self.show()
        for key in keys:
            self.post_message(key_event(key))

    def notify(
        self,
        message: str,
        *,
        title: str = "",
        severity: SeverityLevel = "information",
        timeout: float | None = None,
        markup: bool = True,
    ) -> None:
        # A toast counts its time on the clock of the machine; so here it stays until it is taken away.
        super().notify(message, title=title, severity=severity, timeout=FOR_EVER, markup=markup)
        self.set_timer(timeout or self.NOTIFICATION_TIMEOUT, self.clear_notifications)

    def post_display_hook(self) -> None:
        self._is_changed = True

    async def _shoot(self) -> None:
        began = self._now()
        for number in itertools.count():
            at = number / RATE
            await asyncio.sleep(began + at + 0.05 - self._now())  # between the ticks
            if at > self._end:
                self.seconds = at
                self.exit()
                return
            if self._is_changed:
                self._is_changed = False
                lines = _screen(self)
                if lines != self._lines:
                    self._lines = lines
                    self._take(Picture(at, lines, self.state.caption))


def _screen(app: App[int]) -> tuple[tuple[Segment, ...], ...]:
    """What is on the screen, dialogs and what is below them; as ``App.export_screenshot`` asks for it."""
    update = app.screen._compositor.render_update(full=True, screen_stack=app._background_screens)
    assert isinstance(update, LayoutUpdate)
    return tuple(tuple(Strip.join(line).simplify()) for line in update.strips)


@contextmanager
def _utc() -> Iterator[None]:
    """Clock times on the screen are those of UTC, wherever it is made."""
    before = os.environ.get("TZ")
    _set_zone("UTC")
    try:
        yield
    finally:
        _set_zone(before)


def _set_zone(name: str | None) -> None:
    if name is None:
        os.environ.pop("TZ", None)
    else:
        os.environ["TZ"] = name
    time.tzset()

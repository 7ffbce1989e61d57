"""Reading the screen of a running console, and waiting for it."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from textual.pilot import Pilot
from textual.widgets import Static

from tests.tui.world import FakeActions, World
from tui.app import ConsoleApp
from tui.settings import Settings
from tui.source import Live
from tui.widgets.resource_table import ResourceTable


def screen_lines(app: ConsoleApp) -> list[str]:
    """What is on the screen, as text."""
    strips = app.screen._compositor.render_strips()
    return ["".join(segment.text for segment in strip) for strip in strips]


def screen_text(app: ConsoleApp) -> str:
    return "\n".join(screen_lines(app))


class Console:
    """A console in a test: its world, its actions, and its keys."""

    def __init__(self, app: ConsoleApp, pilot: Pilot[Any], world: World, actions: FakeActions) -> None:
        self.app = app
        self.pilot = pilot
        self.world = world
        self.actions = actions

    @property
    def text(self) -> str:
        return screen_text(self.app)

    @property
    def flat(self) -> str:
        """The text without borders and line breaks."""
        return " ".join(re.sub("[│╭╮╰╯▏▕▊▎─]", " ", self.text).split())

    @property
    def card(self) -> str:
        """All that the card on top says, in one line."""
        return " ".join(str(self.app.screen.query_one("#card-text", Static).content).split())

    def table(self, kind: str) -> ResourceTable:
        tables = self.app.screen_stack[0].query(ResourceTable)
        return next(t for t in tables if t.kind.resource.kind == kind)

    async def show(self) -> str:
        """Let everything that was published reach the screen."""
        self.app.pump.drain(10.0)
        main = self.app._main
        assert main is not None
        main.commit_stream()
        main.commit()
        await self.pilot.pause()
        main.commit()
        return self.text

    async def press(self, *keys: str) -> str:
        await self.pilot.press(*keys)
        return await self.show()

    async def until(self, condition: Callable[[], object]) -> None:
        async with asyncio.timeout(3.0):
            while not condition():
                await self.pilot.pause(0.02)


@asynccontextmanager
async def console(
    size: tuple[int, int] = (120, 36),
    *,
    settled: bool = True,
    denied: bool = False,
    read_only: bool = False,
    allowed: bool = True,
    maxlen: int = 10_000,
    restart: Callable[[], object] | None = None,
    settings: Settings | None = None,
) -> AsyncIterator[Console]:
    world = World(maxlen)
    actions = FakeActions(world, read_only=read_only, allowed=allowed)
    app = ConsoleApp(
        Live(world.subscription, world.clock),
        actions,
        read_only=read_only,
        restart=restart,
        settings=settings,
    )
    async with app.run_test(size=size, notifications=True) as pilot:
        it = Console(app, pilot, world, actions)
        if settled:
            world.settled(denied=denied)
        await it.show()
        yield it

"""A story in the console: its captions, its keys, and a person who takes over."""

from __future__ import annotations

import asyncio

from textual.widgets._toast import Toast

from controller.events import Caption, Deed
from tests.tui.screen import Console
from tests.tui.world import FakeActions, World
from tui.demo import DemoApp
from tui.screens.confirm import ConfirmDelete
from tui.source import Live
from tui.widgets.captions import Captions


async def test_it_is_told_and_any_key_takes_over() -> None:
    world = World()
    actions = FakeActions(world)
    go_on = asyncio.Event()
    ended: list[Exception | None] = []

    async def play(stage: DemoApp) -> None:
        world.bus.publish(Caption(at=world.now, chapter="A pod goes", number=2, of=7, text="Watch this."))
        world.bus.publish(Deed(at=world.now, command="kubectl get pods", ok=False, answer="it is [red]"))
        await go_on.wait()
        for key in ("2", "ctrl+d"):
            await stage.press(key)
        await asyncio.Event().wait()

    app = DemoApp(
        Live(world.subscription, world.clock), actions,
        play=play, ended=lambda _, error: ended.append(error),
    )  # fmt: skip
    async with app.run_test(size=(120, 44), notifications=True) as pilot:
        it = Console(app, pilot, world, actions)
        world.settled()
        await it.until(lambda: app.state.caption)
        text = await it.show()
        for words in (
            "2/7 A pod goes",
            "Watch this.",
            "$ kubectl get pods",
            "✗ it is [red]",
            "any key takes",
        ):
            assert words in text
        assert "Watch this." not in app.text(), "what a story says is not what it waits for"
        assert "my-op-redis" in app.text()

        app.notify("News")
        await it.until(lambda: app.screen.query(Toast))
        await pilot.pause()
        toast, captions = app.screen.query_one(Toast), app.screen.query_one(Captions)
        assert 2 <= toast.region.y < toast.region.bottom <= captions.region.y, (
            "below the header, not over the words"
        )

        go_on.set()
        await it.until(lambda: isinstance(app.screen, ConfirmDelete))
        await it.until(lambda: "Watch this." in it.text)

        await pilot.press("y")
        await it.until(lambda: "You took over" in it.text)
        assert actions.deleted == [], "the key that takes over does nothing else"
        assert "Watch this." not in await it.show()
        await it.press("n")
        await it.press("1", "ctrl+d", "y")
        assert [ref.kind for ref in actions.deleted] == ["Redis"], "it is the live console"
        assert ended == []


async def test_its_end_is_said_with_what_went_wrong() -> None:
    world = World()
    ended: list[str] = []

    async def play(stage: DemoApp) -> None:
        raise ValueError("no pod came")

    app = DemoApp(
        Live(world.subscription, world.clock), FakeActions(world),
        play=play, ended=lambda _, error: ended.append(str(error)),
    )  # fmt: skip
    async with app.run_test(size=(120, 44)) as pilot:
        while not ended:
            await pilot.pause()
    assert ended == ["no pod came"]

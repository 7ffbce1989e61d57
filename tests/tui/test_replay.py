"""A recording in the console: what was on the screen then is on the screen again, at any position."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from textual.pilot import Pilot

from recording.codec import encode, encode_header
from recording.index import Index
from recording.reader import Damage
from tests.tui.screen import screen_lines
from tests.tui.world import START, FakeActions, World
from tui import replay as replays
from tui.app import ConsoleApp
from tui.names import GroupKind
from tui.pump import Pump
from tui.replay import Replay
from tui.replaying import ReplayApp
from tui.source import Live
from tui.state import ConsoleState


def never(damage: Damage) -> None:
    raise AssertionError(damage)


def story() -> World:
    """A second passes between any two events."""
    world = World()
    publish = world.bus.publish

    def then(event: object) -> int:
        world.now += 1
        return publish(event)  # type: ignore[arg-type]

    world.bus.publish = then  # type: ignore[method-assign]
    world.settled()
    world.pod("ADDED", "a", "uid-a")
    world.pod("MODIFIED", "a", "uid-a", restarts=1)
    world.forbid()
    world.pod("DELETED", "a", "uid-a")
    world.watch("Service", "live")
    world.pod("ADDED", "a", "uid-b")
    return world


def write(world: World, path: Path) -> Path:
    events = world.subscription.drain().events
    path.write_bytes(b"\n".join([encode_header("test", START), *map(encode, events)]) + b"\n")
    return path


def shown(state: ConsoleState) -> object:
    """What the views read, but for the numbers of lines."""
    return (
        {k: {uid: o.raw for uid, o in table.items()} for k, table in state.objects.items() if table},
        {k: w.state for k, w in state.watches.items()},
        set(state.troubles),
        [(line.at, line.word, line.subject, line.detail, line.by) for line in state.stream],
        state.connection and state.connection.state,
    )


@given(st.lists(st.integers(0, 30), min_size=1, max_size=6), st.sampled_from([3, 5_000]))
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_position_shows_what_the_live_console_showed(
    tmp_path: Path, positions: list[int], history: int
) -> None:
    path = write(story(), tmp_path / "a.jsonl")
    index = Index(path, never)
    replay = Replay(index, lambda: 0.0)
    state = ConsoleState()
    pump = Pump(replay, state, lambda: 0.0)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(replays, "HISTORY", history)
        for position in positions:
            pump.start_over(replay.go_to(position))
    live = World()
    expected = ConsoleState()
    for number in range(replay.position):
        event = index.event(number)
        assert event is not None
        live.bus.publish(event)
    Pump(Live(live.subscription, live.clock), expected, lambda: 0.0).drain(1e9)
    mine, theirs = shown(state), shown(expected)
    if history < len(index):  # older news are there as state alone
        mine, theirs = mine[:3], theirs[:3]  # type: ignore[index]
    assert mine == theirs


def test_its_clock_plays_pauses_changes_speed_and_ends(tmp_path: Path) -> None:
    index = Index(write(story(), tmp_path / "a.jsonl"), never)
    seconds = 0.0
    replay = Replay(index, lambda: seconds)
    first = index.times[0]
    assert (replay.now(), len(replay)) == (first, 0)
    replay.play()
    seconds = 3.0
    assert (replay.now(), len(replay)) == (first + 3, 4)
    assert len(replay.drain(3).events) == 3
    replay.change_speed(1)
    seconds = 5.0
    assert replay.now() == first + 7
    replay.pause()
    seconds = 50.0
    assert replay.now() == first + 7
    assert len(replay.drain(100).events) == 5, "what was due is still shown"
    replay.step()
    assert [e.at for e in replay.drain(100).events] == [first + 8]
    for _ in range(20):
        replay.change_speed(1)
    assert replay.speed == 100
    replay.play()
    seconds = 60.0
    replay.drain(1000)
    assert not replay.playing
    assert replay.position == len(index)
    assert replay.now() == index.times[-1]


@dataclass
class Console:
    app: ReplayApp
    pilot: Pilot[int]
    seconds: float = 0.0

    def has(self, uid: str) -> bool:
        return uid in self.app.state.objects[GroupKind("", "Pod")]

    async def press(self, *keys: str) -> str:
        await self.pilot.press(*keys)
        return await self.show()

    async def show(self) -> str:
        for _ in range(3):
            self.app.tick()
        await self.pilot.pause()
        return "\n".join(screen_lines(self.app))


@asynccontextmanager
async def opened(path: Path) -> AsyncIterator[Console]:
    console: Console

    def stopwatch() -> float:
        return console.seconds

    app = ReplayApp(Index(path, never), stopwatch=stopwatch)
    console = Console(app, None)  # type: ignore[arg-type]
    async with app.run_test(size=(120, 36), notifications=True) as pilot:
        console.pilot = pilot
        await pilot.pause()
        yield console


async def test_it_plays_jumps_steps_and_has_no_actions(tmp_path: Path) -> None:
    path = write(story(), tmp_path / "a.jsonl")
    async with opened(path) as c:
        total = len(c.app.replay.index)
        assert f"1/{total}" in await c.show()
        c.seconds = 4.0
        assert f"5/{total}" in await c.show()
        text = await c.press("space")
        assert "‖" in text
        assert "▲" in text, "the fault that is to come"
        c.seconds = 100.0
        assert f"5/{total}" in await c.show(), "it is paused"
        await c.press("plus", "slash", "a", "space", "b")
        assert (c.app.replay.playing, c.app.replay.speed) == (False, 2.0), "a space in a filter is a space"
        await c.press("escape", "escape")
        text = await c.press("F")
        assert "FORBIDDEN" in text
        assert c.has("uid-a")
        await c.press("full_stop")
        assert not c.has("uid-a")
        text = await c.press("comma", "comma")
        assert c.has("uid-a")
        assert "FORBIDDEN" not in text
        assert "one event forwards" in await c.press("question_mark")
        await c.press("escape")
        await c.press("2", "ctrl+d")
        assert len(c.app.screen_stack) == 1, "nothing can be deleted"
        assert "read-only" in await c.show()
        await c.press("space")
        c.seconds = 1000.0
        text = await c.show()
        assert "■" in text
        assert c.app.replay.position == total
        await c.press("space")
        assert c.app.replay.position == 1, "from the beginning"
        assert "no heal after this" in await c.press("H")


async def test_a_click_on_the_line_goes_there(tmp_path: Path) -> None:
    path = write(story(), tmp_path / "a.jsonl")
    async with opened(path) as c:
        await c.press("space")
        bar = c.app.query_one("#replay")
        await c.pilot.click("#replay", offset=(bar.size.width // 2, 0))
        await c.show()
        assert 3 < c.app.replay.position < len(c.app.replay.index) - 2


async def test_the_last_minutes_are_saved_by_a_key_and_what_hinders_is_shown() -> None:
    answers: list[Path | OSError] = [Path("/state/recording-1.jsonl.gz"), OSError("the disk is full")]

    def save() -> Path:
        answer = answers.pop(0)
        if isinstance(answer, OSError):
            raise answer
        return answer

    world = World()
    app = ConsoleApp(Live(world.subscription, world.clock), FakeActions(world), save_recording=save)
    async with app.run_test(size=(120, 36), notifications=True) as pilot:
        for keys, words in (
            (["ctrl+r"], "reconsole replay /state/recording-1.jsonl.gz"),
            ([*"colon s a v e - r e c o r d i n g enter".replace("-", "minus").split()], "the disk is full"),
        ):
            await pilot.press(*keys)
            async with asyncio.timeout(3.0):
                while words not in "\n".join(screen_lines(app)):
                    await pilot.pause(0.02)


async def test_a_kind_that_was_not_recorded_is_said(tmp_path: Path) -> None:
    async with opened(write(story(), tmp_path / "a.jsonl")) as c:
        await c.press("colon", *"leases", "enter")
        async with asyncio.timeout(3.0):
            while "leases are not in this recording" not in await c.show():
                await c.pilot.pause(0.02)

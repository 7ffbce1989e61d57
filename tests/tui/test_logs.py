"""Logs: of a pod and of all pods of an object, followed, searched, wrapped, saved; hostile lines harmless."""

from __future__ import annotations

import asyncio
from pathlib import Path

from controller.logfeed import Feed, LogLine, LogOptions, Source
from tests.tui.screen import Console, console
from tui.logs import LogLines, merged, plain
from tui.screens.logs import Logs
from tui.widgets.log_view import LogView

POD = Source("default", "my-op-redis-0", "redis")
OTHER = Source("default", "my-op-redis-1", "redis")


def line(text: str, source: Source = POD, second: int = 0, *, note: bool = False) -> LogLine:
    return LogLine(source, "" if note else f"2026-09-21T14:13:{second:02}.123456789Z", text, note)


async def written(c: Console, *lines: LogLine) -> str:
    """These came; what the screen shows then."""
    feed = c.actions.feeds[-1][1]
    for each in lines:
        feed.add(each)
    screen = c.app.screen
    assert isinstance(screen, Logs)
    screen.commit()
    await c.pilot.pause()
    return c.text


def view(c: Console) -> LogView:
    return c.app.screen.query_one(LogView)


async def test_a_pod_is_followed_and_the_part_that_is_read_is_chosen() -> None:
    async with console() as c:
        assert "Nothing was logged yet" in await c.press("l")
        assert c.actions.followed == [POD]
        text = await written(c, *(line(f"number {n}") for n in range(100)))
        assert "number 99" in text
        assert "100 lines" in text
        assert "number 99" not in await c.press("g")
        assert "paused" in await written(c, line("later"))
        assert "later" in await c.press("s")
        await c.press("3")
        assert "since 5m" in await c.press("p")
        assert "of the run before" in c.text
        assert "number 99" not in c.text
        assert [options for options, _ in c.actions.feeds] == [
            LogOptions(tail=200), LogOptions(since=300), LogOptions(since=300, previous=True),
        ]  # fmt: skip
        assert "14:13" not in await written(c, line("when", second=7))
        assert ":13:07.123" in await c.press("t")
        await c.press("escape")
        assert len(c.app.screen_stack) == 1
        assert all(feed.over.is_set() for _, feed in c.actions.feeds)


async def test_the_pods_of_a_redis_are_merged_and_new_ones_join() -> None:
    async with console() as c:
        owner = {
            "apiVersion": "myapp.tangx.in/v1", "kind": "Redis", "name": "my-op-redis",
            "uid": "uid-my-op-redis",
        }  # fmt: skip
        for number in (0, 1):
            c.world.pod("MODIFIED", f"my-op-redis-{number}", f"uid-{number}", ownerReferences=[owner])
        c.world.pod("ADDED", "foreign", "uid-f")
        await c.press("1")
        await c.press("l")
        assert c.actions.followed == [POD, OTHER]
        text = await written(c, line("from the first"), line("from the second", OTHER))
        assert "my-op-redis-0 from the first" in text
        assert "my-op-redis-1 from the second" in text
        c.world.pod("ADDED", "my-op-redis-2", "uid-2", ownerReferences=[owner])
        await c.show()
        await written(c)
        assert c.actions.followed[2:] == [Source("default", "my-op-redis-2", "redis")]
        assert "· pods is forbidden" in await written(c, line("pods is forbidden", note=True))


async def test_search_goes_from_match_to_match() -> None:
    async with console() as c:
        await c.press("l")
        await written(
            c, *(line(f"GET /{n}" if n % 20 else f"POST /{n} " + "x" * 300, second=1) for n in range(100))
        )
        assert "/post 5 of 5" in await c.press("slash", *"post", "enter")
        assert "/post 4 of 5" in await c.press("N")
        assert "POST /60" in c.text
        assert "/post 5 of 5" in await c.press("n")
        assert "/post 1 of 5" in await c.press("n")
        assert "POST /0" in c.text
        before = view(c).count
        await c.press("w")
        assert view(c).count > before + 5
        assert "not a regular expression" in await c.press("slash", "left_parenthesis")
        await c.press("escape")
        assert "Nothing is searched for" in await c.press("n")
        assert isinstance(c.app.screen, Logs)


async def test_they_are_saved_for_their_owner_alone(tmp_path: Path) -> None:
    async with console() as c:
        c.app.state.log_file = str(tmp_path / "reconsole.log")
        await c.press("l")
        await written(c, line("kept"), line("not this", note=True))
        await c.press("ctrl+s")
        await c.until(lambda: "1 lines are in" in c.text)
        (saved,) = await asyncio.to_thread(lambda: list(tmp_path.glob("logs-default-my-op-redis-0-*.txt")))
        assert saved.read_text() == "2026-09-21T14:13:00.123456789Z my-op-redis-0/redis kept\n"
        assert saved.stat().st_mode & 0o077 == 0


async def test_hostile_lines_and_one_container_of_several() -> None:
    async with console() as c:
        containers = [{"name": "redis"}, {"name": "sidecar"}]
        ref = c.world.ref("Pod", "a-pod", "uid-a")
        c.world.send("ADDED", ref, {"spec": {"containers": containers}, "status": {"phase": "Running"}})
        await c.show()
        await c.press("g")
        await c.press("l")
        side = Source("default", "a-pod", "sidecar")
        assert c.actions.followed == [Source("default", "a-pod", "redis"), side]
        evil = "\x1b[31mred\x1b[0m \x1b]0;title\x07 [bold]\u202ex\ttab"
        text = await written(c, line(evil, side), line("other", Source("default", "a-pod", "redis")))
        assert "red ␛]0;title␇ [bold]\N{REPLACEMENT CHARACTER}x" in text
        assert "\x1b" not in text
        await c.press("a")
        assert "· redis ·" in c.text
        assert "title" not in c.text
        assert "other" in c.text
        await c.press("a")
        assert "· sidecar ·" in c.text
        assert "other" not in c.text


def test_what_is_kept_and_what_waits_is_bounded_and_counted() -> None:
    lines = LogLines(most=100)
    assert lines.extend([line(str(n)) for n in range(95)]) == 0
    assert lines.extend([line("x")] * 10) > 0
    assert len(lines.lines) <= 100
    assert lines.gone + len(lines.lines) == 105
    feed = Feed(lambda feed, source: None, most=10, room=100)
    for number in range(15):
        feed.add(line(str(number)))
    batch = feed.take()
    assert [x.text for x in batch.lines] == [str(n) for n in range(5, 15)]
    assert batch.dropped == 5
    feed.add(line("y" * 101))
    assert feed.take() == ([], 1)


def test_the_lines_of_several_pods_are_in_the_order_of_their_times() -> None:
    lines = [line("b", second=2), line("gone", note=True), line("d", second=4), line("a", OTHER, 1),
             line("c", OTHER, 3)]  # fmt: skip
    assert [x.text for x in merged(lines)] == ["a", "b", "gone", "c", "d"]


def test_tabs_and_colours_of_programs_do_no_harm() -> None:
    assert plain("a\tb \x1b[1;32mok\x1b[0m") == "a       b ok"

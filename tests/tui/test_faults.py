"""What went wrong in normal use, and does so no more."""

from __future__ import annotations

import pytest
from textual.widgets import Button

from controller.events import Connection
from controller_runtime.events import Log
from tests.tui.screen import console, screen_lines
from tui.kinds.registry import described
from tui.names import GroupKind
from tui.widgets.layout import fit_columns, share_height

POD = described()[GroupKind("", "Pod")]


async def test_when_the_selected_object_is_gone_for_good_the_neighbour_is_selected() -> None:
    async with console() as c:
        for i in range(4):
            c.world.pod("ADDED", f"x-{i}", f"uid-x{i}")
        await c.show()
        await c.press("G", "k")
        table = c.table("Pod")
        here = table.cursor_object
        assert here is not None
        assert here.ref.name == "x-2"
        c.world.pod("DELETED", "x-2", "uid-x2")
        c.world.now += 1
        await c.show()
        here = table.cursor_object
        assert here is not None
        assert here.ref.name == "x-3"
        assert "Deleted" in c.text
        c.world.pod("DELETED", "x-3", "uid-x3")
        c.world.now += 20
        text = await c.show()
        here = table.cursor_object
        assert here is not None
        assert here.ref.name == "x-1"
        assert "Deleted" not in text
        await c.press("ctrl+d", "y")
        assert [r.uid for r in c.actions.deleted] == ["uid-x1"]


async def test_rows_that_come_above_leave_the_selected_one_in_view() -> None:
    async with console((80, 24)) as c:
        await c.press("G")
        for i in range(40):
            c.world.pod("ADDED", f"a-{i}", f"uid-a{i}")
            await c.show()
            assert any(line.startswith("│› my-op-redis-1") for line in screen_lines(c.app)), i
        await c.press("g")
        for i in range(40):
            c.world.pod("DELETED", f"a-{i}", f"uid-a{i}")
        c.world.now += 20
        await c.show()
        assert any(line.startswith("│› my-op-redis-0") for line in screen_lines(c.app))


def test_a_wider_table_never_shows_fewer_columns() -> None:
    widths = {"NAME": 60, "NAMESPACE": 24, "STATUS": 26, "NODE": 40, "IP": 11, "RESTARTS": 3, "READY": 3}
    before: set[str] = set()
    for width in range(20, 200):
        layout = fit_columns(POD.columns, widths, width)
        shown = {c.title for c, _ in layout}
        assert before <= shown, width
        assert 2 + sum(size + 2 for _, size in layout) - 2 <= width
        before = shown
    assert before == {c.title for c in POD.columns}


async def test_a_wider_terminal_never_shows_fewer_columns() -> None:
    async with console((60, 30)) as c:
        c.world.pod("ADDED", "in-another-namespace", "uid-n", namespace="other")
        seen: set[str] = set()
        for width, height in ((60, 30), (80, 24), (100, 30), (120, 36), (179, 50), (180, 50), (200, 60)):
            await c.pilot.resize_terminal(width, height)
            text = await c.show()
            now = {title for title in ("NAMESPACE", "RESTARTS", "AGE", "IP", "NODE") if f" {title} " in text}
            assert "NAMESPACE" in now
            assert seen <= now, width
            seen = now
        assert "NODE" in seen


async def test_one_long_name_costs_no_column_and_is_forgotten() -> None:
    async with console((100, 30)) as c:
        name = "a-very-long-name-of-a-pod-that-somebody-made-with-a-generator-" + "x" * 100
        c.world.pod("ADDED", name, "uid-long")
        text = await c.show()
        for title in ("READY", "STATUS", "RESTARTS", "AGE"):
            assert title in text
        assert "…" in text
        c.world.pod("DELETED", name, "uid-long")
        c.world.now += 20
        text = await c.show()
        head = next(line for line in text.splitlines() if "RESTARTS" in line)
        assert head.index("READY") < 40


def test_heights_are_shared() -> None:
    assert share_height([4, 50, 4], 20, 4) == [4, 12, 4]
    assert share_height([2, 3], 20, 4) == [4, 4]
    assert share_height([10, 10, 10], 6, 4) == [4, 4, 4]


async def test_the_words_of_a_warning_are_in_the_timeline_and_the_stream() -> None:
    async with console() as c:
        ref = c.world.ref("Pod", "my-op-redis-0", "uid-0")
        c.world.bus.publish(Log(at=c.world.now, level="warning", message="Pod conflict: rename it", ref=ref))
        text = await c.show()
        assert text.count("Pod conflict: rename it") == 2


async def test_a_service_has_its_own_heal_and_not_that_of_a_pod() -> None:
    async with console() as c:
        c.world.story()
        await c.press("3")
        assert "healed in 1.24 s" not in c.text
        c.world.service_heal()
        text = await c.show()
        assert "healed in 0.50 s" in text
        assert "✓ HEALED    Service my-op-redis in 0.50 s" in text


async def test_three_denials_are_three_lines_with_a_card_each() -> None:
    async with console(denied=True) as c:
        c.world.refuse("default/a", 1)
        c.world.refuse("default/a", 2, "delete", "Service")
        text = await c.show()
        for words in ("list Services", "create Pods in default", "delete Services in default"):
            assert f"✗ FORBIDDEN · {words}" in text
        assert "my-op-redis-1" in text
        await c.press("1", "shift+tab", "enter")
        assert 'verbs: ["list", "watch"]' in c.text
        assert 'verbs: ["create"]' in await c.press("j")
        assert 'verbs: ["delete"]' in await c.press("j")
        await c.press("c")
        assert c.app.clipboard.count("verbs") == 1


async def test_what_is_no_longer_known_is_dimmed_and_its_ages_stand_still() -> None:
    async with console() as c:
        c.world.now += 60
        assert "5m11s" in await c.show()
        for kind in ("Redis", "Pod", "Service"):
            c.world.watch(kind, "unreachable", attempts=1, last_event=c.world.now)
        c.world.now += 600
        text = await c.show()
        assert "as of 14:14:20" in text
        assert "5m11s" in text
        assert "15m" not in text


async def test_a_delete_while_the_server_is_away_says_that_nothing_happens() -> None:
    async with console() as c:
        c.world.watch("Pod", "unreachable", attempts=1)
        await c.press("ctrl+d")
        await c.until(lambda: "nothing is deleted, now or later" in c.text)
        assert c.app.screen.query_one("#confirm", Button).disabled
        await c.press("y", "escape")
        assert not c.actions.deleted


async def test_an_embedded_cluster_that_ended_is_said_and_can_be_started_again() -> None:
    begun: list[bool] = []
    async with console(restart=lambda: begun.append(True)) as c:
        await c.press("r")
        assert not begun
        words = "its process ended with exit code -9"
        c.world.bus.publish(Connection(at=c.world.now, role="controller", state="ended", message=words))
        text = await c.show()
        assert "THE EMBEDDED CLUSTER HAS ENDED · press r to start it again" in text
        assert words in text
        assert "as of" in text
        await c.press("r")
        assert begun
        c.world.bus.publish(Connection(at=c.world.now, role="controller", state="connecting"))
        assert "HAS ENDED" not in await c.show()
        assert not c.table("Pod").order


async def test_faults_only_gives_the_selection_back() -> None:
    async with console() as c:
        await c.press("j")
        c.world.pod("MODIFIED", "my-op-redis-0", "uid-0", waiting="CrashLoopBackOff")
        c.world.pod("MODIFIED", "my-op-redis-1", "uid-1", "Pending", waiting="ContainerCreating")
        await c.press("ctrl+z")
        assert c.table("Pod").order == ["uid-0"]
        await c.press("ctrl+z")
        here = c.table("Pod").cursor_object
        assert here is not None
        assert here.ref.uid == "uid-1"


async def test_a_pane_that_has_no_room_comes_to_the_front_or_says_so() -> None:
    async with console((60, 15)) as c:
        assert "Stream [4]" not in c.text
        assert "Stream [4]" in await c.press("4")
        assert "Pods [2]" in await c.press("2")
        await c.pilot.resize_terminal(40, 12)
        await c.press("4")
        await c.until(lambda: "Not available" in c.text)
        assert c.table("Pod").has_focus


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        (("c",), "no RBAC rule is missing"),
        (("w",), "nothing is denied or broken"),
        (("r",), "the cluster is there"),
        (("4", "ctrl+d"), "choose an object in a table first"),
        (("x",), "x does nothing here"),
    ],
)
async def test_keys_that_do_nothing_say_why(keys: tuple[str, ...], words: str) -> None:
    async with console((200, 60)) as c:
        await c.press(*keys)
        await c.until(lambda: words in c.text)
        assert ("Pod default/my-op-redis-0 · timeline" in c.text) is (keys[0] != "4")


async def test_copying_says_by_which_means() -> None:
    async with console((200, 60), denied=True) as c:
        await c.press("c")
        await c.until(lambda: "OSC 52" in c.text)

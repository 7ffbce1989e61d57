"""The console under the keys of a person."""

from __future__ import annotations

import pytest
from textual.events import Key
from textual.widgets import Button, Input

from controller.events import Connection, ControllerEnded
from controller_runtime.events import ApiWrite, Log, ReconcileStarted, ThreadDied
from tests.tui.screen import console
from tui.screens.confirm import ConfirmDelete, ConfirmQuit
from tui.screens.help import Help
from tui.screens.yaml import Yaml


async def test_it_opens_connecting_then_loading_then_empty() -> None:
    async with console(settled=False) as c:
        assert "connecting" in c.text
        assert "Connecting …" in c.text
        c.world.connected()
        assert "Loading Pods …" in await c.show()
        c.world.watch("Pod")
        text = await c.show()
        assert "No Pods." in text
        assert "Loading Services …" in text


async def test_the_settled_screen() -> None:
    async with console() as c:
        text = c.text
        for words in (
            "embedded cluster", "all namespaces", "k8s-operator-demo-controller-manager", "leader",
            "Pods ● live", "Redis [1]", "Pods [2]", "Services [3]", "my-op-redis-0", "1/1", "4m11s",
            "8333/TCP", "2 Pods",
        ):  # fmt: skip
            assert words in text, words


async def test_the_story_is_on_the_screen_while_it_happens() -> None:
    async with console() as c:
        await c.press("j")
        chapters = c.world.chapters()
        next(chapters)
        assert "Terminating" in await c.show()
        next(chapters)
        c.world.now += 0.5
        text = await c.show()
        assert "deleted by you ─ 0.03 s ─ gone ─ 0.50 s …" in text
        here = c.table("Pod").cursor_object
        assert here is not None
        assert here.ref.uid == "uid-1"
        assert "my-op-redis-1  1/1    Deleted" in text
        c.world.now -= 0.5
        next(chapters)
        text = await c.show()
        assert "reconcile #42 (18 ms) ─ recreated ─ 0.00 s …" in text
        here = c.table("Pod").cursor_object
        assert here is not None
        assert here.ref.uid == "uid-2"
        list(chapters)
        text = await c.show()
        assert "─ recreated ─ 1.19 s ─ ready · healed in 1.24 s" in text
        assert "✓ HEALED" in text
        assert "by reconcile #42" in text


async def test_the_cursor_stays_on_its_object() -> None:
    async with console() as c:
        await c.press("G")
        for name, uid in (("a", "uid-a"), ("my-op-redis-00", "uid-00"), ("z", "uid-z")):
            c.world.pod("ADDED", name, uid)
        await c.show()
        here = c.table("Pod").cursor_object
        assert here is not None
        assert here.ref.uid == "uid-1"
        assert any(x.startswith("│›") and " my-op-redis-1 " in x for x in c.text.splitlines())


async def test_moving_and_focus() -> None:
    async with console() as c:
        table = c.table("Pod")
        await c.press("1")
        assert c.app.focused is c.table("Redis")
        await c.press("2", "g", "j", "j", "k", "down", "up")
        assert table.has_focus
        here = table.cursor_object
        assert here is not None
        assert here.ref.name == "my-op-redis-0"
        await c.press("3", "4")
        assert c.app.focused is not None
        assert c.app.focused.id == "stream"
        await c.press("tab")
        assert c.app.focused.id != "stream"


async def test_keys_that_come_at_once_reach_the_pane_they_are_meant_for() -> None:
    async with console() as c:
        driver = c.app._driver
        assert driver is not None
        for key in ("3", "ctrl+d", "ctrl+d"):
            driver.send_message(Key(key, key if len(key) == 1 else None))
        await c.until(lambda: isinstance(c.app.screen, ConfirmDelete))
        await c.show()
        assert "Delete Service?" in c.text
        assert len(c.app.screen_stack) == 2


async def test_delete_asks_first_with_cancel_in_focus() -> None:
    async with console() as c:
        await c.press("j", "d", "escape")
        assert not c.actions.deleted
        assert len(c.app.screen_stack) == 1
        text = await c.press("ctrl+d")
        assert isinstance(c.app.screen, ConfirmDelete)
        for words in ("my-op-redis-1", "default", "embedded cluster", "admin", "30 s", "Background"):
            assert words in text, words
        assert c.app.focused is c.app.screen.query_one("#cancel")
        await c.until(lambda: "✓ yes" in c.text)
        await c.press("enter")
        assert len(c.app.screen_stack) == 1
        await c.press("ctrl+d", "n")
        await c.press("ctrl+d", "escape")
        assert not c.actions.deleted
        await c.press("ctrl+d", "y")
        assert [r.uid for r in c.actions.deleted] == ["uid-1"]
        assert len(c.app.screen_stack) == 1


async def test_what_is_gone_or_replaced_is_not_deleted() -> None:
    async with console() as c:
        await c.press("j", "ctrl+d")
        c.world.pod("DELETED", "my-op-redis-1", "uid-1")
        c.app.pump.drain(1.0)
        await c.until(lambda: "it is gone already" in c.text)
        c.world.pod("ADDED", "my-op-redis-1", "uid-2")
        c.app.pump.drain(1.0)
        await c.until(lambda: "a newer one has its name" in c.text)
        await c.press("y")
        assert isinstance(c.app.screen, ConfirmDelete)
        assert c.app.screen.query_one("#confirm", Button).disabled
        await c.press("escape")
        assert not c.actions.deleted


async def test_what_is_not_allowed_says_which_rule_is_missing() -> None:
    async with console(allowed=False) as c:
        await c.press("ctrl+d")
        await c.until(lambda: "you may not delete pods" in c.text)
        assert 'verbs: ["delete"]' in c.text
        await c.press("y", "escape")
        assert not c.actions.deleted


async def test_read_only_says_why() -> None:
    async with console(read_only=True) as c:
        assert "read-only" in c.text
        bindings = c.app.active_bindings
        assert not bindings["ctrl+d"].enabled
        await c.press("ctrl+d")
        assert len(c.app.screen_stack) == 1
        await c.until(lambda: "without --read-only" in c.text)
        assert not c.actions.deleted


async def test_the_banner_comes_and_goes_by_itself() -> None:
    async with console(denied=True) as c:
        text = c.text
        assert "✗ FORBIDDEN · list Services" in text
        assert "attempt 4" in text
        assert "next try in 8 s" in text
        assert "Services ✗ list forbidden" in text
        assert "Denied: list services" in text
        assert "my-op-redis-1" in text
        text = await c.press("w")
        assert 'cannot list resource "services" in API group "" at the cluster scope' in c.card
        assert '- apiGroups: [""]' in text
        assert 'verbs: ["list", "watch"]' in text
        assert "kubectl auth can-i list services -A \\ --as=system:serviceaccount" in c.card
        await c.press("escape")
        await c.press("c")
        assert 'resources: ["services"]' in c.app.clipboard
        c.world.now += 41
        c.world.service("ADDED", initial=True)
        c.world.watch("Service", objects=1)
        text = await c.show()
        assert "FORBIDDEN · list" not in text
        assert "RESTORED" in text
        assert "after 41 s" in text
        assert "Services ● live" in text


async def test_a_refused_write_is_a_banner_too() -> None:
    async with console() as c:
        c.world.refuse("default/my-op-redis", 50)
        c.world.now += 12
        c.world.refuse("default/my-op-redis", 51)
        text = await c.show()
        flat = c.flat
        assert "✗ FORBIDDEN · create Pods in default" in text
        assert "refused 2 times · for 12" in text
        assert "pods is forbidden" in flat
        await c.press("w")
        assert 'User "operator" cannot create resource "pods"' in c.flat
        assert "add it to a Role in default" in c.flat
        await c.press("escape")
        await c.press("c")
        assert 'verbs: ["create"]' in c.app.clipboard
        c.world.refuse("default/my-op-redis", 52, status=201)
        assert "FORBIDDEN ·" not in await c.show()


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ("syncing", "Pods ◌ syncing"),
        ("polling", "Pods ◍ polling"),
        ("reconnecting", "Pods ↻ reconnecting 3"),
        ("unreachable", "Pods ✗ unreachable 3"),
        ("unauthorized", "Pods ✗ login refused"),
        ("stopped", "Pods ○ stopped"),
    ],
)
async def test_every_state_of_a_watch_has_a_chip(state: str, words: str) -> None:
    async with console() as c:
        c.world.watch("Pod", state, attempts=3, message="no route to host")  # type: ignore[arg-type]
        assert words in await c.show()


async def test_an_unreachable_server_leaves_what_was_known() -> None:
    async with console() as c:
        for kind in ("Redis", "Pod", "Service"):
            c.world.watch(
                kind, "unreachable", attempts=2, message="Connection refused", next_try=c.world.now + 3
            )
        text = await c.show()
        assert "THE API SERVER DOES NOT ANSWER" in text
        assert text.count("DOES NOT ANSWER  Connection refused") == 1
        await c.press("w")
        assert "the last that was known" in c.flat
        await c.press("escape")
        assert "my-op-redis-1" in text
        for kind in ("Redis", "Pod", "Service"):
            c.world.watch(kind)
        assert "DOES NOT ANSWER" not in await c.show()


async def test_filter() -> None:
    async with console() as c:
        text = await c.press("slash", *"s-1$")
        table = c.table("Pod")
        assert table.order == ["uid-1"]
        assert "1 of 2 · /s-1$" in text
        await c.press("enter")
        assert table.has_focus
        assert table.order == ["uid-1"]
        await c.press("escape")
        assert table.order == ["uid-0", "uid-1"]
        await c.press("slash", *"!s-1")
        assert table.order == ["uid-0"]
        await c.press("escape")
        assert table.order == ["uid-0", "uid-1"]
        text = await c.press("slash", "[")
        assert "not a regular expression" in text
        assert table.order == ["uid-0", "uid-1"]
        box = c.app.screen.query_one(Input)
        assert box.has_focus
        await c.press("escape")
        assert "Nothing matches" in await c.press("slash", *"nobody")


async def test_filtering_the_stream() -> None:
    async with console() as c:
        c.world.story()
        await c.show()
        await c.press("4", "slash", *"healed", "enter")
        assert "✓ HEALED" in c.text
        assert "~ MODIFIED  Redis" not in c.text
        await c.press("escape")
        assert "~ MODIFIED  Redis" in c.text


async def test_faults_only() -> None:
    async with console(denied=True) as c:
        c.world.pod("MODIFIED", "my-op-redis-0", "uid-0", waiting="CrashLoopBackOff", restarts=3)
        text = await c.press("ctrl+z")
        assert c.table("Pod").order == ["uid-0"]
        assert "CrashLoopBackOff" in text
        assert "LISTED" not in text
        assert "No faults." in text
        assert "LISTED" in await c.press("ctrl+z")


async def test_pause_and_follow() -> None:
    async with console() as c:
        for i in range(60):
            c.world.pod("MODIFIED", "my-op-redis-0", "uid-0", restarts=i)
        text = await c.show()
        assert "following" in text
        assert "restarts 58→59" in text
        await c.press("p")
        for i in range(60, 70):
            c.world.pod("MODIFIED", "my-op-redis-0", "uid-0", restarts=i)
        text = await c.show()
        assert "paused · +10 new" in text
        text = await c.press("p")
        assert "following" in text
        assert "restarts 68→69" in text
        await c.press("4", "k")
        assert "paused" in await c.show()
        await c.press("G")
        assert "following" in await c.show()


async def test_the_author_is_not_cut_by_the_scrollbar() -> None:
    async with console() as c:
        c.world.bus.publish(ReconcileStarted(at=1, controller="redis", key="default/a", id="r", number=12345))
        for i in range(40):
            version = c.world.pod("MODIFIED", "my-op-redis-0", "uid-0", restarts=i)
            ref = c.world.ref("Pod", "my-op-redis-0", "uid-0")
            c.world.bus.publish(
                ApiWrite(at=1, verb="patch", ref=ref, reconcile="r", status=200, resource_version=version)
            )
        await c.show()
        await c.show()
        assert c.text.count("~ MODIFIED  Pod my-op-redis-0") > 5
        news = [line for line in c.text.splitlines() if "~ MODIFIED  Pod my-op-redis-0" in line]
        assert all("#12345" in line for line in news)


async def test_yaml_and_help() -> None:
    async with console() as c:
        text = await c.press("y")
        assert isinstance(c.app.screen, Yaml)
        assert "image: redis:5-alpine" in text
        await c.press("escape")
        await c.press("question_mark")
        assert "ctrl+c twice" in await c.press("end")
        assert isinstance(c.app.screen, Help)
        await c.press("q")
        assert len(c.app.screen_stack) == 1


async def test_errors_are_in_words_on_the_stream_and_whole_on_demand() -> None:
    async with console() as c:
        trace = 'Traceback (most recent call last):\n  File "x.py", line 7, in handle\nValueError: odd'
        c.world.bus.publish(
            Log(
                at=c.world.clock(), level="error", message="Event handler failed",
                detail="source=kind object=default/a error=ValueError", traceback=trace,
            )
        )  # fmt: skip
        c.world.bus.publish(
            ThreadDied(at=c.world.clock(), name="redis-0", error="OSError: \x1b[31mred", traceback="there")
        )
        text = await c.show()
        assert "✗ ERROR" in text
        assert "Event handler failed" in text
        assert "✗ THREAD" in text
        text = await c.press("E")
        for words in (
            "source=kind object=default/a",
            'File "x.py", line 7, in handle',
            "redis-0 died",
            "there",
        ):
            assert words in text
        assert "\x1b" not in text
        await c.press("escape")
        assert len(c.app.screen_stack) == 1


async def test_a_controller_that_has_ended_is_not_hidden_behind_a_live_screen() -> None:
    async with console() as c:
        c.app.state.log_file = "/state/reconsole.log"
        c.world.bus.publish(
            ControllerEnded(at=c.world.clock(), message="KeyError: 'a'", traceback="at line 3")
        )
        c.app.tick()
        text = await c.show()
        for words in ("The controller has ended", "KeyError: 'a'", "at line 3", "/state/reconsole.log"):
            assert words in text
        await c.press("escape")
        assert "✗ ENDED" in await c.show()
        assert "/state/reconsole.log" in await c.press("question_mark")


async def test_a_console_that_only_observes_says_so() -> None:
    async with console() as c:
        assert "observing" not in c.text
        c.world.bus.publish(
            Connection(at=c.world.clock(), role="controller", state="connected", observes=True)
        )
        assert "observing" in (await c.show()).splitlines()[0]


async def test_q_asks_and_ctrl_c_needs_two() -> None:
    async with console() as c:
        await c.press("q")
        assert isinstance(c.app.screen, ConfirmQuit)
        await c.press("enter")
        assert len(c.app.screen_stack) == 1
        await c.press("ctrl+c")
        await c.until(lambda: "Press ctrl+c again" in c.text)
        c.world.now += 5
        await c.press("ctrl+c")
        assert c.app.is_running
        await c.pilot.press("ctrl+c")
        assert c.app.return_value == 0
    async with console() as c:
        await c.press("q")
        await c.pilot.press("y")
        assert c.app.return_value == 0


async def test_a_refused_delete_is_a_toast_and_a_line() -> None:
    from controller.events import ActionFinished

    async with console() as c:
        ref = c.world.ref("Pod", "my-op-redis-1", "uid-1")
        c.world.bus.publish(
            ActionFinished(at=c.world.now, id="1", verb="delete", ref=ref, ok=False, message="[/] refused")
        )
        await c.show()
        c.app.tick()
        await c.until(lambda: "Could not delete Pod" in c.text)
        assert c.text.count("REFUSED") == 1


async def test_dropped_events_are_counted_in_the_header() -> None:
    async with console(maxlen=300) as c:
        for i in range(500):
            c.world.pod("ADDED", f"p-{i:03}", f"uid-p-{i}")
        text = await c.show()
        assert "200 dropped" in text
        assert "Pods [2] · 502" in text

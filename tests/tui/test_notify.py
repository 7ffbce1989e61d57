"""Hearing of an object while one works elsewhere, the journal of own changes, and who undoes them."""

from __future__ import annotations

from controller.events import ActionFinished
from tests.tui.screen import console
from tests.tui.world import START, stamp
from tui.notifying import desktop_sequence


async def test_an_object_that_changes_its_state_rings() -> None:
    async with console() as c:
        bells: list[bool] = []
        c.app.bell = lambda: bells.append(True)  # type: ignore[method-assign]
        await c.press("2", "colon", *"notify", "enter")
        await c.until(lambda: "A bell and a desktop notification" in c.text)
        c.world.pod("MODIFIED", "my-op-redis-1", "uid-1", "Failed")
        await c.show()
        assert not bells, "that is another one"
        c.world.pod("MODIFIED", "my-op-redis-0", "uid-0", waiting="CrashLoopBackOff")
        await c.show()
        assert len(bells) == 1
        await c.until(lambda: "→ CrashLoopBackOff" in c.text)
        await c.press("2", "colon", *"notify", "enter")
        c.world.pod("MODIFIED", "my-op-redis-0", "uid-0")
        await c.show()
        assert len(bells) == 1


def test_each_terminal_gets_the_sequence_that_it_knows() -> None:
    said = desktop_sequence("Pod a;b", "Running → \x1b]0;evil\x07", {"TERM": "xterm-256color"})
    assert said == "\x1b]9;Pod a,b: Running → ␛]0,evil␇\x07"
    assert desktop_sequence("a", "b", {"TERM": "foot"}) == "\x1b]777;notify;a;b\x07"


async def test_the_journal_has_what_was_done_here_and_the_answer() -> None:
    async with console() as c:
        text = await c.press("colon", *"journal", "enter")
        assert "Nothing has been changed from this console" in text
        await c.press("escape", "2")
        c.world.now += 5
        ref = c.world.ref("Pod", "my-op-redis-1", "uid-1")
        c.actions.delete(ref)
        message = "pods is forbidden"
        c.world.bus.publish(
            ActionFinished(at=c.world.now, id="delete-1", verb="delete", ref=ref, ok=False, message=message)
        )
        c.actions.check("delete", ref)
        await c.show()
        await c.press("colon", *"journal", "enter")
        await c.until(lambda: "✗ pods is forbidden" in c.text)
        assert "delete Pod default/my-op-redis-1" in c.flat
        assert "check" not in c.flat


async def test_the_question_before_a_change_says_who_may_undo_it() -> None:
    async with console() as c:
        owner = {
            "apiVersion": "myapp.tangx.in/v1", "kind": "Redis", "name": "my-op-redis",
            "uid": "uid-my-op-redis", "controller": True,
        }  # fmt: skip
        c.world.pod(
            "MODIFIED", "my-op-redis-0", "uid-0", ownerReferences=[owner],
            creationTimestamp=stamp(START - 251),
        )  # fmt: skip
        await c.show()
        await c.press("2", "ctrl+d")
        assert "Redis my-op-redis may make it again" in c.flat

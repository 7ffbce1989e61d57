"""What a key has changed, as asked of the API; what may not be done is greyed and says why."""

from __future__ import annotations

import pytest
from textual.widgets import Button, Footer
from textual.widgets._footer import FooterKey

from tests.tui.screen import Console, console
from tui.doings import parse_pairs, parse_replicas


def greyed(c: Console) -> set[str]:
    keys = c.app.screen.query_one(Footer).query(FooterKey)
    return {key.description for key in keys if key.has_class("-disabled")}


def shown(c: Console) -> set[str]:
    return {key.description for key in c.app.screen.query_one(Footer).query(FooterKey)}


async def test_scale_asks_how_many_and_takes_no_nonsense() -> None:
    async with console() as c:
        await c.press("1", "s")
        assert "2 now; how many?" in c.flat
        await c.press("backspace", "x", "enter")
        assert "write how many" in c.flat
        await c.press("backspace", "2", "enter")
        assert "it has that many" in c.flat
        await c.press("backspace", "5", "enter")
        assert c.actions.changed == [("scale", "my-op-redis", "uid-my-op-redis", 5)]


async def test_restart_and_pause_ask_first_and_the_answer_that_changes_nothing_has_the_focus() -> None:
    async with console() as c:
        await c.press("1", "R", "enter")
        assert c.actions.changed == []
        await c.press("R", "y")
        await c.press("P", "y")
        assert c.actions.changed == [
            ("restart", "my-op-redis", "uid-my-op-redis"), ("pause", "my-op-redis", "uid-my-op-redis"),
        ]  # fmt: skip
        c.world.redis("MODIFIED", annotations={"myapp.tangx.in/paused": "true"})
        assert "Paused" in await c.show()
        await c.press("P")
        assert "Resume Redis?" in c.flat
        await c.press("y")
        assert c.actions.changed[-1] == ("resume", "my-op-redis", "uid-my-op-redis")


async def test_what_cannot_be_done_to_a_kind_has_no_key_and_says_why() -> None:
    async with console() as c:
        await c.press("2")
        assert "Scale" not in shown(c)
        assert "Pods have no replicas to scale" in " ".join((await c.press("s")).split())
        assert "delete it" in await c.press("R")
        await c.press("1")
        assert "Scale" in shown(c)
        assert c.actions.changed == []


async def test_what_is_not_allowed_is_greyed_and_its_question_has_the_missing_rule() -> None:
    async with console(allowed=False) as c:
        await c.press("1")
        assert {"Delete", "Scale"} <= greyed(c)
        await c.press("R")
        assert "you may not patch it" in c.flat
        assert "verbs:" in c.flat
        assert c.app.screen.query_one("#confirm", Button).disabled
        await c.press("y")
        assert c.actions.changed == []


async def test_a_right_that_is_taken_away_and_given_again_is_seen() -> None:
    async with console() as c:
        await c.press("2")
        c.actions.may = False
        await c.show()
        assert "Delete" in greyed(c)
        c.actions.may = True
        await c.show()
        await c.until(lambda: "Delete" not in greyed(c))


async def test_read_only_asks_nothing() -> None:
    async with console(read_only=True) as c:
        assert "--read-only" in await c.press("1", "s")
        assert c.actions.changed == []


async def test_another_object_under_the_name_is_not_changed() -> None:
    async with console() as c:
        await c.press("1", "R")
        c.world.redis("DELETED")
        c.world.send("ADDED", c.world.ref("Redis", "my-op-redis", "uid-new"), {"spec": {"replicas": 1}})
        await c.show()
        await c.until(lambda: "it is gone" in c.text)
        await c.press("y")
        assert c.actions.changed == []


def test_labels_are_written_as_for_kubectl() -> None:
    assert parse_pairs("a=b  c- d=e=f") == {"a": "b", "c": None, "d": "e=f"}
    for wrong in ("", "a", "=b", "-"):
        with pytest.raises(ValueError, match="key=value"):
            parse_pairs(wrong)
    for wrong in ("", "-1", "1.5", "x", "9999999999"):
        with pytest.raises(ValueError, match="how many"):
            parse_replicas(wrong)

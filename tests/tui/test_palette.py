"""ctrl+p finds commands and objects by a part of their name."""

from __future__ import annotations

from textual.command import CommandPalette
from textual.widgets import OptionList

from tests.tui.screen import Console, console


async def find(c: Console, query: str, *, first: str) -> str:
    await c.press("ctrl+p", *query)

    def options() -> list[str]:
        if not isinstance(c.app.screen, CommandPalette):
            return []
        found = c.app.screen.query_one(OptionList)
        return [str(found.get_option_at_index(n).prompt) for n in range(found.option_count)]

    await c.until(lambda: any(first in option for option in options()))
    return "\n".join(options())


async def test_an_object_is_found_and_gone_to() -> None:
    async with console() as c:
        await find(c, "redis-1", first="Pod default/my-op-redis-1")
        await c.press("enter")
        await c.until(lambda: getattr(c.table("Pod").selected, "name", "") == "my-op-redis-1")


async def test_what_may_not_be_done_is_listed_with_the_reason_and_says_it() -> None:
    async with console(read_only=True) as c:
        await c.press("1")
        assert "✗ this console is read-only" in await find(c, "Scale", first="Scale: Redis my-op-redis")
        await c.press("enter", "enter")
        await c.until(lambda: "without --read-only" in c.flat)
        assert c.actions.changed == []


async def test_a_command_is_given_and_a_hostile_name_is_text() -> None:
    async with console() as c:
        c.world.pod("ADDED", "x[bold]y[/]\x1b[2J", "uid-9")
        await c.show()
        assert "x[bold]y[/]" in await find(c, "x[bo", first="[bold]")
        await c.press("escape")
        await find(c, ":heals", first=":heals")
        await c.press("enter", "enter")
        await c.until(lambda: "Heals" in c.text)

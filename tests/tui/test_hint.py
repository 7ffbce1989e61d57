from __future__ import annotations

from tests.tui.screen import console


async def test_the_hint_is_for_a_cluster_to_try_and_goes_with_the_first_delete() -> None:
    async with console(restart=lambda: None) as c:
        assert "Try it:" in c.text
        await c.press("2", "ctrl+d")
        assert "Try it:" in c.text
        await c.press("y")
        await c.until(lambda: "Try it:" not in c.text)


async def test_on_another_cluster_and_where_space_is_short_there_is_none() -> None:
    async with console() as c:
        assert "Try it:" not in c.text
    async with console((80, 20), restart=lambda: None) as c:
        assert "Try it:" not in c.text

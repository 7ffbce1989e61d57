"""One namespace in all tables and in the stream, chosen from a list or by name."""

from __future__ import annotations

from tests.tui.screen import Console, console
from tui.screens.namespaces import ChooseNamespace


def elsewhere(c: Console) -> None:
    c.world.pod("ADDED", "web-0", "uid-w", namespace="shop")
    c.world.pod("ADDED", "web-1", "uid-x", "Failed", namespace="shop")


async def test_n_chooses_from_those_that_are_known_and_0_shows_all() -> None:
    async with console() as c:
        elsewhere(c)
        assert "web-0" in await c.show()
        text = await c.press("n")
        assert isinstance(c.app.screen, ChooseNamespace)
        assert "all namespaces" in text
        assert "✗ 1" in text
        await c.press(*"ho")
        text = await c.press("enter")
        assert len(c.app.screen_stack) == 1
        assert c.table("Pod").order == ["uid-w", "uid-x"]
        assert "namespace shop" in text
        assert "No Redis in shop. Press 0" in text
        assert "NAMESPACE" not in text
        assert "my-op-redis" not in text
        c.world.pod("MODIFIED", "my-op-redis-0", "uid-0", restarts=1)
        c.world.pod("MODIFIED", "web-0", "uid-w", restarts=1, namespace="shop")
        text = await c.show()
        assert "~ MODIFIED  Pod web-0" in text
        assert "my-op-redis-0" not in text
        text = await c.press("0")
        assert "all namespaces" in text
        assert "my-op-redis-0" in text
        await c.press("n", "down", "enter")
        assert len(c.table("Pod").order) == 2
        assert "all namespaces" in await c.press("escape")


async def test_it_is_chosen_by_name_also_when_nothing_is_known_there() -> None:
    async with console() as c:
        elsewhere(c)
        await c.press("colon", *"ns shop", "enter")
        assert c.table("Pod").order == ["uid-w", "uid-x"]
        await c.press("slash", *"web-1", "enter")
        assert c.table("Pod").order == ["uid-x"]
        assert "Nothing matches /web-1" in await c.press("colon", *"ns nowhere", "enter")
        assert "No Pods in nowhere" in await c.press("escape")
        await c.press("colon", *"ns all", "enter")
        assert len(c.table("Pod").order) == 4
        await c.press("n", *"new-one", "enter")
        assert "namespace new-one" in c.text
        c.world.pod("ADDED", "late", "uid-late", namespace="new-one")
        assert "late" in await c.show()
        await c.press("colon", *"ns", "enter")
        assert c.actions.browsed == ["namespaces"]

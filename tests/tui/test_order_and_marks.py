"""Sorting on values, marks, and what is deleted together."""

from __future__ import annotations

from tests.tui.screen import Console, console
from tui.kinds.model import ObjectView


def names(c: Console) -> list[str]:
    table = c.table("Pod")
    rows: list[ObjectView] = [o for u in table.order if (o := table.rows.get(u)) is not None]
    return [o.ref.name for o in rows]


async def test_sorting_goes_by_values_and_marks_the_column() -> None:
    async with console() as c:
        for name, restarts, age in (("a", 9, 119), ("b", 10, 121), ("c", 2, 7200)):
            c.world.pod("ADDED", name, f"uid-{name}", restarts=restarts, created=c.world.now - age)
        await c.show()
        text = await c.press("A")
        assert "AGE▲" in text
        assert names(c)[:2] == ["a", "b"]
        text = await c.press("A")
        assert "AGE▼" in text
        assert names(c)[0] == "c"
        await c.press("N", "greater_than_sign", "greater_than_sign", "greater_than_sign")
        assert "RESTARTS▲" in c.text
        assert names(c)[2:] == ["c", "a", "b"]
        c.world.pod("MODIFIED", "a", "uid-a", restarts=11)
        await c.show()
        assert names(c)[2:] == ["c", "b", "a"]
        await c.press("O")
        assert names(c)[0] == "a"


async def test_marked_objects_are_deleted_together_those_that_are_hidden_said() -> None:
    async with console() as c:
        c.world.pod("ADDED", "other", "uid-o", namespace="test")
        await c.show()
        text = await c.press("g", "space", "space", "space")
        assert "3 marked" in text
        assert c.text.count("●") >= 3
        await c.press("slash", *"redis", "enter")
        await c.press("ctrl+d")
        await c.until(lambda: "✓ yes" in c.text)
        assert "Delete 3 Pods?" in c.text
        assert "1 of them by the filter" in c.text
        assert "default, test" in c.text
        c.world.pod("DELETED", "my-op-redis-0", "uid-0")
        await c.until(lambda: "1 gone already" in c.text)
        await c.press("y")
        assert {r.uid for r in c.actions.deleted} == {"uid-1", "uid-o"}
        assert "marked" not in await c.show()


async def test_what_goes_with_an_object_is_said() -> None:
    async with console() as c:
        owner = [{"apiVersion": "v1", "kind": "Redis", "name": "my-op-redis", "uid": "uid-my-op-redis"}]
        c.world.pod("MODIFIED", "my-op-redis-0", "uid-0", ownerReferences=owner)
        c.world.service("MODIFIED", ownerReferences=owner)
        await c.show()
        await c.press("1", "ctrl+d")
        await c.until(lambda: "1 Pod, 1 Service" in c.text)


async def test_escape_clears_the_marks_first() -> None:
    async with console() as c:
        await c.press("space", "escape")
        assert not c.table("Pod").rows.marks

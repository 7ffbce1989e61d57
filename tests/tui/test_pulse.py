"""The pulse: one screen from which one sees whether all is well."""

from __future__ import annotations

import pytest

from tests.tui.screen import Console, console
from tests.tui.test_page import crashing, owned
from tui.views.sparkline import chart


async def pulse(c: Console) -> str:
    await c.press("colon", *"pulse", "enter")
    await c.show()
    return c.flat


async def test_all_is_well_and_then_it_is_not() -> None:
    async with console((120, 50)) as c:
        assert "● all is well" in await pulse(c)
        assert "Denied, broken, wrong ● nothing" in c.flat
        assert "Worst off ● nobody" in c.flat
        c.world.story()
        c.world.forbid()
        owned(c.world)
        crashing(c.world)
        await c.show()
        await c.until(lambda: "✗ 1 denied or broken, 1 object bad" in c.text)
        for words in (
            "FORBIDDEN · list Services", "✗ Pod default/my-op-redis-1 CrashLoopBackOff ↻ 3",
            "Heals 1 median 1.24 s p95 1.24 s last 1.24 s", "Reconciles 2 in the last minute",
            "Latest faults",
        ):  # fmt: skip
            assert words in c.flat, words
        pods = next(line for line in c.text.splitlines() if "Pods" in line and "█" in line)
        assert "✗ 1" in pods
        await c.press("escape")
        assert len(c.app.screen_stack) == 1


def test_charts_show_whatever_is_not_nothing() -> None:
    assert chart([0, 1, 100, 200], 2) == ["   █", "▁▁██"]
    assert chart([0, 0], 1) == ["▁▁"]


@pytest.mark.parametrize("size", [(200, 60), (80, 24), (20, 6)])
async def test_it_fits_any_wall(size: tuple[int, int]) -> None:
    async with console(size, denied=True) as c:
        await pulse(c)
        await c.until(lambda: "denied" in c.text)
        if size[0] >= 200:
            assert any("Health" in line and "Denied, broken" in line for line in c.text.splitlines())

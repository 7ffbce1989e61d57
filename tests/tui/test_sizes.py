"""Every size of terminal, and terminals without colours."""

from __future__ import annotations

import pytest
from textual.geometry import Size
from textual.widgets import Footer

from tests.tui.screen import console, screen_lines
from tui.theme import CHANGES

SIZES = [(200, 60), (100, 30), (80, 24), (60, 15), (59, 30), (40, 12), (20, 6), (5, 2), (1, 1)]


async def test_nothing_breaks() -> None:
    async with console(denied=True) as c:
        c.world.story()
        for width, height in SIZES:
            await c.pilot.resize_terminal(width, height)
            await c.show()
            assert [len(line) for line in screen_lines(c.app)] == [width] * height
            if width >= 20:
                assert "s-0" in c.text
                assert "✗" in c.text
            if width >= 50:
                assert ("60×15" in c.text) is (width < 60 or height < 15)
            if height in (6, 1):
                for key in ("ctrl+d", "question_mark", "y", "slash"):
                    await c.pilot.press(key, "escape")
            assert len(c.app.screen_stack) == 1


async def test_resizing_while_things_happen() -> None:
    async with console() as c:
        chapters = c.world.chapters()
        for size in ((80, 24), (20, 6), (130, 40), (60, 15), (120, 36)):
            next(chapters, None)
            await c.pilot.resize_terminal(*size)
            await c.show()
            assert c.app.size == Size(*size)
        assert "healed in 1.24 s" in await c.press("j")


async def test_narrow_shows_one_table_at_a_time() -> None:
    async with console((80, 24)) as c:
        assert "[1] Redis  [3] Services" in c.text
        assert "CLUSTER-IP" not in c.text
        await c.press("3")
        assert "CLUSTER-IP" in c.text
        assert "RESTARTS" not in c.text
        await c.press("p")
        assert "paused" in c.text


async def test_the_keys_fit_into_80_columns() -> None:
    async with console((80, 24), denied=True) as c:
        footer = c.app.screen.query_one(Footer)
        assert footer.virtual_size.width <= 80
        await c.until(lambda: "Why" in screen_lines(c.app)[-1])
        assert all(word in screen_lines(c.app)[-1] for word in ("Delete", "Filter", "Why", "Help", "Quit"))


async def test_no_color_leaves_only_greys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    async with console((120, 50), denied=True) as c:
        c.world.story()
        await c.show()
        assert c.app.no_color
        for strip in c.app.screen._compositor.render_strips():
            for segment in strip:
                for colour in (segment.style.color, segment.style.bgcolor) if segment.style else ():
                    if colour is not None and colour.triplet is not None:
                        assert len(set(colour.triplet)) == 1, (segment.text, colour)
        assert "+ ADDED" in c.text
        assert "− DELETED" in c.text


def test_no_pair_of_red_and_green_tells_changes_apart() -> None:
    assert len(set(CHANGES.values())) == len(CHANGES)

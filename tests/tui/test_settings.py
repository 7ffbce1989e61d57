"""What a person has set counts: the theme, the keys."""

from __future__ import annotations

import pytest

from tests.tui.screen import console
from tui.settings import Settings, themes


async def test_a_key_of_ones_own_takes_the_place_of_the_first() -> None:
    async with console(settings=Settings(keys={"main.help": "f5"})) as it:
        await it.press("question_mark")
        assert len(it.app.screen_stack) == 1
        await it.press("f5")
        assert len(it.app.screen_stack) == 2


@pytest.mark.parametrize("theme", [*themes()[:4], "nord"])
async def test_every_theme_shows_the_same_words(theme: str) -> None:
    async with console(settings=Settings(theme=theme)) as it:
        assert it.app.theme == theme
        text = await it.show()
        assert "my-op-redis-0" in text
        assert "Running" in text

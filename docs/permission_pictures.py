"""Makes the pictures of docs/permissions.md: the story of a missing permission on a real embedded cluster.

make permission-pictures
"""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path

from controller_runtime.bus import EventBus
from docs.picture import console, svg

IMAGES = Path(__file__).parent / "img"


async def story(directory: Path) -> None:
    async with console(directory, EventBus()) as (app, pilot, until):

        async def keep(name: str) -> None:
            app.clear_notifications()
            await pilot.pause(0.7)
            (IMAGES / f"permissions-{name}.svg").write_text(svg(app))

        await pilot.press("colon", *"revoke services", "enter")
        await until("list forbidden")
        await pilot.pause(2.0)
        await keep("forbidden")
        await pilot.press("colon", *"can-i", "enter")
        await until("4 missing of 16")
        await keep("matrix")
        await pilot.press("enter")
        await until("The rule that is missing")
        await keep("card")
        await pilot.press("a")
        await until("yes")
        await keep("rule")
        await pilot.press("y")
        await until("RESTORED")
        await pilot.press("escape", "escape")
        await until("after")
        await pilot.pause(1.0)
        await keep("restored")


def main() -> None:
    IMAGES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as directory:
        asyncio.run(story(Path(directory)))


if __name__ == "__main__":
    main()

"""Makes docs/img/console.svg: the console on a real embedded cluster, after a pod was deleted with its keys.

make picture
"""

from __future__ import annotations

import asyncio
import re
import tempfile
import threading
import time
from pathlib import Path

from controller.actions import Actions
from controller.events import Heal
from controller_runtime.bus import EventBus
from controller_runtime.threads import Threads
from reconsole.options import Options
from reconsole.session import Session
from tui.app import ConsoleApp
from tui.source import Live

SIZE = (120, 36)
TARGET = Path(__file__).parent / "img" / "console.svg"


async def picture(directory: Path) -> str:
    bus = EventBus()
    heals = bus.subscribe("picture")
    options = Options(
        kubeconfig=None, context=None, embedded=True, namespaces=(), impersonate=None, sandbox_dir=directory,
        ui=True, output="text", read_only=False, observe=False, metrics_bind_address="0",
        health_probe_bind_address="0", leader_elect=False,
    )  # fmt: skip
    session = Session(options, bus, Threads(bus))
    app = ConsoleApp(Live(bus.subscribe("console")), Actions(session.person, bus))
    thread = threading.Thread(target=session.run)
    thread.start()
    async with app.run_test(size=SIZE) as pilot:

        async def until(words: str) -> None:
            deadline = time.monotonic() + 30
            while words not in _text(app) and time.monotonic() < deadline:
                await pilot.pause(0.1)

        await until("2/2")
        await pilot.pause(2.0)
        await pilot.press("2", "j", "ctrl+d")
        await until("yes")
        await pilot.press("y")
        while not any(isinstance(e, Heal) and e.stage == "ready" for e in heals.drain().events):
            await pilot.pause(0.1)
        app.clear_notifications()
        await pilot.pause(1.5)
        svg = app.export_screenshot(title="reconsole")
    session.stop.set()
    thread.join()
    return svg


def _text(app: ConsoleApp) -> str:
    return re.sub(r"<[^>]+>", "", app.export_screenshot(simplify=True)).replace("&#160;", " ")


def _portable(svg: str) -> str:
    """Without fonts from elsewhere, and with the spaces that some viewers drop."""
    svg = re.sub(r"@font-face \{.*?\}", "", svg, flags=re.DOTALL)
    svg = svg.replace("Fira Code", "DejaVu Sans Mono").replace("<text ", '<text xml:space="preserve" ')
    return re.sub(r"terminal-\d+", "terminal", svg)


def main() -> None:
    with tempfile.TemporaryDirectory() as directory:
        TARGET.parent.mkdir(exist_ok=True)
        TARGET.write_text(_portable(asyncio.run(picture(Path(directory)))))


if __name__ == "__main__":
    main()

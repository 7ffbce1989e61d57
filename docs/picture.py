"""A console on a real embedded cluster, to be used and pictured."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from textual.pilot import Pilot

from controller.actions import Actions
from controller_runtime.bus import EventBus
from controller_runtime.threads import Threads
from reconsole.options import Options
from reconsole.session import Session
from tui.app import ConsoleApp
from tui.source import Live

SIZE = (120, 36)
PATIENCE = 30.0  # seconds


Until = Callable[[str], Awaitable[None]]


@asynccontextmanager
async def console(directory: Path, bus: EventBus) -> AsyncIterator[tuple[ConsoleApp, Pilot[int], Until]]:
    """A console on an embedded cluster, ready to be used; the last waits until words are on the screen."""
    options = Options(
        kubeconfig=None, context=None, embedded=True, namespaces=(), impersonate=None, sandbox_dir=directory,
        ui=True, output="text", read_only=False, observe=False, metrics_bind_address="0",
        health_probe_bind_address="0", leader_elect=False,
    )  # fmt: skip
    session = Session(options, bus, Threads(bus))
    actions = Actions(session.person, bus, embedded=True, reviewer=lambda: session.reviewer)
    app = ConsoleApp(Live(bus.subscribe("console")), actions)
    thread = threading.Thread(target=session.run)
    thread.start()
    try:
        async with app.run_test(size=SIZE) as pilot:

            async def until(words: str) -> None:
                deadline = time.monotonic() + PATIENCE
                while words not in _text(app):
                    if time.monotonic() > deadline:
                        raise TimeoutError(f"{words!r} never came to the screen")
                    await pilot.pause(0.1)

            await until("2/2")
            await pilot.pause(2.0)
            yield app, pilot, until
    finally:
        session.stop.set()
        thread.join()


def svg(app: ConsoleApp) -> str:
    """What is on the screen."""
    return _portable(app.export_screenshot(title="reconsole"))


def _text(app: ConsoleApp) -> str:
    return re.sub(r"<[^>]+>", "", app.export_screenshot(simplify=True)).replace("&#160;", " ")


def _portable(svg: str) -> str:
    """Without fonts from elsewhere, and with the spaces that some viewers drop."""
    svg = re.sub(r"@font-face \{.*?\}", "", svg, flags=re.DOTALL)
    svg = svg.replace("Fira Code", "DejaVu Sans Mono").replace("<text ", '<text xml:space="preserve" ')
    return re.sub(r"terminal-\d+", "terminal", svg)

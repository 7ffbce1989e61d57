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
from controller.browse import Browser
from controller_runtime.bus import EventBus
from controller_runtime.threads import Threads
from reconsole.options import Options
from reconsole.session import Session
from tui.app import ConsoleApp
from tui.screens.main import TABLES
from tui.source import Live
from why.asker import Asker

SIZE = (120, 36)
PATIENCE = 30.0  # seconds


Until = Callable[[str], Awaitable[None]]


@asynccontextmanager
async def console(
    directory: Path, bus: EventBus, operator: str | None = None
) -> AsyncIterator[tuple[ConsoleApp, Pilot[int], Until]]:
    """A console on an embedded cluster, ready to be used; the last waits until words are on the screen.

    ``operator`` is the file of somebody's own, in the place of the one for Redis.
    """
    options = Options(
        kubeconfig=None, context=None, embedded=True, namespaces=(), impersonate=None, sandbox_dir=directory,
        ui=True, output="text", read_only=False, observe=False, metrics_bind_address="0",
        health_probe_bind_address="0", leader_elect=False, operator=operator,
    )  # fmt: skip
    threads = Threads(bus)
    session = Session(options, bus, threads)
    browser = Browser(session.person, bus, threads)
    actions = Actions(session.person, bus, embedded=True, reviewer=lambda: session.reviewer, browser=browser)
    tables = [kind.resource for kind in session.operator.kinds] if session.operator else TABLES
    app = ConsoleApp(
        Live(bus.subscribe("console")), actions, tables=tables, questions=Asker(session.person, bus, threads)
    )
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

            await until("CONNECTED" if operator else "2/2")
            await pilot.pause(2.0)
            yield app, pilot, until
    finally:
        browser.close()
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

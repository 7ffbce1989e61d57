"""``reconsole demo``: the story in the console, live, on the embedded cluster or any other."""

from __future__ import annotations

import sys
import tempfile
import threading
import time
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from controller.events import Connection
from controller_runtime.bus import EventBus
from controller_runtime.kube.terminal import escape
from reconsole.cluster import client_of
from reconsole.console import Maker, run_console
from reconsole.demo.director import PATIENCE, Director, Failed
from reconsole.demo.hands import Hands
from reconsole.demo.script import Script
from reconsole.options import Options

if TYPE_CHECKING:
    from tui.demo import DemoApp

STORY = Path(__file__).parent / "story.yaml"
SIZE = (120, 44)  # cells, where there is no terminal
SHORT_PATIENCE = 25.0  # seconds, for words in a terminal that may be too small for them
WANTED = ("controller", "connected")
AT_ONCE = 1000.0  # the speed of a check


@dataclass(frozen=True)
class Wish:
    """How a story is told. ``check``: at once, without a terminal, and the exit code says whether it went."""

    script: Script
    speed: float = 1.0
    first: int = 1
    loop: bool = False
    check: bool = False


def run_demo(options: Options, wish: Wish, *, temporary: bool) -> int:
    """Tell it in the terminal, or without one for ``options.ui`` false. Returns the exit code.

    ``temporary``: an embedded cluster keeps its files in a folder that goes with it.
    """
    with tempfile.TemporaryDirectory(prefix="reconsole-demo-", ignore_cleanup_errors=True) as directory:
        if temporary:
            options = replace(options, sandbox_dir=Path(directory))
        show = Show(replace(options, ui=True, sample=False), wish, headless=not options.ui)
        code = run_console(show.options, make=show.make, size=None if options.ui else SIZE)
        if show.failure is not None:
            print(f"error: {escape(str(show.failure))}", file=sys.stderr)
            return 1
        if wish.check and not code:
            print(f"{wish.script.title}: all went as written.")
        return code


class Show:
    """A telling of it, and what became of it."""

    def __init__(self, options: Options, wish: Wish, *, headless: bool) -> None:
        self.options = options
        self.failure: Exception | None = None
        self.over = threading.Event()
        self._wish = wish
        self._headless = headless

    def make(self, bus: EventBus) -> Maker:
        from tui.demo import DemoApp

        connected = bus.subscribe("demo")

        def hands() -> Hands:
            while not self.over.is_set():
                connected.wait(0.2)
                for event in connected.drain().events:
                    if isinstance(event, Connection) and (event.role, event.state) == WANTED:
                        connected.close()
                        return Hands(client_of(self.options, person=True), event.identity)
            raise Failed("there was no connection to the cluster")

        wish = self._wish
        director = Director(
            wish.script, bus.publish, hands, time.time,
            speed=AT_ONCE if wish.check else wish.speed, first=wish.first,
            patience=PATIENCE if self._headless else SHORT_PATIENCE, strict=self._headless,
        )  # fmt: skip

        async def play(stage: DemoApp) -> None:
            try:
                await director.play(stage)
                while wish.loop:
                    await director.play(stage)
            finally:
                self.over.set()  # whoever waits for a connection in a thread holds up the end

        return partial(DemoApp, play=play, ended=self._ended)

    def _ended(self, app: DemoApp, error: Exception | None) -> None:
        if self._headless:
            self.failure = error
            app.exit(0)
        else:
            app.take_over(f"The story stops here, for {error}" if error else "The story is over")

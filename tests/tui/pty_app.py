"""A console on a real terminal, for the tests that read what the driver writes: ``python -m`` with a mode."""

from __future__ import annotations

import sys
from pathlib import Path

from reconsole.demo.tape import Tape
from tests.tui.world import FakeActions, World
from tui.app import ConsoleApp
from tui.source import Live
from tui.tape import taped

HOSTILE = "\x1b]0;OWNED\x07\x1b]52;c;T1dORUQ=\x07\x9b2J\u202eevil\u200b[/][bold]x[/bold]"


class Crashing(ConsoleApp):
    def tick(self) -> None:
        raise RuntimeError("a bug in the console")


def main() -> None:
    world = World()
    world.settled()
    if sys.argv[1] == "hostile":
        world.pod("ADDED", f"a{HOSTILE}", "uid-evil", waiting=HOSTILE, node=HOSTILE)
        world.pod("MODIFIED", f"a{HOSTILE}", "uid-evil", waiting=f"b{HOSTILE}", finalizers=[HOSTILE])
        world.watch("Service", "forbidden", message=HOSTILE, verb=HOSTILE)
    kind = Crashing if sys.argv[1] == "crash" else ConsoleApp
    app = kind(Live(world.subscription, world.clock), FakeActions(world))
    if sys.argv[1] == "taped":
        tape = Tape(Path(sys.argv[2]))
        app.driver_class = taped(app.driver_class, tape.keep)
    app.run()
    sys.exit(app.return_code)


if __name__ == "__main__":
    main()

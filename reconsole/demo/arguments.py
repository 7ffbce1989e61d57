"""``reconsole demo`` and ``reconsole play`` on the command line."""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from reconsole import values
from reconsole.options import Failure, Options

if TYPE_CHECKING:
    from reconsole.demo.script import Script

    Commands = argparse._SubParsersAction[argparse.ArgumentParser]


def add_demo(commands: Commands) -> argparse.ArgumentParser:
    """The options of its own; it has those of every run as well."""
    demo = commands.add_parser(
        "demo",
        help="what it can do, told by itself on an embedded cluster",
        description="Tells a story in the console; any key takes over. With --record or --svg the story is "
        "not told but filmed, without a terminal and in seconds.",
        allow_abbrev=False,
    )
    demo.add_argument("--script", metavar="FILE.yaml", type=Path, help="tell this one")
    demo.add_argument(
        "--check", action="store_true", help="go through it at once, without a screen; exit 1 where it fails"
    )
    demo.add_argument("--speed", metavar="N", type=values.speed, default=1.0, help="as in 2 or 0.5 (1)")
    demo.add_argument(
        "--chapter", metavar="NAME|N", default="1", help="begin there; what leads to it is done"
    )
    demo.add_argument("--loop", action="store_true", help="again and again")
    demo.add_argument("--svg", metavar="DIR", type=Path, help="write a still of each scene")
    return demo


def add_play(commands: Commands) -> None:
    play = commands.add_parser(
        "play",
        help="a screen recording in the terminal",
        description="Plays what --record wrote. space pauses, q leaves.",
        allow_abbrev=False,
    )
    play.add_argument("file", metavar="FILE.cast", type=Path, help="an asciicast of version 2")
    play.add_argument("--speed", metavar="N", type=values.speed, default=1.0, help="as in 2 or 0.5 (1)")


def run(args: argparse.Namespace, parser: argparse.ArgumentParser, options_of: Callable[[], Options]) -> int:
    """``reconsole demo``. Returns the exit code."""
    from reconsole.demo.command import STORY, Wish, run_demo
    from reconsole.demo.script import read_script

    record, args.record = args.record, None
    if args.check or record or args.svg:
        args.ui = False
    if args.loop and not args.ui:
        parser.error("--loop needs a terminal")
    if args.check and (record or args.svg):
        parser.error("--check goes through it too fast to be filmed")
    temporary = args.sandbox_dir is None
    options = options_of()
    try:
        script = read_script(args.script or STORY)
        first = script.number_of(args.chapter)
        if (record or args.svg) and args.script is None:
            return _film(None, record, args.svg, script, args.speed)
        wish = Wish(script, 1.0 if record or args.svg else args.speed, first, args.loop, args.check)
        if not (record or args.svg):
            return run_demo(options, wish, temporary=temporary)
        with tempfile.TemporaryDirectory(prefix="reconsole-film-") as directory:
            events = options.events or Path(directory) / "story.jsonl"
            print("The story is played first, which takes its time.", file=sys.stderr)
            code = run_demo(replace(options, events=events), wish, temporary=temporary)
            return code or _film(events, record, args.svg, script, args.speed)
    except Failure as failure:
        print(f"error: {failure}", file=sys.stderr)
        return 1


def _film(events: Path | None, cast: Path | None, stills: Path | None, script: Script, speed: float) -> int:
    from reconsole.demo.filming import RECORDED, film, save

    save(film(events or RECORDED, script.title, speed), cast, stills, script.title)
    return 0

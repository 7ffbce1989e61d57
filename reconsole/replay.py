"""``reconsole replay``: a recording in the console, as lines, or as an anonymous copy."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import msgspec

from controller_runtime.events import BusEvent
from controller_runtime.kube.resource import Resource
from controller_runtime.kube.terminal import escape
from reconsole.lines import json_line, text_line
from reconsole.options import Failure
from recording.codec import NotARecording, decode, decode_header
from recording.comparison import first_difference, shape
from recording.files import create, lines
from recording.reader import Damage, header_of, read
from recording.redaction import Redaction
from recording.selection import Wanted, parse_object, parse_time

SHOWN_DAMAGES = 10


def run_replay(args: argparse.Namespace, parser: argparse.ArgumentParser) -> int:
    """The exit code."""
    if args.output is not None and args.ui:
        parser.error("-o needs --no-ui")
    if args.object is not None and args.ui:
        parser.error("--object needs --no-ui: in the console, filter with /")
    if args.other is not None and args.ui:
        parser.error("two recordings are compared with --no-ui")
    began = 0.0
    for path in filter(None, (args.other, args.file)):
        try:
            began = header_of(path).at
        except (OSError, NotARecording, ImportError) as error:
            return _failed(path, error)
    try:
        wanted = Wanted(
            since=parse_time(args.since, began) if args.since else float("-inf"),
            until=parse_time(args.until, began) if args.until else float("inf"),
            object=parse_object(args.object) if args.object else None,
        )
    except ValueError as error:
        parser.error(str(error))
    try:
        if args.other is not None:
            return _compare(args.file, args.other, wanted)
        if args.redact is not None:
            return _redact(args.file, args.redact)
        if args.ui:
            return _open(args.file, wanted)
        return _print(args.file, wanted, args.output or "text")
    except (NotARecording, Failure) as error:
        return _failed(args.file, error)


def _open(path: Path, wanted: Wanted) -> int:
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise Failure("the console needs a terminal: use --no-ui")
    from recording.index import Index
    from tui.replaying import ReplayApp
    from tui.screens.main import TABLES

    damages = Damages()
    index = Index(path, damages.note, until=wanted.until)
    begin = wanted.since if wanted.since > float("-inf") else None
    tables = [Resource(group, "v1", kind, plural) for group, kind, plural in index.kinds]
    app = ReplayApp(index, begin=begin, tables=tables or TABLES)
    app.run()
    damages.report()
    return app.return_code or 0


def _print(path: Path, wanted: Wanted, output: str) -> int:
    line_of = json_line if output == "json" else text_line
    for event in _events(path):
        if wanted(event) and (line := line_of(event)) is not None:
            sys.stdout.write(f"{line}\n")
    return 0


def _compare(one: Path, other: Path, wanted: Wanted) -> int:
    """As diff does: 0 when they are alike, 1 when they part."""
    parting = first_difference(filter(wanted, _events(one)), filter(wanted, _events(other)))
    if parting is None:
        print("The same happens in both.")
        return 0
    print(f"After {parting.same} events that are alike:")
    for path, event in ((one, parting.one), (other, parting.other)):
        print(f"  {escape(str(path))}: {_words(event) if event is not None else 'it ends'}")
    return 1


def _words(event: BusEvent) -> str:
    clock = datetime.fromtimestamp(event.at).strftime("%H:%M:%S.%f")[:-3]
    line = text_line(event) or f"{clock}  " + "  ".join(map(str, shape(event) or ()))
    return f"{escape(line)}  (seq {event.seq})"


def _events(path: Path) -> Iterator[BusEvent]:
    damages = Damages()
    for _, event in read(path, damages.note):
        yield event
    damages.report()


class Damages:
    """Says which lines were skipped, the first ones each and the rest as a number."""

    def __init__(self) -> None:
        self._count = 0

    def note(self, damage: Damage) -> None:
        self._count += 1
        if self._count <= SHOWN_DAMAGES:
            print(f"warning: line {damage.line} was skipped: {escape(damage.reason)}", file=sys.stderr)

    def report(self) -> None:
        if self._count > SHOWN_DAMAGES:
            print(f"warning: {self._count} lines were skipped in all", file=sys.stderr)


def _redact(source: Path, copy: Path) -> int:
    if copy.exists():
        raise Failure(f"{copy} exists: name a file that does not")
    redaction, damages = Redaction(), Damages()
    for line in _data(source):
        redaction.learn(line)
    try:
        sink = create(copy)
        try:
            for number, line in enumerate(lines(source), 1):
                if number == 1:
                    decode_header(line)
                    sink.write(line + b"\n")
                elif line:
                    try:
                        decode(line)
                        anonymous = msgspec.json.encode(redaction.apply(msgspec.json.decode(line)))
                    except (msgspec.MsgspecError, RecursionError):
                        damages.note(Damage(number, "it cannot be read, and so not be made anonymous"))
                    else:
                        sink.write(anonymous + b"\n")
        finally:
            sink.close()
    except OSError as error:
        raise Failure(f"cannot write {copy}: {error.strerror or error}") from error
    damages.report()
    print(f"{copy} has other names, images and addresses. Read it before you pass it on.", file=sys.stderr)
    return 0


def _data(path: Path) -> Iterator[object]:
    for line in lines(path):
        try:
            yield msgspec.json.decode(line)
        except (msgspec.MsgspecError, RecursionError):
            continue


def _failed(path: Path, error: Exception) -> int:
    words = (error.strerror if isinstance(error, OSError) else "") or str(error)
    print(f"error: cannot replay {path}: {escape(words)}", file=sys.stderr)
    return 1

"""What is on the screen as a file: the stream as JSON lines, a table as CSV, the screen as SVG."""

from __future__ import annotations

import csv
import io
import os
import re
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec

from controller_runtime.kube.times import milli_timestamp
from tui.kinds.model import Column, ObjectView
from tui.stream import Line


def stream_lines(lines: Iterable[Line]) -> str:
    """One JSON object a line: the time (RFC 3339), what happened, to what, who did it."""
    return "".join(msgspec.json.encode(_line(line)).decode() + "\n" for line in lines)


def _line(line: Line) -> dict[str, object]:
    about = line.about
    it: dict[str, object] = {"time": milli_timestamp(line.at), "event": line.word, "what": line.subject}
    it |= {k: v for k, v in (("detail", line.detail), ("by", line.by)) if v}
    if about is not None:
        it |= {"kind": about.kind, "namespace": about.namespace, "name": about.name}
        it |= {"group": about.group} if about.group else {}
    return it | ({"fault": True} if line.fault else {})


def table_csv(columns: Sequence[Column], rows: Iterable[ObjectView], now: float) -> str:
    """RFC 4180, with the titles in the first line."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(c.title for c in columns)
    writer.writerows([_harmless(c.cell(o, now)[0]) for c in columns] for o in rows)
    return text.getvalue()


def _harmless(cell: str) -> str:
    """A spreadsheet takes a cell that begins like this for a formula; an apostrophe makes it a text."""
    return f"'{cell}" if cell[:1] in ("=", "+", "@", "\t", "\r") or re.match(r"-[^\d]", cell) else cell


def write(directory: Path, name: str, ending: str, text: str, now: float) -> Path:
    """Into a new file for its owner's eyes alone; returns where. Raises OSError.

    ``now`` is in Unix seconds, and in the name of the file.
    """
    safe = re.sub(r"[^A-Za-z0-9.-]", "_", name)[:100]
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(now))
    for number in range(1000):
        path = directory / (f"{safe}-{stamp}" + (f"-{number}" if number else "") + ending)
        try:
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            continue
        with os.fdopen(handle, "w", encoding="utf-8", newline="") as file:
            file.write(text)
        return path
    raise FileExistsError(f"{directory} has a thousand files of that second")

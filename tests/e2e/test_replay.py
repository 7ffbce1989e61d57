"""``reconsole replay --no-ui`` and ``--redact``, as a process."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from recording.reader import read

RECORDING = Path(__file__).parents[1] / "recording" / "version-1.jsonl"


def replay(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "reconsole", "replay", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL)


def test_it_prints_the_lines_that_a_live_run_prints() -> None:
    done = replay(RECORDING, "--no-ui", "-o", "json")
    assert (done.returncode, done.stderr) == (0, "")
    records = [json.loads(line) for line in done.stdout.splitlines()]
    assert [r["type"] for r in records] == ["ADDED", "ADDED", "WRITE", "HEAL", "RECONCILE"]
    text = replay(RECORDING, "--no-ui").stdout
    assert "ADDED     Pod      default/db-0  (listed)" in text
    assert "HEAL      Pod      ns/x  healed in 3.00 s" in text


def test_it_prints_one_object_and_some_time_alone() -> None:
    one = replay(RECORDING, "--no-ui", "--object", "pod/default/db-0").stdout.splitlines()
    assert len(one) == 1
    late = replay(RECORDING, "--no-ui", "--from", "2026-09-21T14:13:20.3Z").stdout
    assert "RECONCILE" in late
    assert "ADDED" not in late


def test_damaged_lines_are_said_and_the_rest_is_printed(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    lines = RECORDING.read_bytes().splitlines()
    path.write_bytes(b"\n".join([*lines[:2], lines[2][:30], b"\x1b]0;evil\x07", *lines[3:]]))
    done = replay(path, "--no-ui")
    assert done.returncode == 0
    assert "warning: line 3 was skipped: it is cut off" in done.stderr
    assert "line 4" in done.stderr
    assert "\x1b" not in done.stderr
    assert "RECONCILE" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (["no-such-file", "--no-ui"], 1, "cannot replay no-such-file: No such file"),
        ([__file__, "--no-ui"], 1, "its first line is no header of a recording"),
        ([RECORDING, "--no-ui", "--from", "noon"], 2, "'noon' is no time"),
        ([RECORDING, "--no-ui", "--object", "Pod"], 2, "'Pod' is no object"),
        ([RECORDING, "-o", "json"], 2, "-o needs --no-ui"),
        ([RECORDING], 1, "the console needs a terminal: use --no-ui"),
    ],
)
def test_what_cannot_be_done_is_said(arguments: list[str | Path], code: int, sentence: str) -> None:
    done = replay(*arguments)
    assert done.returncode == code
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr


def test_two_recordings_are_compared_up_to_where_they_part(tmp_path: Path) -> None:
    later = tmp_path / "later.jsonl"
    later.write_text(
        RECORDING.read_text().replace('"at":1790000000', '"at":1790000077').replace("uid-0", "uid-9")
    )
    same = replay(RECORDING, later, "--no-ui")
    assert (same.returncode, same.stdout) == (0, "The same happens in both.\n")
    later.write_text(later.read_text().replace('"result":"error"', '"result":"timeout"'))
    done = replay(RECORDING, later, "--no-ui")
    assert done.returncode == 1
    assert done.stdout.startswith("After 6 events that are alike:\n")
    assert "#1 error in 90 ms" in done.stdout
    assert "#1 timeout in 90 ms" in done.stdout
    lines = later.read_text().splitlines(keepends=True)
    later.write_text("".join(lines[:3]))
    assert f"{later}: it ends" in replay(RECORDING, later, "--no-ui").stdout


def test_an_anonymous_copy_is_a_recording_without_the_names(tmp_path: Path) -> None:
    copy = tmp_path / "copy.jsonl.gz"
    done = replay(RECORDING, "--redact", copy)
    assert done.returncode == 0, done.stderr
    before, after = (list(read(path, lambda _: None)) for path in (RECORDING, copy))
    assert [type(e) for _, e in before] == [type(e) for _, e in after]
    again = replay(RECORDING, "--redact", copy)
    assert (again.returncode, "exists: name a file" in again.stderr) == (1, True)

"""Lines on their way to somebody who reads slowly, not at all, or another character set."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Iterator
from contextlib import suppress

import pytest

from controller_runtime.manager import writer
from controller_runtime.manager.logqueue import MAX_LINES, QueuedHandler
from controller_runtime.manager.logs import TextFormatter
from controller_runtime.manager.writer import LineWriter
from controller_runtime.threads import Threads


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    reading, writing = os.pipe()
    yield reading, writing
    for end in (reading, writing):
        with suppress(OSError):
            os.close(end)


def never() -> bool:
    return False


@pytest.mark.parametrize(
    ("encoding", "written"),
    [
        ("utf-8", "“é” \\udce9".encode()),
        ("latin-1", b"\\u201c\xe9\\u201d \\udce9"),
        ("ascii", b"\\u201c\\xe9\\u201d \\udce9"),
    ],
)
def test_what_an_encoding_lacks_is_escaped(pipe: tuple[int, int], encoding: str, written: bytes) -> None:
    assert LineWriter(pipe[1], encoding).write("“é” \udce9", never)
    assert os.read(pipe[0], 100) == written


def test_a_full_disk_is_said_once_and_tried_again_until_there_is_room(
    pipe: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "RETRY_DELAY", 0.01)
    full = os.open("/dev/full", os.O_WRONLY)
    tries = 0
    told: list[str] = []

    def give_up() -> bool:
        nonlocal tries
        tries += 1
        if tries == 5:
            os.dup2(pipe[1], full)  # somebody tidies up
        return False

    lines = LineWriter(
        full, failed=lambda e: told.append(str(e.strerror)), recovered=lambda: told.append("ok")
    )
    assert lines.write("a\n", give_up)
    assert lines.write("b\n", give_up)
    assert told == ["No space left on device", "ok"]
    assert os.read(pipe[0], 100) == b"a\nb\n"
    os.close(full)


def test_a_pipe_that_does_not_block_is_waited_for(pipe: tuple[int, int]) -> None:
    os.set_blocking(pipe[1], False)
    text = "x" * 300_000
    got = bytearray()

    def read() -> None:
        while len(got) < len(text):
            got.extend(os.read(pipe[0], 1 << 16))

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    assert LineWriter(pipe[1]).write(text, never)
    reader.join(5)
    assert len(got) == len(text)


def test_nobody_waits_for_a_log_that_is_not_read_and_what_was_dropped_is_said(pipe: tuple[int, int]) -> None:
    handler = QueuedHandler(LineWriter(pipe[1]))
    handler.setFormatter(TextFormatter())
    handler.start(Threads())
    began = time.monotonic()
    for number in range(MAX_LINES + 5_000):
        handler.emit(logging.LogRecord("x", logging.INFO, "", 0, "line %d", (number,), None))
    assert time.monotonic() - began < 5
    assert handler.dropped > 0
    assert not handler.flush_within(0.05)
    got = bytearray()

    def read() -> None:
        while not got.endswith(b"the last\n"):
            got.extend(os.read(pipe[0], 1 << 16))

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    assert handler.flush_within(5)
    handler.emit(logging.LogRecord("x", logging.INFO, "", 0, "the %s", ("last",), None))
    assert handler.flush_within(5)
    reader.join(5)
    assert got.count(b"\n") == MAX_LINES + 5_000 - handler.dropped + 2
    assert f"were dropped: nobody read them fast enough count={handler.dropped}".encode() in got
    handler.close()


def test_a_record_that_does_not_fit_its_arguments_is_a_line(pipe: tuple[int, int]) -> None:
    handler = QueuedHandler(LineWriter(pipe[1]))
    handler.start(Threads())
    handler.emit(logging.LogRecord("x", logging.INFO, "", 0, "%d", ("one",), None))
    assert handler.flush_within(5)
    assert os.read(pipe[0], 1000).startswith(b"cannot format a log line of x: TypeError")
    handler.close()


def test_a_log_whose_reader_left_is_dropped_and_nothing_more(pipe: tuple[int, int]) -> None:
    handler = QueuedHandler(LineWriter(pipe[1]))
    threads = Threads()
    handler.start(threads)
    os.close(pipe[0])
    handler.put("a")
    assert handler.flush_within(5)
    assert handler.dropped == 1
    assert threads.checks()["log"]() == ""
    handler.close()

"""The console on a real pseudo-terminal: what it writes, and how it leaves."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pyte
import pytest

from reconsole.demo.cast import event, header
from reconsole.demo.play import CLOSE, OPEN

ROWS, COLUMNS = 36, 120


class Terminal:
    def __init__(self, process: subprocess.Popen[bytes], fd: int) -> None:
        self.process = process
        self._fd = fd
        self.output = b""

    def read_until(self, words: bytes, timeout: float = 10.0) -> None:
        end = time.monotonic() + timeout
        while words not in self.output and time.monotonic() < end:
            if not self._read(0.2) and self.process.poll() is not None:
                break
        assert words in self.output, self.output[-2000:]

    def read_rest(self) -> int:
        """Read to the end; returns the exit code."""
        end = time.monotonic() + 10
        while self.process.poll() is None and time.monotonic() < end:
            self._read(0.1)
        while self._read(0.1):
            pass
        return self.process.wait(1)

    def send(self, keys: bytes) -> None:
        os.write(self._fd, keys)

    @property
    def screen(self) -> str:
        screen = pyte.Screen(COLUMNS, ROWS)
        pyte.ByteStream(screen).feed(self.output)
        return "\n".join(screen.display)

    def _read(self, timeout: float) -> bool:
        if not select.select([self._fd], [], [], timeout)[0]:
            return False
        try:
            data = os.read(self._fd, 65536)
        except OSError:
            return False
        self.output += data
        return bool(data)


@contextmanager
def terminal(*arguments: str, module: str = "tests.tui.pty_app") -> Iterator[Terminal]:
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
    environment = {**os.environ, "TERM": "xterm-256color", "COLORTERM": "truecolor",
                   "COLUMNS": str(COLUMNS), "LINES": str(ROWS)}  # fmt: skip
    process = subprocess.Popen(
        [sys.executable, "-m", module, *arguments],
        stdin=slave, stdout=slave, stderr=slave, env=environment, start_new_session=True,
    )  # fmt: skip
    os.close(slave)
    try:
        yield Terminal(process, master)
    finally:
        process.kill()
        process.wait()
        os.close(master)


def is_restored(output: bytes) -> bool:
    """Back on the first screen, with a cursor, and without the mouse."""
    last = {
        code: (output.rfind(code + b"h"), output.rfind(code + b"l")) for code in (b"?1049", b"?25", b"?1000")
    }
    shown, hidden = last[b"?25"]
    return last[b"?1049"][1] > last[b"?1049"][0] and shown > hidden and last[b"?1000"][1] > last[b"?1000"][0]


def test_nothing_hostile_reaches_the_terminal() -> None:
    with terminal("hostile") as t:
        t.read_until("b␛]0;OWNED".encode())
        t.send(b"\x04")
        t.read_until(b"Background")
        assert "a␛]0;OWNED␇" in t.screen
        t.send(b"n")
        t.send(b"y")
        t.read_until(b"esc closes")
        t.send(b"\x03\x03")  # together, since only two within two seconds end it
        assert t.read_rest() == 0
        for bad in (
            b"\x1b]0;OWNED",
            b"\x1b]52",
            b"OWNED\x07",
            b"\x9b2J",
            "\x9b".encode(),
            "\u202e".encode(),
            "\u200b".encode(),
        ):
            assert bad not in t.output, bad
        assert is_restored(t.output)


def test_a_crash_restores_the_terminal_and_says_why() -> None:
    with terminal("crash") as t:
        assert t.read_rest() == 1
        assert is_restored(t.output)
        assert b"a bug in the console" in t.output


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 0), (signal.SIGHUP, 0), (signal.SIGQUIT, 131)])
def test_signals_restore_the_terminal(number: int, code: int) -> None:
    with terminal("plain") as t:
        t.read_until(b"my-op-redis-0")
        t.process.send_signal(number)
        assert t.read_rest() == code
        assert is_restored(t.output)


def test_quitting_restores_the_terminal() -> None:
    with terminal("plain") as t:
        t.read_until(b"my-op-redis-0")
        t.send(b"q")
        t.read_until(b"Quit?")
        t.send(b"y")
        assert t.read_rest() == 0
        assert is_restored(t.output)


def test_a_session_that_was_recorded_is_played_as_it_was(tmp_path: Path) -> None:
    cast = tmp_path / "session.cast"
    with terminal("taped", str(cast)) as live:
        live.read_until(b"my-op-redis")
        live.send(b"\x03")
        live.read_until(b"again to quit")
        live.send(b"\x03")
        assert live.read_rest() == 0
    with terminal("play", str(cast), "--speed", "1000", module="reconsole") as played:
        assert played.read_rest() == 0, played.output
        assert played.output.startswith(OPEN.encode())
        assert played.output.endswith(CLOSE.encode())
        assert b"again to quit" in played.output
        assert b"\x1b[?1000" not in played.output, "the mouse is not its to ask for"
    end = event(3600.0, "o", "never")
    cast.write_text(header((120, 36), title="", at=0) + f"\n{event(0.0, 'o', 'first')}\n{end}\n")
    with terminal("play", str(cast), module="reconsole") as left:
        left.read_until(b"first")
        left.send(b"q")
        assert left.read_rest() == 0
        assert b"never" not in left.output
        assert left.output.endswith(CLOSE.encode())

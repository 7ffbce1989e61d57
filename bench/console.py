"""The console on a pseudo-terminal, beside a plain Textual app of a DataTable and a RichLog.

Processor time is that of the app's own thread: events are made by another one of the same process.
"""

from __future__ import annotations

import fcntl
import os
import pty
import select
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.child import Failed, memory
from bench.figures import Figure, percentile

ROWS, COLUMNS = 36, 120
RIVAL = "DataTable and RichLog"
SETTLE = 3.0  # seconds
KEY_PAUSE = 0.15  # seconds between keys
# What is on the screen when the cursor has moved, and the keys that move it to and fro.
MOVED = {"ours": "›".encode(), "plain": b"cursor"}
KEYS = {"ours": (b"j", b"k"), "plain": (b"\x1b[B", b"\x1b[A")}


class Console:
    """One contestant, from its start to its end."""

    def __init__(self, which: str, process: subprocess.Popen[bytes], fd: int) -> None:
        self.which = which
        self.process = process
        self._fd = fd
        self.bytes = 0

    def read(self, seconds: float, until: bytes = b"") -> float | None:
        """Read what comes for so long, or until these bytes do; returns when that was, None for never."""
        end, tail = time.perf_counter() + seconds, b""
        while (left := end - time.perf_counter()) > 0:
            if not select.select([self._fd], [], [], left)[0]:
                break
            try:
                data = os.read(self._fd, 1 << 16)
            except OSError as error:
                raise Failed(f"{self.which} ended with {self.process.poll()}") from error
            self.bytes += len(data)
            tail = tail[-64:] + data
            if until and until in tail:
                return time.perf_counter()
        return None

    def cpu(self) -> float:
        """Seconds of processor time of its main thread."""
        pid = self.process.pid
        fields = Path(f"/proc/{pid}/task/{pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def load(self, seconds: float) -> tuple[float, float]:
        """The share of a core, in %, and kB to the terminal each second."""
        cpu, sent = self.cpu(), self.bytes
        self.read(seconds)
        return (self.cpu() - cpu) / seconds * 100, (self.bytes - sent) / seconds / 1000

    def key_delays(self, count: int) -> list[float]:
        """Milliseconds from a key to the first sight of what it does."""
        delays = []
        for number in range(count):
            self.read(KEY_PAUSE + number % 7 * 0.013)
            began = time.perf_counter()
            os.write(self._fd, KEYS[self.which][number % 2])
            seen = self.read(2.0, MOVED[self.which])
            delays.append(((seen or time.perf_counter()) - began) * 1000)
        return delays


@contextmanager
def shown(which: str, pods: int, rate: int) -> Iterator[tuple[Console, float]]:
    """A contestant with its pods on the screen, and how many seconds that took since the process began."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
    environment = {**os.environ, "TERM": "xterm-256color", "COLORTERM": "truecolor",
                   "COLUMNS": str(COLUMNS), "LINES": str(ROWS)}  # fmt: skip
    began = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "bench.console_apps", which, str(pods), str(rate)],
        stdin=slave, stdout=slave, stderr=slave, env=environment, start_new_session=True,
    )  # fmt: skip
    os.close(slave)
    try:
        console = Console(which, process, master)
        first = console.read(60.0, b"web-0000")
        if first is None:
            raise Failed(f"{which} has not shown its pods within 60 s")
        yield console, first - began
    finally:
        process.kill()
        process.wait()
        os.close(master)


def _quiet(pods: int, seconds: float, bar: float) -> list[Figure]:
    cpu, first, size = {}, {}, {}
    for which in ("ours", "plain"):
        with shown(which, pods, 0) as (console, first[which]):
            console.read(SETTLE)
            cpu[which], _ = console.load(seconds)
            size[which] = memory(console.process.pid)
    return [
        Figure(f"console, {pods:,} pods: first sight of them", first["ours"], "s", first["plain"], RIVAL),
        Figure(f"console, {pods:,} pods: idle", cpu["ours"], "% CPU", cpu["plain"], RIVAL, bar),
        Figure(f"console, {pods:,} pods: memory", size["ours"], "MB", size["plain"], RIVAL),
    ]


def _busy(pods: int, rate: int, seconds: float, keys: int, bars: tuple[float, float, float]) -> list[Figure]:
    cpu, sent, delay = {}, {}, {}
    for which in ("ours", "plain"):
        with shown(which, pods, rate) as (console, _):
            console.read(SETTLE)
            cpu[which], sent[which] = console.load(seconds)
            delay[which] = percentile(console.key_delays(keys), 0.95)
    what = f"console, {rate:,} events/s"
    return [
        Figure(f"{what}: CPU", cpu["ours"], "%", cpu["plain"], RIVAL, bars[0]),
        Figure(f"{what}: key to screen, p95", delay["ours"], "ms", delay["plain"], RIVAL, bars[1]),
        Figure(f"{what}: to the terminal", sent["ours"], "kB/s", sent["plain"], RIVAL, bars[2]),
    ]


def run(kubeconfig: str | None, quick: bool) -> list[Figure]:
    seconds, keys, many = (2.0, 6, 500) if quick else (15.0, 60, 10_000)
    figures = [*_quiet(2, seconds, 0.5), *_quiet(many, seconds, 1.0)]
    figures += _busy(200, 50, seconds, keys, (6.0, 25.0, 40.0))
    figures += _busy(many, 20_000, seconds, keys, (30.0, 30.0, 200.0))
    load = os.getloadavg()[0]
    return [*figures, Figure("console: load average meanwhile", load, "")]

"""Contestants run in processes of their own, so that processor time and memory are theirs alone.

``python -m bench.child MODULE FUNCTION ARGUMENTS`` calls a function and prints what it returns, as JSON.
"""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

TIMEOUT = 900.0  # seconds


class Failed(Exception):
    """A contestant did not finish."""


def call(module: str, function: str, **arguments: Any) -> Any:
    """The answer of ``module.function(**arguments)`` from a new process. Raises Failed."""
    command = [sys.executable, "-m", "bench.child", module, function, json.dumps(arguments)]
    try:
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, timeout=TIMEOUT, check=True)
    except subprocess.SubprocessError as error:
        raise Failed(f"{module}.{function} did not finish: {error}") from error
    return json.loads(done.stdout.splitlines()[-1])


@contextmanager
def running(*command: str, output: int = subprocess.DEVNULL) -> Iterator[subprocess.Popen[str]]:
    """A module that runs until the end of the block; what it says on stderr goes nowhere."""
    process = subprocess.Popen(
        [sys.executable, "-m", *command],
        stdin=subprocess.PIPE, stdout=output, stderr=subprocess.DEVNULL, text=True,
    )  # fmt: skip
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.communicate(timeout=20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()


@contextmanager
def background(*command: str) -> Iterator[tuple[subprocess.Popen[str], Any]]:
    """A running module that prints one JSON line when it is ready, and that line. Raises Failed."""
    with running(*command, output=subprocess.PIPE) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        if not line:
            raise Failed(f"{command[0]} ended before it was ready")
        yield process, json.loads(line)


def memory(pid: int | str = "self", *, peak: bool = False) -> float:
    """Resident MB of a process. Its own counter: ru_maxrss also knows of the process it was forked from."""
    field = "VmHWM:" if peak else "VmRSS:"
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(field)) / 1024


def cpu(pid: int) -> float:
    """Seconds of processor time that a process has used."""
    import os

    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Meter:
    """Wall and processor seconds since it was made."""

    def __init__(self) -> None:
        self._wall, self._cpu = time.perf_counter(), time.process_time()

    def read(self) -> dict[str, float]:
        return {
            "wall": time.perf_counter() - self._wall,
            "cpu": time.process_time() - self._cpu,
            "memory": memory(peak=True),
        }


if __name__ == "__main__":
    _, module, function, arguments = sys.argv
    print(json.dumps(getattr(importlib.import_module(module), function)(**json.loads(arguments))))

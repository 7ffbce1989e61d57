"""What containers use: measured where there is a process, as their annotations say where there is none."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from typing import Protocol

Usage = tuple[float, int]
"""Cores and bytes."""
_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")


class Measured(Protocol):
    def usage(self) -> dict[str, Usage]: ...


class FigureRegistry:
    """The figures of all pods, by UID; the API server of the same process serves them."""

    def __init__(self) -> None:
        self.workers: Mapping[str, Measured] = {}

    def usage(self, uid: str) -> dict[str, Usage]:
        """Of each running container; empty when there is none."""
        worker = self.workers.get(uid)
        return worker.usage() if worker else {}


class ProcessMeter:
    """Reads /proc of one process."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._at, self._used = time.monotonic(), 0.0
        self._cores = 0.0

    def read(self) -> Usage:
        """Cores since a reading at least a second ago, and resident bytes; 0 when it is gone."""
        try:
            with open(f"/proc/{self._pid}/stat") as file:
                fields = file.read().rpartition(")")[2].split()
        except OSError:
            return 0.0, 0
        used, now = (int(fields[11]) + int(fields[12])) / _TICKS, time.monotonic()
        if now - self._at >= 1.0:
            self._cores = (used - self._used) / (now - self._at)
            self._at, self._used = now, used
        return self._cores, int(fields[21]) * _PAGE

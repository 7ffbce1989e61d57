"""Container logs, kept in memory and bounded.

The API server of the same process serves `pods/log` from here:

    registry = LogRegistry()                              # made by sandbox/__main__.py, given to both sides
    KubeletOptions(logs=registry)                         # the kubelet writes
    lines = registry.open_log(namespace, name, container, follow=True, tail_lines=10)
    async for line in lines:                              # bytes, each with its newline
        await response.write(line)

`open_log` itself raises LogError, before the headers are sent. A follower ends with its container.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime

MAX_LINES = 2_000
MAX_BYTES = 512 * 1024


class LogError(ValueError):
    """There is no such log; the message is that of a BadRequest answer."""


class Log:
    """The output of one run of one container. The oldest lines give way."""

    __slots__ = ("_bytes", "_changed", "_closed", "_lines", "_total")

    def __init__(self) -> None:
        self._lines: list[tuple[float, bytes]] = []
        self._bytes = 0
        self._total = 0
        self._closed = False
        self._changed: asyncio.Event | None = None

    def write(self, line: bytes) -> None:
        """Add one line, with or without its newline."""
        line = line.rstrip(b"\r\n")[:16_384] + b"\n"
        self._lines.append((time.time(), line))
        self._bytes += len(line)
        self._total += 1
        if len(self._lines) > MAX_LINES or self._bytes > MAX_BYTES:
            # A tenth at once, so that a busy log is not moved for every line.
            old = self._lines[: max(1, len(self._lines) // 10)]
            del self._lines[: len(old)]
            self._bytes -= sum(len(line) for _, line in old)
        self._wake()

    def close(self) -> None:
        """The container has ended: followers end after the last line."""
        self._closed = True
        self._wake()

    def _wake(self) -> None:
        if self._changed is not None:
            self._changed.set()
            self._changed = None

    async def read(
        self, *, follow: bool, tail_lines: int | None, since: float, timestamps: bool
    ) -> AsyncIterator[bytes]:
        """The last `tail_lines` of those since `since` (Unix seconds), and then what comes."""
        first = self._total - len(self._lines)
        chosen = [index for index, (at, _) in enumerate(self._lines) if at >= since]
        if tail_lines is not None:
            chosen = chosen[len(chosen) - min(tail_lines, len(chosen)) :]
        position = first + chosen[0] if chosen else self._total
        while True:
            first = self._total - len(self._lines)
            position = max(position, first)
            fresh = self._lines[position - first :]
            position = self._total
            for at, line in fresh:
                yield _stamp(at) + line if timestamps else line
            if not follow:
                return
            if position == self._total:
                if self._closed:
                    return
                if self._changed is None:
                    self._changed = asyncio.Event()
                await self._changed.wait()


def _stamp(at: float) -> bytes:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%S.%f000Z ").encode()


class LogRegistry:
    """The logs of all pods of the kubelet, by namespace, name and container."""

    def __init__(self) -> None:
        self._pods: dict[tuple[str, str], dict[str, tuple[Log | None, Log | None]]] = {}
        self._regular: dict[tuple[str, str], list[str]] = {}

    def register(self, namespace: str, name: str, containers: list[str], init: list[str]) -> None:
        """A pod has come to a node; what another pod of that name wrote is forgotten."""
        self._regular[namespace, name] = containers
        self._pods[namespace, name] = {container: (None, None) for container in [*containers, *init]}

    def begin(self, namespace: str, name: str, container: str) -> Log:
        """A container starts: its log; the log of the run before becomes the previous one."""
        containers = self._pods[namespace, name]
        log = Log()
        containers[container] = log, containers[container][0]
        return log

    def drop(self, namespace: str, name: str) -> None:
        self._regular.pop((namespace, name), None)
        for logs in self._pods.pop((namespace, name), {}).values():
            for log in logs:
                if log is not None:
                    log.close()

    def check(
        self, namespace: str, name: str, container: str | None = None, *, previous: bool = False
    ) -> Log:
        """The log that is meant; LogError in the API server's words."""
        containers = self._pods.get((namespace, name))
        if containers is None:
            raise LogError(f"pod {name} does not have a host assigned")
        if not container:
            regular = self._regular[namespace, name]
            if len(regular) > 1:
                names = " ".join(regular)
                raise LogError(f"a container name must be specified for pod {name}, choose one of: [{names}]")
            container = regular[0]
        if container not in containers:
            raise LogError(f"container {container} is not valid for pod {name}")
        current, before = containers[container]
        if previous and before is None:
            raise LogError(f'previous terminated container "{container}" in pod "{name}" not found')
        log = before if previous else current
        if log is None:
            raise LogError(f'container "{container}" in pod "{name}" is waiting to start: ContainerCreating')
        return log

    def open_log(
        self,
        namespace: str,
        name: str,
        container: str | None = None,
        *,
        follow: bool = False,
        tail_lines: int | None = None,
        since_seconds: float | None = None,
        timestamps: bool = False,
        previous: bool = False,
    ) -> AsyncIterator[bytes]:
        """The lines of a container, each with its newline. LogError, at once, when there is no such log."""
        log = self.check(namespace, name, container, previous=previous)
        since = 0.0 if since_seconds is None else time.time() - since_seconds
        return log.read(follow=follow, tail_lines=tail_lines, since=since, timestamps=timestamps)

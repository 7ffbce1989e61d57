"""A de-duplicating queue with delays: a key is never worked on twice at once."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

from controller_runtime.kube.errors import ApiError

from .apiclient import UNREACHABLE

log = logging.getLogger(__name__)

K = TypeVar("K", bound=Hashable)

FIRST_RETRY, LAST_RETRY = 0.05, 30.0  # seconds


class WorkQueue(Generic[K]):
    """Keys in order of arrival. A key added while it is worked on is worked on once more."""

    def __init__(self) -> None:
        self._ready: deque[K] = deque()
        self._waiting: set[K] = set()
        self._active: set[K] = set()
        self._again: set[K] = set()
        self._timers: dict[K, asyncio.TimerHandle] = {}
        self._failures: dict[K, int] = {}
        self._arrived = asyncio.Semaphore(0)

    def add(self, key: K) -> None:
        if timer := self._timers.pop(key, None):
            timer.cancel()
        if key in self._active:
            self._again.add(key)
        elif key not in self._waiting:
            self._waiting.add(key)
            self._ready.append(key)
            self._arrived.release()

    def add_after(self, key: K, seconds: float) -> None:
        """Add later; an earlier time that is already set stays."""
        loop = asyncio.get_running_loop()
        if timer := self._timers.get(key):
            if timer.when() <= loop.time() + seconds:
                return
            timer.cancel()
        self._timers[key] = loop.call_later(seconds, self._due, key)

    def _due(self, key: K) -> None:
        self._timers.pop(key, None)
        self.add(key)

    async def run(self, work: Callable[[K], Awaitable[None]], workers: int) -> None:
        """Work on the keys until cancelled. What fails is tried again, less and less often."""
        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(workers):
                    group.create_task(self._worker(work))
        finally:
            for timer in self._timers.values():
                timer.cancel()

    async def _worker(self, work: Callable[[K], Awaitable[None]]) -> None:
        while True:
            await self._arrived.acquire()
            key = self._ready.popleft()
            self._waiting.discard(key)
            self._active.add(key)
            failed = False
            try:
                await work(key)
            except (ApiError, *UNREACHABLE) as error:
                failed = True
                log.debug("%s: %s", key, error)
            except Exception:
                failed = True
                log.exception("%s failed", key)
            finally:
                self._active.discard(key)
            again = key in self._again
            self._again.discard(key)
            if failed:
                count = self._failures[key] = self._failures.get(key, 0) + 1
                self.add_after(key, min(FIRST_RETRY * 2**count, LAST_RETRY))
            else:
                self._failures.pop(key, None)
                if again:
                    self.add(key)

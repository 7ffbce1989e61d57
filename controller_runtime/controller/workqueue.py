"""The priority workqueue, with the semantics of controller-runtime's.

A key is queued once however often it is added; it keeps the highest priority and the earliest time it was
added with. A key that is being worked on is handed out again only after ``done``. Inside a priority the
order is first in, first out, counted from when a key became ready. ``shutdown`` does not drain.
"""

from __future__ import annotations

import heapq
import math
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from controller_runtime.events import QueueItem
from controller_runtime.kube.resource import Request

# Creates of the first list, updates without a change. Source: controller-runtime pkg/handler/eventhandler.go.
LOW_PRIORITY = -100

# Rate limiter of controller-runtime's pkg/controller/controller.go: 5 ms doubled per failure, at most 1000 s.
BASE_DELAY = 0.005  # seconds
MAX_DELAY = 1000.0  # seconds

_MAX_EXPONENT = 64
_STALE_ENTRIES = 64  # that a heap may hold beside those that count


class Queue(Protocol):
    """What handlers and raw sources see of a workqueue. ``priority`` None is the queue's default."""

    def add(self, request: Request, *, priority: int | None = None) -> None:
        """Reconcile it as soon as a worker is free; once, however often it is added before."""

    def add_after(self, request: Request, delay: float, *, priority: int | None = None) -> None:
        """Add after ``delay`` seconds; 0 or less is now."""

    def add_rate_limited(self, request: Request, *, priority: int | None = None) -> None:
        """Add when the rate limiter allows, and count one more failure of the key."""

    def forget(self, request: Request) -> None:
        """Clear the key's failures."""

    def num_requeues(self, request: Request) -> int:
        """How often the key has failed since it was forgotten."""


class QueueObserver(Protocol):
    """Called at every step, under the queue's lock. Times are in seconds."""

    def added(self) -> None: ...
    def depth(self, priority: int, change: int) -> None: ...
    def got(self, request: Request, waited: float) -> None: ...
    def done(self, request: Request, worked: float) -> None: ...
    def retried(self) -> None: ...


class ExponentialLimiter:
    """``base`` seconds for the first failure of a key, doubled by each further one, at most ``cap``."""

    def __init__(self, base: float = BASE_DELAY, cap: float = MAX_DELAY) -> None:
        self._base = base
        self._cap = cap
        self._failures: dict[Request, int] = {}

    def when(self, request: Request) -> float:
        """The seconds to wait; counts one failure."""
        failures = self._failures.get(request, 0)
        self._failures[request] = failures + 1
        return float(min(self._base * 2 ** min(failures, _MAX_EXPONENT), self._cap))

    def forget(self, request: Request) -> None:
        self._failures.pop(request, None)

    def num_requeues(self, request: Request) -> int:
        return self._failures.get(request, 0)


@dataclass(slots=True)
class _Item:
    priority: int
    counter: int
    ready_at: float | None  # None: ready
    since: float  # when it became ready


@dataclass(slots=True)
class _Taken:
    priority: int
    worker: int
    since: float
    waited: float  # since it was ready


class PriorityQueue:
    """Thread-safe. ``clock`` is monotonic and in seconds."""

    def __init__(
        self,
        name: str = "",
        *,
        limiter: ExponentialLimiter | None = None,
        clock: Callable[[], float] = time.monotonic,
        observer: QueueObserver | None = None,
    ) -> None:
        self.name = name
        self._limiter = limiter or ExponentialLimiter()
        self._clock = clock
        self._observer = observer
        self._lock = threading.Lock()
        # Workers and onlookers wait apart: each that wakes for nothing keeps the others from the interpreter.
        self._available = threading.Condition(self._lock)
        self._changed = threading.Condition(self._lock)
        self._items: dict[Request, _Item] = {}
        # Heaps hold entries that may have become stale; an entry counts only while it matches its item.
        self._ready: list[tuple[int, int, Request]] = []
        self._delayed: list[tuple[float, Request]] = []
        self._processing: dict[Request, _Taken] = {}
        self._errors: dict[Request, str] = {}
        self._awaited = math.inf  # until when one of the workers waits for the first that is delayed
        self._counter = 0
        self._version = 0
        self._is_watched = False
        self._shut_down = threading.Event()

    # Adding

    def add(self, request: Request, *, priority: int | None = None) -> None:
        self.add_after(request, 0.0, priority=priority)

    def add_after(self, request: Request, delay: float, *, priority: int | None = None) -> None:
        with self._lock:
            self._add(request, delay, priority or 0)

    def add_rate_limited(self, request: Request, *, priority: int | None = None, error: str = "") -> None:
        """``error`` is kept for the snapshot until the key is forgotten."""
        with self._lock:
            if self._shut_down.is_set():
                return
            if error:
                self._errors[request] = error
            self._add(request, self._limiter.when(request), priority or 0)

    def forget(self, request: Request) -> None:
        with self._lock:
            self._limiter.forget(request)
            self._errors.pop(request, None)

    def last_error(self, request: Request) -> str:
        """Of the key's failures since it was forgotten, the latest."""
        with self._lock:
            return self._errors.get(request, "")

    def num_requeues(self, request: Request) -> int:
        with self._lock:
            return self._limiter.num_requeues(request)

    def _add(self, request: Request, delay: float, priority: int) -> None:
        if self._shut_down.is_set():
            return
        now = self._clock()
        ready_at = now + delay if delay > 0 else None
        if ready_at is not None and self._observer:
            self._observer.retried()
        item = self._items.get(request)
        if item is None:
            item = self._items[request] = _Item(priority, self._next(), ready_at, now)
            if ready_at is None:
                self._became_ready(item)
            self._push(request, item)
            self._note_change()
            return
        changed = False
        if priority > item.priority:
            if item.ready_at is None and self._observer:
                self._observer.depth(item.priority, -1)
                self._observer.depth(priority, +1)
            item.priority = priority
            changed = True
        if item.ready_at is not None and (ready_at is None or ready_at < item.ready_at):
            item.ready_at = ready_at
            if ready_at is None:
                item.since = now
                self._became_ready(item)
            changed = True
        if changed:
            item.counter = self._next()
            self._push(request, item)
            self._note_change()

    def _next(self) -> int:
        self._counter += 1
        return self._counter

    def _became_ready(self, item: _Item) -> None:
        if self._observer:
            self._observer.added()
            self._observer.depth(item.priority, +1)

    def _push(self, request: Request, item: _Item) -> None:
        """One worker is enough to take it, or to wait until it is ready; the others sleep on."""
        if item.ready_at is not None:
            heapq.heappush(self._delayed, (item.ready_at, request))
            if len(self._delayed) > 2 * len(self._items) + _STALE_ENTRIES:
                # Timers that events overtook: an entry would stay until its time has come.
                self._delayed = [(i.ready_at, r) for r, i in self._items.items() if i.ready_at is not None]
                heapq.heapify(self._delayed)
            if item.ready_at < self._awaited:
                self._available.notify()
        elif request not in self._processing:
            heapq.heappush(self._ready, (-item.priority, item.counter, request))
            self._available.notify()

    def _note_change(self) -> None:
        self._version += 1
        if self._is_watched:
            self._is_watched = False
            self._changed.notify_all()

    # Taking

    def get(self, timeout: float | None = None, *, worker: int = 0) -> tuple[Request, int] | None:
        """The next key and its priority; None after ``timeout`` seconds (None: wait) or on shutdown.

        The key is worked on by ``worker`` until ``done`` is called with it.
        """
        deadline = None if timeout is None else self._clock() + timeout
        with self._lock:
            try:
                while not self._shut_down.is_set():
                    now = self._clock()
                    self._promote(now)
                    if taken := self._take(now, worker):
                        return taken
                    if deadline is not None and now >= deadline:
                        return None
                    self._wait(now, deadline)
                return None
            finally:
                if self._first_delayed() < self._awaited:
                    self._available.notify()  # another has to wait for it now

    def _first_delayed(self) -> float:
        return self._delayed[0][0] if self._delayed else math.inf

    def _wait(self, now: float, deadline: float | None) -> None:
        """Until something may be ready, or ``deadline``. One worker alone waits for what is delayed."""
        first = self._first_delayed()
        leads = first < self._awaited
        if leads:
            self._awaited = first
        until = min(first if leads else math.inf, math.inf if deadline is None else deadline)
        self._available.wait(None if until == math.inf else max(0.0, until - now))
        if leads and self._awaited == first:
            self._awaited = math.inf

    def waited(self, request: Request) -> float:
        """For how many seconds a key that is being worked on could have been taken before it was."""
        with self._lock:
            taken = self._processing.get(request)
            return taken.waited if taken else 0.0

    def done(self, request: Request) -> None:
        """The work on a key has ended; if it was added meanwhile it may be taken again."""
        with self._lock:
            taken = self._processing.pop(request, None)
            if taken is None:
                return
            if self._observer:
                self._observer.done(request, self._clock() - taken.since)
            item = self._items.get(request)
            if item is not None and item.ready_at is None:
                self._push(request, item)
            self._note_change()

    def _promote(self, now: float) -> None:
        while self._delayed:
            ready_at, request = self._delayed[0]
            item = self._items.get(request)
            stale = item is None or item.ready_at != ready_at
            if not stale and ready_at > now:
                return
            heapq.heappop(self._delayed)
            if item is not None and not stale:
                item.ready_at, item.since, item.counter = None, now, self._next()
                self._became_ready(item)
                self._push(request, item)
                self._note_change()

    def _take(self, now: float, worker: int) -> tuple[Request, int] | None:
        while self._ready:
            _, counter, request = heapq.heappop(self._ready)
            item = self._items.get(request)
            if item is None or item.counter != counter or request in self._processing:
                continue
            del self._items[request]
            self._processing[request] = _Taken(item.priority, worker, now, now - item.since)
            if self._observer:
                self._observer.depth(item.priority, -1)
                self._observer.got(request, now - item.since)
            self._note_change()
            return request, item.priority
        return None

    # Looking and ending

    def __len__(self) -> int:
        """How many keys wait, ready or not."""
        with self._lock:
            return len(self._items)

    def shutdown(self) -> None:
        """Wake every ``get``. What is queued stays undone, and nothing more is taken in."""
        with self._lock:
            self._shut_down.set()
            self._available.notify_all()
            self._note_change()

    @property
    def is_shut_down(self) -> bool:
        return self._shut_down.is_set()

    def wait_for_shutdown(self, timeout: float | None = None) -> bool:
        """Block until ``shutdown`` was called; False after ``timeout`` seconds."""
        return self._shut_down.wait(timeout)

    def wait_for_change(self, version: int, timeout: float | None = None) -> int:
        """Block until the queue differs from ``version`` (of the last call) or is shut down."""
        with self._lock:
            self._is_watched = True
            self._changed.wait_for(lambda: self._version != version or self._shut_down.is_set(), timeout)
            return self._version

    def snapshot(self, limit: int | None = None) -> list[QueueItem]:
        """What is worked on, then what is ready in its order, then what waits by time; at most ``limit``."""
        with self._lock:
            now = self._clock()
            self._promote(now)
            waiting = sorted(
                (item.ready_at or 0.0, -item.priority, item.counter, request)
                for request, item in self._items.items()
                if request not in self._processing
            )
            rows = [
                self._row(request, taken.priority, 0.0, taken.worker)
                for request, taken in self._processing.items()
            ]
            for ready_at, priority, _, request in waiting[:limit]:
                rows.append(
                    self._row(request, -priority, max(0.0, ready_at - now) if ready_at else 0.0, None)
                )
            return rows[:limit]

    def _row(self, request: Request, priority: int, ready_in: float, worker: int | None) -> QueueItem:
        return QueueItem(
            key=request.key,
            priority=priority,
            ready_in=ready_in,
            failures=self._limiter.num_requeues(request),
            last_error=self._errors.get(request, ""),
            worker=worker,
        )

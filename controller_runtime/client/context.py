"""Which reconcile the current thread is in: the client asks it before each request, and notes each write."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Literal

from controller_runtime.client.cancel import Cancel, Cancelled
from controller_runtime.kube.resource import Request, Resource


class ReconcileCancelled(Exception):
    """This reconcile may ask no more of the API server: out of time, not leading any more, or stopping."""


class InFlight:
    """The requests of all reconciles that are under way: from ``close`` on none begins, ``cut`` ends them."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._cancels: set[Cancel] = set()
        self.closed = ""  # why

    def __len__(self) -> int:
        return len(self._cancels)

    def close(self, why: str) -> None:
        with self._lock:
            self.closed = why

    def cut(self) -> None:
        """End what is under way; a request that is still connecting will send nothing."""
        with self._lock:
            cancels = list(self._cancels)
        for cancel in cancels:
            cancel.set()

    @contextmanager
    def request(self) -> Iterator[Cancel]:
        """Around one request. Raises Cancelled when none may begin."""
        cancel = Cancel()
        with self._lock:
            if self.closed:
                raise Cancelled(self.closed, sent=False)
            self._cancels.add(cancel)
        try:
            yield cancel
        finally:
            with self._lock:
                self._cancels.discard(cancel)


class ReconcileTimeout(ReconcileCancelled):
    """The reconcile ran longer than its controller's ``reconcile_timeout``."""


@dataclass(frozen=True, slots=True)
class Write:
    """One write that was answered, as the store has to show it before its key is reconciled again."""

    verb: Literal["create", "update", "patch", "delete"]
    resource: Resource
    namespace: str
    name: str
    uid: str
    resource_version: str  # of the object in the answer; "" when it held none


@dataclass(slots=True)
class ReconcileContext:
    """The reconcile that a thread is in. The client calls ``check`` before each request, ``wrote`` after."""

    controller: str
    request: Request
    id: str
    number: int
    deadline: float | None = None  # on ``clock``
    cancelled: Callable[[], str] = lambda: ""  # why nothing may be written any more; "" while it may
    clock: Callable[[], float] = time.monotonic
    writes: list[Write] = field(default_factory=list)
    seq: int = 0  # of its ReconcileStarted on the bus
    in_flight: InFlight = field(default_factory=InFlight)

    def check(self) -> None:
        """Raise ReconcileCancelled when this reconcile may not go on."""
        if reason := self.in_flight.closed or self.cancelled():
            raise ReconcileCancelled(reason)
        if self.deadline is not None and self.clock() >= self.deadline:
            raise ReconcileTimeout(f"reconcile of {self.request} ran out of time")

    def remaining(self) -> float | None:
        """Seconds until the deadline, at least 0; None without one."""
        return None if self.deadline is None else max(0.0, self.deadline - self.clock())

    def wrote(self, write: Write) -> None:
        """Note a write that was answered."""
        self.writes.append(write)


# The id of a person's action, and the number of its event on the bus.
current_action: ContextVar[tuple[str, int]] = ContextVar("current_action", default=("", 0))


@contextmanager
def acting(action: str, cause: int = 0) -> Iterator[None]:
    """Mark the writes inside as asked for by a person's action with this id, whose event has that number."""
    token = current_action.set((action, cause))
    try:
        yield
    finally:
        current_action.reset(token)


current_reconcile: ContextVar[ReconcileContext | None] = ContextVar("current_reconcile", default=None)

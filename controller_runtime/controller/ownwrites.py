"""Read your own writes: a key waits until the store shows what its last reconcile wrote.

Without it a reconcile that comes right after a write acts on the state before that write, and does it again.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from typing import Protocol

from controller_runtime.client.context import Write
from controller_runtime.kube.deltas import Event
from controller_runtime.kube.object import KubeObject
from controller_runtime.kube.resource import Request, Resource

# A watch that is this far behind must not hold the key up any longer.
WAIT_AT_MOST = 5.0  # seconds

# Whose progress is remembered; namespaces may come and go for ever.
MOST_NAMESPACES = 10_000

_Where = tuple[Resource, str, str]


class Shown(Protocol):
    """The store of one watched kind, and whether waiting for it makes sense."""

    def get(self, namespace: str, name: str) -> KubeObject | None: ...
    def is_live(self) -> bool: ...


class OwnWrites:
    """``stores`` are the unfiltered ones of the watched kinds; writes to other kinds are not waited for.

    ``resume`` is called, from any thread, when a parked key has nothing to wait for any more.
    """

    def __init__(
        self,
        stores: Mapping[Resource, Shown],
        resume: Callable[[Request], None],
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._stores = stores
        self._resume = resume
        self._clock = clock
        self._lock = threading.Lock()
        self._pending: dict[Request, tuple[float, dict[_Where, Write]]] = {}
        self._parked: dict[_Where, set[Request]] = {}
        # Within one namespace of one kind, events come in the order of their resource versions.
        self._progress: dict[tuple[Resource, str], int] = {}

    def record(self, request: Request, writes: list[Write]) -> None:
        """The reconcile of ``request`` ended, having made ``writes``."""
        watched = {_where(write): write for write in writes if write.resource in self._stores}
        if watched:
            with self._lock:
                self._pending[request] = (self._clock() + WAIT_AT_MOST, watched)

    def park(self, request: Request) -> float:
        """0 when the key may be reconciled; otherwise the seconds after which it may be in any case."""
        with self._lock:
            pending = self._pending.get(request)
            if pending is None:
                return 0.0
            deadline, writes = pending
            remaining = deadline - self._clock()
            missing = [where for where, write in writes.items() if not self._is_shown(write)]
            if missing and remaining > 0:
                for where in missing:
                    self._parked.setdefault(where, set()).add(request)
                return remaining
            self._unpark(request)
            return 0.0

    def observe(self, event: Event[KubeObject]) -> None:
        """Call it for every watch event, when the store has it."""
        obj = event.obj
        namespace, version = obj.metadata.namespace, _number(obj.metadata.resource_version)
        with self._lock:
            if version > self._progress.get((obj.resource, namespace), 0):
                if len(self._progress) >= MOST_NAMESPACES:
                    self._progress.clear()  # the stores say it too, only not of what is gone
                self._progress[obj.resource, namespace] = version
            parked = self._parked.get((obj.resource, namespace, obj.metadata.name))
            if not parked:
                return
            ready = [r for r in parked if all(self._is_shown(w) for w in self._pending[r][1].values())]
            for request in ready:
                self._unpark(request)
        for request in ready:
            self._resume(request)

    def _is_shown(self, write: Write) -> bool:
        store = self._stores[write.resource]
        if not store.is_live():
            return True
        obj = store.get(write.namespace, write.name)
        if write.verb == "delete":
            # The answer's resource version may be that of the state before.
            return obj is None or obj.metadata.uid != write.uid or obj.is_terminating
        version = _number(write.resource_version)
        if version <= self._progress.get((write.resource, write.namespace), 0):
            return True
        return obj is not None and _number(obj.metadata.resource_version) >= version

    def _unpark(self, request: Request) -> None:
        _, writes = self._pending.pop(request)
        for where in writes:
            parked = self._parked.get(where)
            if parked is not None:
                parked.discard(request)
                if not parked:
                    del self._parked[where]


def _where(write: Write) -> _Where:
    return write.resource, write.namespace, write.name


def _number(resource_version: str) -> int:
    """Resource versions are whole numbers that can be compared (Kubernetes 1.35, KEP-5504); 0 for others."""
    return int(resource_version) if resource_version.isdecimal() else 0

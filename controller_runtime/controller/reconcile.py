"""What a reconciler is, and what it answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from controller_runtime.kube.resource import Request


@dataclass(frozen=True, slots=True)
class Result:
    """``requeue_after``: seconds until the key is to be reconciled again; 0 is never.

    So it is a timer per object, and each reconcile sets it anew: one that comes earlier, because of an event,
    takes the place of the one that was due, and what it returns says when the next is due, if ever.

    ``priority`` overrides the priority the key comes back with; None keeps the one it had.
    """

    requeue_after: float = 0.0
    priority: int | None = None


class TerminalError(Exception):
    """Raise it (or raise it ``from`` the cause) when trying again cannot help. The key is forgotten."""


class ReconcileError(Exception):
    """A failure that the reconciler has put in words; raise it ``from`` its cause.

    It counts and is tried again as any other, but is logged in one line without a traceback, and only once
    while the key fails with the same words.
    """


class Reconciler(Protocol):
    """``reconcile`` brings one object to what it should be, whatever woke it; None is the empty Result.

    It runs on a worker's thread, never twice at once for one key. What it raises is logged, published and
    tried again with back-off; after a server's Retry-After not before that time.
    """

    def reconcile(self, request: Request) -> Result | None: ...

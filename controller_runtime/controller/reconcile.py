"""What a reconciler is, and what it answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from controller_runtime.kube.resource import Request


@dataclass(frozen=True, slots=True)
class Result:
    """``requeue_after``: seconds until the key is to be reconciled again; 0 is never.

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
    def reconcile(self, request: Request) -> Result | None: ...

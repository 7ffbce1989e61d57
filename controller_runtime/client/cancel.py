"""Ending a request from another thread, at once."""

from __future__ import annotations

import threading
from contextvars import ContextVar
from typing import Any

from controller_runtime.kube.errors import Unreachable


class Cancelled(Unreachable):
    """The request was shut from another thread."""


class Cancel:
    """Shuts the socket of whatever request it is given to, now or later. Once set it stays set."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._connection: Any = None
        self.is_set = False

    def attach(self, connection: Any) -> None:
        with self._lock:
            self._connection = connection
            if self.is_set:
                raise Cancelled("cancelled")

    def set(self) -> None:
        with self._lock:
            self.is_set = True
            connection = self._connection
        if connection is not None:
            connection.shut_for(self)


class Attempt:
    """One use of the wire, as its connection sees it. ``sent``: a first byte may be on its way."""

    __slots__ = ("cancel", "sent")

    def __init__(self, cancel: Cancel | None) -> None:
        self.cancel = cancel
        self.sent = False


current_attempt: ContextVar[Attempt | None] = ContextVar("attempt", default=None)

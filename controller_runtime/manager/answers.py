"""A health check: has the API server answered lately, as far as it was asked?"""

from __future__ import annotations

import time
from collections.abc import Callable

from controller_runtime.client.transport import Exchange

UNANSWERED = 300.0  # seconds


class Answers:
    """Give ``observe`` to the transport. Thread-safe: each field is written in one step."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._failing_since: float | None = None
        self._last = ""

    def observe(self, exchange: Exchange) -> None:
        """A request was answered, with status 0 it was not.

        A refusal is an answer too: that a right is missing is no reason to begin anew. But credentials that
        are not accepted (401) may be better after a restart, and an error of the server is none.
        """
        status = exchange.status
        if 200 <= status < 500 and status != 401:
            self._failing_since = None
            return
        self._last = f"HTTP {status}" if status else "no answer"
        if self._failing_since is None:
            self._failing_since = self._clock()

    def check(self) -> str:
        """ "" or what is wrong: all requests of the last five minutes have failed, and there were some."""
        since = self._failing_since
        if since is None or (ago := self._clock() - since) < UNANSWERED:
            return ""
        return f"no request has succeeded for {ago:.0f} s; the last one got {self._last}"

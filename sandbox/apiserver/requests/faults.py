"""Faults on request, for tests and demonstrations: only the admin identity may ask for them."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass

from sandbox.apiserver.machinery.apierrors import StatusError, bad_request
from sandbox.apiserver.machinery.jsonobject import Obj
from sandbox.apiserver.registry.cluster_state import Cluster
from sandbox.apiserver.requests.requestinfo import RequestInfo

_REASONS = {
    429: ("TooManyRequests", "the server has received too many requests and has asked us to try again later"),
    500: ("InternalError", "an error that was asked for"),
    503: ("ServiceUnavailable", "the server is currently unable to handle the request"),
}

_RESTART_SECONDS = 0.1
"""The answer to the request gets out before."""


@dataclass
class _Fault:
    until: float
    resource: str
    verb: str
    status: int = 0
    retry_after: int = 0
    delay: float = 0.0

    def hits(self, info: RequestInfo) -> bool:
        return (not self.resource or self.resource == info.resource) and (
            not self.verb or self.verb == info.verb
        )


class Faults:
    """What is to go wrong now, and for how long."""

    def __init__(self, cluster: Cluster, disconnect: Callable[[], None]) -> None:
        self._cluster, self._disconnect = cluster, disconnect
        self._active: list[_Fault] = []

    def set(self, wish: Obj) -> Obj:
        """Carry out {"dropWatches":true}, {"compact":true}, {"restart":"keep"}, {"clear":true}, or arm
        {"status":429,"retryAfter":1} or {"delay":0.5} for "seconds" (5), of one "resource" and "verb" or all.
        """
        done: Obj = {}
        if wish.get("clear"):
            self._active.clear()
        restart = wish.get("restart")
        if restart not in (None, "", "keep", "forget"):
            raise bad_request('restart is "keep" (the history) or "forget"')
        if restart:
            # What clients see of a restart: every connection breaks, and the history may be lost.
            asyncio.get_running_loop().call_later(_RESTART_SECONDS, self._disconnect)
        if wish.get("compact") or restart == "forget":
            self._cluster.store.compact()
            done["compacted"] = self._cluster.store.compacted
        try:
            status, delay = int(wish.get("status", 0)), float(wish.get("delay", 0))
            seconds, retry = float(wish.get("seconds", 5)), int(wish.get("retryAfter", 0))
        except (TypeError, ValueError):
            raise bad_request("status, delay, seconds and retryAfter are numbers") from None
        if status and status not in _REASONS:
            raise bad_request(f"status {status} cannot be asked for; take one of {sorted(_REASONS)}")
        if status or delay:
            until = time.monotonic() + seconds
            resource, verb = str(wish.get("resource", "")), str(wish.get("verb", ""))
            self._active.append(_Fault(until, resource, verb, status, retry, delay))
        if wish.get("dropWatches"):
            done["dropped"] = self._cluster.store.drop_watchers()
        return {"kind": "Faults", "active": len(self._active), **done}

    async def before(self, info: RequestInfo) -> None:
        """Delay or refuse a request as the faults say."""
        if not self._active or not info.is_resource:
            return
        now = time.monotonic()
        self._active = [f for f in self._active if f.until > now]
        for fault in self._active:
            if fault.hits(info):
                if fault.delay:
                    await asyncio.sleep(fault.delay)
                if fault.status:
                    reason, message = _REASONS[fault.status]
                    raise StatusError(fault.status, reason, message, {}, fault.retry_after)

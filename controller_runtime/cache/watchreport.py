"""The state of one watch, published after every try and in the log once per change."""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable

from msgspec.structs import replace

from controller_runtime.bus import EventBus
from controller_runtime.events import BEGINNING, SERVING, WatchState, WatchStatus
from controller_runtime.kube.errors import ApiError
from controller_runtime.kube.resource import Resource
from controller_runtime.kube.rules import PolicyRule
from controller_runtime.kube.wire import StreamError

log = logging.getLogger("controller_runtime.cache.reflector")


def in_words(label_selector: str, field_selector: str) -> str:
    """A selection of objects as kubectl's options say it; "" for all."""
    options = (("-l", label_selector), ("--field-selector", field_selector))
    return " ".join(f"{name} {selector}" for name, selector in options if selector)


class WatchReport:
    """Thread-safe. ``objects`` counts what the store holds of this watch."""

    def __init__(
        self,
        resource: Resource,
        scope: str,
        bus: EventBus | None,
        wall: Callable[[], float],
        objects: Callable[[], int],
        *,
        clock: Callable[[], float] = time.monotonic,
        selector: str = "",
    ) -> None:
        self.lists: Counter[str] = Counter()  # by reason: first, expired, failing, silent, bad_lines, polling
        self.errors: Counter[tuple[str, str]] = Counter()  # by verb, and HTTP status or what came instead
        self.handlers: tuple[Callable[[WatchStatus, WatchStatus], None], ...] = ()
        self._resource = resource
        self._bus = bus
        self._wall = wall
        self._objects = objects
        self._lock = threading.Lock()
        self._clock = clock
        self._last_event: float | None = None
        self._touched: float | None = None  # the same on the clock, which does not jump
        self._logged: tuple[str, str] = ("", "")
        now = wall()
        self._status = WatchStatus(
            at=now, resource=resource.plural, group=resource.group, kind=resource.kind, scope=scope,
            selector=selector, state="starting", since=now,
        )  # fmt: skip
        self._publish(self._status)

    @property
    def status(self) -> WatchStatus:
        """What was published last, with the present count and age."""
        return replace(self._status, last_event=self._last_event, objects=self._objects())

    @property
    def state(self) -> WatchState:
        return self._status.state

    @property
    def is_live(self) -> bool:
        return self._status.state == "live"

    @property
    def is_failing(self) -> bool:
        return self.state not in SERVING and self.state not in BEGINNING

    def touch(self) -> None:
        """Something came on the stream."""
        self._last_event, self._touched = self._wall(), self._clock()

    @property
    def age(self) -> float | None:
        """Seconds since the last event or bookmark; None before the first."""
        return None if self._touched is None else self._clock() - self._touched

    def refresh(self) -> None:
        """Publish the age of the last event and the number of objects; the state is what it was."""
        with self._lock:
            self._set(self._status.state, keep=True)

    def syncing(self) -> None:
        with self._lock:
            if self.state == "starting":
                self._set("syncing", verb=self._status.verb)

    def live(self) -> None:
        with self._lock:
            if self.state != "live":
                self._set("live", verb="watch")

    def stopped(self) -> None:
        with self._lock:
            self._set("stopped")

    def count_error(self, verb: str, error: Exception) -> None:
        """``<error>`` is no answer, as in rest_client_requests_total, and ``<stream>`` one that broke."""
        match error:
            case ApiError(status=status):
                code = str(status)
            case StreamError():
                code = "<stream>"
            case _:
                code = "<error>"
        self.errors[verb, code] += 1

    def failed(
        self, state: WatchState, verb: str, message: str, next_try: float, rule: PolicyRule | None = None,
        *, status: int = 0, remedy: str = "",
    ) -> None:  # fmt: skip
        with self._lock:
            attempts = self._status.attempts + 1
            self._set(
                state, verb=verb, attempts=attempts, message=message, next_try=next_try, missing_rule=rule,
                status=status, remedy=remedy,
            )  # fmt: skip

    def _set(
        self,
        state: WatchState,
        *,
        verb: str = "",
        attempts: int = 0,
        message: str = "",
        next_try: float | None = None,
        missing_rule: PolicyRule | None = None,
        status: int = 0,
        remedy: str = "",
        keep: bool = False,
    ) -> None:
        old, now = self._status, self._wall()
        if keep:
            verb, attempts, message = old.verb, old.attempts, old.message
            next_try, missing_rule = old.next_try, old.missing_rule
            status, remedy = old.status, old.remedy
        self._status = WatchStatus(
            at=now, resource=old.resource, group=old.group, kind=old.kind, scope=old.scope,
            selector=old.selector, state=state, since=old.since if state == old.state else now, verb=verb,
            attempts=attempts, next_try=next_try, last_event=self._last_event, objects=self._objects(),
            message=message, missing_rule=missing_rule, status=status, remedy=remedy,
        )  # fmt: skip
        self._publish(self._status)
        self._log(old, self._status)
        if self._status.state != old.state:
            for handler in self.handlers:
                handler(old, self._status)

    def _publish(self, status: WatchStatus) -> None:
        if self._bus is not None:
            self._bus.publish(status)

    def _log(self, old: WatchStatus, new: WatchStatus) -> None:
        """One line per change of state, and none for the way from starting to live and to stopped."""
        if (old.state, old.verb) == (new.state, new.verb) or new.state in BEGINNING or new.state == "stopped":
            return
        where = f"in the namespace {new.scope}" if new.scope else "in all namespaces"
        what = f"{new.resource}.{new.group}" if new.group else new.resource
        if new.state == "live":
            if old.state in BEGINNING:
                log.debug("watching %s %s: %d objects", what, where, new.objects)
            else:
                log.info("watching %s %s again after %s", what, where, old.state)
        elif new.state == "polling":
            log.warning("may list but not watch %s %s, so it is polled: %s", what, where, new.message)
        else:
            log.warning("cannot %s %s %s (%s): %s", new.verb, what, where, new.state, new.message)

"""List and watch of one resource in one scope, through every fault of the API server.

Each round is one try: WatchList, or a paged list and a watch, or a watch from the last resource version.
Whatever ends a round badly becomes a state, a sentence and a delay; there is never a loop without one.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from contextlib import ExitStack, closing
from dataclasses import dataclass
from typing import Literal, Protocol

import msgspec

from controller_runtime.cache.backoff import REAL_TIME, Backoff, RateGate, Timing
from controller_runtime.cache.quietgc import quiet_gc
from controller_runtime.cache.watchreport import WatchReport
from controller_runtime.client.cancel import Cancel, Cancelled
from controller_runtime.client.transport import Stream, Transport
from controller_runtime.events import WatchState, WatchStatus
from controller_runtime.kube.errors import (
    ApiError,
    Expired,
    Forbidden,
    NotFound,
    Unauthorized,
    Unreachable,
    unexpected_answer,
)
from controller_runtime.kube.remedies import remedy
from controller_runtime.kube.resource import Resource
from controller_runtime.kube.rules import missing_rule
from controller_runtime.kube.wire import (
    Bookmark,
    Envelope,
    StreamError,
    cut_envelope,
    decode_bookmark,
    decode_envelope,
    decode_page,
    lines,
    selection,
    stream_error,
    with_kind,
)
from controller_runtime.threads import Threads

log = logging.getLogger("controller_runtime.cache.reflector")

PAGE_SIZE = 500  # client-go tools/pager/pager.go
WATCH_TIMEOUT = (300.0, 600.0)  # seconds, asked of the server; client-go tools/cache/reflector.go
IDLE_TIMEOUT = 90.0  # seconds; servers send a bookmark every 60 s
# Events have no bookmarks: the server has to end the watch before silence can mean anything.
SILENT_TIMEOUT = (60.0, 120.0)  # seconds
SILENT_GRACE = 15.0  # seconds
DENIED_CAP = 8.0  # seconds; a grant, a login or a CRD should be seen within ten
POLL_INTERVAL = 5.0  # seconds
HEALTHY_AFTER = 1.0  # seconds; client-go's very short watch
QUIET_HEALTHY_AFTER = 10.0  # seconds, for a stream with nothing in it
RELIST_AFTER_BAD_LINE = 30.0  # seconds
# A resource version that fails so often in a row is given up for a new list.
TRIES_PER_VERSION = 3
# So many watches in a row that broke before their first list was complete (a proxy that buffers them, or cuts
# them) are enough: lists are asked for as such from then on.
INCOMPLETE_STREAMS = 3

# Answers of servers that do not know sendInitialEvents, or have it switched off.
_NO_WATCH_LIST = frozenset({400, 405, 406, 415, 422})


class Sink(Protocol):
    """Where a reflector puts what it reads. All calls come from its one thread.

    ``seen`` and ``change`` raise msgspec.MsgspecError, having done nothing, for what is no JSON.
    """

    def begin(self, scope: str) -> None:
        """A full list begins."""

    def seen(self, scope: str, raw: msgspec.Raw) -> None:
        """An object of that list."""

    def end(self, scope: str) -> None:
        """The list is complete: what was not in it is gone."""

    def change(self, scope: str, type_: str, raw: msgspec.Raw) -> str:
        """A watch event. Returns its resource version, "" when it has none that could be read."""


class _Polling(Exception):
    """Listing works and watching is forbidden."""

    def __init__(self, denied: Forbidden) -> None:
        super().__init__(denied.message)
        self.denied = denied


@dataclass(slots=True)
class _Reading:
    """How far the reading of one stream is. ``confirm`` calls the watch live when nothing ends it soon."""

    is_list: bool  # the list that it begins with is not complete
    confirm: threading.Timer
    quiet: ExitStack  # left when the list is complete
    is_quiet: bool = False
    step: Callable[[], None] | None = None  # for quiet_gc, now and then
    items: int = 0  # events and bookmarks


class Reflector:
    """``run`` blocks until ``stop``; one thread each. ``bad_lines`` counts lines that were no events."""

    def __init__(
        self,
        transport: Transport,
        resource: Resource,
        scope: str,
        sink: Sink,
        report: WatchReport,
        *,
        label_selector: str = "",
        field_selector: str = "",
        timing: Timing = REAL_TIME,
        idle_timeout: float = IDLE_TIMEOUT,
        healthy_after: float = HEALTHY_AFTER,
        threads: Threads | None = None,
    ) -> None:
        self.report = report
        self.synced = threading.Event()  # set when everything was listed once
        self.bad_lines = 0
        self._transport = transport
        self._resource = resource
        self._scope = scope
        self._sink = sink
        self._path = resource.path(scope)
        self._selector = selection(label_selector, field_selector)
        self._timing = timing
        self._idle_timeout = idle_timeout
        self._healthy_after = healthy_after
        self._threads = threads or Threads()
        self._moved = timing.monotonic()  # when something came last, or a wait was over
        self._stop = threading.Event()
        self._wake = threading.Event()
        self._cancel = Cancel()
        self._backoff = Backoff(timing.random)
        self._gate = RateGate(timing, self._stop)
        self._version = ""  # resume from here; "" needs a list
        self._why_list = "first"  # the reason of the next one
        self._tries = 0  # of this version
        self._unsure = False  # whether the server has shown since the last fault that it goes on from there
        self._bad_end: WatchState | Literal[""] = ""  # how the last round ended, unless it was healthy
        self._incomplete = 0  # watches in a row that broke before their first list was complete
        self._verb = ""
        self._bookmarks = resource.plural != "events"  # whether the server sends them regularly
        self._bookmark_seen = False  # on this stream

    def stop(self) -> None:
        """Shut the connection and let ``run`` return. From any thread."""
        self._stop.set()
        self._wake.set()
        self._cancel.set()

    def is_stopped(self) -> bool:
        return self._stop.is_set()

    def unmoved_for(self) -> float:
        """Seconds since something came on the wire or a wait was over."""
        return self._timing.monotonic() - self._moved

    def retry_now(self) -> None:
        """End the current delay."""
        self._wake.set()

    @property
    def status(self) -> WatchStatus:
        """The last state that was published."""
        return self.report.status

    def run(self) -> None:
        while not self._stop.is_set():
            self._moved = self._timing.monotonic()
            try:
                self._round()
                continue
            except Cancelled:
                break
            except Exception as error:
                if self._stop.is_set():
                    break
                delay = self._failed(error)
            self._timing.wait(self._wake, delay)
            self._wake.clear()
        self.report.stopped()

    # One round

    def _round(self) -> None:
        """Returns when a healthy watch has come to its regular end."""
        denied: Forbidden | None = None
        if not self._version and self._may_stream_list():
            try:
                self._watch(initial=True)
                return
            except Forbidden as error:
                denied = error
            except ApiError as error:
                if error.status not in _NO_WATCH_LIST:
                    raise
                self._transport.has_watch_list = False
                self._gate.forgive()
        if not self._version:
            self._list()
        if denied is None:
            try:
                self._watch(initial=False)
                return
            except Forbidden as error:
                denied = error
                if self.report.state != "polling":
                    self._list()  # which says whether this can be served at all
        self._list_next("polling")
        raise _Polling(denied)

    def _may_stream_list(self) -> bool:
        usable = self._transport.has_watch_list and self._incomplete < INCOMPLETE_STREAMS
        return usable and self.report.state != "polling"

    def _list(self) -> None:
        self._verb = "list"
        self.report.lists[self._why_list] += 1
        self._version = ""
        query: dict[str, str] = {"limit": str(PAGE_SIZE), **self._selector}
        self._unsure = False
        self._sink.begin(self._scope)
        before: Callable[[], None] | None = self._gate.wait_turn
        step: Callable[[], None] | None = None
        with ExitStack() as stack:
            while True:
                try:
                    answer = self._transport.request(
                        "GET", self._path, query, cancel=self._cancel, before=before
                    )
                except Expired:
                    if "continue" not in query:
                        raise
                    # All in one, as client-go's tools/pager/pager.go: pages might expire for ever.
                    query = self._selector
                    self._sink.begin(self._scope)
                    before = self._gate.wait_turn
                    continue
                if before is not None and not self.synced.is_set():
                    step = stack.enter_context(quiet_gc())
                    self.report.syncing()
                self._moved = self._timing.monotonic()
                before = None  # the pages after the first are no new tries
                try:
                    page = decode_page(answer.body)
                except msgspec.MsgspecError as error:
                    unexpected = unexpected_answer(answer.status, answer.body, "list", error)
                    raise StreamError(unexpected.message) from error
                for item in page.items or ():
                    self._sink.seen(
                        self._scope, with_kind(item, self._resource.api_version, self._resource.kind)
                    )
                if not page.metadata.token:
                    break
                if step is not None:
                    step()
                query = {**query, "continue": page.metadata.token}
            self._sink.end(self._scope)
            self.synced.set()
        self._took(page.metadata.resource_version)

    def _watch(self, *, initial: bool) -> None:
        """Returns at the regular end of a watch that was healthy."""
        self._verb = "watch"
        self._tries += 1
        query, idle_timeout = self._watch_query(initial)
        stream = self._transport.stream(
            self._path, query, idle_timeout=idle_timeout, cancel=self._cancel, before=self._gate.wait_turn
        )
        opened = self._timing.monotonic()
        self._bookmark_seen = False
        confirm = self._threads.after(self._healthy_after, "watch-is-live", self.report.live)
        with closing(stream), ExitStack() as quiet:
            reading = _Reading(initial, confirm, quiet)
            if not initial and self.report.state != "live":
                confirm.start()
            try:
                self._read(stream, reading)
            except Unreachable as error:
                if isinstance(error, Cancelled):
                    raise
                if str(error) != "timed out" or reading.is_list:
                    raise StreamError(f"the watch broke: {error}") from error
                # Quiet, or dead: the request that comes next tells. Quiet is no news, since servers whose
                # etcd sends no progress notes have bookmarks minutes apart.
                self._bookmarks = self._bookmarks and self._bookmark_seen
                log.debug("the watch of %s was silent, it is begun again", self._resource.plural)
            finally:
                confirm.cancel()
                if confirm.ident is not None:
                    confirm.join()  # or it could call live what has just failed
                lasted = self._timing.monotonic() - opened
                if initial:
                    self._incomplete = self._incomplete + 1 if reading.is_list else 0
                if reading.items:
                    self._unsure = False
                elif self._unsure and lasted >= self._healthy_after:
                    # A server that was set back, to a backup, answers a version from its future with silence.
                    self._list_next("silent")
                if (lasted >= self._healthy_after and reading.items) or lasted >= QUIET_HEALTHY_AFTER:
                    self._backoff.reset()
                    self._bad_end = ""
                    self._tries = 0
        if lasted < self._healthy_after:
            got = f"after {reading.items} items" if reading.items else "and no items received"
            raise StreamError(
                f"very short watch: Unexpected watch close - watch lasted less than a second {got}"
            )

    def _watch_query(self, initial: bool) -> tuple[dict[str, str], float]:
        low, high = WATCH_TIMEOUT if self._bookmarks else SILENT_TIMEOUT
        seconds = int(low + (high - low) * self._timing.random())
        query = {
            "watch": "true", "allowWatchBookmarks": "true", "timeoutSeconds": str(seconds), **self._selector,
        }  # fmt: skip
        if initial:
            query |= {"sendInitialEvents": "true", "resourceVersionMatch": "NotOlderThan"}
        if self._version:
            query["resourceVersion"] = self._version
        return query, self._idle_timeout if self._bookmarks else seconds + SILENT_GRACE

    def _read(self, stream: Stream, reading: _Reading) -> None:
        """Hand on what comes, until the regular end of the stream."""
        bad_since: float | None = None
        if reading.is_list:
            self.report.lists[self._why_list] += 1
            self._sink.begin(self._scope)
        for line in lines(stream):
            self._moved = self._timing.monotonic()
            if not line or line.isspace():
                continue
            try:
                try:
                    self._take(cut_envelope(line), reading)
                except msgspec.MsgspecError:
                    self._take(decode_envelope(line), reading)  # only its beginning was as usual
            except msgspec.MsgspecError:
                self.bad_lines += 1
                bad_since = self._timing.monotonic() if bad_since is None else bad_since
                continue
            reading.items += 1
            if bad_since is not None and self._timing.monotonic() - bad_since > RELIST_AFTER_BAD_LINE:
                break
        if reading.is_list:
            raise StreamError("the watch ended before its first list was complete")
        if bad_since is not None:
            self._list_next("bad_lines")  # one of them may have been an event
            raise StreamError(f"the watch had {self.bad_lines} lines that are no watch events")

    def _take(self, event: Envelope, reading: _Reading) -> None:
        """Raises msgspec.MsgspecError for what is no event, having done nothing."""
        if event.type == "ERROR":
            raise stream_error(event.object)
        bookmark = decode_bookmark(event.object) if event.type == "BOOKMARK" else None
        if reading.is_list:
            self._take_listed(event, bookmark, reading)
            return
        report = self.report
        report.touch()
        if bookmark is not None:
            version = bookmark.metadata.resource_version
            self._bookmarks = self._bookmark_seen = True
            report.refresh() if report.is_live else report.live()
        else:
            version = self._sink.change(self._scope, event.type, event.object)
            if not report.is_live:
                report.live()
        if version:
            self._took(version)

    def _take_listed(self, event: Envelope, bookmark: Bookmark | None, reading: _Reading) -> None:
        """Part of the list that a watch begins with, or the bookmark that ends it."""
        sink, scope, report = self._sink, self._scope, self.report
        if not self.synced.is_set() and not reading.is_quiet:
            reading.is_quiet = True
            reading.step = reading.quiet.enter_context(quiet_gc())
            report.syncing()
        if bookmark is None:
            if event.type == "DELETED":
                sink.change(scope, event.type, event.object)
            else:
                sink.seen(scope, event.object)
            if reading.items % PAGE_SIZE == 0 and reading.step is not None:
                reading.step()
            return
        if not bookmark.ends_initial_list:
            self._transport.has_watch_list = False
            raise StreamError("the server does not know how to begin a watch with a list")
        report.touch()
        sink.end(scope)
        self.synced.set()
        reading.quiet.close()
        reading.is_list = False
        if report.state in ("reconnecting", "expired") and report.status.attempts > 1:
            reading.confirm.start()  # it may be one that breaks after each list
        else:
            report.live()
        self._took(bookmark.metadata.resource_version)

    def _list_next(self, reason: str) -> None:
        self._version, self._why_list = "", reason

    def _took(self, version: str) -> None:
        if version != self._version:
            self._version, self._tries = version, 0

    # After a bad end

    def _failed(self, error: Exception) -> float:
        """Report it; the delay in seconds before the next round."""
        state, verb, cap = self._judge(error)
        self._unsure = True
        if isinstance(error, _Polling):
            delay = POLL_INTERVAL * (1 + 0.2 * self._timing.random())
        else:
            delay = self._backoff.next(cap, getattr(error, "retry_after", None) or 0.0)
        if state == "expired":
            self._list_next("expired")
            if self._bad_end != "expired":
                delay = 0.0  # the wait before this try was for something else
        elif self._version and self._tries >= TRIES_PER_VERSION and state == "reconnecting":
            self._list_next("failing")
            self._tries = 0
        rule = None
        if isinstance(error, _Polling):
            rule = missing_rule(error.denied, self._resource, "watch")
        elif isinstance(error, Forbidden):
            rule = missing_rule(error, self._resource, "list", "watch")
        self._bad_end = state
        self.report.count_error(verb, error)
        cause = error.denied if isinstance(error, _Polling) else error
        self.report.failed(
            state, verb, self._sentence(error), self._timing.wall() + delay, rule,
            status=getattr(cause, "status", 0), remedy=remedy(self._transport.host, cause),
        )  # fmt: skip
        return delay

    def _judge(self, error: Exception) -> tuple[WatchState, str, float]:
        match error:
            case _Polling():
                return "polling", "watch", DENIED_CAP
            case Forbidden():
                return "forbidden", self._verb, DENIED_CAP
            case Unauthorized():
                return "unauthorized", self._verb, DENIED_CAP
            case Expired():
                return "expired", self._verb, Backoff.CAP
            case NotFound():
                return "reconnecting", self._verb, DENIED_CAP
            case Unreachable():
                return "unreachable", self._verb, Backoff.CAP
            case ApiError() | StreamError():
                return "reconnecting", self._verb, Backoff.CAP
            case _:
                log.exception("%s: this is a defect of the runtime; trying again", self._resource.plural)
                return "reconnecting", self._verb, Backoff.CAP

    def _sentence(self, error: Exception) -> str:
        if isinstance(error, NotFound):
            name = f"{self._resource.plural}.{self._resource.group}".rstrip(".")
            return f"the cluster does not know {name} {self._resource.version}: {error.message}"
        return str(error) or type(error).__name__

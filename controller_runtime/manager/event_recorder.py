"""Records Kubernetes Events (events.k8s.io/v1) from a thread of its own, repetitions as series.

After client-go's tools/events: the first occurrence is created, the second makes it a series of two, later
ones are only counted until the series is refreshed or has ended. Unlike there, the note is part of what makes
a series, since a series keeps the note of its first occurrence only.
"""

from __future__ import annotations

import heapq
import logging
import queue
import random
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

import msgspec

from controller_runtime.client.client import Client
from controller_runtime.kube.errors import (
    AlreadyExists,
    ApiError,
    NotFound,
    ServerError,
    TooManyRequests,
    Unreachable,
)
from controller_runtime.kube.resource import Ref
from controller_runtime.kube.times import micro_timestamp
from controller_runtime.threads import SupervisedThread, Threads

log = logging.getLogger("controller_runtime.manager.event_recorder")

# Source of all of these: client-go tools/events/event_broadcaster.go.
MAX_TRIES = 12
RETRY_SLEEP = 10.0  # seconds, times 1 to 1.25
FINISH_AFTER = 360.0  # seconds without a repetition
REFRESH_EVERY = 1800.0  # seconds
MAX_SERIES = 4096  # maxLruCacheEntries of client-go tools/record/events_cache.go; the oldest are let go
QUEUE_SIZE = 1000  # events; more are dropped and counted
TEND_EVERY = 1.0  # seconds; how often a busy recorder looks after retries and old series
MAX_NOTE = 1024  # bytes; the API refuses more

_PATH = "/apis/events.k8s.io/v1/namespaces/{}/events"


class _Key(NamedTuple):
    controller: str
    regarding: Ref
    type: str
    reason: str
    action: str
    note: str = ""  # what differs in its words is another event: a series keeps the words of its first one


class _Occurrence(NamedTuple):
    key: _Key
    note: str
    at: float  # Unix seconds
    seen: float  # on the clock


@dataclass(slots=True)
class _Series:
    name: str  # of the Event object
    first: float  # Unix seconds
    count: int
    last: float  # Unix seconds
    seen: float  # when the last one was, on the clock
    written: int = 0  # the count that the server knows
    written_at: float = 0.0  # on the clock


@dataclass(slots=True, order=True)
class _Retry:
    due: float  # on the clock
    number: int
    key: _Key = field(compare=False)
    tries: int = field(compare=False)


class EventRecorder:
    """Records Kubernetes Events in the name of one controller. Made by ``Manager.event_recorder``."""

    def __init__(self, name: str, broadcaster: EventBroadcaster) -> None:
        self._name = name
        self._broadcaster = broadcaster

    def event(
        self, ref: Ref, type: Literal["Normal", "Warning"], reason: str, action: str, note: str
    ) -> None:
        """Record that something happened to ``ref``. ``reason`` and ``action`` are words in UpperCamelCase.

        Never blocks and never raises; what cannot be recorded is counted and dropped.
        """
        self._broadcaster.put(_Key(self._name, ref, type, reason, action), note)


class EventBroadcaster:
    """One thread for all recorders of a manager. ``dropped`` is called for every event that is lost.

    ``now`` is what the Events say, in Unix seconds; what is waited for goes by ``clock``, which never jumps.
    """

    def __init__(
        self,
        client: Client,
        *,
        dropped: Callable[[], None] = lambda: None,
        host: str = "",
        now: Callable[[], float] = time.time,
        clock: Callable[[], float] = time.monotonic,
        rng: Callable[[], float] = random.random,
        retry_sleep: float = RETRY_SLEEP,
        threads: Threads | None = None,
    ) -> None:
        self._client = client
        self._dropped = dropped
        self._host = host or socket.gethostname()
        self._now = now
        self._clock = clock
        self._rng = rng
        self._retry_sleep = retry_sleep
        self._queue: queue.Queue[_Occurrence | None] = queue.Queue(QUEUE_SIZE)
        self._series: dict[_Key, _Series] = {}
        self._retries: list[_Retry] = []
        self._retry_number = 0
        self._last_name = 0
        self._tend_at = 0.0
        self._refused = ""
        self._threads = threads or Threads()
        self._thread: SupervisedThread | None = None
        self._ending = threading.Event()
        self._closed = False  # nothing is sent any more

    def recorder(self, name: str) -> EventRecorder:
        return EventRecorder(name, self)

    def put(self, key: _Key, note: str) -> None:
        try:
            self._queue.put_nowait(_Occurrence(key, note, self._now(), self._clock()))
        except queue.Full:
            self._dropped()

    def start(self) -> None:
        self._thread = self._threads.start("event-recorder", self._run, done=self._ending.is_set)

    def stop(self, timeout: float) -> None:
        """Send what waits, for ``timeout`` seconds at most; without any, begin no request more."""
        self._closed = timeout <= 0
        self._ending.set()
        with suppress(queue.Full):  # the thread looks at _ending as well
            self._queue.put_nowait(None)
        if self._thread is not None:
            self._thread.join(timeout)

    def _run(self) -> None:
        while True:
            try:
                occurrence = self._queue.get(timeout=self._pause())
            except queue.Empty:
                occurrence = None
            if self._closed:
                break
            if occurrence is not None:
                self.handle(*occurrence)
            elif self._ending.is_set():
                break
            if occurrence is None or self._clock() >= self._tend_at:
                self._tend_at = self._clock() + TEND_EVERY
                self.tend()
        for key, series in list(self._series.items()):
            if series.written != series.count:
                self._send(key, MAX_TRIES)
        while not self._queue.empty():
            if self._queue.get_nowait() is not None:
                self._dropped()

    def _pause(self) -> float:
        """Seconds until something has to be tried again or a series may have ended."""
        if self._ending.is_set():
            return 0.01
        due = self._retries[0].due - self._clock() if self._retries else 60.0
        return min(max(due, 0.01), 60.0)

    def handle(self, key: _Key, note: str, at: float, seen: float) -> None:
        """One occurrence: a new Event, or one more of a series of the same words."""
        key = key._replace(note=_shorten(note))
        series = self._series.get(key)
        if series is not None and seen - series.seen < FINISH_AFTER:
            series.count += 1
            series.last, series.seen = at, seen
            if series.written == 1:
                self._send(key, 1)
            return
        if series is not None and series.written != series.count:
            self._send(key, 1)
        self._series.pop(key, None)  # so that it becomes the newest
        self._series[key] = _Series(self._event_name(key, at), at, 1, at, seen)
        self._send(key, 1)
        while len(self._series) > MAX_SERIES:
            oldest = next(iter(self._series))
            if self._series.pop(oldest).written == 0:
                self._dropped()

    def tend(self) -> None:
        """Try again what failed, refresh series that go on, and let go of those that have ended."""
        now = self._clock()
        while self._retries and self._retries[0].due <= now:
            retry = heapq.heappop(self._retries)
            if retry.key in self._series:
                self._send(retry.key, retry.tries)
        waiting = {retry.key for retry in self._retries}
        for key, series in list(self._series.items()):
            ended = now - series.seen >= FINISH_AFTER
            if series.written and series.written != series.count:
                if ended or now - series.written_at >= REFRESH_EVERY:
                    self._send(key, 1)
            elif ended and key not in waiting:
                del self._series[key]

    def _body(self, key: _Key, series: _Series) -> dict[str, Any]:
        ref = key.regarding
        namespace = ref.namespace or "default"
        regarding = {"apiVersion": ref.api_version, "kind": ref.kind, "name": ref.name}
        regarding |= {k: v for k, v in (("namespace", ref.namespace), ("uid", ref.uid)) if v}
        return {
            "apiVersion": "events.k8s.io/v1",
            "kind": "Event",
            "metadata": {"name": series.name, "namespace": namespace},
            "eventTime": micro_timestamp(series.first),
            "reportingController": key.controller,
            "reportingInstance": f"{key.controller}-{self._host}"[:128],
            "action": key.action,
            "reason": key.reason,
            "regarding": regarding,
            "note": key.note,
            "type": key.type,
        }

    def _send(self, key: _Key, tries: int) -> None:
        series = self._series[key]
        if self._closed:
            self._dropped()
            return
        try:
            self._write(key, series)
        except (Unreachable, ServerError, TooManyRequests) as error:
            if tries >= MAX_TRIES:
                self._give_up(key, str(error))
                return
            self._retry_number += 1
            wait = self._retry_sleep * (1 + 0.25 * self._rng())
            due = self._clock() + max(wait, getattr(error, "retry_after", None) or 0.0)
            heapq.heappush(self._retries, _Retry(due, self._retry_number, key, tries + 1))
        except ApiError as error:
            self._give_up(key, error.message)
        except Exception as error:  # a reason that has no UTF-8, for one: the others are to be recorded
            self._give_up(key, f"{type(error).__name__}: {error}")
        else:
            self._refused = ""
            series.written, series.written_at = series.count, self._clock()

    def _write(self, key: _Key, series: _Series) -> None:
        path = _PATH.format(key.regarding.namespace or "default")
        extra = {"series": {"count": series.count, "lastObservedTime": micro_timestamp(series.last)}}
        if series.written:
            try:
                self._client.transport.request(
                    "PATCH", f"{path}/{series.name}", body=msgspec.json.encode(extra),
                    content_type="application/merge-patch+json",
                )  # fmt: skip
                return
            except NotFound:
                # Events live for an hour only: the series goes on in a new one.
                series.name = self._event_name(key, series.last)
        body = self._body(key, series) | (extra if series.count > 1 else {})
        with suppress(AlreadyExists):  # an earlier try of ours arrived, its answer did not
            self._client.transport.request("POST", path, body=msgspec.json.encode(body))

    def _event_name(self, key: _Key, at: float) -> str:
        """After client-go's, by time; never one that was given before."""
        self._last_name = max(int(at * 1e9), self._last_name + 1)
        return f"{key.regarding.name[:200]}.{self._last_name:x}"

    def _give_up(self, key: _Key, why: str) -> None:
        """Lost. Logged once for each reason in a row: a missing RBAC rule is missing for all of them."""
        self._series.pop(key, None)
        self._dropped()
        if why != self._refused:
            self._refused = why
            log.warning("Unable to record an event", extra={"fields": {"reason": key.reason, "error": why}})


def _shorten(note: str) -> str:
    raw = note.encode(errors="replace")  # half a surrogate pair has no UTF-8
    if len(raw) > MAX_NOTE:
        return raw[: MAX_NOTE - 3].decode(errors="ignore") + "…"
    return raw.decode()

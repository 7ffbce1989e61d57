"""Lists and watches one kind in one scope for ever, whatever the API server does.

WatchList first (KEP-3157), a paged LIST as the fall-back; resume from the last resource version, bookmarks
included; back-off that only a healthy stream resets; never more than two requests per second. Every
state is published as a ``WatchStatus`` and logged once when it changes.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

import msgspec
from msgspec.structs import replace

from controller.bus import EventBus
from controller.bus_events import ChangeType, PolicyRule, Quarantined, WatchState, WatchStatus
from controller.runtime.backoff import CAP, Backoff
from controller.runtime.client import Client
from controller.runtime.errors import (
    ApiError,
    Expired,
    Forbidden,
    Status,
    Unauthorized,
    Unreachable,
    api_error,
)
from controller.runtime.gctame import tamed
from controller.runtime.objects import Decoder, KubeObject
from controller.runtime.transport import Stream

log = logging.getLogger("controller.runtime.reflector")

K = TypeVar("K", bound=KubeObject)

PAGE_SIZE = 500  # client-go tools/pager/pager.go
# client-go tools/cache/reflector.go: every watch asks the server to end it after 5 to 10 minutes.
MIN_WATCH, MAX_WATCH = 300.0, 600.0  # seconds
# kube-apiserver sends a bookmark every 60 s; without any for this long the connection is dead.
IDLE_TIMEOUT = 90.0  # seconds
# Events have no watch cache and no bookmarks, so their watches are short instead.
EVENTS_MIN_WATCH, EVENTS_MAX_WATCH = 60.0, 120.0  # seconds
# A first list that sends nothing for this long comes from a server that does not know WatchList.
SYNC_IDLE_TIMEOUT = 30.0  # seconds
# client-go's "very short watch": it ended within a second and brought nothing.
SHORT_WATCH = 1.0  # seconds
# Two requests per second at most, in any fault.
MIN_INTERVAL = 0.5  # seconds
# A grant should show soon, so a refusal is asked again sooner than other failures.
FORBIDDEN_CAP = 5.0  # seconds, before jitter
POLL_INTERVAL = 10.0  # seconds between lists when watching is forbidden

INITIAL_EVENTS_END = "k8s.io/initial-events-end"


@dataclass(frozen=True, slots=True)
class Entry(Generic[K]):
    """An object, and the bytes that it was decoded from."""

    obj: K
    raw: bytes


class Sink(Protocol[K]):
    """Where a reflector delivers. ``replace`` is a whole list, ``apply`` one event."""

    def replace(self, scope: str, entries: list[Entry[K]], kept: set[tuple[str, str]]) -> None: ...
    def apply(self, type_: ChangeType, entry: Entry[K]) -> None: ...


class _Meta(msgspec.Struct, rename="camel"):
    name: str = ""
    namespace: str = ""
    resource_version: str = ""
    annotations: dict[str, str] | None = None


class _Item(msgspec.Struct):
    metadata: _Meta = msgspec.field(default_factory=_Meta)


class _WatchLine(msgspec.Struct):
    type: str
    object: msgspec.Raw


class _PageMeta(msgspec.Struct, rename="camel"):
    resource_version: str = ""
    continue_: str = msgspec.field(name="continue", default="")


class _Page(msgspec.Struct):
    metadata: _PageMeta
    items: list[msgspec.Raw] | None = None


_lines = msgspec.json.Decoder(_WatchLine)
_items = msgspec.json.Decoder(_Item)
_pages = msgspec.json.Decoder(_Page)


class _Stopped(Exception):
    pass


class _Failed(Exception):
    """A stream that ended in a way that counts as a failure."""


class Reflector(Generic[K]):
    """One thread. ``status`` is the last state it published; ``synced`` is set after the first list."""

    def __init__(
        self,
        client: Client,
        kind: type[K],
        scope: str,
        sink: Sink[K],
        bus: EventBus,
        *,
        label_selector: str = "",
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
        rng: Callable[[], float],
        wait: Callable[[float], bool] | None = None,
    ) -> None:
        self.scope = scope
        self.synced = threading.Event()
        self._client = client
        self._kind = kind
        self._resource = kind.resource
        self._decoder = Decoder(kind)
        self._sink = sink
        self._bus = bus
        self._selector = {"labelSelector": label_selector} if label_selector else {}
        self._clock = clock
        self._monotonic = monotonic
        self._rng = rng
        self._stop = threading.Event()
        self._wait = wait or self._stop.wait
        self._stream: Stream | None = None
        self._thread: threading.Thread | None = None
        self._backoff = Backoff(rng)
        self._version = ""  # where the next watch resumes; "" means that a list is due
        self._watch_list = True
        self._last_request: float | None = None
        self._objects = 0
        self._quarantined: set[tuple[str, str, str]] = set()
        self.status = WatchStatus(
            at=clock(), resource=self._resource.plural, group=self._resource.group,
            kind=self._resource.kind, scope=scope, state="starting", since=clock(),
        )  # fmt: skip

    def start(self) -> None:
        """Start the thread. Calling it again does nothing."""
        if self._thread is None:
            name = f"reflector-{self._resource.plural}"
            self._thread = threading.Thread(target=self.run, name=name, daemon=True)
            self._thread.start()

    def cut(self) -> None:
        """Ask the thread to end, and cut its connection."""
        self._stop.set()
        if stream := self._stream:
            stream.close()

    def join(self, timeout: float) -> None:
        if self._thread is not None:
            self._thread.join(timeout)

    def run(self) -> None:
        self._tell("starting")
        with suppress(_Stopped):
            while not self._stop.is_set():
                self._round()
        self._tell("stopped", verb="")

    # One round: list if it is due, watch until the stream ends

    def _round(self) -> None:
        verb = "watch" if self._version or self._watch_list else "list"
        try:
            if not self._version:
                self._tell("syncing", verb=verb)
            if self._version or self._watch_list:
                verb = "watch"
                self._watch()
            else:
                verb = "list"
                self._list()
                return
            self._backoff.reset()
        except Forbidden as error:
            self._forbidden(error, verb)
        except ApiError as error:
            self._api_error(error, verb)
        except Unreachable as error:
            state: WatchState = "reconnecting" if self.status.state == "live" else "unreachable"
            self._pause(state, verb, str(error))
        except _Failed as error:
            self._pause("reconnecting", verb, str(error))

    def _api_error(self, error: ApiError, verb: str) -> None:
        if isinstance(error, Expired):
            # The next list is due at once; only when that expires too is there something to wait for.
            again = not self._version
            self._version = ""
            if again:
                self._pause("expired", verb, error.message)
            else:
                self._tell("expired", verb=verb, message=error.message)
        elif isinstance(error, Unauthorized):
            self._pause("unauthorized", verb, error.message)
        elif not self._version and self._watch_list and error.status in (400, 404, 405, 422):
            # A server that does not know WatchList refuses its parameters; whatever else is wrong, the
            # list will say it as well.
            self._watch_list = False
        else:
            self._pause("reconnecting", verb, error.message, at_least=error.retry_after)

    def _forbidden(self, error: Forbidden, verb: str) -> None:
        rule = PolicyRule((self._resource.group,), (self._resource.plural,), (verb,))
        if verb == "list":
            self._pause("forbidden", verb, error.message, cap=FORBIDDEN_CAP, rule=rule)
            return
        # May we list at least? Then the data is kept current by listing, and said to be so.
        try:
            self._list()
        except Forbidden as refused:
            both = PolicyRule((self._resource.group,), (self._resource.plural,), ("list", "watch"))
            self._pause("forbidden", "list", refused.message, cap=FORBIDDEN_CAP, rule=both)
        except (ApiError, Unreachable) as failed:
            self._pause("reconnecting", "list", str(failed))
        else:
            self._version = ""
            self._backoff.failures += 1
            self._pause("polling", verb, error.message, exactly=POLL_INTERVAL, rule=rule)

    # Requests

    def _pace(self) -> None:
        """Keep to the highest rate of requests, whatever happens."""
        if self._last_request is not None:
            early = self._last_request + MIN_INTERVAL - self._monotonic()
            if early > 0 and self._wait(early):
                raise _Stopped
        if self._stop.is_set():
            raise _Stopped
        self._last_request = self._monotonic()

    def _list(self) -> None:
        """All pages; then the watch goes on from there."""
        path = self._resource.path(self.scope)
        prefix = f'{{"apiVersion":"{self._resource.api_version}","kind":"{self._resource.kind}",'.encode()
        entries: list[Entry[K]] = []
        kept: set[tuple[str, str]] = set()
        query: dict[str, str] = {"limit": str(PAGE_SIZE), **self._selector}
        self._pace()
        with tamed():
            while True:
                page = _pages.decode(self._client.list_page(path, query))
                for item in page.items or ():
                    # Items of a list have no kind of their own.
                    raw = bytes(item)
                    entry = self._decode(raw if b'"kind"' in raw[:80] else prefix + raw.lstrip()[1:], kept)
                    if entry:
                        entries.append(entry)
                if not page.metadata.continue_ or self._stop.is_set():
                    break
                query["continue"] = page.metadata.continue_
            self._replace(entries, kept)
        self._version = page.metadata.resource_version

    def _watch(self) -> None:
        first = not self._version
        is_events = self._resource.plural == "events"
        low, high = (EVENTS_MIN_WATCH, EVENTS_MAX_WATCH) if is_events else (MIN_WATCH, MAX_WATCH)
        timeout = low + (high - low) * self._rng()
        query = {
            "allowWatchBookmarks": "true",
            "timeoutSeconds": str(int(timeout)),
            "resourceVersion": self._version,
            **self._selector,
        }
        if first:
            query |= {"sendInitialEvents": "true", "resourceVersionMatch": "NotOlderThan"}
        idle = SYNC_IDLE_TIMEOUT if first else timeout + 10.0 if is_events else IDLE_TIMEOUT
        self._pace()
        started = self._monotonic()
        stream = self._client.watch(self._resource.path(self.scope), query, idle_timeout=idle)
        self._stream = stream
        if self._stop.is_set():
            stream.close()
        try:
            if not first:
                self._live()
            received = self._read(stream.lines(), first)
        finally:
            self._stream = None
            stream.close()
        if self._stop.is_set():
            raise _Stopped
        if not received and self._monotonic() - started < SHORT_WATCH:
            raise _Failed("the watch ended at once and brought nothing")

    def _read(self, lines: Iterator[bytes], first: bool) -> int:
        """Deliver what the stream brings until it ends; the number of its lines."""
        if first:
            with tamed():
                count = self._read_first(lines)
        else:
            count = 0
        for line in lines:
            if self._event(line):
                count += 1
                if self._backoff.failures:
                    self._backoff.reset()
                    self._live()
        return count

    def _read_first(self, lines: Iterator[bytes]) -> int:
        """The objects that are there, up to the bookmark that ends them."""
        entries: dict[tuple[str, str], Entry[K]] = {}
        kept: set[tuple[str, str]] = set()
        count = 0
        for line in lines:
            event = self._line(line)
            if event is None:
                continue
            count += 1
            if event.type == "BOOKMARK":
                meta = _items.decode(event.object).metadata
                if (meta.annotations or {}).get(INITIAL_EVENTS_END) == "true":
                    self._replace(list(entries.values()), kept)
                    self._version = meta.resource_version
                    self._live()
                    return count
                continue
            entry = self._decode(bytes(event.object), kept)
            if entry is None:
                continue
            key = (entry.obj.metadata.namespace, entry.obj.metadata.name)
            if event.type == "DELETED":
                entries.pop(key, None)
            else:
                entries[key] = entry
        if not self._stop.is_set():
            raise _Failed("the watch ended before the first list was complete")
        return count

    def _line(self, line: bytes) -> _WatchLine | None:
        """One line as an event; None for what is none. Raises what an ERROR event says."""
        if not line.strip():
            return None
        try:
            event = _lines.decode(line)
        except msgspec.MsgspecError:
            self._quarantine("", "", "", "a line of the watch is not JSON")
            return None
        if event.type == "ERROR":
            status = msgspec.json.decode(event.object, type=Status)
            raise api_error(status.code or 500, bytes(event.object))
        return event

    def _event(self, line: bytes) -> bool:
        event = self._line(line)
        if event is None:
            return False
        self._last_event = self._clock()
        if event.type == "BOOKMARK":
            self._version = _items.decode(event.object).metadata.resource_version or self._version
            return True
        if event.type not in ("ADDED", "MODIFIED", "DELETED"):
            self._quarantine("", "", "", f"an event of unknown type {event.type[:40]!r}")
            return False
        entry = self._decode(bytes(event.object), set())
        if entry is not None:
            self._objects += {"ADDED": 1, "DELETED": -1}.get(event.type, 0)
            self._sink.apply(event.type, entry)  # type: ignore[arg-type]
            self._version = entry.obj.metadata.resource_version or self._version
        return True

    # Objects

    def _decode(self, raw: bytes, kept: set[tuple[str, str]]) -> Entry[K] | None:
        """An entry, or None for an object that cannot be read: that one is put aside and reported, alone."""
        try:
            obj = self._decoder.decode(raw)
        except msgspec.MsgspecError as error:
            meta = _Meta()
            with suppress(msgspec.MsgspecError):
                meta = _items.decode(raw).metadata
            kept.add((meta.namespace, meta.name))
            if meta.resource_version and self._version:
                self._version = meta.resource_version
            self._quarantine(meta.namespace, meta.name, meta.resource_version, str(error))
            return None
        return Entry(obj, raw)

    def _quarantine(self, namespace: str, name: str, version: str, reason: str) -> None:
        seen = (namespace, name, version)
        if seen in self._quarantined and name:
            return
        if len(self._quarantined) > 1000:
            self._quarantined.clear()
        self._quarantined.add(seen)
        log.warning("%s %s/%s is put aside: %s", self._resource.kind, namespace, name, reason)
        self._bus.publish(
            Quarantined(
                at=self._clock(), resource=self._resource.plural, scope=self.scope,
                reason=reason, name=name, namespace=namespace,
            )
        )  # fmt: skip

    def _replace(self, entries: list[Entry[K]], kept: set[tuple[str, str]]) -> None:
        self._objects = len(entries)
        self._last_event = self._clock()
        self._sink.replace(self.scope, entries, kept)
        self.synced.set()

    # Telling

    _last_event: float | None = None

    def _live(self) -> None:
        self._tell("live", verb="watch")

    def _pause(
        self,
        state: WatchState,
        verb: str,
        message: str,
        *,
        cap: float = CAP,
        at_least: float | None = None,
        exactly: float | None = None,
        rule: PolicyRule | None = None,
    ) -> None:
        """Tell of a failure and wait out the back-off."""
        delay = self._backoff.next(cap=cap)
        delay = exactly if exactly is not None else max(delay, at_least or 0.0)
        self._tell(
            state, verb=verb, message=message, missing_rule=rule, next_try=self._clock() + delay,
            attempts=self._backoff.failures,
        )  # fmt: skip
        if self._wait(delay):
            raise _Stopped

    def _tell(self, state: WatchState, **fields: Any) -> None:
        # A new attempt is no news while the failure that it follows is still the state of things.
        if state == "syncing" and self.status.attempts:
            return
        now = self._clock()
        before = self.status
        changed = before.state != state or before.message != fields.get("message", "")
        since = before.since if before.state == state else now
        base: Mapping[str, Any] = {
            "attempts": 0, "next_try": None, "message": "", "missing_rule": None, "verb": before.verb,
        }  # fmt: skip
        self.status = replace(
            before, **{
                **base, "at": now, "state": state, "since": since,
                "last_event": self._last_event, "objects": self._objects, **fields,
            },
        )  # fmt: skip
        self._bus.publish(self.status)
        if changed:
            self._log(before)

    def _log(self, before: WatchStatus) -> None:
        status = self.status
        where = f"{status.resource} in {status.scope}" if status.scope else status.resource
        if status.message:
            log.warning("Watch of %s is %s: %s", where, status.state, status.message)
        elif status.state == "live" and before.attempts:
            log.info("Watch of %s is live again after %.0f s", where, status.at - before.since)
        else:
            log.debug("Watch of %s is %s", where, status.state)

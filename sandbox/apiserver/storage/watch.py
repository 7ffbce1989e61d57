"""Watch streams: replay from a revision, follow, filter, bookmark, end in time."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import msgspec

from sandbox.apiserver.machinery.apierrors import StatusError, expired
from sandbox.apiserver.machinery.jsonobject import Obj
from sandbox.apiserver.machinery.resources import Resource
from sandbox.apiserver.machinery.selectors import FieldSelector, LabelSelector
from sandbox.apiserver.storage.revisions import Change, Entry, Store, at_revision

_encode = msgspec.json.encode
BOOKMARK_SECONDS = 60.0
_COALESCE_SECONDS = 0.005
_MAX_PENDING_BYTES = 32 << 20
"""A client that is further behind than this loses its stream, and resumes or lists again."""


@dataclass(frozen=True)
class Filter:
    """What a list or watch selects."""

    resource: Resource
    namespace: str = ""
    labels: LabelSelector = field(default_factory=LabelSelector)
    fields: FieldSelector = field(default_factory=FieldSelector)

    @property
    def everything(self) -> bool:
        return not (self.labels.requirements or self.fields.terms)

    def matches(self, entry: Entry) -> bool:
        namespace, name = entry.key
        if self.namespace and namespace != self.namespace:
            return False
        if self.labels.requirements and not self.labels.matches(entry.labels):
            return False
        return not self.fields.terms or self.fields.matches(
            name, namespace, entry.fields, self.resource.fields
        )


@dataclass(frozen=True)
class Options:
    """Query parameters of a watch."""

    since: int | None  # None: the present state first, as ADDED events
    bookmarks: bool = False
    initial_events: bool = False
    timeout: float = 1800.0


_Waiting = tuple[str, Entry]
"""The type of an event and its object, which is to be converted."""
Convert = Callable[[Resource, list[Entry]], Awaitable[list[Entry]]]


class WatchStream:
    """One watch of one client; `offer` is called by the store."""

    def __init__(
        self,
        store: Store,
        chosen: Filter,
        options: Options,
        render: Callable[[Entry], bytes] | None,
        convert: Convert | None = None,
    ) -> None:
        self._store, self._filter, self._options = store, chosen, options
        self._bucket = store.bucket(chosen.resource.storage_name)
        self._render = render or self._plain
        self._shared = render is None and convert is None
        self._convert = convert
        self._pending: list[bytes | _Waiting] = []
        self._pending_bytes = 0
        self._wake = asyncio.Event()
        self._closed = False

    def _plain(self, entry: Entry) -> bytes:
        return self._filter.resource.prefix + entry.body

    def offer(self, change: Change) -> None:
        new, old = change.new, change.old
        if self._filter.everything and not self._filter.namespace:
            is_now, was = not change.deleted, old is not None
        else:
            is_now = not change.deleted and self._filter.matches(new)
            was = old is not None and self._filter.matches(old)
        if is_now:
            word = "MODIFIED" if was else "ADDED"
        elif was:
            word = "DELETED"
            if not change.deleted and old is not None:
                # It left the selection: the watcher gets what it last saw, at this revision.
                self._queue(self._event(word, at_revision(old, change.rv)))
                return
        else:
            return
        if not self._shared:
            self._queue(self._event(word, new))
            return
        key = self._filter.resource.prefix + word.encode()
        line = change.lines.get(key)
        if line is None:
            line = change.lines[key] = self._line(word, new)
        self._queue(line)

    def _event(self, word: str, entry: Entry) -> bytes | _Waiting:
        return self._line(word, entry) if self._convert is None else (word, entry)

    def _line(self, word: str, entry: Entry) -> bytes:
        return b'{"type":"' + word.encode() + b'","object":' + self._render(entry) + b"}\n"

    def _queue(self, line: bytes | _Waiting) -> None:
        self._pending.append(line)
        self._pending_bytes += len(line) if isinstance(line, bytes) else len(line[1].body)
        # What comes first may be as large as it is: nobody can be behind before the store was joined.
        if self._pending_bytes > _MAX_PENDING_BYTES and self in self._bucket.watchers:
            self.close()
        self._wake.set()

    def close(self) -> None:
        self._closed = True
        self._bucket.watchers.discard(self)
        self._wake.set()

    def _bookmark(self, initial_end: bool = False) -> bytes:
        resource = self._filter.resource
        meta: Obj = {"resourceVersion": str(self._store.revision), "creationTimestamp": None}
        if initial_end:
            meta["annotations"] = {"k8s.io/initial-events-end": "true"}
        obj = {"kind": resource.kind, "apiVersion": resource.api_version, "metadata": meta}
        return _encode({"type": "BOOKMARK", "object": obj}) + b"\n"

    def _start(self) -> bool:
        """Queue what comes first and join the store; False when the revision is too old."""
        since = self._options.since
        if since is None or self._options.initial_events:
            for key in self._bucket.ordered():
                entry = self._bucket.objects[key]
                if self._filter.matches(entry):
                    self._queue(self._event("ADDED", entry))
            if self._options.initial_events and self._options.bookmarks:
                self._queue(self._bookmark(True))
        else:
            if since < self._store.compacted:
                text = f"too old resource version: {since} ({self._store.compacted + 1})"
                self._queue(_encode({"type": "ERROR", "object": expired(text).body()}) + b"\n")
                return False
            for change in self._store.since(self._filter.resource.storage_name, since):
                self.offer(change)
                change.lines.clear()
        self._bucket.watchers.add(self)
        return True

    async def run(self, write: Callable[[bytes], Awaitable[None]], stopping: asyncio.Event) -> None:
        """Feed the client until the time is up, it goes away, or the server stops."""
        end = time.monotonic() + self._options.timeout
        next_bookmark = time.monotonic() + BOOKMARK_SECONDS
        try:
            follow = self._start()
            while True:
                if self._pending:
                    lines, self._pending, self._pending_bytes = self._pending, [], 0
                    await write(b"".join(await self._converted(lines)))
                if not follow or self._closed or stopping.is_set():
                    return
                self._wake.clear()
                if self._pending:
                    # More came while this was written: give the next ones a moment to come along.
                    await asyncio.sleep(_COALESCE_SECONDS)
                    continue
                now = time.monotonic()
                until = min(end, next_bookmark) if self._options.bookmarks else end
                if now < until:
                    await self._wait(until - now)
                    continue
                if self._options.bookmarks:
                    next_bookmark = now + BOOKMARK_SECONDS
                    await write(self._bookmark())
                if now >= end:
                    return
        finally:
            self._bucket.watchers.discard(self)

    async def _converted(self, lines: list[bytes | _Waiting]) -> list[bytes]:
        """The lines, once the objects that wait for it are in the version of the watch."""
        waiting = [line[1] for line in lines if not isinstance(line, bytes)]
        if not waiting or self._convert is None:
            return [line for line in lines if isinstance(line, bytes)]
        try:
            found = iter(await self._convert(self._filter.resource, waiting))
        except StatusError as error:
            self.close()
            return [_encode({"type": "ERROR", "object": error.body()}) + b"\n"]
        return [line if isinstance(line, bytes) else self._line(line[0], next(found)) for line in lines]

    async def _wait(self, seconds: float) -> None:
        loop = asyncio.get_running_loop()
        handle = loop.call_later(seconds, self._wake.set)
        try:
            await self._wake.wait()
        finally:
            handle.cancel()

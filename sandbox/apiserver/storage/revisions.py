"""All state: objects as encoded JSON, one revision counter, and a bounded history of changes.

An object is kept as the bytes that follow `{"kind":…,"apiVersion":…,`, with metadata.resourceVersion first.
So a list is a join, a watch event is one concatenation shared by all watchers, every version of a kind
shares the bytes, and the revision of a deletion is put in without decoding.
"""

import asyncio
from bisect import bisect_right
from collections import deque
from collections.abc import Callable, Iterator
from typing import Protocol

import msgspec

from sandbox.apiserver.machinery.jsonobject import Obj

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Obj).decode
_HEAD = b'"metadata":{"resourceVersion":"'

Key = tuple[str, str]
"""(namespace, name); the namespace of a cluster-scoped object is empty."""


class Entry:
    """One stored object; never changed, only replaced."""

    __slots__ = ("body", "fields", "key", "labels", "rv", "uid", "version")

    def __init__(
        self,
        key: Key,
        uid: str,
        rv: int,
        labels: dict[str, str],
        fields: tuple[str, ...],
        body: bytes,
        version: str = "",
    ) -> None:
        self.key, self.uid, self.rv, self.labels, self.fields, self.body = key, uid, rv, labels, fields, body
        self.version = version  # that a custom resource is stored in

    def decode(self) -> Obj:
        """A fresh object without kind and apiVersion."""
        return _decode(b"{" + self.body)


_NO_LABELS: dict[str, str] = {}


def make_entry(key: Key, rv: int, obj: Obj, fields: tuple[str, ...], version: str = "") -> Entry:
    """Encode an object (kind and apiVersion are left out) at a revision."""
    meta = {"resourceVersion": str(rv)}
    meta |= {k: v for k, v in obj["metadata"].items() if k != "resourceVersion"}
    rest = {k: v for k, v in obj.items() if k not in ("metadata", "kind", "apiVersion")}
    body = _encode({"metadata": meta, **rest})[1:]
    labels = obj["metadata"].get("labels") or _NO_LABELS
    return Entry(key, obj["metadata"].get("uid", ""), rv, labels, fields, body, version)


def reencoded(entry: Entry, obj: Obj, version: str, fields: tuple[str, ...] | None = None) -> Entry:
    """The same entry with its object in another version, or with other selectable fields."""
    return make_entry(entry.key, entry.rv, obj, entry.fields if fields is None else fields, version)


def unstored(key: Key, obj: Obj, version: str = "") -> Entry:
    """What a dry run would have stored: at the revision it says itself, or at none."""
    at = obj["metadata"].get("resourceVersion")
    if at:
        return make_entry(key, int(at), obj, (), version)
    rest = {k: v for k, v in obj.items() if k not in ("kind", "apiVersion")}
    return Entry(key, obj["metadata"].get("uid", ""), 0, _NO_LABELS, (), _encode(rest)[1:], version)


def at_revision(entry: Entry, rv: int) -> Entry:
    """The same object with another resourceVersion."""
    end = entry.body.index(b'"', len(_HEAD))
    body = _HEAD + str(rv).encode() + entry.body[end:]
    return Entry(entry.key, entry.uid, rv, entry.labels, entry.fields, body, entry.version)


class Change:
    """One write: `old` is None for a creation; `new` holds the last state when `deleted`."""

    __slots__ = ("deleted", "lines", "new", "old", "rv")

    def __init__(self, rv: int, old: Entry | None, new: Entry, deleted: bool) -> None:
        self.rv, self.old, self.new, self.deleted = rv, old, new, deleted
        self.lines: dict[bytes, bytes] = {}


class Watcher(Protocol):
    """What a bucket tells about changes, in order."""

    def offer(self, change: Change) -> None: ...
    def close(self) -> None: ...


class Bucket:
    """The objects of one resource and the changes that led to them."""

    def __init__(self) -> None:
        self.objects: dict[Key, Entry] = {}
        self.changes: deque[Change] = deque()
        self.watchers: set[Watcher] = set()
        self.last_rv = 0
        self._sorted: list[Key] | None = None

    def ordered(self) -> list[Key]:
        """Every key in the order of a list."""
        if self._sorted is None:
            self._sorted = sorted(self.objects)
        return self._sorted

    def put(self, entry: Entry) -> None:
        if entry.key not in self.objects:
            self._sorted = None
        self.objects[entry.key] = entry

    def drop(self, key: Key) -> None:
        del self.objects[key]
        self._sorted = None


class Store:
    """Every bucket, and the revision they share. Used from one event loop only."""

    def __init__(self, history: int = 50_000, history_bytes: int = 64 << 20) -> None:
        self.revision = 1
        self.compacted = 0
        self.buckets: dict[str, Bucket] = {}
        self.listeners: list[Callable[[str, Change], None]] = []
        self._history, self._history_bytes, self._bytes = history, history_bytes, 0
        self._order: deque[Bucket] = deque()
        self._waiting: list[tuple[int, asyncio.Future[None]]] = []

    def bucket(self, resource: str) -> Bucket:
        """The bucket of a resource (`pods`, `redis.myapp.tangx.in`)."""
        found = self.buckets.get(resource)
        if found is None:
            found = self.buckets[resource] = Bucket()
        return found

    def get(self, resource: str, key: Key) -> Entry | None:
        return self.bucket(resource).objects.get(key)

    def put(self, resource: str, key: Key, obj: Obj, fields: tuple[str, ...], version: str = "") -> Entry:
        """Create or replace; returns what was stored, at its new revision."""
        bucket = self.bucket(resource)
        self.revision += 1
        entry = make_entry(key, self.revision, obj, fields, version)
        old = bucket.objects.get(key)
        bucket.put(entry)
        self._record(resource, bucket, Change(entry.rv, old, entry, False))
        return entry

    def restore(self, resource: str, entry: Entry) -> None:
        """Put back what was stored before this process: no change, and no history."""
        bucket = self.bucket(resource)
        bucket.put(entry)
        bucket.last_rv = max(bucket.last_rv, entry.rv)
        self.revision = self.compacted = max(self.revision, entry.rv)

    def delete(self, resource: str, key: Key) -> Entry:
        """Remove; returns the last state at the revision of the deletion. KeyError when there is none."""
        bucket = self.bucket(resource)
        old = bucket.objects[key]
        self.revision += 1
        gone = at_revision(old, self.revision)
        bucket.drop(key)
        self._record(resource, bucket, Change(gone.rv, old, gone, True))
        return gone

    def _record(self, resource: str, bucket: Bucket, change: Change) -> None:
        bucket.changes.append(change)
        bucket.last_rv = change.rv
        self._order.append(bucket)
        self._bytes += len(change.new.body)
        while len(self._order) > self._history or self._bytes > self._history_bytes:
            self._forget_oldest()
        for watcher in tuple(bucket.watchers):
            watcher.offer(change)
        change.lines.clear()  # they are shared by the watchers of now; history keeps the objects alone
        for listener in self.listeners:
            listener(resource, change)
        if self._waiting:
            self._wake()

    def _forget_oldest(self) -> None:
        change = self._order.popleft().changes.popleft()
        self._bytes -= len(change.new.body)
        self.compacted = change.rv

    def compact(self) -> None:
        """Forget the whole history: every resume from before now gets 410."""
        while self._order:
            self._forget_oldest()
        self.compacted = self.revision

    def drop_watchers(self, resource: str = "") -> int:
        """End every watch, or those of one resource; returns how many there were."""
        count = 0
        for bucket in [self.bucket(resource)] if resource else self.buckets.values():
            for watcher in tuple(bucket.watchers):
                watcher.close()
                count += 1
        return count

    def since(self, resource: str, rv: int) -> Iterator[Change]:
        """The changes after a revision. The caller has compared it with `compacted`."""
        changes = self.bucket(resource).changes
        if not changes or changes[-1].rv <= rv:
            return iter(())
        return iter(list(changes)[bisect_right(changes, rv, key=lambda c: c.rv) :])

    def snapshot(self, resource: str, rv: int) -> dict[Key, Entry]:
        """The objects as they were at a revision that is not compacted: today's with the changes undone."""
        bucket = self.bucket(resource)
        if bucket.last_rv <= rv:
            return bucket.objects
        then = dict(bucket.objects)
        for change in reversed(bucket.changes):
            if change.rv <= rv:
                break
            if change.old is None:
                then.pop(change.new.key, None)
            else:
                then[change.new.key] = change.old
        return then

    async def wait_for(self, rv: int, seconds: float) -> bool:
        """Wait until the revision is reached; False after `seconds`."""
        if rv <= self.revision:
            return True
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((rv, future))
        try:
            await asyncio.wait_for(future, seconds)
        except TimeoutError:
            return False
        finally:
            self._waiting = [w for w in self._waiting if w[1] is not future]
        return True

    def _wake(self) -> None:
        for rv, future in self._waiting:
            if rv <= self.revision and not future.done():
                future.set_result(None)

"""The event bus: any thread may publish; publishing never blocks and never raises."""

from __future__ import annotations

import itertools
import threading
import time
from collections import deque
from collections.abc import Callable, Hashable
from typing import NamedTuple

import msgspec
from msgspec.structs import force_setattr

from controller_runtime.causes import Causes
from controller_runtime.events import ApiWrite, BusEvent, ObjectChanged
from controller_runtime.kube.resource import Ref

# For ``Subscription.wait``, of who shows events to people, or keeps them.
LINGER = 0.1  # seconds

# What one reader may keep in memory while it does not read: a minute of 5,000 pods that all change.
MAX_BYTES = 64 << 20


class Batch(NamedTuple):
    """What a subscriber gets in one drain.

    ``states`` are the latest states of things whose history overflowed; they are to be applied before
    ``events``, as state and not as news. ``dropped`` counts the events that were lost as history since the
    last drain.
    """

    events: list[BusEvent]
    states: list[BusEvent]
    dropped: int


class Listing(NamedTuple):
    """All objects of one kind that a store holds, each as an initial ADDED."""

    api_version: str
    kind: str
    objects: list[ObjectChanged]


class Subscription:
    """A bounded queue of events for one consumer.

    Overflow drops the oldest history and counts it. The latest state of what was dropped is kept all the
    same and is delivered with the next drain. When even the states are too many or too large, those of
    objects are dropped too, and the next drain lists the stores anew: what changed since the consumer last
    saw it, and a delete (state unknown) of what is gone. So a consumer that applies what it gets ends with
    the true state however long it was away, and costs at most twice ``maxlen`` events and ``max_bytes``.
    """

    def __init__(
        self,
        name: str,
        maxlen: int,
        max_bytes: int,
        list_stores: Callable[[], list[Listing]],
        on_close: Callable[[Subscription], None],
        of: tuple[type[BusEvent], ...] = (BusEvent,),
    ) -> None:
        self.name = name
        self.of = of
        self.maxlen = maxlen
        self.max_bytes = max_bytes
        self.dropped = 0
        self._events: deque[BusEvent] = deque()
        self._bytes = 0
        self._overflow: dict[Hashable, BusEvent] = {}
        self._overflow_bytes = 0
        self._undelivered_drops = 0
        self._states_lost = False
        # What the consumer believes to be there: the version that it saw last.
        self._delivered: dict[Hashable, tuple[Ref, str]] = {}
        self._list_stores = list_stores
        self._lock = threading.Lock()
        self._wake = threading.Condition(self._lock)
        self._is_awaited = False
        self._closed = False
        self._on_close = on_close

    def __len__(self) -> int:
        return len(self._events)

    @property
    def closed(self) -> bool:
        """Whether nothing more will come."""
        return self._closed

    @property
    def held(self) -> tuple[int, int]:
        """How many events wait, as history or as state, and their bytes."""
        with self._lock:
            return len(self._events) + len(self._overflow), self._bytes + self._overflow_bytes

    def put(self, event: BusEvent, size: int) -> None:
        """``size`` is in bytes, about."""
        with self._lock:
            if self._closed:
                return
            events = self._events
            while events and (len(events) >= self.maxlen or self._bytes + size > self.max_bytes):
                self._drop_oldest()
            events.append(event)
            self._bytes += size
            if self._is_awaited:
                self._is_awaited = False
                self._wake.notify()

    def _drop_oldest(self) -> None:
        oldest = self._events.popleft()
        size = oldest.size
        self._bytes -= size
        self.dropped += 1
        self._undelivered_drops += 1
        key = oldest.state_key
        if key is None:
            return
        before = self._overflow.pop(key, None)
        self._overflow_bytes += size - (before.size if before is not None else 0)
        self._overflow[key] = oldest
        if self._is_overfull():
            # The stores know the objects; the rest (watches, connections, the leader) is little.
            self._states_lost = True
            self._overflow = {k: e for k, e in self._overflow.items() if not isinstance(e, ObjectChanged)}
            self._overflow_bytes = sum(e.size for e in self._overflow.values())
            while self._overflow and self._is_overfull():
                self._overflow_bytes -= self._overflow.pop(next(iter(self._overflow))).size

    def _is_overfull(self) -> bool:
        return len(self._overflow) > self.maxlen or self._overflow_bytes > self.max_bytes

    def drain(self, limit: int | None = None) -> Batch:
        """Take what is waiting, at most ``limit`` events (None: all). Never waits for anybody."""
        listed: list[BusEvent] = []
        if self._states_lost:
            self._states_lost = False
            # Before the events are taken: whatever is newer than the list is then among them.
            listed = self._relist()
        with self._lock:
            states = [*listed, *self._overflow.values()]
            self._overflow.clear()
            self._overflow_bytes = 0
            dropped, self._undelivered_drops = self._undelivered_drops, 0
            if limit is None or limit >= len(self._events):
                events = list(self._events)
                self._events.clear()
                self._bytes = 0
            else:
                events = [self._events.popleft() for _ in range(limit)]
                self._bytes -= sum(e.size for e in events)
        self._note(states)
        self._note(events)
        return Batch(events, states, dropped)

    def _note(self, events: list[BusEvent]) -> None:
        delivered = self._delivered
        for event in events:
            if isinstance(event, ObjectChanged):
                if event.type == "DELETED":
                    delivered.pop(event.state_key, None)
                else:
                    delivered[event.state_key] = event.ref, event.resource_version

    def _relist(self) -> list[BusEvent]:
        listings = self._list_stores()
        known = self._delivered
        there: set[Hashable] = set()
        changed: list[BusEvent] = []
        for listing in listings:
            for event in listing.objects:
                key = event.state_key
                there.add(key)
                if key not in known:
                    changed.append(event)
                elif known[key][1] != event.resource_version:
                    changed.append(msgspec.structs.replace(event, type="MODIFIED"))
        kinds = {(listing.api_version, listing.kind) for listing in listings}
        now = time.time()
        gone: list[BusEvent] = [
            ObjectChanged.missed(ref, version, now)
            for key, (ref, version) in known.items()
            if key not in there and (ref.api_version, ref.kind) in kinds
        ]
        return gone + changed

    def wait(self, timeout: float | None = None, *, linger: float = 0.0) -> bool:
        """Block until something waits to be drained; False after ``timeout`` seconds or when closed.

        ``linger``: how many seconds more to let it gather. Whoever only shows events lingers, since one
        that wakes for each of them keeps the threads that act on them from the interpreter.
        """
        with self._lock:
            self._is_awaited = True
            is_there = self._wake.wait_for(lambda: self._events or self._closed, timeout)
            self._is_awaited = False
            if not is_there:
                return False
        if linger and not self._closed:
            time.sleep(linger)
        return bool(self._events)

    def close(self) -> None:
        """Stop receiving. What is waiting may still be drained."""
        with self._lock:
            self._closed = True
            self._wake.notify_all()
        self._on_close(self)


class EventBus:
    """Hands every published event to every subscription, in the order of publishing."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._subscriptions: tuple[Subscription, ...] = ()
        self._readers: dict[type[BusEvent], tuple[Subscription, ...]] = {}  # as far as asked for
        self._stores: dict[Hashable, Callable[[], Listing]] = {}
        self._seq = 0
        self._reconciles = itertools.count(1)
        self._causes = Causes()

    def next_reconcile(self) -> int:
        """The number of the next reconcile; the controllers of all managers on this bus count together."""
        return next(self._reconciles)

    def publish(self, event: BusEvent) -> int:
        """Number the event, which was made for this call, and hand it on. Returns the number."""
        size = event.size
        with self._lock:
            seq = self._seq = self._seq + 1
            force_setattr(event, "seq", seq)
            if isinstance(event, ObjectChanged):
                if not event.initial and (cause := self._causes.of_change(event, seq)):
                    force_setattr(event, "cause", cause)
            elif isinstance(event, ApiWrite) and (shown := self._causes.of_write(event, seq)):
                force_setattr(event, "shown_by", shown)
            readers = self._readers.get(type(event))
            if readers is None:
                readers = tuple(s for s in self._subscriptions if isinstance(event, s.of))
                self._readers[type(event)] = readers
            for subscription in readers:
                subscription.put(event, size)
        return seq

    def subscribe(
        self,
        name: str,
        *,
        of: tuple[type[BusEvent], ...] = (BusEvent,),
        maxlen: int = 10_000,
        max_bytes: int = MAX_BYTES,
    ) -> Subscription:
        """A new subscription that receives every event of these types that is published from now on.

        ``maxlen`` is in events and must be at least 1; ``max_bytes`` bounds them too, but for a single one.
        """
        if maxlen < 1:
            raise ValueError(f"a subscription holds at least one event, not {maxlen}")
        subscription = Subscription(name, maxlen, max_bytes, self.list_stores, self._remove, of)
        with self._lock:
            self._subscriptions = (*self._subscriptions, subscription)
            self._readers.clear()
        return subscription

    def add_store(self, key: Hashable, list_store: Callable[[], Listing]) -> None:
        """``list_store`` answers, on any thread, what is there of a kind; it replaces that of the same key.

        A store must have a change before it is published.
        """
        with self._lock:
            self._stores = {**self._stores, key: list_store}

    def list_stores(self) -> list[Listing]:
        """What is there now, by what the stores know."""
        return [list_store() for list_store in self._stores.values()]

    def _remove(self, subscription: Subscription) -> None:
        with self._lock:
            self._subscriptions = tuple(s for s in self._subscriptions if s is not subscription)
            self._readers.clear()

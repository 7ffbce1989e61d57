"""The event bus: any thread may publish; publishing never blocks and never raises."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Hashable
from typing import NamedTuple

from controller_runtime.events import Event, state_key

# For ``Subscription.wait``, of who tells people of events.
LINGER = 0.02  # seconds


class Batch(NamedTuple):
    """What a subscriber gets in one drain.

    ``states`` are the latest states of things whose history overflowed; they are older than
    ``events`` and are to be applied first, as state and not as news. ``dropped`` counts the events
    that were lost as history since the last drain.
    """

    events: list[Event]
    states: list[Event]
    dropped: int


class Subscription:
    """A bounded queue of events for one consumer.

    Overflow drops the oldest history and counts it. The latest state of every object, watch and heal
    is kept all the same and is delivered with the next drain.
    """

    def __init__(self, name: str, maxlen: int, on_close: Callable[[Subscription], None]) -> None:
        self.name = name
        self.maxlen = maxlen
        self.dropped = 0
        self._events: deque[Event] = deque()
        self._overflow: dict[Hashable, Event] = {}
        self._undelivered_drops = 0
        self._wake = threading.Condition()
        self._closed = False
        self._on_close = on_close

    def __len__(self) -> int:
        return len(self._events)

    @property
    def closed(self) -> bool:
        return self._closed

    def put(self, event: Event) -> None:
        with self._wake:
            if self._closed:
                return
            if len(self._events) >= self.maxlen:
                oldest = self._events.popleft()
                self.dropped += 1
                self._undelivered_drops += 1
                key = state_key(oldest)
                if key is not None:
                    self._overflow[key] = oldest
            self._events.append(event)
            self._wake.notify()

    def drain(self, limit: int | None = None) -> Batch:
        """Take what is waiting, at most ``limit`` events (None: all). Never blocks."""
        with self._wake:
            states = list(self._overflow.values())
            self._overflow.clear()
            dropped, self._undelivered_drops = self._undelivered_drops, 0
            if limit is None or limit >= len(self._events):
                events = list(self._events)
                self._events.clear()
            else:
                events = [self._events.popleft() for _ in range(limit)]
        return Batch(events, states, dropped)

    def wait(self, timeout: float | None = None, *, linger: float = 0.0) -> bool:
        """Block until something waits to be drained; False after ``timeout`` seconds or when closed.

        ``linger``: how many seconds more to let it gather. Whoever only tells of events lingers, since one
        that wakes for each of them keeps the threads that act on them from the interpreter.
        """
        with self._wake:
            if not self._wake.wait_for(lambda: self._events or self._closed, timeout):
                return False
        if linger and not self._closed:
            time.sleep(linger)
        return bool(self._events)

    def close(self) -> None:
        """Stop receiving. What is waiting may still be drained."""
        with self._wake:
            self._closed = True
            self._wake.notify_all()
        self._on_close(self)


class EventBus:
    """Hands every published event to every subscription, in the order of publishing."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._subscriptions: tuple[Subscription, ...] = ()

    def publish(self, event: Event) -> None:
        with self._lock:
            for subscription in self._subscriptions:
                subscription.put(event)

    def subscribe(self, name: str, *, maxlen: int = 10_000) -> Subscription:
        """A new subscription that receives everything published from now on.

        ``maxlen`` is in events and must be at least 1.
        """
        if maxlen < 1:
            raise ValueError(f"a subscription holds at least one event, not {maxlen}")
        subscription = Subscription(name, maxlen, self._remove)
        with self._lock:
            self._subscriptions = (*self._subscriptions, subscription)
        return subscription

    def _remove(self, subscription: Subscription) -> None:
        with self._lock:
            self._subscriptions = tuple(s for s in self._subscriptions if s is not subscription)

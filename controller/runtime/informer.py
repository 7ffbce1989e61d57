"""One kind's objects, kept current: the store, and the handlers that are told of every change."""

from __future__ import annotations

import builtins
import random
import threading
import time
from collections.abc import Callable, Iterable
from typing import Any, Generic, TypeVar

import msgspec

from controller.bus import EventBus
from controller.bus_events import ChangeType, ObjectChanged, WatchStatus
from controller.runtime.client import Client
from controller.runtime.events import CreateEvent, DeleteEvent, Event, UpdateEvent
from controller.runtime.objects import KubeObject
from controller.runtime.reflector import Entry, Reflector
from controller.runtime.store import OWNER, Indexer, Store

K = TypeVar("K", bound=KubeObject)

Handler = Callable[[Event[Any]], None]


class Registration:
    """A handler that was added. It has synced when it was given everything that the first list held."""

    def __init__(self, informer: Informer[Any]) -> None:
        self._informer = informer

    def has_synced(self) -> bool:
        # Handlers are called before the informer counts as synced, and late ones are given the whole store
        # while they are added.
        return self._informer.has_synced()


class Informer(Generic[K]):
    """Feeds one store from one reflector per namespace (or one for the whole cluster).

    A change goes to the bus first, then into the store, then to the handlers, all on the reflector's
    thread. Handlers must not block. An exception in one of them is theirs to handle.
    """

    def __init__(
        self,
        client: Client,
        kind: type[K],
        bus: EventBus,
        *,
        namespaces: Iterable[str] = (),
        label_selector: str = "",
        clock: Callable[[], float] = time.time,
        rng: Callable[[], float] = random.random,
    ) -> None:
        self.kind = kind
        self.store: Store[K] = Store()
        self._bus = bus
        self._clock = clock
        self._lock = threading.RLock()
        self._handlers: list[Handler] = []
        self.reflectors = [
            Reflector(client, kind, scope, self, bus, label_selector=label_selector, clock=clock, rng=rng)
            for scope in (tuple(namespaces) if kind.resource.namespaced else ()) or ("",)
        ]

    # Reading

    def get(self, namespace: str, name: str) -> K | None:
        return self.store.get(namespace, name)

    def list(self, namespace: str | None = None, *, labels: dict[str, str] | None = None) -> builtins.list[K]:
        return self.store.list(namespace, labels=labels)

    def by_owner(self, uid: str) -> builtins.list[K]:
        """The objects that have an owner reference with this uid."""
        return self.store.by_index(OWNER, uid)

    def add_index(self, name: str, indexer: Indexer[K]) -> None:
        self.store.add_index(name, indexer)

    def by_index(self, name: str, value: str) -> builtins.list[K]:
        return self.store.by_index(name, value)

    def has_synced(self) -> bool:
        """Whether every scope was listed once. What is in the store may be old since: see ``statuses``."""
        return all(r.synced.is_set() for r in self.reflectors)

    def wait_for_sync(self, timeout: float | None = None) -> bool:
        """Block until it has synced; False after ``timeout`` seconds."""
        deadline = None if timeout is None else time.monotonic() + timeout
        return all(
            r.synced.wait(None if deadline is None else max(0.0, deadline - time.monotonic()))
            for r in self.reflectors
        )

    def statuses(self) -> builtins.list[WatchStatus]:
        """The last published state of each scope's watch."""
        return [r.status for r in self.reflectors]

    def is_failing(self) -> bool:
        """Whether some scope's last attempt failed, so that waiting for it is of no use now."""
        return any(r.status.attempts > 0 for r in self.reflectors)

    # Handlers

    def add_event_handler(self, handler: Handler) -> Registration:
        """Tell ``handler`` of every change. What is there already comes first, as initial creates."""
        with self._lock:
            for obj in self.store.list():
                handler(CreateEvent(obj, is_initial=True))
            self._handlers.append(handler)
        return Registration(self)

    def _dispatch(self, event: Event[K]) -> None:
        for handler in self._handlers:
            handler(event)

    # What the reflectors tell

    def replace(self, scope: str, entries: builtins.list[Entry[K]], kept: set[tuple[str, str]]) -> None:
        """A whole list of a scope arrived. ``kept`` are objects that are there but could not be decoded."""
        with self._lock:
            there = {(e.obj.metadata.namespace, e.obj.metadata.name) for e in entries} | kept
            gone = [
                o
                for o in self.store.list(scope or None)
                if (o.metadata.namespace, o.metadata.name) not in there
            ]
            for obj in gone:
                self._delete(obj, None, state_unknown=True)
            first = not self._is_listed(scope)
            for entry in entries:
                self._upsert(entry, initial=first)

    def apply(self, type_: ChangeType, entry: Entry[K]) -> None:
        """One watch event arrived."""
        with self._lock:
            if type_ == "DELETED":
                self._delete(entry.obj, entry.raw, state_unknown=False)
            else:
                self._upsert(entry, initial=False)

    def _is_listed(self, scope: str) -> bool:
        return any(r.synced.is_set() for r in self.reflectors if r.scope == scope)

    def _upsert(self, entry: Entry[K], *, initial: bool) -> None:
        obj = entry.obj
        old = self.store.get(obj.metadata.namespace, obj.metadata.name)
        if old is not None and old.metadata.uid != obj.metadata.uid:
            # Deleted and made again while we were away: two events, unlike client-go's one update.
            self._delete(old, None, state_unknown=True)
            old = None
        if old is not None and old.metadata.resource_version == obj.metadata.resource_version:
            return
        self._publish("ADDED" if old is None else "MODIFIED", obj, entry.raw, initial=initial)
        self.store.put(obj)
        self._dispatch(CreateEvent(obj, is_initial=initial) if old is None else UpdateEvent(old, obj))

    def _delete(self, obj: K, raw: bytes | None, *, state_unknown: bool) -> None:
        old = self.store.get(obj.metadata.namespace, obj.metadata.name)
        if old is None or old.metadata.uid != obj.metadata.uid:
            return
        last = raw if raw is not None else msgspec.json.encode(obj)
        self._publish("DELETED", obj, last, state_unknown=state_unknown)
        self.store.remove(obj.metadata.namespace, obj.metadata.name)
        self._dispatch(DeleteEvent(obj, state_unknown=state_unknown))

    def _publish(
        self, type_: ChangeType, obj: K, raw: bytes, *, initial: bool = False, state_unknown: bool = False
    ) -> None:
        self._bus.publish(
            ObjectChanged(
                at=self._clock(),
                type=type_,
                ref=obj.ref,
                resource_version=obj.metadata.resource_version,
                raw=msgspec.Raw(raw),
                initial=initial,
                state_unknown=state_unknown,
            )
        )

    # Running

    def start(self) -> None:
        """Start the reflectors' threads. Calling it again does nothing."""
        for reflector in self.reflectors:
            reflector.start()

    def stop(self) -> None:
        """Cut the connections and wait for the threads."""
        for reflector in self.reflectors:
            reflector.cut()
        for reflector in self.reflectors:
            reflector.join(5.0)

"""An informer: the objects of one kind, kept current, with handlers that hear of every change."""

from __future__ import annotations

import builtins
import logging
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Generic, TypeVar

import msgspec

from controller_runtime.bus import EventBus, Listing
from controller_runtime.cache.backoff import REAL_TIME, Timing
from controller_runtime.cache.reflector import IDLE_TIMEOUT, Reflector
from controller_runtime.cache.store import IndexFunction, Key, RawCache, Store
from controller_runtime.cache.watchreport import WatchReport, in_words
from controller_runtime.client.client import Client
from controller_runtime.events import ChangeType, ObjectChanged, Quarantined, WatchStatus
from controller_runtime.kube.deltas import CreateEvent, DeleteEvent, Event, UpdateEvent
from controller_runtime.kube.object import Decoder, KubeObject, ObjectMeta, decoder_of
from controller_runtime.kube.wire import Identity, decode_identity, require_json, with_kind
from controller_runtime.threads import SupervisedThread, Threads

log = logging.getLogger("controller_runtime.cache.informer")

K = TypeVar("K", bound=KubeObject)
Handler = Callable[[Event[K]], None]


class Registration(Generic[K]):
    """A handler's place at an informer."""

    def __init__(self, informer: Informer[K], handler: Handler[K]) -> None:
        self._informer = informer
        self.handler = handler

    def has_synced(self) -> bool:
        """Everything that was there at the start has been delivered to this handler."""
        return self._informer.has_synced()

    def resync(self) -> None:
        """Deliver every object that is there once more, as an UpdateEvent from itself to itself."""
        self._informer._resync(self)

    def remove(self) -> None:
        """Deliver nothing more."""
        self._informer._remove(self)


class Informer(Generic[K]):
    """One reflector for each of ``namespaces`` (none: the whole cluster) feeds one store.

    Handlers run on the reflector's thread, one event after another, and must only enqueue. ``start`` does
    not block; register handlers before or after it. Objects are frozen and shared.

    ``decode_as``: a subclass of ``kind`` that objects are decoded into, for a reader of the bus that wants
    more of their fields. What is wrong with those keeps no object from who works with ``kind``.
    """

    def __init__(
        self,
        client: Client,
        kind: type[K],
        bus: EventBus | None = None,
        *,
        decode_as: type[K] | None = None,
        namespaces: Iterable[str] = (),
        label_selector: str = "",
        field_selector: str = "",
        raw_cache: RawCache | None = None,
        timing: Timing = REAL_TIME,
        idle_timeout: float = IDLE_TIMEOUT,
        threads: Threads | None = None,
    ) -> None:
        self.kind = kind
        self.selector = in_words(label_selector, field_selector)  # "" when it shows all
        self.publishes_objects = True  # the states of its watches are published in any case
        self._class = decode_as or kind
        self.store: Store[K] = Store(self._class)
        self._bus = bus
        self._raw = raw_cache if raw_cache is not None else RawCache()
        self._wall = timing.wall
        self._lenient = Decoder(self._class)
        self._decode = self._lenient.strict
        self._scopes = (tuple(dict.fromkeys(namespaces)) or ("",)) if kind.resource.namespaced else ("",)
        # Held from the store to the last handler, so that a late handler neither misses nor repeats an event.
        self._delivery = threading.RLock()
        self._synced = threading.Condition()
        self._handlers: tuple[Registration[K], ...] = ()
        self._listed: dict[str, set[Key]] = {}  # by scope, while a list is under way
        self._quarantine: dict[Key, str] = {}  # resource version of what could not be decoded
        self._complete: set[str] = set()  # scopes that were listed once
        self._supervisor = threads or Threads(bus)
        self._threads: list[SupervisedThread] = []
        self.reflectors = [
            Reflector(
                client.transport,
                kind.resource,
                scope,
                self,
                WatchReport(
                    kind.resource,
                    scope,
                    bus,
                    timing.wall,
                    partial(self.store.count, scope),
                    clock=timing.monotonic,
                    selector=self.selector,
                ),
                label_selector=label_selector,
                field_selector=field_selector,
                timing=timing,
                idle_timeout=idle_timeout,
                threads=self._supervisor,
            )
            for scope in self._scopes
        ]
        if bus is not None:
            bus.add_store((kind.resource, label_selector), self._listing)

    # Running

    def start(self) -> None:
        """Begin to watch. Does nothing when it has begun."""
        if self._threads:
            return
        for reflector, scope in zip(self.reflectors, self._scopes, strict=True):
            name = f"reflector-{self.kind.resource.plural}" + (f"-{scope}" if scope else "")
            self._threads.append(
                self._supervisor.start(
                    name, reflector.run, done=reflector.is_stopped, busy=reflector.unmoved_for
                )
            )

    def stop(self, timeout: float = 2.0) -> None:
        """Shut the connections and wait for the threads, for ``timeout`` seconds at most."""
        for reflector in self.reflectors:
            reflector.stop()
        deadline = time.monotonic() + timeout
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))

    def has_synced(self) -> bool:
        """Every scope has been listed completely once."""
        return len(self._complete) == len(self._scopes)

    def is_failing(self) -> bool:
        """Some scope cannot be served at present; ``statuses`` says why."""
        return any(r.report.is_failing for r in self.reflectors)

    def retry_now(self) -> None:
        """Let the watches that fail, or that are polled, try again at once."""
        for reflector in self.reflectors:
            if reflector.report.state != "live":
                reflector.retry_now()

    def statuses(self) -> tuple[WatchStatus, ...]:
        """The state of each watch, one for every namespace that is watched."""
        return tuple(r.status for r in self.reflectors)

    def wait_for_sync(self, timeout: float | None = None) -> bool:
        """Block until ``has_synced``; False after ``timeout`` seconds."""
        with self._synced:
            return self._synced.wait_for(self.has_synced, timeout)

    # Reading

    def get(self, namespace: str, name: str) -> K | None:
        """The object as it was seen last; None when it is not there. ``namespace`` is "" for
        cluster-scoped kinds.
        """
        return self.store.get(namespace, name)

    def stale(self, namespace: str, name: str) -> str:
        """The newer resource version that could not be read, "" when what ``get`` gives is current.

        Such an object is still there, so it is not taken away; but who acts on it acts on the past.
        """
        key = (namespace, name)
        return self._quarantine.get(key, "") if self.store.get(*key) is not None else ""

    def list(
        self, namespace: str | None = None, *, labels: Mapping[str, str] | None = None
    ) -> builtins.list[K]:
        """Objects of one namespace, or of all (None), that carry all of ``labels``."""
        return self.store.list(namespace, labels=labels)

    def by_owner(self, uid: str) -> builtins.list[K]:
        """Objects with an owner reference to ``uid``."""
        return self.store.by_index("owner", uid)

    def by_index(self, name: str, value: str) -> builtins.list[K]:
        """Objects for which the function of the index ``name`` answers ``value`` among others."""
        return self.store.by_index(name, value)

    def add_index(self, name: str, function: IndexFunction[K]) -> None:
        """Index all objects, now and from now on, by each of the values that ``function`` answers for one."""
        self.store.add_index(name, function)

    def raw(self, uid: str) -> msgspec.Raw | None:
        """The object's JSON as the server sent it; None when it was pushed out by others."""
        return self._raw.get(uid)

    # Handlers

    def add_handler(self, handler: Handler[K]) -> Registration[K]:
        """Deliver every change from now on, after a CreateEvent for each object that is there already."""
        registration = Registration(self, handler)
        with self._delivery:
            for obj in self.store.list():
                _deliver((registration,), CreateEvent(obj, is_initial=True))
            self._handlers = (*self._handlers, registration)
        return registration

    def add_status_handler(self, handler: Callable[[WatchStatus, WatchStatus], None]) -> None:
        """Call it with the old status and the new when the state of a watch changes.

        It runs on the reflector's thread, and must only enqueue.
        """
        for reflector in self.reflectors:
            reflector.report.handlers += (handler,)

    def _resync(self, registration: Registration[K]) -> None:
        for key in self.store.keys(""):
            with self._delivery:  # one by one, so that no watch has to wait for all of them
                obj = self.store.get(*key)
                if obj is not None and registration in self._handlers:
                    _deliver((registration,), UpdateEvent(obj, obj))

    def _remove(self, registration: Registration[K]) -> None:
        with self._delivery:
            self._handlers = tuple(r for r in self._handlers if r is not registration)

    # What the reflectors bring (reflector.Sink)

    def begin(self, scope: str) -> None:
        self._listed[scope] = set()

    def seen(self, scope: str, raw: msgspec.Raw) -> None:
        try:
            obj = self._decode(raw)
        except (msgspec.MsgspecError, RecursionError):
            if (found := self._try_again(scope, raw)) is None:
                return
            obj = found
        meta = obj.metadata
        self._listed[scope].add((meta.namespace, meta.name))
        with self._delivery:
            # Whatever a list shows is so, even if it is older than what we knew: the server's state may have
            # been restored from a backup.
            self._put(
                obj, raw, self.store.get(meta.namespace, meta.name), initial=scope not in self._complete
            )

    def end(self, scope: str) -> None:
        listed = self._listed.pop(scope)
        with self._delivery:
            for key in self.store.keys(scope) - listed:
                self._delete(key, None, state_unknown=True)
            for key in [k for k in self._quarantine if k not in listed and scope in ("", k[0])]:
                del self._quarantine[key]
        with self._synced:
            self._complete.add(scope)
            self._synced.notify_all()

    def change(self, scope: str, type_: str, raw: msgspec.Raw) -> str:
        try:
            obj = self._decode(raw)
        except (msgspec.MsgspecError, RecursionError):
            if (found := self._try_again(scope, raw, gone=type_ == "DELETED")) is None:
                return _version(raw)
            obj = found
        meta = obj.metadata
        with self._delivery:
            if type_ == "DELETED":
                self._quarantine.pop((meta.namespace, meta.name), None)
                self._delete((meta.namespace, meta.name), (obj, raw), state_unknown=False)
            else:
                old = self.store.get(meta.namespace, meta.name)
                if old is None or not _is_older(meta, old.metadata):
                    self._put(obj, raw, old, initial=False)
        return meta.resource_version

    def _put(self, obj: K, raw: msgspec.Raw, old: K | None, *, initial: bool) -> None:
        """``obj`` is what there is now, ``old`` what the store has."""
        meta = obj.metadata
        if old is not None and old.metadata.uid != meta.uid:
            # Its deletion was missed; the new one has nothing to do with it but the name.
            self._delete((meta.namespace, meta.name), None, state_unknown=True)
            old = None
        if self._quarantine:
            self._quarantine.pop((meta.namespace, meta.name), None)
        if old is not None and old.metadata.resource_version == meta.resource_version:
            return
        self.store.put(obj)
        self._raw.put(meta.uid, raw)
        seq = self._publish("ADDED" if old is None else "MODIFIED", obj, raw, initial)
        _deliver(
            self._handlers, CreateEvent(obj, initial, seq) if old is None else UpdateEvent(old, obj, seq)
        )

    def _delete(self, key: Key, last: tuple[K, msgspec.Raw] | None, *, state_unknown: bool) -> None:
        """``last`` is the final state, when the watch brought it."""
        old = self.store.remove(key)
        if old is None:
            return
        kept = self._raw.pop(old.metadata.uid)
        obj, raw = last if last is not None and last[0].metadata.uid == old.metadata.uid else (old, kept)
        if raw is None:
            raw = _encoded(obj)
        seq = self._publish("DELETED", obj, raw, state_unknown=state_unknown)
        _deliver(self._handlers, DeleteEvent(obj, state_unknown=state_unknown, seq=seq))

    def _publish(
        self,
        type_: ChangeType,
        obj: K,
        raw: msgspec.Raw,
        initial: bool = False,
        state_unknown: bool = False,
    ) -> int:
        """The number of the event, 0 without a bus."""
        if self._bus is None or not self.publishes_objects:
            return 0
        return self._bus.publish(
            ObjectChanged(
                at=self._wall(), type=type_, ref=obj.ref, raw=raw,
                resource_version=obj.metadata.resource_version,
                initial=initial, state_unknown=state_unknown,
            ).having(obj)
        )  # fmt: skip

    def _listing(self) -> Listing:
        """For readers of the bus that lost track; of objects whose JSON is not kept, what ``kind`` reads."""
        now, resource = self._wall(), self.kind.resource
        objects = [
            ObjectChanged(
                at=now, type="ADDED", ref=obj.ref, raw=self._raw.get(obj.metadata.uid) or _encoded(obj),
                resource_version=obj.metadata.resource_version, initial=True,
            ).having(obj)
            for obj in self.store.list()
        ]  # fmt: skip
        return Listing(resource.api_version, resource.kind, objects)

    # Objects that cannot be decoded

    def _try_again(self, scope: str, raw: msgspec.Raw, *, gone: bool = False) -> K | None:
        """The object with nulls left out, or None after putting it aside alone: the others are served.

        Raises msgspec.DecodeError for what is no JSON at all.
        """
        try:
            return self._decode_leniently(raw)
        except (msgspec.MsgspecError, RecursionError) as error:
            require_json(raw)
            self._set_aside(scope, raw, str(error), gone)
            return None

    def _decode_leniently(self, raw: msgspec.Raw) -> K:
        try:
            return self._lenient.decode(raw)
        except msgspec.ValidationError:
            if self._class is self.kind:
                raise
            return msgspec.convert(decoder_of(self.kind).decode(raw), self._class, from_attributes=True)

    def _set_aside(self, scope: str, raw: msgspec.Raw, reason: str, gone: bool) -> None:
        found = _identity(raw)
        name, namespace = (found.metadata.name, found.metadata.namespace) if found else ("", "")
        key = (namespace, name)
        if found and scope in self._listed:
            self._listed[scope].add(key)
        with self._delivery:
            old = self.store.get(*key) if found else None
            if found and (gone or (old is not None and old.metadata.uid != found.metadata.uid)):
                self._delete(key, None, state_unknown=True)  # or its deletion was missed, as in _put
                old = None
            if found and gone:
                self._quarantine.pop(key, None)
                return
            if found and self._quarantine.get(key) == found.metadata.resource_version:
                return
            if found:
                self._quarantine[key] = found.metadata.resource_version
        stale_version = old.metadata.resource_version if old is not None else ""
        resource = self.kind.resource
        outcome = (
            f"version {stale_version} is still served, and is stale" if stale_version else "it is left out"
        )
        log.warning("cannot read %s %s: %s; %s", resource.kind, "/".join(filter(None, key)), reason, outcome)
        if self._bus is not None:
            self._bus.publish(
                Quarantined(
                    at=self._wall(), resource=resource.plural, group=resource.group, scope=scope,
                    reason=reason,
                    name=name, namespace=namespace, stale_version=stale_version,
                )
            )  # fmt: skip


def _deliver(handlers: Iterable[Registration[K]], event: Event[K]) -> None:
    for registration in handlers:
        try:
            registration.handler(event)
        except BaseException:  # also what would end the thread, which is not theirs
            log.exception("an event handler failed for %s", event.obj.key)


def _encoded(obj: KubeObject) -> msgspec.Raw:
    resource = obj.resource
    return with_kind(msgspec.Raw(msgspec.json.encode(obj)), resource.api_version, resource.kind)


def _identity(raw: msgspec.Raw) -> Identity | None:
    try:
        return decode_identity(raw)
    except msgspec.MsgspecError:
        return None


def _version(raw: msgspec.Raw) -> str:
    found = _identity(raw)
    return found.metadata.resource_version if found else ""


def _is_older(new: ObjectMeta, old: ObjectMeta) -> bool:
    """Whether an event of the same object comes from a server that lags behind what we have seen.

    Versions are whole numbers that can be compared (Kubernetes 1.35, KEP-5504); others are never older.
    """
    a, b = new.resource_version, old.resource_version
    return new.uid == old.uid and a.isdecimal() and b.isdecimal() and int(a) < int(b)

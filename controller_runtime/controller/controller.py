"""A controller: events go in by its sources, requests come out of its queue, its workers reconcile them."""

from __future__ import annotations

import logging
import random
import threading
import time
import uuid
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Generic, TypedDict, TypeVar

from controller_runtime.cache.sources import Feed, InformerFeed, Source
from controller_runtime.client.context import ReconcileContext
from controller_runtime.controller.handlers import EventHandler, RawSource, dispatch
from controller_runtime.controller.ownwrites import OwnWrites
from controller_runtime.controller.predicates import Predicate
from controller_runtime.controller.reconcile import Reconciler
from controller_runtime.controller.redelivery import Redelivery
from controller_runtime.controller.worker import Worker
from controller_runtime.controller.workqueue import (
    LOW_PRIORITY,
    MAX_DELAY,
    ExponentialLimiter,
    PriorityQueue,
)
from controller_runtime.events import Enqueued, QueueItem, QueueSnapshot
from controller_runtime.kube.deltas import Event, Trigger, is_low_priority, trigger_of
from controller_runtime.kube.object import KubeObject
from controller_runtime.kube.resource import Request, Resource

if TYPE_CHECKING:
    from controller_runtime.manager.manager import Manager

log = logging.getLogger("controller_runtime")

# After this long a first list that has not come is logged again. Source: controller-runtime's
# CacheSyncTimeout; there the process ends, here it waits on, for a grant or a CRD may still come.
CACHE_SYNC_TIMEOUT = 120.0  # seconds
# Asked again after 10 ms, then ever less often: what comes is noticed late by half the time it took, at most
# by a quarter of a second, and a kind that never comes costs four looks a second.
SYNC_POLL = 0.01  # seconds
SYNC_POLL_GROWTH = 1.5
SYNC_POLL_MAX = 0.25  # seconds
# controller-runtime pkg/cache/cache.go (defaultSyncPeriod) and pkg/cache/internal/informers.go.
RESYNC_PERIOD = 36000.0  # seconds
RESYNC_JITTER = 0.1
SNAPSHOT_INTERVAL = 0.5  # seconds
SNAPSHOT_SETTLE = 0.05  # seconds; what comes and goes faster is not worth a worker's time
SNAPSHOT_ROWS = 500
# Causes that are kept for one key until it is reconciled: the latest ones.
MAX_TRIGGERS = 16


K = TypeVar("K", bound=KubeObject)


class SomeOptions(TypedDict, total=False):
    """What ``Builder.with_options`` takes: the fields of Options."""

    max_concurrent_reconciles: int
    reconcile_timeout: float | None
    max_retry_delay: float
    resync_period: float
    needs_leader_election: bool
    skip_name_validation: bool


@dataclass(frozen=True, slots=True)
class Options:
    """``reconcile_timeout`` is in seconds; None is no limit.

    ``max_retry_delay``: seconds that a key waits at most after a failure, however often it has failed.

    ``resync_period``: seconds, give or take a tenth, after which every object that is watched comes again, as
    an update that changes nothing and with low priority: for what depends on things outside the cluster, and
    in case that something was missed. ``generation_changed`` does not let it pass. 0 is never.
    """

    max_concurrent_reconciles: int = 1
    reconcile_timeout: float | None = None
    max_retry_delay: float = MAX_DELAY
    resync_period: float = RESYNC_PERIOD
    needs_leader_election: bool = True
    skip_name_validation: bool = False


@dataclass(frozen=True, slots=True)
class Watch(Generic[K]):
    """``primary``: the kind that is reconciled; nothing is reconciled before it has synced."""

    source: Source[K]
    handler: EventHandler[K]
    predicates: tuple[Predicate[K], ...] = ()
    primary: bool = False


class Controller:
    """Built by the builder, run by the manager.

    Workers start as soon as the primary kind (that of ``for_``) has synced. Of every other source only the
    first try is waited for: a kind that is forbidden or does not answer is missing from the reconciler's
    view (its informer's ``has_synced`` is False) but stops nothing, and its objects enqueue as always once
    they arrive. Without a primary kind, all sources are "others".
    """

    def __init__(
        self,
        name: str,
        reconciler: Reconciler,
        manager: Manager,
        *,
        watches: Sequence[Watch[Any]] = (),
        raw_sources: Sequence[RawSource] = (),
        resource: Resource | None = None,
        options: Options | None = None,
        clock: Callable[[], float] = time.monotonic,
        rng: Callable[[], float] = random.random,
    ) -> None:
        self.name = name
        self._random = rng
        self.resource = resource
        self.options = options or Options()
        self.needs_leader_election = self.options.needs_leader_election
        self.watches = tuple(watches)
        self.manager = manager
        self.reconciler = reconciler
        self.clock = clock
        self.metrics = manager.metrics.controller(name, self.options.max_concurrent_reconciles)
        self.queue = PriorityQueue(
            name,
            limiter=ExponentialLimiter(cap=self.options.max_retry_delay),
            clock=clock,
            observer=manager.metrics.queue(name),
        )
        self._stores: dict[Resource, InformerFeed[Any]] = {}
        self.own_writes = OwnWrites(self._stores, self.queue.add, clock=clock)
        self.log_fields: dict[str, object] = {"controller": name}
        if resource is not None:
            self.log_fields |= {"controllerGroup": resource.group, "controllerKind": resource.kind}
        self._redelivery = Redelivery(name, manager.threads, clock, self._is_shut_down)
        self._raw_sources = tuple(raw_sources)
        self._lock = threading.Lock()
        self._triggers: dict[Request, deque[Trigger]] = {}
        self._held: dict[Request, float] = {}  # until when
        self._causes: dict[Request, int] = {}  # of the next reconcile of each key: number on the bus

    # Events in

    def enqueue(self, request: Request, delay: float | None, priority: int, trigger: Trigger | None) -> None:
        """Put a request on the queue and publish it with its cause. ``delay`` None: rate limited."""
        if trigger is not None:
            with self._lock:
                self._triggers.setdefault(request, deque(maxlen=MAX_TRIGGERS)).append(trigger)
        # Published before it is done, so that on the bus no reconcile comes before its cause.
        seq = self.manager.bus.publish(
            Enqueued(
                at=self.manager.now(),
                cause=trigger.seq if trigger else 0,
                controller=self.name,
                key=request.key,
                trigger=trigger,
                priority=priority,
            )
        )
        self.expect(request, seq)
        if delay is None:
            self.queue.add_rate_limited(request, priority=priority)
        else:
            self.queue.add_after(request, delay, priority=priority)

    def hold(self, request: Request, seconds: float) -> None:
        """Do not reconcile it sooner, whatever happens to it."""
        with self._lock:
            self._held[request] = self.clock() + seconds

    def held(self, request: Request) -> float:
        """For how many more seconds it is held; 0 when it may be reconciled."""
        with self._lock:
            remaining = self._held.get(request, 0.0) - self.clock()
            if remaining <= 0:
                self._held.pop(request, None)
            return max(0.0, remaining)

    def new_context(self, request: Request) -> ReconcileContext:
        """What the client and the worker know of one reconcile of ``request`` that is about to begin."""
        timeout = self.options.reconcile_timeout
        return ReconcileContext(
            controller=self.name,
            request=request,
            id=str(uuid.uuid4()),
            number=self.manager.bus.next_reconcile(),
            deadline=None if timeout is None else self.clock() + timeout,
            cancelled=self._why_cancelled,
            in_flight=self.manager.in_flight,
            clock=self.clock,
        )

    def _why_cancelled(self) -> str:
        return self.manager.leadership_lost if self.needs_leader_election else ""

    def expect(self, request: Request, cause: int) -> None:
        """The event with this number, if it is the first to do so, asks for the next reconcile."""
        with self._lock:
            self._causes.setdefault(request, cause)

    def take_causes(self, request: Request) -> tuple[tuple[Trigger, ...], int]:
        """The triggers since the last call, and the number on the bus of what came first."""
        with self._lock:
            return tuple(self._triggers.pop(request, ())), self._causes.pop(request, 0)

    def _deliver(self, watch: Watch[K], *, is_first: bool = True) -> Callable[[Event[K]], None]:
        """``is_first``: no other watch delivers the same events before this one."""

        def handle(event: Event[K]) -> None:
            for predicate in watch.predicates:
                if not predicate(event):
                    return
            dispatch(watch.handler, event, _EventQueue(self, event))

        def deliver(event: Event[K]) -> None:
            if is_first:
                self.own_writes.observe(event)
            try:
                handle(event)
            except BaseException as error:  # also what would end the informer's thread, which is not theirs
                fields = {**self.log_fields, "source": watch.source.name, "object": event.obj.key}
                self._redelivery.failed(error, partial(handle, event), fields)

        return deliver

    # Running

    def start(self, stop: threading.Event) -> None:
        """Run until ``stop`` is set and every worker has finished what it was at."""
        feeds: list[tuple[Watch[Any], Feed]] = []
        for watch in self.watches:
            log.info("Starting EventSource", extra=self.fields(source=watch.source.name))
            is_first = all(watch.source != other.source for other, _ in feeds)
            feed = watch.source.start(self.manager, self._deliver(watch, is_first=is_first), stop)
            feeds.append((watch, feed))
            if isinstance(feed, InformerFeed) and feed.shows_all:
                self._stores[feed.informer.kind.resource] = feed
        for source in self._raw_sources:
            source.start(_EventQueue(self, None), stop)
        log.info("Starting Controller", extra=self.fields())
        monitor = self.manager.threads.start(
            f"{self.name}-queue", self._publish_snapshots, done=self._is_shut_down
        )
        if self._wait_for_sync(feeds, stop):
            self._work([feed for _, feed in feeds if isinstance(feed, InformerFeed)], stop)
        self.queue.shutdown()
        monitor.join()

    def _wait_for_sync(self, feeds: Sequence[tuple[Watch[Any], Feed]], stop: threading.Event) -> bool:
        """Wait by the rule of the class; False when ``stop`` came first."""
        complain_at = self.clock() + CACHE_SYNC_TIMEOUT
        pause = SYNC_POLL
        while True:
            waiting = [
                watch.source.name
                for watch, feed in feeds
                if not (feed.has_synced() if watch.primary else feed.has_settled())
            ]
            if not waiting:
                return True
            if self.clock() >= complain_at:
                complain_at += CACHE_SYNC_TIMEOUT
                log.warning("Still waiting for caches to sync", extra=self.fields(sources=", ".join(waiting)))
            if stop.wait(pause):
                return False
            pause = min(pause * SYNC_POLL_GROWTH, SYNC_POLL_MAX)

    def _work(self, feeds: Sequence[InformerFeed[Any]], stop: threading.Event) -> None:
        count = self.options.max_concurrent_reconciles
        log.info("Starting workers", extra=self.fields(**{"worker count": count}))
        workers = [Worker(self, n) for n in range(count)]
        threads = [
            self.manager.threads.start(
                f"{self.name}-{n}", worker.run, done=self._is_shut_down, busy=worker.busy_for
            )
            for n, worker in enumerate(workers)
        ]
        while not stop.wait(self._next_resync()):
            for feed in feeds:
                feed.resync()
        log.info("Shutdown signal received, waiting for all workers to finish", extra=self.fields())
        self.queue.shutdown()
        for thread in threads:
            thread.join()
        log.info("All workers finished", extra=self.fields())

    def _next_resync(self) -> float | None:
        period = self.options.resync_period
        return period * (1 + RESYNC_JITTER * (2 * self._random() - 1)) if period > 0 else None

    def retry_now(self) -> None:
        """Reconcile what waits for its next try at once."""
        for item in self.queue.snapshot():
            if item.ready_in > 0:
                namespace, _, name = item.key.rpartition("/")
                self.queue.add(Request(namespace, name))

    def _is_shut_down(self) -> bool:
        return self.queue.is_shut_down

    def _publish_snapshots(self) -> None:
        """A snapshot when the queue has changed, at most two a second, and one when it is over."""
        version = -1
        shown: tuple[QueueItem, ...] = ()
        while not self.queue.is_shut_down:
            version = self.queue.wait_for_change(version)
            self.queue.wait_for_shutdown(SNAPSHOT_SETTLE)
            items = tuple(self.queue.snapshot(SNAPSHOT_ROWS))
            if items != shown:
                shown = items
                snapshot = QueueSnapshot(at=self.manager.now(), controller=self.name, items=items)
                self.manager.bus.publish(snapshot)
                self.queue.wait_for_shutdown(SNAPSHOT_INTERVAL)

    def fields(self, **more: object) -> dict[str, dict[str, object]]:
        """``extra`` for a log call, with the keys that controller-runtime logs."""
        return {"fields": {**self.log_fields, **more}}


class _EventQueue:
    """The queue as a handler sees it: what it adds is on account of ``event``, and has its priority."""

    __slots__ = ("_controller", "_event")

    def __init__(self, controller: Controller, event: Event[KubeObject] | None) -> None:
        self._controller = controller
        self._event = event

    def add(self, request: Request, *, priority: int | None = None) -> None:
        self._enqueue(request, 0.0, priority)

    def add_after(self, request: Request, delay: float, *, priority: int | None = None) -> None:
        self._enqueue(request, delay, priority)

    def add_rate_limited(self, request: Request, *, priority: int | None = None) -> None:
        self._enqueue(request, None, priority)

    def _enqueue(self, request: Request, delay: float | None, priority: int | None) -> None:
        event = self._event
        if priority is None:
            priority = LOW_PRIORITY if event is not None and is_low_priority(event) else 0
        trigger = None if event is None else trigger_of(event)
        self._controller.enqueue(request, delay, priority, trigger)

    def forget(self, request: Request) -> None:
        self._controller.queue.forget(request)

    def num_requeues(self, request: Request) -> int:
        return self._controller.queue.num_requeues(request)

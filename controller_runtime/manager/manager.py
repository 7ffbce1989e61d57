"""Runs controllers and what they share: informers, leader election, event recorder, metrics, probes.

Start: HTTP servers, informers, runnables that need no leader, leader election, runnables that do.
Stop: no request of a reconcile begins any more and no Event is written, those under way have two seconds;
the runnables end, then the informers and the servers, then the lease is released.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, TypeVar

from controller_runtime.bus import EventBus
from controller_runtime.cache.informer import Informer
from controller_runtime.cache.store import RawCache
from controller_runtime.client.client import Client
from controller_runtime.client.context import InFlight
from controller_runtime.events import LeaderStatus
from controller_runtime.kube.kinds import Lease
from controller_runtime.kube.object import KubeObject
from controller_runtime.kube.resource import Ref
from controller_runtime.manager.answers import UNANSWERED, Answers
from controller_runtime.manager.event_recorder import EventBroadcaster, EventRecorder
from controller_runtime.manager.informermetrics import InformerCollector
from controller_runtime.manager.leaderelection import LeaderElectionConfig, LeaderElectionLost, LeaderElector
from controller_runtime.manager.metrics import Metrics
from controller_runtime.manager.probes import Check, Checks, HttpServer, metrics_page
from controller_runtime.manager.runnables import Runnable, RunnableGroup
from controller_runtime.manager.signals import setup_signal_handler
from controller_runtime.threads import Threads

log = logging.getLogger("controller_runtime")

K = TypeVar("K", bound=KubeObject)

# Of the five seconds that a stop may take in all, whatever the server does.
REQUEST_GRACE = 2.0  # seconds, for requests of reconciles that are under way
CUT_GRACE = 0.5  # seconds, until those that were cut have ended: all but those that are still connecting
INFORMER_STOP = 0.5  # seconds, for all together
GRACEFUL_SHUTDOWN = 30.0  # seconds; controller-runtime pkg/manager/internal.go


class CannotServe(OSError):
    """Metrics or probes cannot be served at the address that was asked for; one sentence says why."""


class GracefulShutdownTimeout(Exception):
    """Something did not end within the grace period, and is left behind."""


class Manager:
    """One per process and API server.

    ``namespaces``: what informers watch; empty is the whole cluster. Addresses are as in
    ``probes.HttpServer``, "0" is none.
    ``classes``: an informer of a kind decodes into the first of them that is a subclass of it.
    ``threads`` starts all that run here; by default it is the manager's own.
    ``graceful_shutdown_timeout`` is in seconds; 0 does not wait, less than 0 waits for ever.
    """

    def __init__(
        self,
        client: Client,
        bus: EventBus,
        *,
        namespaces: Iterable[str] = (),
        classes: Iterable[type[KubeObject]] = (),
        leader_election: LeaderElectionConfig | None = None,
        metrics_bind_address: str = "0",
        health_probe_bind_address: str = "0",
        graceful_shutdown_timeout: float = GRACEFUL_SHUTDOWN,
        now: Callable[[], float] = time.time,
        threads: Threads | None = None,
    ) -> None:
        self.threads = threads or Threads(bus, now=now)
        self.client = client
        self.bus = bus
        self.now = now
        self.namespaces = tuple(namespaces)
        self._classes = tuple(classes)
        self.metrics = Metrics()
        self.healthz = Checks("healthz")
        self.readyz = Checks("readyz")
        for checks in (self.healthz, self.readyz):
            checks.add_group(self.threads.checks)
            checks.add("api-server", self._unanswered)
        self.servers: list[HttpServer] = []
        self._metrics_address = metrics_bind_address
        self._probe_address = health_probe_bind_address
        self._grace = graceful_shutdown_timeout
        self._lock = threading.Lock()
        self._raw = RawCache()  # one bound for all kinds
        self._informers: dict[tuple[type[KubeObject], str, str], Informer[Any]] = {}
        self._informers_started = False
        self._names: set[str] = set()
        self._required: list[type[KubeObject]] = []
        self.readyz.add("informer-sync", self._unsynced)
        self.in_flight = InFlight()
        self._events = EventBroadcaster(client, dropped=self.metrics.events_dropped.inc, threads=self.threads)
        self._over = threading.Event()  # something ended the manager from inside
        self._error: BaseException | None = None
        self._others = RunnableGroup("other", self._failed, self.threads)
        self._leaders = RunnableGroup("leader", self._failed, self.threads)
        self._added: list[Runnable] = []
        self.records_events = False
        self._elector = self._new_elector(leader_election) if leader_election else None
        self.metrics.registry.register(InformerCollector(self.informers))
        host = client.host.partition("://")[2]
        client.transport.observers.append(partial(self.metrics.request, host))
        self._answers = Answers()
        client.transport.observers.append(self._answers.observe)

    # Putting together

    def informer(self, kind: type[K], *, label_selector: str = "", field_selector: str = "") -> Informer[K]:
        """The shared informer of a kind, or of a selection of its objects. It runs while the manager does.

        Where there is one without selectors, the others of its kind (two classes may declare the same) do not
        publish objects: each would come twice, and what is selected no more is gone for some only.
        """
        with self._lock:
            key = (kind, label_selector, field_selector)
            found = self._informers.get(key)
            if found is None:
                found = Informer(
                    self.client, kind, self.bus,
                    decode_as=next((c for c in self._classes if issubclass(c, kind)), None),
                    namespaces=self.namespaces, label_selector=label_selector,
                    field_selector=field_selector, threads=self.threads,
                    raw_cache=None if label_selector or field_selector else self._raw,
                )  # fmt: skip
                self._informers[key] = found
                same = [i for (other, *_), i in self._informers.items() if other.resource == kind.resource]
                whole = next((i for i in same if not i.selector), None)
                for informer in same:
                    informer.publishes_objects = whole is None or informer is whole
                if self._informers_started:
                    found.start()
            return found

    def informers(self) -> list[Informer[Any]]:
        """All informers that were asked for."""
        with self._lock:
            return list(self._informers.values())

    def retry_now(self) -> None:
        """End the delays of watches and of reconciles that failed: somebody has mended the cause."""
        for informer in self.informers():
            informer.retry_now()
        for runnable in self._added:
            if callable(retry := getattr(runnable, "retry_now", None)):
                retry()

    def add(self, runnable: Runnable) -> None:
        """Run it with the manager, on the leader alone unless its ``needs_leader_election`` is false."""
        self._added.append(runnable)
        needs_leader = getattr(runnable, "needs_leader_election", True)
        (self._leaders if needs_leader else self._others).add(runnable)

    def runnables(self) -> list[Runnable]:
        """Everything that was given to ``add``."""
        return list(self._added)

    def event_recorder(self, name: str) -> EventRecorder:
        """Records Kubernetes Events as the reporting controller ``name``. It never blocks."""
        self.records_events = True
        return self._events.recorder(name)

    def add_healthz_check(self, name: str, check: Check) -> None:
        """``check`` answers "" or what is wrong. Raises ValueError when the name is taken."""
        self.healthz.add(name, check)

    def add_readyz_check(self, name: str, check: Check) -> None:
        """``check`` answers "" or why this process is not ready. Raises ValueError when the name is taken."""
        self.readyz.add(name, check)

    def claim_name(self, name: str) -> bool:
        """Whether this is the first controller of this name."""
        with self._lock:
            if name in self._names:
                return False
            self._names.add(name)
            return True

    def require(self, kind: type[KubeObject]) -> None:
        """Be ready (/readyz) only when this kind has synced. The builder asks it for the kinds of for_."""
        self._required.append(kind)

    def _unsynced(self) -> str:
        missing = [k.resource.plural for k in self._required if not self.informer(k).has_synced()]
        return f"not synced: {', '.join(missing)}" if missing else ""

    def _unanswered(self) -> str:
        """A watch that is alive is an answer that goes on."""
        reflectors = [r for informer in self.informers() for r in informer.reflectors]
        if any(r.report.is_live and r.unmoved_for() < UNANSWERED for r in reflectors):
            return ""
        return self._answers.check()

    @property
    def leadership_lost(self) -> str:
        """Why no reconcile may write any more; "" while it may."""
        return self._elector.lost if self._elector else ""

    def _new_elector(self, config: LeaderElectionConfig) -> LeaderElector:
        def on_started() -> None:
            namespace, _, name = elector.lease.partition("/")
            lease = Ref(Lease.resource.kind, namespace, name, api_version=Lease.resource.api_version)
            note = f"{config.identity} became leader"
            self.event_recorder("leader-election").event(lease, "Normal", "LeaderElection", "Acquire", note)
            self._leaders.start()

        elector = LeaderElector(
            self.client.transport,
            config,
            self.bus,
            on_started=on_started,
            on_lost=lambda why: self._failed(LeaderElectionLost(f"leader election lost: {why}")),
            gauge=self.metrics.leader.labels(config.name).set,
            now=self.now,
            threads=self.threads,
        )
        self.healthz.add("leaderElection", elector.check)
        return elector

    # Running

    def run(self) -> None:
        """``start`` until SIGTERM or SIGINT; a second signal ends the process at once, with 1.

        Call it on the main thread. Raises what ``start`` raises.
        """
        self.start(setup_signal_handler())

    def start(self, stop: threading.Event) -> None:
        """Run until ``stop`` is set, then wind up. Call it once.

        Raises what a runnable raised, LeaderElectionLost (end the process at once), GracefulShutdownTimeout,
        or CannotServe.
        """
        try:
            self._start_all()
            self._wait(stop)
        finally:
            log.info("Stopping and waiting for runnables")
            ended = self._stop_all()
            log.info("Wait completed, proceeding to shutdown the manager")
        if self._error is not None:
            raise self._error
        if not ended:
            raise GracefulShutdownTimeout(
                f"failed waiting for all runnables to end within grace period of {self._grace:g}s"
            )

    def _start_all(self) -> None:
        self._serve()
        with self._lock:
            self._informers_started = True
            informers = list(self._informers.values())
        for informer in informers:
            informer.start()
        self._events.start()
        self._others.start()
        if self._elector is not None:
            self._elector.start()
        else:
            self.bus.publish(LeaderStatus(at=self.now(), state="disabled"))
            self._leaders.start()

    def _serve(self) -> None:
        try:
            self._listen()
        except (OSError, ValueError) as error:
            raise CannotServe(str(error)) from error
        for server in self.servers:
            server.start()

    def _listen(self) -> None:
        if self._metrics_address != "0":
            pages = {"/metrics": metrics_page(self.metrics.registry)}
            self.servers.append(HttpServer(self._metrics_address, pages, self.threads))
        if self._probe_address != "0":
            self.servers.append(
                HttpServer(
                    self._probe_address, {"/healthz": self.healthz, "/readyz": self.readyz}, self.threads
                )
            )

    def _wait(self, stop: threading.Event) -> None:
        """Until ``stop`` is set from outside or something inside has failed."""

        def forward() -> None:
            stop.wait()
            self._over.set()

        self.threads.start("stop", forward)
        self._over.wait()

    def _failed(self, error: BaseException) -> None:
        if self._error is None:
            self._error = error
        if not isinstance(error, LeaderElectionLost):
            late = self._over.is_set()
            message = "error received after stop sequence was engaged" if late else "Runnable failed"
            log.error(message, extra={"fields": {"error": str(error)}}, exc_info=error)
        self._over.set()

    def _stop_all(self) -> bool:
        # Somebody else may lead already: there is nothing to wait for, and writes are refused from now on.
        lost = isinstance(self._error, LeaderElectionLost)
        grace = 0.0 if lost else self._grace
        deadline = time.monotonic() + (grace if grace >= 0 else threading.TIMEOUT_MAX / 2)
        self.in_flight.close("leader election lost" if lost else "the manager is stopping")
        self._events.stop(0.0)
        if self._elector is not None:
            self._elector.wind_up()
        if lost:
            self.in_flight.cut()
        cutting = self.threads.after(REQUEST_GRACE, "cut-requests", self.in_flight.cut)
        cutting.start()
        cut = time.monotonic() + REQUEST_GRACE + CUT_GRACE
        ended = self._others.stop(deadline, self._is_held_up(cut))
        ended = self._leaders.stop(deadline, self._is_held_up(cut)) and ended
        cutting.cancel()
        self.in_flight.cut()
        informers = self.informers()
        until = time.monotonic() + (0.0 if lost else INFORMER_STOP)
        for tell in (True, False):  # all of them before waiting for the first
            for informer in informers:
                informer.stop(0.0 if tell else max(0.0, until - time.monotonic()))
        for server in self.servers:
            server.stop()
        if self._elector is not None:
            # With workers still at it the lease is left to run out.
            self._elector.stop(release=ended and not lost)
        return ended or lost

    def _is_held_up(self, cut: float) -> Callable[[], bool]:
        """Whether what has not ended by now waits for a request that was cut, and can do no more harm."""
        return lambda: time.monotonic() >= cut and len(self.in_flight) > 0

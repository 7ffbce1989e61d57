"""Leader election on a Lease, after client-go's, hardened against a paused process and a hung connection.

Times are taken from a clock that never jumps. A lease held by somebody else is taken over when its record
has not changed for its own duration *as we observed it*, so the clocks of two machines are never compared.
Whether we lead is a question of time (``is_leader``), not of a flag that a stuck thread might fail to clear.
"""

from __future__ import annotations

import logging
import math
import random
import socket
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol

import msgspec

from controller_runtime.bus import EventBus
from controller_runtime.client.cancel import Cancel
from controller_runtime.events import LeaderStatus
from controller_runtime.kube.errors import AlreadyExists, ApiError, Conflict, NotFound, Unreachable
from controller_runtime.kube.kinds import Lease
from controller_runtime.kube.times import micro_timestamp
from controller_runtime.threads import SupervisedThread, Threads

log = logging.getLogger("controller_runtime.manager.leaderelection")

# Source: controller-runtime pkg/manager/internal.go.
LEASE_DURATION = 15.0  # seconds
RENEW_DEADLINE = 10.0  # seconds
RETRY_PERIOD = 2.0  # seconds
JITTER = 1.2  # client-go tools/leaderelection/leaderelection.go
# Of the five seconds that a stop may take in all.
CANCELLED_WITHIN = 0.5  # seconds; a request ends at once, but not while it is still connecting
RELEASE_WITHIN = 1.0  # seconds
QUICK_LOOKS = 20  # in a retry period
LOST = "leader election lost"

_NAMESPACE_FILE = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")


def boottime() -> float:
    """Seconds on a clock that is never set and that goes on while the machine sleeps, where there is one."""
    clock = getattr(time, "CLOCK_BOOTTIME", None)
    return time.monotonic() if clock is None else time.clock_gettime(clock)


def default_identity() -> str:
    return f"{socket.gethostname()}_{uuid.uuid4()}"


class LeaderElectionLost(Exception):
    """Another process may be leading now: end this one at once."""


@dataclass(frozen=True, slots=True)
class LeaderElectionConfig:
    """``name`` and ``namespace`` are the Lease's; an empty namespace is that of the pod we run in.

    Durations are in seconds. ``on_lost`` is called from the watchdog's thread the moment leadership is lost,
    before anything is wound up: a headless process ends itself there, for what hangs cannot be wound up.
    """

    name: str
    namespace: str = ""
    identity: str = field(default_factory=default_identity)
    lease_duration: float = LEASE_DURATION
    renew_deadline: float = RENEW_DEADLINE
    retry_period: float = RETRY_PERIOD
    on_lost: Callable[[str], None] | None = None

    def __post_init__(self) -> None:
        if not self.name:
            raise ValueError("LeaderElectionID must be configured")
        if not self.identity:
            raise ValueError("Lock identity is empty")
        if self.lease_duration < 1:
            raise ValueError("leaseDuration must be greater than zero: the API takes whole seconds")
        if self.lease_duration <= self.renew_deadline:
            raise ValueError("leaseDuration must be greater than renewDeadline")
        if self.renew_deadline <= JITTER * self.retry_period:
            raise ValueError("renewDeadline must be greater than retryPeriod*JitterFactor")
        if self.retry_period <= 0:
            raise ValueError("retryPeriod must be greater than zero")

    @property
    def spare(self) -> float:
        """Seconds between the moment at which a leader gives up and that at which others may take over."""
        return self.lease_duration - self.renew_deadline

    @property
    def request_timeout(self) -> float:
        """Seconds; one slow answer must not use up the whole renew deadline."""
        return max(1.0, self.renew_deadline / 2)

    def lease_namespace(self) -> str:
        """Raises ValueError when none is given and we are not in a pod."""
        if self.namespace:
            return self.namespace
        try:
            return _NAMESPACE_FILE.read_text().strip()
        except OSError:
            raise ValueError(
                "unable to find leader election namespace: not running in-cluster, please specify "
                "LeaderElectionNamespace"
            ) from None


class Http(Protocol):
    """What is needed of a Transport."""

    def request(
        self,
        method: str,
        path: str,
        *,
        body: bytes | None = None,
        timeout: float = ...,
        cancel: Cancel | None = None,
    ) -> Any: ...


class LeaderElector:
    """``start`` returns at once. ``on_started`` and ``on_lost`` are called from threads of the elector."""

    def __init__(
        self,
        http: Http,
        config: LeaderElectionConfig,
        bus: EventBus,
        *,
        on_started: Callable[[], None],
        on_lost: Callable[[str], None],
        gauge: Callable[[float], None] = lambda _: None,
        clock: Callable[[], float] = boottime,
        now: Callable[[], float] = time.time,
        rng: Callable[[], float] = random.random,
        threads: Threads | None = None,
    ) -> None:
        self.config = config
        self._http = http
        self._bus = bus
        self._on_started = on_started
        self._on_lost = on_lost
        self._gauge = gauge
        self._clock = clock
        self._now = now
        self._rng = rng
        namespace = config.lease_namespace()
        self._collection = Lease.resource.path(namespace)
        self._path = Lease.resource.path(namespace, config.name)
        self.lease = f"{namespace}/{config.name}"
        self._stop = threading.Event()
        self._cancel = Cancel()
        self._lock = threading.Lock()
        self._record: dict[str, Any] = {}  # the Lease as last observed
        self._observed = 0.0  # when it became like that, as far as we know
        self._looked: float | None = None  # when the request of the last look was sent
        self._caught = False  # whether that look came right after a renewal
        self._renewed: float | None = None  # when the request of the last renewal was sent; None: never led
        self._lost = ""
        self._telling = threading.Lock()
        self._told: tuple[str, str, str] | None = None
        self._threads = threads or Threads(bus)
        self._thread: SupervisedThread | None = None
        self._began = clock()  # the last try, or the wait before it
        self._started = False
        self._winding_up = False

    # What others ask

    @property
    def lost(self) -> str:
        """Why we lead no more; "" while we lead or have never led."""
        if self._renewed is not None and not self._lost and not self._in_time():
            return LOST
        return self._lost

    def is_leader(self) -> bool:
        return self._renewed is not None and not self.lost

    def check(self) -> str:
        """For /healthz: "" or what is wrong. A leader that cannot renew must not look healthy."""
        return self.lost

    def _in_time(self) -> bool:
        return self._renewed is not None and self._clock() < self._renewed + self.config.renew_deadline

    # Running

    def start(self) -> None:
        self._gauge(0)
        self._thread = self._threads.start(
            "leader-election", self._run, done=self._is_over, busy=self._late_by
        )

    def wind_up(self) -> None:
        """A stop has begun: the lease is renewed only if that takes so long that it must be."""
        self._winding_up = True

    def stop(self, *, release: bool = True) -> None:
        """Step down. ``release`` only when all work of the leader has ended; otherwise the Lease runs out."""
        leading = self.is_leader() and release
        self._stop.set()
        self._cancel.set()
        if self._thread is not None and not self._lost:
            self._thread.join(CANCELLED_WITHIN)
        if leading:
            self._lost = "released"
            self._gauge(0)
            try:
                self._release()
            except Exception as error:
                log.warning(
                    "Failed to release lease", extra={"fields": {"lock": self.lease, "error": str(error)}}
                )
            self._tell("released")

    def _late_by(self) -> float:
        """Seconds since the last try began, less the longest pause between two."""
        return self._clock() - self._began - self.config.retry_period * (1 + JITTER)

    def _is_over(self) -> bool:
        """Told to stop, or lost: of what has led once only the end is left."""
        return self._stop.is_set() or bool(self.lost)

    def _run(self) -> None:
        if not self.is_leader():
            if not self._acquire():
                return
            log.info("Successfully acquired lease", extra={"fields": {"lock": self.lease}})
            self._gauge(1)
            self._tell("leading")
            self._threads.start("leader-watchdog", self._watch_deadline, done=self._stop.is_set)
        if not self._started:
            self._on_started()
            self._started = True
        while not self._stop.wait(self.config.retry_period) and self.is_leader():
            if self._winding_up and self._clock() < (self._renewed or 0.0) + self.config.renew_deadline / 2:
                continue
            problem = self.try_once()
            if not self._stop.is_set():  # which cancels it
                self._tell("leading", problem)

    def _acquire(self) -> bool:
        log.info("Attempting to acquire leader lease", extra={"fields": {"lock": self.lease}})
        while not self._stop.is_set():
            problem = self.try_once()
            if self.is_leader():
                return True
            self._tell("standby", problem)
            self._stop.wait(self.pause(failed=bool(problem)))
        return False

    def pause(self, *, failed: bool) -> float:
        """Seconds until a standby looks again.

        A dead leader is noticed the sooner, the closer the looks follow its renewals. So quick ones catch a
        renewal, and after one that came right after it there is none until shortly before the next.
        """
        period = self.config.retry_period
        if failed:
            return period * (1 + self._rng() * JITTER)
        if self._caught:
            return 0.9 * period
        unchanged_for = self._clock() - self._observed
        if unchanged_for < 2 * period:
            return period / QUICK_LOOKS * (1 + self._rng())
        left = self._valid_for() - unchanged_for
        return min(0.9 * period, left) if left > 0 else period / QUICK_LOOKS

    def _valid_for(self) -> float:
        """How many seconds the record holds from when it was first seen; 0 when nobody holds it."""
        spec = self._record.get("spec") or {}
        return float(spec.get("leaseDurationSeconds") or 0) if spec.get("holderIdentity") else 0.0

    def _watch_deadline(self) -> None:
        """Independent of the thread that makes the requests, which may hang."""
        while not self._stop.is_set():
            with self._lock:
                left = (self._renewed or 0.0) + self.config.renew_deadline - self._clock()
            if left > 0:
                self._stop.wait(left)
                continue
            self._lose("the lease was not renewed in time")
            return

    def _lose(self, why: str) -> None:
        with self._lock:
            if self._lost:
                return
            self._lost = LOST
        self._cancel.set()
        self._stop.set()
        self._gauge(0)
        try:
            if self.config.on_lost is not None:
                self.config.on_lost(f"{LOST}: {why}")
            log.error("Leader election lost", extra={"fields": {"lock": self.lease, "error": why}})
            self._tell("lost", why)
        finally:
            self._on_lost(why)

    # The lock

    def try_once(self) -> str:
        """Acquire or renew; "" or what stands in the way. Never raises. Afterwards ``is_leader`` tells."""
        self._began = sent = self._clock()
        try:
            if self.is_leader():
                try:
                    self._take(sent)  # the fast path: no need to look before
                    return ""
                except (Conflict, NotFound):
                    pass
            return self._look_and_take(sent)
        except (ApiError, Unreachable) as error:
            return str(error)
        except Exception as error:
            # What nobody foresaw is no reason to stand by no more: it may be mended until the next try.
            return f"cannot make sense of the lease: {type(error).__name__}: {error}"

    def _look_and_take(self, sent: float) -> str:
        try:
            lease = self._ask("GET", self._path)
        except NotFound:
            self._observe({}, sent)
            try:
                self._take(sent)
            except AlreadyExists:
                return "another candidate was faster"
            return ""
        self._observe(lease, sent)
        spec = lease.get("spec") or {}
        holder = spec.get("holderIdentity") or ""
        if holder != self.config.identity:
            if holder and self._clock() < self._observed + self._valid_for():
                if self.is_leader():
                    self._lose(f"{holder} holds the lease")
                return ""
            if self._renewed is not None:
                self._lose("the lease was taken away")
                return ""
        try:
            self._take(sent)
        except Conflict:
            return "another candidate was faster"
        return ""

    def _observe(self, lease: dict[str, Any], sent: float) -> None:
        """What a look found, whose request was sent at ``sent``.

        A record that has changed was still the old one at the look before. If that was a moment ago, the
        record counts from there; otherwise from now, as nobody knows for how long it has been like that.
        """
        before, self._looked = self._looked, sent
        now = self._clock()
        is_new = lease.get("spec") != self._record.get("spec")
        # Never so early that the holder, if it is set as we are, might still think that it leads.
        moment = min(2.5 * self.config.retry_period / QUICK_LOOKS, self.config.spare / 2)
        self._caught = is_new and before is not None and now - before <= moment
        if is_new:
            self._observed = before if self._caught and before is not None else now
        self._record = lease

    def _take(self, sent: float) -> None:
        """Write our name into the record as last observed. Raises Conflict when it has changed since."""
        old = self._record.get("spec") or {}
        mine = old.get("holderIdentity") == self.config.identity
        now = micro_timestamp(self._now())
        spec = {
            **old,
            "holderIdentity": self.config.identity,
            "leaseDurationSeconds": math.ceil(self.config.lease_duration),
            "acquireTime": old.get("acquireTime") if mine else now,
            "renewTime": now,
            "leaseTransitions": int(old.get("leaseTransitions") or 0) + int(bool(self._record) and not mine),
        }
        self._write(spec)
        with self._lock:
            # A renewal that comes after the deadline is none: the watchdog may have acted already.
            if self._renewed is None or self._in_time():
                self._renewed = sent

    def _release(self) -> None:
        self._cancel = Cancel()
        late = self._threads.after(RELEASE_WITHIN, "lease-release", self._cancel.set)
        late.start()
        try:
            self._give_back()
        except Conflict:
            # A renewal of ours was on its way when we were told to stop: it arrived, its answer did not.
            self._record = self._ask("GET", self._path)
            if (self._record.get("spec") or {}).get("holderIdentity") == self.config.identity:
                self._give_back()
        finally:
            late.cancel()

    def _give_back(self) -> None:
        now = micro_timestamp(self._now())
        self._write(
            {
                **(self._record.get("spec") or {}),
                "holderIdentity": "", "leaseDurationSeconds": 1, "renewTime": now, "acquireTime": now,
            }
        )  # fmt: skip

    def _write(self, spec: dict[str, Any]) -> None:
        if self._record:
            body = {**self._record, "spec": spec}
            self._record = self._ask("PUT", self._path, body)
        else:
            resource = Lease.resource
            meta = {"name": self.config.name, "namespace": self.lease.partition("/")[0]}
            body = {"apiVersion": resource.api_version, "kind": resource.kind, "metadata": meta, "spec": spec}
            self._record = self._ask("POST", self._collection, body)

    def _ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        answer = self._http.request(
            method,
            path,
            body=None if body is None else msgspec.json.encode(body),
            timeout=RELEASE_WITHIN if self._stop.is_set() else self.config.request_timeout,
            cancel=self._cancel,
        )
        return _lease(answer.body)

    # What is published

    def _tell(self, state: Any, message: str = "") -> None:
        with self._telling:
            if not (self._lost and state in ("standby", "leading")):  # an answer that came after the end
                self._tell_change(state, message)

    def _tell_change(self, state: Any, message: str) -> None:
        spec = self._record.get("spec") or {}
        holder = spec.get("holderIdentity") or ""
        if (state, holder, message) == self._told:
            return
        if message and state in ("standby", "leading"):
            log.warning("Failed to update lease", extra={"fields": {"lock": self.lease, "error": message}})
        self._told = state, holder, message
        self._bus.publish(
            LeaderStatus(
                at=self._now(), state=state, identity=self.config.identity, holder=holder, lease=self.lease,
                transitions=int(spec.get("leaseTransitions") or 0), message=message,
            )
        )  # fmt: skip


class _Spec(msgspec.Struct):
    """The types of what is read of a Lease."""

    holderIdentity: str | None = None
    leaseDurationSeconds: int | None = None
    leaseTransitions: int | None = None


class _Lease(msgspec.Struct):
    kind: Literal["Lease"]
    spec: _Spec | None = None


def _lease(body: bytes) -> dict[str, Any]:
    """The Lease in an answer. Raises Unreachable for all else: it was no API server that answered."""
    try:
        msgspec.json.decode(body, type=_Lease)
    except msgspec.MsgspecError as error:
        begin = body[:60].decode(errors="replace")
        raise Unreachable(f"the answer is no Lease: {error}; it begins with {begin!r}") from error
    decoded: dict[str, Any] = msgspec.json.decode(body)
    return decoded

"""Leader election: the rules under a virtual clock, then real threads, pauses, drops and hangs."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import msgspec
import pytest

from controller_runtime.bus import EventBus
from controller_runtime.client.cancel import Cancel
from controller_runtime.client.transport import Answer
from controller_runtime.events import LeaderStatus
from controller_runtime.kube.errors import AlreadyExists, Conflict, NotFound, Unreachable
from controller_runtime.manager.leaderelection import LeaderElectionConfig, LeaderElector
from tests.cluster import eventually
from tests.runtime.sandboxed import Recording

PATH = "/apis/coordination.k8s.io/v1/namespaces/ns/leases/op"


class LeaseServer:
    """One Lease with a resource version, in memory."""

    def __init__(self) -> None:
        self.lease: dict[str, Any] | None = None
        self.version = 0
        self.lock = threading.Lock()
        self.requests: list[tuple[str, str]] = []

    def handle(self, who: str, method: str, path: str, body: bytes | None) -> bytes:
        with self.lock:
            self.requests.append((who, method))
            sent: dict[str, Any] = msgspec.json.decode(body) if body else {}
            if method == "GET" and self.lease is None:
                raise NotFound(404, "NotFound", 'leases "op" not found')
            if method == "POST":
                if self.lease is not None:
                    raise AlreadyExists(409, "AlreadyExists", 'leases "op" already exists')
                self._store(sent)
            if method == "PUT":
                if self.lease is None:
                    raise NotFound(404, "NotFound", 'leases "op" not found')
                if sent["metadata"]["resourceVersion"] != str(self.version):
                    raise Conflict(409, "Conflict", "the object has been modified")
                self._store(sent)
            return msgspec.json.encode(self.lease)

    def _store(self, lease: dict[str, Any]) -> None:
        self.version += 1
        lease["metadata"]["resourceVersion"] = str(self.version)
        self.lease = lease

    @property
    def spec(self) -> dict[str, Any]:
        assert self.lease is not None
        spec: dict[str, Any] = self.lease["spec"]
        return spec


class Http:
    """One candidate's way to the server. ``fault`` may raise, sleep or block; a cancel ends a hang."""

    def __init__(self, server: LeaseServer, who: str) -> None:
        self.server = server
        self.who = who
        self.fault: Callable[[], None] = lambda: None
        self.instead: list[bytes] = []  # answers of somebody who is not the server
        self.observers: list[object] = []

    def request(
        self,
        method: str,
        path: str,
        *,
        body: bytes | None = None,
        timeout: float = 5.0,
        cancel: Cancel | None = None,
    ) -> Answer:
        self.fault()
        if self.instead:
            return Answer(200, {}, self.instead.pop())
        return Answer(200, {}, self.server.handle(self.who, method, path, body))


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Candidate:
    def __init__(self, server: LeaseServer, who: str, clock: Callable[[], float], **config: Any) -> None:
        self.http = Http(server, who)
        self.bus = EventBus()
        self.recording = Recording(self.bus)
        self.started = threading.Event()
        self.lost: list[str] = []
        self.elector = LeaderElector(
            self.http,
            LeaderElectionConfig("op", "ns", who, **config),
            self.bus,
            on_started=self.started.set,
            on_lost=self.lost.append,
            clock=clock,
            rng=lambda: 0.0,
        )

    def states(self) -> list[str]:
        return [event.state for event in self.recording.of(LeaderStatus)]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def server() -> LeaseServer:
    return LeaseServer()


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({"name": ""}, "LeaderElectionID must be configured"),
        ({"identity": ""}, "Lock identity is empty"),
        ({"lease_duration": 10.0}, "leaseDuration must be greater than renewDeadline"),
        ({"renew_deadline": 2.4}, r"renewDeadline must be greater than retryPeriod\*JitterFactor"),
        ({"retry_period": 0.0}, "retryPeriod must be greater than zero"),
        ({"lease_duration": 0.5, "renew_deadline": 0.2}, "leaseDuration must be greater than zero"),
    ],
)
def test_configurations_that_cannot_work_are_refused(config: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        LeaderElectionConfig(**{"name": "op", "namespace": "ns", **config})


def test_defaults() -> None:
    config = LeaderElectionConfig("op", "ns")
    assert (config.lease_duration, config.renew_deadline, config.retry_period) == (15, 10, 2)
    assert config.request_timeout == 5
    assert config.identity != LeaderElectionConfig("op", "ns").identity
    with pytest.raises(ValueError, match="unable to find leader election namespace"):
        LeaderElectionConfig("op").lease_namespace()


def test_the_first_creates_the_lease_and_renews_it_with_one_request(
    server: LeaseServer, clock: Clock
) -> None:
    one = Candidate(server, "one", clock)
    assert one.elector.try_once() == ""
    assert one.elector.is_leader()
    assert server.requests == [("one", "GET"), ("one", "POST")]
    spec = server.spec
    assert (spec["holderIdentity"], spec["leaseDurationSeconds"], spec["leaseTransitions"]) == ("one", 15, 0)
    assert spec["acquireTime"] == spec["renewTime"]
    clock.now += 2
    assert one.elector.try_once() == ""
    assert server.requests[2:] == [("one", "PUT")]
    assert server.spec["acquireTime"] == spec["acquireTime"]


def test_the_second_waits_for_the_duration_that_it_observed(server: LeaseServer, clock: Clock) -> None:
    one, two = Candidate(server, "one", clock), Candidate(server, "two", clock)
    one.elector.try_once()
    server.spec["leaseDurationSeconds"] = 30  # the record's duration counts, not the candidate's own
    server.spec["renewTime"] = "1999-01-01T00:00:00.000000Z"  # the other machine's clock does not
    clock.now += 100  # nor does time before the first look
    two.elector.try_once()
    assert not two.elector.is_leader()
    clock.now += 29
    two.elector.try_once()
    assert not two.elector.is_leader()
    clock.now += 2
    two.elector.try_once()
    assert two.elector.is_leader()
    assert (server.spec["holderIdentity"], server.spec["leaseTransitions"]) == ("two", 1)


def test_each_renewal_begins_the_wait_anew(server: LeaseServer, clock: Clock) -> None:
    one, two = Candidate(server, "one", clock), Candidate(server, "two", clock)
    one.elector.try_once()
    for _ in range(20):
        clock.now += 2
        one.elector.try_once()
        two.elector.try_once()
        assert (one.elector.is_leader(), two.elector.is_leader()) == (True, False)


@pytest.mark.parametrize("lives", [4.0, 60.0])
@pytest.mark.parametrize("offset", [0.0, 0.3, 0.7, 1.1, 1.99])
def test_a_standby_takes_over_soon_and_asks_little(
    server: LeaseServer, clock: Clock, offset: float, lives: float
) -> None:
    one, two = Candidate(server, "one", clock), Candidate(server, "two", clock)

    def latency() -> None:
        clock.now += 0.004

    one.elector.try_once()
    two.http.fault = latency
    last = began = clock.now
    look = began + offset
    while not two.elector.is_leader():
        clock.now = min(look, last + 2.02) if last < began + lives else look  # then the leader dies
        if clock.now == look:
            problem = two.elector.try_once()
            look += two.elector.pause(failed=bool(problem))
        else:
            one.elector.try_once()
            last = clock.now
    assert 14.7 <= clock.now - last <= 15.02
    looks = sum(request == ("two", "GET") for request in server.requests)
    assert looks < 150  # in 75 s


def test_a_released_lease_is_noticed_within_a_retry_period(server: LeaseServer, clock: Clock) -> None:
    one, two = Candidate(server, "one", clock), Candidate(server, "two", clock)
    one.elector.try_once()
    for _ in range(100):
        assert two.elector.try_once() == ""
        pause = two.elector.pause(failed=False)
        assert 0 < pause <= 2
        clock.now += pause
    assert two.elector.pause(failed=True) == 2  # and up to 2.2 times that, at random


def test_a_paused_leader_knows_at_once_that_it_leads_no_more(server: LeaseServer, clock: Clock) -> None:
    one, two = Candidate(server, "one", clock), Candidate(server, "two", clock)
    one.elector.try_once()
    two.elector.try_once()
    clock.now += 10
    assert not one.elector.is_leader()  # no thread had to run for that
    assert one.elector.lost == "leader election lost"
    two.elector.try_once()
    assert not two.elector.is_leader()
    clock.now += 5.1
    two.elector.try_once()
    assert two.elector.is_leader()
    one.elector.try_once()
    assert not one.elector.is_leader()
    assert server.spec["holderIdentity"] == "two"


def test_a_renewal_that_is_answered_too_late_is_none(server: LeaseServer, clock: Clock) -> None:
    one = Candidate(server, "one", clock)
    one.elector.try_once()

    def slow() -> None:
        clock.now += 11

    one.http.fault = slow
    one.elector.try_once()
    assert not one.elector.is_leader()


def test_an_answer_that_was_lost_is_made_good(server: LeaseServer, clock: Clock) -> None:
    one = Candidate(server, "one", clock)
    one.elector.try_once()
    server._store(dict(server.lease or {}))  # our own write arrived, its answer did not
    assert one.elector.try_once() == ""
    assert one.elector.is_leader()
    assert [method for _, method in server.requests[2:]] == ["PUT", "GET", "PUT"]


@pytest.mark.parametrize(("holder", "afterwards"), [("one", ""), ("two", "two")])
def test_a_renewal_under_way_does_not_keep_the_lease(
    server: LeaseServer, clock: Clock, holder: str, afterwards: str
) -> None:
    one = Candidate(server, "one", clock)
    one.elector.try_once()
    assert server.lease
    server._store(server.lease | {"spec": server.spec | {"holderIdentity": holder}})  # unknown to one
    one.elector.stop()
    assert server.spec["holderIdentity"] == afterwards


def test_of_two_that_are_equally_fast_one_wins(server: LeaseServer, clock: Clock) -> None:
    one, two = Candidate(server, "one", clock), Candidate(server, "two", clock)
    first = True

    def cut_in() -> None:
        nonlocal first
        if first and ("two", "GET") in server.requests:
            first = False
            one.elector.try_once()

    two.http.fault = cut_in
    assert two.elector.try_once() == "another candidate was faster"
    assert (one.elector.is_leader(), two.elector.is_leader()) == (True, False)


def test_a_deleted_lease_is_made_again(server: LeaseServer, clock: Clock) -> None:
    one = Candidate(server, "one", clock)
    one.elector.try_once()
    server.lease = None
    assert one.elector.try_once() == ""
    assert one.elector.is_leader()


def test_a_stolen_lease_is_lost(server: LeaseServer, clock: Clock) -> None:
    one = Candidate(server, "one", clock)
    one.elector.try_once()
    server._store({**(server.lease or {}), "spec": {**server.spec, "holderIdentity": "thief"}})
    one.elector.try_once()
    assert not one.elector.is_leader()
    assert one.lost == ["thief holds the lease"]
    assert one.states() == ["lost"]


# With threads and real time

FAST = {"lease_duration": 1.0, "renew_deadline": 0.5, "retry_period": 0.05}


@contextmanager
def two_candidates(server: LeaseServer) -> Iterator[tuple[Candidate, Candidate]]:
    one, two = (Candidate(server, who, time.monotonic, **FAST) for who in ("one", "two"))
    one.elector.start()
    assert one.started.wait(2)
    two.elector.start()
    eventually(lambda: "standby" in two.states(), seconds=2)
    try:
        yield one, two
    finally:
        one.http.fault = two.http.fault = lambda: None
        two.elector.stop()
        one.elector.stop()


def never_both(one: Candidate, two: Candidate, until: Callable[[], object], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not until():
        assert not (one.elector.is_leader() and two.elector.is_leader())
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.001)
    assert not (one.elector.is_leader() and two.elector.is_leader())


def test_a_clean_stop_hands_over_at_once(server: LeaseServer) -> None:
    with two_candidates(server) as (one, two):
        assert two.recording.of(LeaderStatus)[-1].holder == "one"
        started = time.monotonic()
        one.elector.stop()
        assert server.spec["holderIdentity"] in ("", "two")
        assert two.started.wait(2)
        assert time.monotonic() - started < 0.5
    assert one.states() == ["leading", "released"]
    assert one.lost == []
    assert server.spec["leaseTransitions"] == 1
    assert two.states() == ["standby", "leading", "released"]


def test_a_dropped_connection_is_a_loss_within_the_deadline_and_one_leads(server: LeaseServer) -> None:
    with two_candidates(server) as (one, two):

        def refuse() -> None:
            raise Unreachable("connection refused")

        one.http.fault = refuse
        never_both(one, two, lambda: one.lost and two.started.is_set(), 4)
        assert one.lost == ["the lease was not renewed in time"]
        assert "connection refused" in {event.message for event in one.recording.of(LeaderStatus)}


def _wait(event: threading.Event) -> None:
    assert event.wait(10)


def test_a_hung_request_does_not_keep_the_watchdog(server: LeaseServer) -> None:
    with two_candidates(server) as (one, two):
        release = threading.Event()
        one.http.fault = lambda: _wait(release)
        try:
            never_both(one, two, lambda: one.lost and two.started.is_set(), 4)
        finally:
            release.set()
    # The late answer did not bring it back.
    assert not one.elector.is_leader()
    assert one.states()[-1] == "lost"


def test_the_process_is_told_first(server: LeaseServer) -> None:
    order: list[str] = []
    one = Candidate(server, "one", time.monotonic, **FAST, on_lost=lambda why: order.append(why))
    one.elector._on_lost = lambda why: order.append("manager")

    def refuse() -> None:
        raise Unreachable("no route to host")

    one.elector.start()
    assert one.started.wait(2)
    one.http.fault = refuse
    eventually(lambda: len(order) == 2, seconds=2)
    assert order == ["leader election lost: the lease was not renewed in time", "manager"]
    assert one.elector.check() == "leader election lost"


NO_LEASES = [b"<!DOCTYPE html><title>Sign in</title>", b"", b"[]", b'{"kind": "Status"}', b"\xff\xfe"]


@pytest.mark.parametrize("body", NO_LEASES)
def test_an_answer_that_is_no_lease_is_said_and_tried_again(server: LeaseServer, body: bytes) -> None:
    with two_candidates(server) as (one, two):
        one.http.instead, two.http.instead = [body], [body]
        eventually(lambda: not one.http.instead and not two.http.instead, seconds=2)
        asked = len(server.requests)
        eventually(lambda: {who for who, _ in server.requests[asked:]} == {"one", "two"}, seconds=2)
        assert one.elector.is_leader()
        for candidate in (one, two):
            told = [e.message for e in candidate.recording.of(LeaderStatus)]
            assert any("the answer is no Lease" in message for message in told)
            assert told[-1] == ""
        one.elector.stop()
        assert two.started.wait(2)


def test_a_lease_with_nonsense_in_it_is_said_and_looked_at_again(server: LeaseServer, clock: Clock) -> None:
    one, two = Candidate(server, "one", clock), Candidate(server, "two", clock)
    one.elector.try_once()
    server.spec["leaseDurationSeconds"] = {"a": "b"}
    assert "the answer is no Lease: Expected `int | null`" in two.elector.try_once()
    server.spec["leaseDurationSeconds"] = 15
    assert two.elector.try_once() == ""
    clock.now += 30
    two.elector.try_once()
    assert two.elector.is_leader()


def test_a_release_that_fails_is_no_error(server: LeaseServer) -> None:
    one = Candidate(server, "one", time.monotonic, **FAST)
    one.elector.start()
    assert one.started.wait(2)

    def refuse() -> None:
        raise Unreachable("connection refused")

    one.http.fault = refuse
    one.elector.stop()
    assert one.states()[-1] == "released"

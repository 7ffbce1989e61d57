"""The manager: order of start and stop, grace, errors, probes, leadership."""

from __future__ import annotations

import threading
import time
import urllib.error
import urllib.request
from typing import cast

import pytest

from controller_runtime.bus import EventBus
from controller_runtime.client.client import Client
from controller_runtime.controller.builder import new_controller_managed_by
from controller_runtime.controller.handlers import Funcs
from controller_runtime.events import LeaderStatus
from controller_runtime.kube.kinds import ConfigMap
from controller_runtime.manager.leaderelection import LeaderElectionConfig, LeaderElectionLost
from controller_runtime.manager.manager import GracefulShutdownTimeout, Manager
from tests.cluster import eventually
from tests.runtime.fakes import ManualSource, Reconciling, manager
from tests.runtime.sandboxed import Recording, running
from tests.runtime.test_leaderelection import Http, LeaseServer


class Noting:
    """A runnable that notes its start and its end."""

    def __init__(self, name: str, notes: list[str], *, leader: bool = True, linger: float = 0.0) -> None:
        self.name = name
        self.needs_leader_election = leader
        self.started = threading.Event()
        self._notes = notes
        self._linger = linger

    def start(self, stop: threading.Event) -> None:
        self._notes.append(f"{self.name} starts")
        self.started.set()
        stop.wait()
        time.sleep(self._linger)
        self._notes.append(f"{self.name} ends")


def test_runnables_stop_in_order_and_before_the_end() -> None:
    notes: list[str] = []
    mgr = manager()
    leader, other = Noting("leader", notes), Noting("other", notes, leader=False, linger=0.05)
    mgr.add(leader)
    mgr.add(other)
    with running(mgr):
        assert leader.started.wait(2)
        assert other.started.wait(2)
        late = Noting("late", notes)
        mgr.add(late)
        assert late.started.wait(2)
    assert sorted(notes[:2]) == ["leader starts", "other starts"]
    assert notes[2:4] == ["late starts", "other ends"]
    assert sorted(notes[4:]) == ["late ends", "leader ends"]


def test_what_does_not_end_within_the_grace_period_is_left_behind() -> None:
    mgr = manager(graceful_shutdown_timeout=0.05)
    slow = Noting("slow", [], linger=1.0)
    mgr.add(slow)
    words = "failed waiting for all runnables to end within grace period of 0.05s"
    began = time.monotonic()
    with pytest.raises(GracefulShutdownTimeout, match=words), running(mgr):
        assert slow.started.wait(2)
    assert time.monotonic() - began < 0.9


def test_a_runnable_that_raises_ends_the_manager() -> None:
    class Broken:
        def start(self, stop: threading.Event) -> None:
            raise OSError("disk full")

    notes: list[str] = []
    mgr = manager()
    mgr.add(Noting("other", notes))
    mgr.add(Broken())
    with pytest.raises(OSError, match="disk full"):
        mgr.start(threading.Event())
    assert notes == ["other starts", "other ends"]


def test_an_address_in_use_is_told_at_once() -> None:
    first = manager(health_probe_bind_address="127.0.0.1:0")
    with running(first):
        eventually(lambda: first.servers)
        second = manager(metrics_bind_address=f"127.0.0.1:{first.servers[0].port}")
        with pytest.raises(OSError, match="cannot listen on"):
            second.start(threading.Event())


def test_probes_and_metrics_are_served_while_it_runs() -> None:
    mgr = manager(health_probe_bind_address="127.0.0.1:0", metrics_bind_address="127.0.0.1:0")
    wrong = "the cache is cold"
    mgr.add_readyz_check("cache", lambda: wrong)
    mgr.add_healthz_check("loop", lambda: "")
    with running(mgr):
        eventually(lambda: len(mgr.servers) == 2)
        metrics, probes = mgr.servers
        assert _get(probes.port, "/healthz?verbose")[1].startswith(
            "[+]ping ok\n[+]api-server ok\n[+]loop ok\n"
        )
        assert _get(probes.port, "/readyz")[0] == 500
        wrong = ""
        assert _get(probes.port, "/readyz") == (200, "ok")
        assert _get(metrics.port, "/metrics")[0] == 200
    with pytest.raises(urllib.error.URLError):
        _get(probes.port, "/healthz")


def _get(port: int, path: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


class LeaseClient:
    """A client whose only use is leader election."""

    def __init__(self, server: LeaseServer, who: str) -> None:
        self.host = "https://lease"
        self.transport = Http(server, who)


def _electing(server: LeaseServer, who: str, bus: EventBus) -> tuple[Manager, Http]:
    config = LeaderElectionConfig("op", "ns", who, lease_duration=1.0, renew_deadline=0.5, retry_period=0.05)
    fake = LeaseClient(server, who)
    return Manager(cast(Client, fake), bus, leader_election=config), fake.transport


def test_without_election_everybody_leads() -> None:
    bus = EventBus()
    recording = Recording(bus)
    with running(manager(bus)):
        eventually(lambda: [e.state for e in recording.of(LeaderStatus)] == ["disabled"])


def test_a_standby_runs_only_what_needs_no_leader_and_takes_over() -> None:
    server, notes = LeaseServer(), list[str]()
    one, _ = _electing(server, "one", EventBus())
    two, _ = _electing(server, "two", EventBus())
    working, standing, waiting = (
        Noting("one works", notes),
        Noting("two stands by", notes, leader=False),
        Noting("two works", notes),
    )
    one.add(working)
    two.add(standing)
    two.add(waiting)
    with running(one) as stop_one:
        assert working.started.wait(2)
        with running(two):
            assert standing.started.wait(2)
            assert not waiting.started.is_set()
            stop_one.set()
            assert waiting.started.wait(3)
    # The first had ended before the second began.
    assert notes.index("one works ends") < notes.index("two works starts")
    assert two.metrics.registry.get_sample_value("leader_election_master_status", {"name": "op"}) == 0


def test_a_lost_lease_ends_the_manager_without_waiting() -> None:
    from controller_runtime.kube.errors import Unreachable

    server = LeaseServer()
    mgr, http = _electing(server, "one", EventBus())
    slow = Noting("slow", [], linger=3.0)
    mgr.add(slow)

    def refuse() -> None:
        raise Unreachable("connection refused")

    began = 0.0
    with pytest.raises(LeaderElectionLost, match="election lost"), running(mgr):  # noqa: PT012
        assert slow.started.wait(2)
        began = time.monotonic()
        http.fault = refuse
        eventually(lambda: mgr.leadership_lost, seconds=2)
        assert mgr.healthz("/leaderElection", {}).status == 500
        eventually(lambda: mgr._error is not None, seconds=2)
    assert time.monotonic() - began < 2.0


def test_it_is_ready_when_what_it_reconciles_has_synced() -> None:
    mgr = manager()
    new_controller_managed_by(mgr).named("test").watches(ManualSource(), Funcs()).build(Reconciling())
    assert mgr.readyz("", {}).status == 200
    mgr.require(ConfigMap)
    assert mgr.readyz("/informer-sync", {}).body == b"internal server error: not synced: configmaps\n"

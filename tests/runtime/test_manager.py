"""The manager: order of start and stop, grace, errors, probes, and a watch that is forbidden."""

from __future__ import annotations

import threading
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any, cast

import pytest

from controller.bus import EventBus
from controller.bus_events import LeaderStatus, ReconcileFinished, WatchStatus
from controller.runtime.builder import new_controller_managed_by
from controller.runtime.client import Client
from controller.runtime.config import load_configuration
from controller.runtime.handlers import EnqueueRequestForObject, Funcs
from controller.runtime.kinds import ConfigMap, Pod
from controller.runtime.leaderelection import LeaderElectionConfig, LeaderElectionLost
from controller.runtime.manager import GracefulShutdownTimeout, Manager
from controller.runtime.reconcile import Request
from tests.cluster import eventually
from tests.runtime.fakes import ManualSource, Reconciling, manager
from tests.runtime.sandboxed import Recording, api_server, client, running
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
        assert _get(probes.port, "/healthz?verbose")[1].startswith("[+]ping ok\n[+]loop ok\n")
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
    from controller.runtime.errors import Unreachable

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


# Against the embedded API server


class Forbidding:
    """What the service account in this test may do is in its hands."""

    def __init__(self, admin: Client, kubeconfig: Path, directory: Path) -> None:
        import yaml

        self.admin = admin
        account = {"metadata": {"name": "limited", "namespace": "default"}}
        admin.post("/api/v1/namespaces/default/serviceaccounts", account)
        token = admin.post(
            "/api/v1/namespaces/default/serviceaccounts/limited/token",
            {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {"audiences": []}},
        )["status"]["token"]
        config = yaml.safe_load(kubeconfig.read_text())
        config["users"][0]["user"] = {"token": token}
        self.kubeconfig = directory / "limited.kubeconfig"
        self.kubeconfig.write_text(yaml.safe_dump(config))

    def grant(self, *resources: str) -> None:
        rules = [{"apiGroups": [""], "resources": list(resources), "verbs": ["get", "list", "watch"]}]
        name = f"watch-{resources[0]}"
        rbac = "/apis/rbac.authorization.k8s.io/v1"
        self.admin.post(f"{rbac}/clusterroles", {"metadata": {"name": name}, "rules": rules})
        self.admin.post(
            f"{rbac}/clusterrolebindings",
            {
                "metadata": {"name": name},
                "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": name},
                "subjects": [{"kind": "ServiceAccount", "name": "limited", "namespace": "default"}],
            },
        )


def test_a_forbidden_kind_stops_nothing_and_comes_in_when_it_is_granted(tmp_path: Path) -> None:
    with api_server(tmp_path) as kubeconfig:
        admin = client(kubeconfig)
        limited = Forbidding(admin, kubeconfig, tmp_path)
        limited.grant("configmaps")
        bus = EventBus()
        recording = Recording(bus)
        mgr = Manager(Client(load_configuration(limited.kubeconfig), bus=bus), bus)
        reconciler = Reconciling()
        builder = new_controller_managed_by(mgr).for_(ConfigMap).watches(Pod, EnqueueRequestForObject())
        builder.complete(reconciler)
        with running(mgr):
            admin.create(_configmap("first"))
            eventually(lambda: Request("default", "first") in reconciler.requests)
            assert mgr.readyz("", {}).status == 200  # pods are not what it reconciles
            pods = [s for s in recording.of(WatchStatus) if s.resource == "pods"]
            assert pods[-1].state == "forbidden"
            assert not mgr.informer(Pod).has_synced()
            limited.grant("pods")
            admin.create(_pod("late"))
            eventually(lambda: Request("default", "late") in reconciler.requests)
        assert {f.result for f in recording.of(ReconcileFinished)} == {"success"}
        labels = {"code": "403", "method": "GET", "host": mgr.client.host.removeprefix("https://")}
        refused = mgr.metrics.registry.get_sample_value("rest_client_requests_total", labels)
        assert 1 <= (refused or 0) < 20


def _configmap(name: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": "default"}}


def _pod(name: str) -> dict[str, Any]:
    spec = {"containers": [{"name": "c", "image": "redis:5-alpine"}]}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": "default"},
        "spec": spec,
    }


def test_it_is_ready_when_what_it_reconciles_has_synced() -> None:
    mgr = manager()
    new_controller_managed_by(mgr).named("test").watches(ManualSource(), Funcs()).build(Reconciling())
    assert mgr.readyz("", {}).status == 200
    mgr.require(ConfigMap)
    assert mgr.readyz("/informer-sync", {}).body == b"internal server error: not synced: configmaps\n"


def test_a_reconcile_sees_its_own_writes(tmp_path: Path) -> None:
    """A counter that is read from the store and written back never loses a step."""
    with api_server(tmp_path) as kubeconfig:
        admin = client(kubeconfig)
        bus = EventBus()
        recording = Recording(bus)
        mgr = Manager(client(kubeconfig, bus), bus)
        maps = mgr.informer(ConfigMap)
        seen: list[int] = []

        def reconcile(request: Request) -> None:
            found = maps.get(*request)
            if found is None or "count" not in found.data:
                return
            count = int(found.data["count"])
            seen.append(count)
            if count < 30:
                body = {"data": {"count": str(count + 1)}}
                mgr.client.patch(ConfigMap, request.namespace, request.name, body)
                mgr.client.patch(ConfigMap, request.namespace, request.name, {"data": {"at": str(count)}})

        new_controller_managed_by(mgr).for_(ConfigMap).complete(Reconciling(reconcile))
        with running(mgr):
            admin.create({**_configmap("counter"), "data": {"count": "0"}})
            eventually(lambda: 30 in seen)
        assert sorted(set(seen)) == list(range(31))
        assert len([n for n in seen if n < 30]) == 30
        assert max(f.duration for f in recording.of(ReconcileFinished)) < 5

"""A manager and its controllers on an API server: what is forbidden, and what was just written."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client import generate_latest

from controller_runtime.bus import EventBus
from controller_runtime.cache.sources import Kind
from controller_runtime.client.client import Client
from controller_runtime.client.config import load_configuration
from controller_runtime.controller.builder import new_controller_managed_by
from controller_runtime.controller.handlers import EnqueueRequestForObject, Funcs
from controller_runtime.events import LeaderStatus, ObjectChanged, ReconcileFinished, WatchStatus
from controller_runtime.kube.errors import NotFound
from controller_runtime.kube.kinds import ConfigMap, Service
from controller_runtime.kube.resource import Request, Resource
from controller_runtime.manager.leaderelection import LeaderElectionConfig
from controller_runtime.manager.manager import Manager
from tests.cluster import eventually
from tests.runtime.fakes import Reconciling
from tests.runtime.sandboxed import Recording, client, running

pytestmark = pytest.mark.cluster

RBAC = "rbac.authorization.k8s.io"
CLUSTER_ROLE = Resource(RBAC, "v1", "ClusterRole", "clusterroles", namespaced=False)
CLUSTER_ROLE_BINDING = Resource(RBAC, "v1", "ClusterRoleBinding", "clusterrolebindings", namespaced=False)


class Limited:
    """A service account that may do what the test grants it."""

    def __init__(self, kubeconfig: Path, namespace: str, directory: Path) -> None:
        self.admin = client(kubeconfig)
        self.namespace = namespace
        self.granted: list[str] = []
        accounts = f"/api/v1/namespaces/{namespace}/serviceaccounts"
        self.admin.post(accounts, {"metadata": {"name": "limited", "namespace": namespace}})
        request = {
            "apiVersion": "authentication.k8s.io/v1",
            "kind": "TokenRequest",
            "spec": {"audiences": []},
        }
        token = self.admin.post(f"{accounts}/limited/token", request)["status"]["token"]
        config = yaml.safe_load(kubeconfig.read_text())
        config["users"][0]["user"] = {"token": token}
        self.kubeconfig = directory / "limited.kubeconfig"
        self.kubeconfig.write_text(yaml.safe_dump(config))

    def grant(self, resource: str) -> None:
        """May get, list and watch it everywhere."""
        name = f"{self.namespace}-{resource}"
        rules = [{"apiGroups": [""], "resources": [resource], "verbs": ["get", "list", "watch"]}]
        subject = {"kind": "ServiceAccount", "name": "limited", "namespace": self.namespace}
        role = {"apiGroup": RBAC, "kind": "ClusterRole", "name": name}
        self.admin.post(CLUSTER_ROLE.path(), {"metadata": {"name": name}, "rules": rules})
        self.admin.post(
            CLUSTER_ROLE_BINDING.path(), {"metadata": {"name": name}, "roleRef": role, "subjects": [subject]}
        )
        self.granted.append(name)

    def take_back(self) -> None:
        for name in self.granted:
            for resource in (CLUSTER_ROLE_BINDING, CLUSTER_ROLE):
                with suppress(NotFound):
                    self.admin.delete(resource, "", name)


@pytest.fixture
def limited(kubeconfig: Path, namespace: str, tmp_path: Path) -> Iterator[Limited]:
    account = Limited(kubeconfig, namespace, tmp_path)
    yield account
    account.take_back()


def configmap(namespace: str, name: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": namespace}}


def test_a_forbidden_kind_stops_nothing_and_comes_in_when_it_is_granted(
    limited: Limited, namespace: str
) -> None:
    limited.grant("configmaps")
    bus = EventBus()
    recording = Recording(bus)
    mgr = Manager(Client(load_configuration(limited.kubeconfig), bus=bus), bus)
    reconciler = Reconciling()
    builder = new_controller_managed_by(mgr).for_(ConfigMap).watches(Service, EnqueueRequestForObject())
    builder.complete(reconciler)
    with running(mgr):
        limited.admin.create(configmap(namespace, "first"))
        eventually(lambda: Request(namespace, "first") in reconciler.requests)
        assert mgr.readyz("", {}).status == 200  # services are not what it reconciles
        services = [s for s in recording.of(WatchStatus) if s.resource == "services"]
        assert services[-1].state == "forbidden"
        assert not mgr.informer(Service).has_synced()
        limited.grant("services")
        service = {"metadata": {"name": "late", "namespace": namespace}, "spec": {"ports": [{"port": 80}]}}
        limited.admin.post(Service.resource.path(namespace), service)
        eventually(lambda: Request(namespace, "late") in reconciler.requests)
    assert {f.result for f in recording.of(ReconcileFinished)} == {"success"}
    labels = {"code": "403", "method": "GET", "host": mgr.client.host.removeprefix("https://")}
    refused = mgr.metrics.registry.get_sample_value("rest_client_requests_total", labels)
    assert 1 <= (refused or 0) < 20


def test_a_reconcile_sees_its_own_writes(kubeconfig: Path, namespace: str) -> None:
    """A counter that is read from the store and written back never loses a step."""
    admin = client(kubeconfig)
    bus = EventBus()
    recording = Recording(bus)
    mgr = Manager(client(kubeconfig, bus), bus, namespaces=[namespace])
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
        admin.create({**configmap(namespace, "counter"), "data": {"count": "0"}})
        eventually(lambda: 30 in seen)
    assert sorted(set(seen)) == list(range(31))
    assert len([n for n in seen if n < 30]) == 30
    assert max(f.duration for f in recording.of(ReconcileFinished)) < 5


def test_a_selection_of_a_kind_is_a_watch_of_its_own(kubeconfig: Path, namespace: str) -> None:
    """An object that is selected no more is gone for those who selected it, and for nobody else."""
    admin, bus = client(kubeconfig), EventBus()
    recording = Recording(bus)
    mgr = Manager(client(kubeconfig, bus), bus, namespaces=[namespace])
    mine = {"app": "mine"}
    labelled = mgr.informer(ConfigMap, label_selector="app=mine", field_selector="metadata.name=a")
    deleted: list[str] = []
    builder = new_controller_managed_by(mgr).for_(ConfigMap)
    selection = Kind(ConfigMap, label_selector="app=mine", field_selector="metadata.name=a")
    builder.watches(selection, Funcs(delete=lambda event, queue: deleted.append(event.obj.key)))
    builder.complete(Reconciling())
    for name in ("a", "b"):
        body = configmap(namespace, name)
        body["metadata"]["labels"] = mine
        admin.create(body)
    with running(mgr):
        eventually(lambda: len(mgr.informer(ConfigMap).list()) >= 2 and labelled.list())
        assert [m.metadata.name for m in labelled.list()] == ["a"]
        series = generate_latest(mgr.metrics.registry).decode().splitlines()
        names = [line.rpartition(" ")[0] for line in series if line.startswith("informer_objects{")]
        assert len(names) == len(set(names)) == 2
        admin.patch(ConfigMap, namespace, "a", {"metadata": {"labels": {"app": "other"}}})
        eventually(lambda: deleted == [f"{namespace}/a"] and not labelled.list())
        assert mgr.informer(ConfigMap).get(namespace, "a") is not None
    changes = [e for e in recording.of(ObjectChanged) if e.ref.name in ("a", "b")]
    assert sorted((e.type, e.ref.name) for e in changes) == [
        ("ADDED", "a"), ("ADDED", "b"), ("MODIFIED", "a"),
    ]  # fmt: skip
    assert {w.selector for w in recording.of(WatchStatus)} == {
        "", "-l app=mine --field-selector metadata.name=a",
    }  # fmt: skip


def test_one_leads_and_the_other_stands_by(kubeconfig: Path, namespace: str) -> None:
    managers = []
    for who in ("one", "two"):
        bus = EventBus()
        config = LeaderElectionConfig(
            "op", namespace, who, lease_duration=2.0, renew_deadline=1.0, retry_period=0.1
        )
        managers.append((Manager(client(kubeconfig, bus), bus, leader_election=config), Recording(bus)))
    (one, one_seen), (two, two_seen) = managers
    with running(two):
        eventually(lambda: [e.state for e in two_seen.of(LeaderStatus)] == ["leading"])
        with running(one):
            eventually(lambda: [e.holder for e in one_seen.of(LeaderStatus)] == ["two"])
        assert one_seen.of(LeaderStatus)[-1].state == "standby"
    assert [e.state for e in two_seen.of(LeaderStatus)] == ["leading", "released"]
    events = client(kubeconfig).get_json(f"/apis/events.k8s.io/v1/namespaces/{namespace}/events")["items"]
    assert "two became leader" in [event["note"] for event in events]

"""The operator and its runtime against any API server: ``make test-cluster KUBECONFIG=FILE``."""

from __future__ import annotations

from typing import Any

import pytest

from controller.api import FINALIZER_PREFIX, Redis
from controller.events import Heal
from controller_runtime.client.client import Client
from controller_runtime.events import (
    ApiWrite,
    BusEvent,
    Enqueued,
    ObjectChanged,
    ReconcileFinished,
    ReconcileStarted,
)
from controller_runtime.kube.errors import AlreadyExists, Conflict, Invalid, NotFound
from controller_runtime.kube.kinds import ConfigMap, Pod, Service
from tests.cluster import eventually
from tests.integration.conftest import CRDS, Operator

pytestmark = pytest.mark.cluster


def redis(namespace: str, **spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "myapp.tangx.in/v1",
        "kind": "Redis",
        "metadata": {"name": "db", "namespace": namespace},
        "spec": {"replicas": 2, "port": 8333, "image": "redis:5-alpine", **spec},
    }


def ready(admin: Client, namespace: str) -> dict[str, str]:
    pods = admin.list(Pod, namespace)
    return {p.metadata.name: p.metadata.uid for p in pods if p.is_ready and not p.is_terminating}


def is_settled(admin: Client, namespace: str) -> bool:
    condition = admin.get(Redis, namespace, "db").status.condition("Ready")
    return condition is not None and condition.status == "True"


def assert_followed(events: list[BusEvent], heal: Heal) -> None:
    """From the new pod back to the end of the old one, by the numbers of the causes alone."""
    by_seq = {e.seq: e for e in events}
    added = next(e for e in events if isinstance(e, ObjectChanged) and e.ref.uid == heal.new_uid)
    create = by_seq.get(added.cause) or next(
        e for e in events if isinstance(e, ApiWrite) and e.shown_by == added.seq
    )
    assert isinstance(create, ApiWrite)
    reconcile = by_seq[create.cause]
    assert isinstance(reconcile, ReconcileStarted)
    assert (reconcile.id, reconcile.number) == (create.reconcile, heal.reconcile)
    assert reconcile.waited >= 0
    causes = [by_seq[t.seq] for t in reconcile.triggers]
    old = [(e.type, e.ref.uid) for e in causes if isinstance(e, ObjectChanged)]
    assert ("DELETED", heal.old_uid) in old
    enqueued = by_seq[reconcile.cause]
    assert isinstance(enqueued, Enqueued)
    assert enqueued.cause == reconcile.triggers[0].seq
    finished = next(e for e in events if isinstance(e, ReconcileFinished) and e.id == reconcile.id)
    assert finished.cause == reconcile.seq


def test_delete_heal_scale_and_remove(admin: Client, operator: Operator, namespace: str) -> None:
    admin.create(redis(namespace))
    before = eventually(lambda: r if len(r := ready(admin, namespace)) == 2 else None, 60)
    assert admin.get(Redis, namespace, "db").ledger == ("db-0", "db-1")
    assert admin.get(Service, namespace, "db").controller

    admin.delete(Pod, namespace, "db-1", uid=before["db-1"], grace_period=1)
    heal = eventually(
        lambda: next((e for e in operator.events() if isinstance(e, Heal) and e.stage == "ready"), None), 60
    )
    assert (heal.name, heal.old_uid) == ("db-1", before["db-1"])
    assert heal.new_uid == ready(admin, namespace)["db-1"]
    assert_followed(operator.events(), heal)

    admin.patch(Redis, namespace, "db", {"spec": {"replicas": 1}}, subresource="scale")
    eventually(lambda: set(ready(admin, namespace)) == {"db-0"} and len(admin.list(Pod, namespace)) == 1, 60)
    eventually(lambda: admin.get(Redis, namespace, "db").ledger == ("db-0",))

    admin.delete(Redis, namespace, "db")
    eventually(lambda: not admin.list(Redis, namespace) and not admin.list(Pod, namespace), 60)


def test_causes_can_be_followed_from_the_delete_to_the_write(
    admin: Client, operator: Operator, namespace: str
) -> None:
    admin.create(redis(namespace, replicas=1))
    old = eventually(lambda: ready(admin, namespace).get("db-0"), 60)
    admin.delete(Pod, namespace, "db-0", grace_period=1)
    eventually(lambda: ready(admin, namespace).get("db-0", old) != old, 60)
    new = ready(admin, namespace)["db-0"]
    eventually(lambda: any(isinstance(e, Heal) and e.stage == "ready" for e in operator.events()))
    events = operator.events()
    write = next(e for e in events if isinstance(e, ApiWrite) and e.verb == "create" and e.ref.uid == new)
    started = next(e for e in events if isinstance(e, ReconcileStarted) and e.id == write.reconcile)
    assert ("DELETED", old) in [(t.type, t.ref.uid) for t in started.triggers]
    finished = next(e for e in events if isinstance(e, ReconcileFinished) and e.id == write.reconcile)
    assert finished.writes >= 1
    added = next(e for e in events if isinstance(e, ObjectChanged) and e.ref.uid == new)
    assert (added.type, added.resource_version) == ("ADDED", write.resource_version)


def test_the_replacement_comes_before_any_status(admin: Client, operator: Operator, namespace: str) -> None:
    """API servers tell of a forced deletion twice: the pod terminates, and is gone a write later."""
    admin.create(redis(namespace))
    before = eventually(lambda: r if len(r := ready(admin, namespace)) == 2 else None, 60)
    eventually(lambda: is_settled(admin, namespace), 30)
    count = len(operator.events())
    admin.delete(Pod, namespace, "db-1", grace_period=0)
    eventually(lambda: ready(admin, namespace).get("db-1", before["db-1"]) != before["db-1"], 60)
    writes = [e for e in operator.events()[count:] if isinstance(e, ApiWrite)]
    assert (writes[0].verb, writes[0].ref.name) == ("create", "db-1")


def test_what_leads_traffic_is_put_back(admin: Client, operator: Operator, namespace: str) -> None:
    admin.create(redis(namespace, replicas=1))
    eventually(lambda: is_settled(admin, namespace), 60)
    stray = {
        "metadata": {"labels": {"team": "a"}},
        "spec": {
            "selector": {"app": "db", "tier": "gold"},
            "ports": [
                {"name": "redis", "port": 8333, "targetPort": "redis"},
                {"name": "metrics", "port": 9121, "targetPort": 9121},
            ],
        },
    }
    admin.patch(Service, namespace, "db", stray)
    found = eventually(
        lambda: s if (s := admin.get(Service, namespace, "db")).spec.selector == {"app": "db"} else None, 30
    )
    assert found.metadata.labels["team"] == "a"
    assert [p.name for p in found.spec.ports] == ["redis", "metrics"]

    admin.patch(Pod, namespace, "db-0", {"metadata": {"labels": {"app": None, "team": "a"}}})
    eventually(lambda: admin.get(Pod, namespace, "db-0").metadata.labels.get("app") == "db", 30)
    assert admin.get(Pod, namespace, "db-0").metadata.labels["team"] == "a"
    eventually(lambda: is_settled(admin, namespace), 30)

    admin.patch(Redis, namespace, "db", {"spec": {"port": 8334}})
    eventually(lambda: [p.port for p in admin.get(Service, namespace, "db").spec.ports] == [8334, 9121], 30)


def test_bad_specs_are_refused(admin: Client, operator: Operator, namespace: str) -> None:
    for spec in ({"port": 80}, {"port": 54322}, {"image": "red is:5"}, {"replicas": -1}, {"replicas": 1001}):
        with pytest.raises(Invalid):
            admin.create(redis(namespace, **spec))
    schema = admin.get_json(f"{CRDS}/redis.myapp.tangx.in")["spec"]["versions"][0]["schema"]
    if "x-kubernetes-validations" not in schema["openAPIV3Schema"]:
        return  # the rules in CEL need Kubernetes 1.25
    with pytest.raises(Invalid):
        admin.create(redis(namespace, port=2000))
    long = redis(namespace)
    long["metadata"]["name"] = "a" * 58
    with pytest.raises(Invalid, match="at most 57"):
        admin.create(long)


def test_the_ledger_keeps_a_redis_until_its_pods_are_gone(
    admin: Client, operator: Operator, namespace: str
) -> None:
    admin.create(redis(namespace, replicas=1))
    eventually(lambda: ready(admin, namespace), 60)
    finalizers = admin.get(Redis, namespace, "db").metadata.finalizers
    assert finalizers == (FINALIZER_PREFIX + "db-0",)
    admin.delete(Redis, namespace, "db")
    eventually(lambda: not admin.list(Redis, namespace), 60)
    assert not admin.list(Pod, namespace)


def test_an_orphaned_pod_stays(admin: Client, operator: Operator, namespace: str) -> None:
    admin.create(redis(namespace, replicas=1))
    before = eventually(lambda: ready(admin, namespace), 60)
    admin.delete(Redis, namespace, "db", propagation="Orphan")
    eventually(lambda: not admin.list(Redis, namespace), 60)
    assert ready(admin, namespace) == before
    assert admin.get(Pod, namespace, "db-0").controller is None


def test_the_client_tells_refusals_apart(admin: Client, namespace: str) -> None:
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "namespace": namespace}}
    made = admin.create(body, ConfigMap)
    with pytest.raises(AlreadyExists):
        admin.create(body)
    with pytest.raises(NotFound):
        admin.get(ConfigMap, namespace, "b")
    old = {"metadata": {"resourceVersion": made.metadata.resource_version}, "data": {"k": "v"}}
    admin.patch(ConfigMap, namespace, "a", old)
    with pytest.raises(Conflict):
        admin.patch(ConfigMap, namespace, "a", old | {"data": {"k": "w"}})
    with pytest.raises(Conflict):
        admin.delete(ConfigMap, namespace, "a", uid="00000000-0000-0000-0000-000000000000")
    admin.delete(ConfigMap, namespace, "a", uid=made.metadata.uid)

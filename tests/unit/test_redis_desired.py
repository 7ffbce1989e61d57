"""What others add to pods and Services is left alone, unless it leads traffic elsewhere."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from controller import desired
from controller.plan import plan
from controller_runtime.kube.kinds import Pod, Service
from tests.unit.test_redis_plan import pod, redis
from tests.unit.world import World, with_ledger


def rewritten(ordinal: int, image: str, *, annotations: dict[str, str] | None = None) -> Pod:
    """A pod whose image a webhook has changed on its way in."""
    body = desired.pod(redis(), ordinal)
    body["spec"]["containers"][0]["image"] = image
    body["spec"]["containers"].insert(0, {"name": "sidecar", "image": "proxy"})
    body["metadata"] |= {"uid": f"uid-{ordinal}"}
    if annotations is not None:
        body["metadata"]["annotations"] = annotations
    body["status"] = {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}
    return msgspec.convert(body, Pod)


def test_a_pod_that_a_webhook_has_changed_is_as_it_was_asked_for() -> None:
    pods = [rewritten(0, "mirror.example/redis:5-alpine"), pod(1)]
    assert plan(redis(2), pods).delete == ()
    assert [p.metadata.name for p in plan(redis(2, image="redis:7-alpine"), pods).delete] == ["db-1"]
    assert [p.metadata.name for p in plan(redis(2, port=8334), pods).delete] == ["db-1"]


def test_a_pod_from_before_the_hash_is_judged_by_what_can_be_seen() -> None:
    assert plan(redis(1), [rewritten(0, "redis:5-alpine", annotations={})]).delete == ()
    assert plan(redis(1), [rewritten(0, "redis:4", annotations={})]).delete != ()


def test_a_label_that_leads_traffic_is_put_back_and_others_are_left_alone() -> None:
    lost = pod(0, labels={"app": "elsewhere", "team": "a"})
    bare = pod(1, labels={"app": "db"})
    assert [p.metadata.name for p in plan(redis(2), [lost, bare]).relabel] == ["db-0"]
    world = World(with_ledger(2), lost, bare)
    writes = world.reconcile()
    assert [w for w in writes if w.startswith("patch Pod")] == ["patch Pod"]


def service(**spec: Any) -> Service:
    body = desired.service(redis())
    body["spec"] |= spec
    return msgspec.convert(body, Service)


PORT = {"name": "redis", "port": 8333, "targetPort": "redis", "protocol": "TCP"}
METRICS = {"name": "metrics", "port": 9121, "targetPort": 9121, "protocol": "TCP"}


@pytest.mark.parametrize(
    "spec",
    [
        {},
        {"ports": [METRICS, PORT | {"nodePort": 30000}], "type": "NodePort", "sessionAffinity": "ClientIP"},
        {"ports": [PORT | {"name": "renamed", "targetPort": 8333}]},
    ],
)
def test_what_leads_to_the_pods_is_left_as_it_is(spec: dict[str, Any]) -> None:
    assert desired.service_patch(redis(), service(**spec)) == []


@pytest.mark.parametrize(
    ("spec", "paths"),
    [
        ({"selector": {"app": "db", "tier": "gold"}}, ["/spec/selector"]),
        ({"selector": {}}, ["/spec/selector"]),
        ({"type": "ExternalName", "externalName": "a.b"}, ["/spec/type", "/spec/externalName"]),
        ({"ports": [METRICS]}, ["/spec/ports/-"]),
        ({"ports": [METRICS, PORT | {"port": 80}]}, ["/spec/ports/1/port"] * 2),
    ],
)
def test_what_leads_elsewhere_is_put_right_and_nothing_else(spec: dict[str, Any], paths: list[str]) -> None:
    patch = [op["path"] for op in desired.service_patch(redis(), service(**spec))]
    assert patch[: len(paths)] == paths
    assert all(
        path.startswith(("/spec/selector", "/spec/type", "/spec/ext", "/spec/ports")) for path in patch
    )


def test_a_new_port_is_written_over_the_old_one() -> None:
    patch = desired.service_patch(redis(port=8334), service(ports=[METRICS, PORT | {"nodePort": 30000}]))
    assert {"op": "replace", "path": "/spec/ports/1/port", "value": 8334} in patch
    assert patch[-1]["path"] == "/metadata/annotations/myapp.tangx.in~1template-hash"


def test_a_service_that_is_changed_back_is_not_ready_and_a_failure() -> None:
    world = World(with_ledger(1), pod(0))
    found = service(selector={"app": "other"})
    world.stores[Service].put(found)
    world.answers["patch Service"] = found  # a webhook has the last word
    assert world.reconcile() == ["patch Service", "patch Redis status"]
    assert world.failed
    assert world.conditions()["Ready"]["status"] == "False"
    assert world.conditions()["Degraded"]["reason"] == "ServiceOverruled"

"""The main job through the front doors: HTTP in, lines out. One headless operator for the whole file."""

from __future__ import annotations

import signal
import stat
import subprocess
from typing import Any

from tests.cluster import MERGE, PODS, REDISES, SERVICES, Cluster, eventually
from tests.e2e.conftest import Headless

REDIS = f"{REDISES}/my-op-redis"
BINDING = "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings/k8s-operator-demo-manager-rolebinding"
ROLE = "/apis/rbac.authorization.k8s.io/v1/clusterroles/k8s-operator-demo-manager-role"


def finalizers(cluster: Cluster) -> list[str]:
    found: list[str] = cluster.get(REDIS)["metadata"].get("finalizers", [])
    return found


def scale(cluster: Cluster, replicas: int) -> None:
    status, body = cluster.request(
        "PATCH", f"{REDIS}/scale", {"spec": {"replicas": replicas}}, content_type=MERGE
    )
    assert status == 200, body


def condition(cluster: Cluster, type_: str) -> dict[str, Any]:
    return next(c for c in cluster.get(REDIS)["status"]["conditions"] if c["type"] == type_)


def test_the_first_redis_runs_and_the_ledger_names_its_pods(cluster: Cluster) -> None:
    assert sorted(cluster.ready_pods()) == ["my-op-redis-0", "my-op-redis-1"]
    assert "my-op-redis" in cluster.names(SERVICES)
    assert finalizers(cluster) == ["pods.myapp.tangx.in/my-op-redis-0", "pods.myapp.tangx.in/my-op-redis-1"]
    eventually(lambda: condition(cluster, "Ready")["status"] == "True")
    status = cluster.get(REDIS)["status"]
    assert (status["replicas"], status["readyReplicas"], status["selector"]) == (2, 2, "app=my-op-redis")


def test_the_kubeconfigs_are_for_their_owner_alone(headless: Headless, cluster: Cluster) -> None:
    for name in ("kubeconfig", "operator.kubeconfig"):
        assert stat.S_IMODE((headless.directory / name).stat().st_mode) == 0o600


def test_a_deleted_pod_comes_back_and_is_timed(headless: Headless, cluster: Cluster) -> None:
    old = cluster.ready_pods()["my-op-redis-1"]
    status, _ = cluster.request("DELETE", f"{PODS}/my-op-redis-1")
    assert status == 200
    heal = eventually(lambda: headless.find(type="HEAL", stage="ready", oldUid=old))[0]
    new = cluster.ready_pods()["my-op-redis-1"]
    assert heal["newUid"] == new != old
    assert 0 < heal["seconds"] < 60
    assert headless.find(type="DELETED", kind="Pod", name="my-op-redis-1", uid=old)
    assert headless.find(type="ADDED", kind="Pod", name="my-op-redis-1", uid=new)
    assert any(r["writes"] for r in headless.find(type="RECONCILE", key="default/my-op-redis"))
    assert headless.log.count("Pod my-op-redis-1 in NS default deleted") == 1
    assert finalizers(cluster) == ["pods.myapp.tangx.in/my-op-redis-0", "pods.myapp.tangx.in/my-op-redis-1"]
    events = "/apis/events.k8s.io/v1/namespaces/default/events"
    eventually(lambda: any(e["reason"] == "PodRecreated" for e in cluster.get(events)["items"]))


def test_a_deleted_service_comes_back(cluster: Cluster) -> None:
    old = cluster.get(f"{SERVICES}/my-op-redis")["metadata"]["uid"]
    cluster.request("DELETE", f"{SERVICES}/my-op-redis")
    eventually(lambda: cluster.get(f"{SERVICES}/my-op-redis")["metadata"]["uid"] != old)


def test_scale_up_and_down(headless: Headless, cluster: Cluster) -> None:
    scale(cluster, 4)
    pods = eventually(lambda: r if len(r := cluster.ready_pods()) == 4 else None)
    assert len(finalizers(cluster)) == 4
    scale(cluster, 1)
    eventually(lambda: cluster.names(PODS) == ["my-op-redis-0"])
    eventually(lambda: finalizers(cluster) == ["pods.myapp.tangx.in/my-op-redis-0"])
    for name in ("my-op-redis-1", "my-op-redis-2", "my-op-redis-3"):
        eventually(lambda name=name: headless.find(type="DELETED", kind="Pod", uid=pods[name]))  # type: ignore[misc]
    scale(cluster, 2)
    eventually(lambda: len(cluster.ready_pods()) == 2)


def test_a_new_image_replaces_every_pod(cluster: Cluster) -> None:
    before = cluster.ready_pods()
    cluster.request("PATCH", REDIS, {"spec": {"image": "redis:7-alpine"}}, content_type=MERGE)
    eventually(
        lambda: len(after := cluster.ready_pods()) == 2 and not set(after.values()) & set(before.values()), 40
    )


def test_bad_specs_are_refused_by_the_api_server(cluster: Cluster) -> None:
    def apply(**spec: Any) -> tuple[int, str]:
        body = {
            "apiVersion": "myapp.tangx.in/v1", "kind": "Redis", "metadata": {"name": "bad"},
            "spec": {"port": 8333, **spec},
        }  # fmt: skip
        status, answer = cluster.request("POST", REDISES, body)
        return status, answer["message"]

    assert apply(port=80) == (
        422,
        'Redis.myapp.tangx.in "bad" is invalid: spec.port: Invalid value: 80: '
        "spec.port in body should be greater than or equal to 1234",
    )
    status, message = apply(port=2000)
    assert status == 422
    assert "6379" in message
    assert apply(image="red is:5")[0] == 422
    assert apply(replicas=-1)[0] == 422


def test_somebody_elses_pod_is_left_alone_and_reported(cluster: Cluster) -> None:
    stranger = {
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "my-op-redis-2", "labels": {"mine": "yes"}},
        "spec": {"containers": [{"name": "c", "image": "nginx"}]},
    }  # fmt: skip
    status, made = cluster.request("POST", PODS, stranger)
    assert status == 201
    scale(cluster, 3)
    eventually(lambda: condition(cluster, "Degraded")["status"] == "True")
    assert "my-op-redis-2" in condition(cluster, "Degraded")["message"]
    assert cluster.get(f"{PODS}/my-op-redis-2")["metadata"]["uid"] == made["metadata"]["uid"]
    assert "pods.myapp.tangx.in/my-op-redis-2" not in finalizers(cluster)
    cluster.request("DELETE", f"{PODS}/my-op-redis-2?gracePeriodSeconds=0")
    eventually(
        lambda: cluster.ready_pods().get("my-op-redis-2", made["metadata"]["uid"]) != made["metadata"]["uid"]
    )
    eventually(lambda: condition(cluster, "Degraded")["status"] == "False")
    scale(cluster, 2)
    eventually(lambda: len(cluster.ready_pods()) == 2)


def test_pods_heal_while_services_are_forbidden_and_the_grant_is_noticed(
    headless: Headless, cluster: Cluster
) -> None:
    role = cluster.get(ROLE)
    without = {"rules": [r for r in role["rules"] if "services" not in r["resources"]]}
    assert cluster.request("PATCH", ROLE, without, content_type=MERGE)[0] == 200
    # Cut the open watches: a grant that is taken away shows when the next request is made.
    assert cluster.request("POST", "/debug/faults", {"dropWatches": True})[0] == 200
    sentence = 'services is forbidden: User "system:serviceaccount:k8s-operator-demo-system'
    eventually(lambda: sentence in headless.log.replace('\\"', '"'))
    old = cluster.ready_pods()["my-op-redis-0"]
    cluster.request("DELETE", f"{PODS}/my-op-redis-0")
    eventually(lambda: cluster.ready_pods().get("my-op-redis-0", old) != old)
    assert headless.log.replace('\\"', '"').count(sentence) <= 2  # the watch, then the list
    cluster.request("PATCH", ROLE, {"rules": role["rules"]}, content_type=MERGE)
    cluster.request("DELETE", f"{SERVICES}/my-op-redis")
    eventually(lambda: "my-op-redis" in cluster.names(SERVICES), 40)


def test_deleting_the_redis_takes_everything_with_it(headless: Headless, cluster: Cluster) -> None:
    cluster.request("DELETE", REDIS)
    eventually(lambda: cluster.request("GET", REDIS)[0] == 404)
    eventually(lambda: cluster.names(PODS) == [] and "my-op-redis" not in cluster.names(SERVICES))


def test_sigterm_drains_and_ends_with_0_and_takes_the_cluster_along(
    headless: Headless, cluster: Cluster
) -> None:
    assert headless.stop(signal.SIGTERM) == 0, headless.log
    assert "Traceback" not in headless.log
    left = subprocess.run(
        ["pgrep", "-f", f"sandbox --dir {headless.directory}"], capture_output=True, text=True, check=False
    )
    assert left.stdout == ""
    token = cluster.token
    assert token not in headless.log
    assert token not in str(headless.records)

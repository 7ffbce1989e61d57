"""The operator in a cluster with other wills: refusals, webhooks and people, by a man in the middle."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml

from controller.api import Redis
from controller.operator import MARKERS, add_redis_controller
from controller_runtime.bus import EventBus
from controller_runtime.client.client import PATCH_TYPES, Client
from controller_runtime.client.config import load_configuration
from controller_runtime.events import ReconcileFinished
from controller_runtime.kube.errors import Forbidden
from controller_runtime.kube.kinds import Namespace, Pod, Service
from controller_runtime.kube.rules import PolicyRule
from controller_runtime.manager.leaderelection import LeaderElectionConfig
from controller_runtime.manager.manager import Manager
from reconsole.embedded import MANIFESTS
from tests.cluster import eventually
from tests.conftest import a_namespace
from tests.integration.conftest import NODES, call, operating
from tests.integration.middle import Answer, Delay, Middle, Seen, in_the_middle, refuse
from tests.integration.test_operator import is_settled, ready, redis
from tests.runtime.sandboxed import running

pytestmark = pytest.mark.cluster


@pytest.fixture
def middle(kubeconfig: Path, tmp_path: Path) -> Iterator[Middle]:
    if "token" not in yaml.safe_load(kubeconfig.read_text())["users"][0]["user"]:
        pytest.skip("certificates cannot be passed on")
    with in_the_middle(kubeconfig, tmp_path) as middle:
        yield middle


def test_the_role_has_what_is_used_in_a_full_life_and_nothing_else(
    admin: Client, middle: Middle, namespace: str
) -> None:
    bus = EventBus()
    manager = Manager(
        Client(load_configuration(middle.kubeconfig), bus=bus),
        bus,
        namespaces=(namespace,),
        leader_election=LeaderElectionConfig("test", namespace),
    )
    add_redis_controller(manager)
    with running(manager):
        admin.create(redis(namespace))
        eventually(lambda: is_settled(admin, namespace), 60)
        for _ in range(2):  # the second Event makes a series
            old = ready(admin, namespace)["db-1"]
            admin.delete(Pod, namespace, "db-1", grace_period=1)
            eventually(lambda old=old: ready(admin, namespace).get("db-1", old) != old, 60)  # type: ignore[misc]
        admin.patch(Service, namespace, "db", {"spec": {"selector": {"tier": "gold"}}})
        admin.patch(Pod, namespace, "db-0", {"metadata": {"labels": {"app": None}}})
        admin.patch(Redis, namespace, "db", {"spec": {"replicas": 1}})
        eventually(lambda: middle.count("patch services") and middle.count("patch pods"), 30)
        eventually(lambda: middle.count("patch events"), 30)
        admin.delete(Redis, namespace, "db")
        eventually(lambda: not admin.list(Redis, namespace), 60)
    used = {(s.group, s.resource, s.verb) for s in middle.seen if s.resource}
    election = yaml.safe_load_all((MANIFESTS / "rbac" / "leader_election.yaml").read_text())
    role = next(document for document in election if document["kind"] == "Role")
    granted = _permissions(
        [*(marker.rule for marker in MARKERS), *(msgspec.convert(rule, PolicyRule) for rule in role["rules"])]
    )
    # Asked for by an admission plugin, OwnerReferencesPermissionEnforcement, and not by a request.
    unseen = {("myapp.tangx.in", "redis/finalizers", "update")}
    # Needed where a server does not stream lists, and after a conflict.
    unseen |= {("", "pods", "list"), ("", "services", "list"), ("myapp.tangx.in", "redis", "list")} - used
    assert granted - used == unseen
    assert used - granted == set()


def _permissions(rules: Iterable[PolicyRule]) -> set[tuple[str, str, str]]:
    return {(g, r, v) for rule in rules for g in rule.api_groups for r in rule.resources for v in rule.verbs}


def mirror(seen: Seen) -> dict[str, Any] | None:
    """A webhook that takes images from elsewhere and puts a label of its own on each pod."""
    if seen.what != "create pods":
        return None
    seen.body["spec"]["containers"][0]["image"] = (
        f"mirror.example/{seen.body['spec']['containers'][0]['image']}"
    )
    seen.body["metadata"]["labels"]["injected"] = "yes"
    return dict(seen.body)


def test_a_webhook_that_rewrites_pods_is_left_alone(admin: Client, middle: Middle, namespace: str) -> None:
    middle.rules.append(mirror)
    with operating(middle.kubeconfig, namespace):
        admin.create(redis(namespace))
        eventually(lambda: is_settled(admin, namespace), 60)
        admin.patch(Redis, namespace, "db", {"spec": {"image": "redis:7-alpine"}})
        images = {"mirror.example/redis:7-alpine"}
        eventually(lambda: {p.spec.containers[0].image for p in admin.list(Pod, namespace)} == images, 60)
        eventually(lambda: is_settled(admin, namespace), 60)
        assert middle.count("create pods") == 4
        assert middle.count("delete pods") == 2


REFUSALS = [
    ("create pods", Answer(403, "Forbidden", 'pods "db-0" is forbidden: exceeded quota: pods=1')),
    ("create pods", Answer(500, "InternalError", "Internal error occurred: failed calling webhook")),
    ("create services", Answer(422, "Invalid", "spec.clusterIP: no")),
    ("patch redis", Answer(401, "Unauthorized", "Unauthorized")),
]


@pytest.mark.parametrize(("what", "answer"), REFUSALS, ids=lambda value: getattr(value, "reason", value))
def test_a_refusal_is_said_once_counted_as_failure_and_over_soon(
    admin: Client, middle: Middle, namespace: str, what: str, answer: Answer
) -> None:
    middle.rules.append(refuse(what, answer))
    with operating(middle.kubeconfig, namespace) as operator:
        admin.create(redis(namespace, replicas=1))
        degraded = eventually(lambda: _degraded(admin, namespace), 30)
        assert answer.message in degraded
        time.sleep(1)
        assert middle.count(what) <= 12  # 5 ms, doubled each time
        finished = [e for e in operator.events() if isinstance(e, ReconcileFinished)]
        assert {e.result for e in finished if e.error} == {"error"}
        assert finished[-1].result == "error"
        warnings = [s.body for s in middle.seen if s.what == "create events" and s.body["type"] == "Warning"]
        assert [answer.message in w["note"] for w in warnings] == [True]
        middle.rules.clear()
        eventually(lambda: is_settled(admin, namespace), 12)
        eventually(lambda: not _degraded(admin, namespace), 5)


def _degraded(admin: Client, namespace: str) -> str:
    condition = admin.get(Redis, namespace, "db").status.condition("Degraded")
    return condition.message if condition is not None and condition.status == "True" else ""


def test_a_server_that_asks_for_time_is_given_it(admin: Client, middle: Middle, namespace: str) -> None:
    middle.rules.append(refuse("create pods", Answer(429, "TooManyRequests", "slow down", retry_after=2)))
    with operating(middle.kubeconfig, namespace):
        admin.create(redis(namespace, replicas=1))
        eventually(lambda: middle.count("create pods"), 30)
        first = time.monotonic()
        eventually(lambda: middle.count("create pods") == 2, 10)
        assert 1.8 < time.monotonic() - first < 5
        middle.rules.clear()
        eventually(lambda: is_settled(admin, namespace), 12)


def test_pods_pass_pod_security_restricted(admin: Client, namespace: str, middle: Middle) -> None:
    labels = {"pod-security.kubernetes.io/enforce": "restricted"}
    admin.patch(Namespace, "", namespace, {"metadata": {"labels": labels}})
    with operating(middle.kubeconfig, namespace):
        admin.create(redis(namespace, replicas=1))
        eventually(lambda: is_settled(admin, namespace), 60)
        metadata = {"name": "bare", "namespace": namespace}
        spec = {"containers": [{"name": "a", "image": "b"}]}
        with pytest.raises(Forbidden, match="violates PodSecurity"):
            admin.create({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec})


def test_a_large_redis_does_not_hold_up_its_neighbour(admin: Client, middle: Middle, namespace: str) -> None:
    with operating(middle.kubeconfig, namespace) as operator:
        admin.create(redis(namespace, replicas=1))
        old = eventually(lambda: ready(admin, namespace).get("db-0"), 60)
        large = redis(namespace, replicas=60)
        large["metadata"]["name"] = "large"
        middle.rules.append(lambda seen: Delay(0.2) if seen.what == "create pods" else None)  # a slow server
        admin.create(large)
        eventually(lambda: middle.count("create pods") > 10, 30)
        admin.delete(Pod, namespace, "db-0", grace_period=0)
        eventually(lambda: [p for p in admin.list(Pod, namespace) if p.metadata.name == "db-0"], 1)
        assert middle.count("create pods") < 61
        eventually(lambda: ready(admin, namespace).get("db-0", old) != old, 10)
        finished = [e for e in operator.events() if isinstance(e, ReconcileFinished)]
        assert all(turn.duration < 2 for turn in finished if turn.key.endswith("/large"))


def test_a_redis_deleted_while_the_watch_of_its_pods_stalls_asks_for_no_more_than_it_must(
    admin: Client, middle: Middle, namespace: str
) -> None:
    with operating(middle.kubeconfig, namespace):
        admin.create(redis(namespace, replicas=1))
        eventually(lambda: is_settled(admin, namespace), 60)
        middle.stalled.add("pods")
        admin.patch(Pod, namespace, "db-0", {"metadata": {"annotations": {"changed": "yes"}}})
        admin.delete(Redis, namespace, "db")
        eventually(lambda: not admin.list(Pod, namespace), 60)
        time.sleep(1)
        assert middle.count("delete pods") <= 3
        middle.stalled.clear()
        eventually(lambda: not admin.list(Redis, namespace), 30)


def test_a_quota_is_said_once_and_over_soon(admin: Client, middle: Middle, namespace: str) -> None:
    path = f"/api/v1/namespaces/{namespace}/resourcequotas"
    call(admin, "POST", path, {"metadata": {"name": "few"}, "spec": {"hard": {"pods": "1"}}})
    _take_effect(admin, f"{path}/few", "1")
    with operating(middle.kubeconfig, namespace):
        admin.create(redis(namespace, replicas=3))
        eventually(lambda: "exceeded quota: few" in _degraded(admin, namespace), 30)
        time.sleep(1)
        assert middle.count("create pods") <= 20
        warnings = [s.body for s in middle.seen if s.what == "create events" and s.body["type"] == "Warning"]
        assert len(warnings) == 1
        call(admin, "PUT", f"{path}/few", {"metadata": {"name": "few"}, "spec": {"hard": {"pods": "3"}}})
        _take_effect(admin, f"{path}/few", "3")
        eventually(lambda: is_settled(admin, namespace), 15)


def _take_effect(admin: Client, path: str, pods: str) -> None:
    """What a quota controller does; a kube-apiserver all by itself has none."""
    status = admin.get_json(path).get("status") or {}
    if (status.get("hard") or {}).get("pods") != pods:
        used = (status.get("used") or {}).get("pods", "0")
        told = {"hard": {"pods": pods}, "used": {"pods": used}}
        call(admin, "PUT", f"{path}/status", {"metadata": {"name": "few"}, "status": told})


def test_a_namespace_that_ends_takes_its_redis_along_in_peace(
    admin: Client, middle: Middle, crd: None, nodes: None
) -> None:
    with a_namespace(admin) as namespace, operating(middle.kubeconfig, namespace):
        admin.create(redis(namespace))
        eventually(lambda: is_settled(admin, namespace), 60)
        asked = middle.count("create pods")
        admin.delete(Namespace, "", namespace)
        eventually(lambda: not admin.list(Redis, namespace) and not admin.list(Pod, namespace), 60)
        assert middle.count("create pods") - asked <= 15


@pytest.mark.skipif(
    "RECONSOLE_TEST_KUBECONFIG" in os.environ, reason="a real kubelet does not reject on request"
)
def test_pods_that_a_kubelet_rejects_are_made_again_ever_less_often(
    admin: Client, middle: Middle, namespace: str
) -> None:
    def reject(reason: str | None) -> None:
        body = msgspec.json.encode(
            {"metadata": {"annotations": {"sandbox.reconsole.dev/reject-pods": reason}}}
        )
        for node in admin.get_json(NODES)["items"]:
            path = f"{NODES}/{node['metadata']['name']}"
            admin.transport.request("PATCH", path, body=body, content_type=PATCH_TYPES["merge"])

    reject("OutOfcpu")
    try:
        with operating(middle.kubeconfig, namespace):
            admin.create(redis(namespace, replicas=1))
            eventually(lambda: "pod db-0 failed: OutOfcpu" in _degraded(admin, namespace), 30)
            eventually(lambda: middle.count("create pods") == 3, 15)  # at once, after 1 s
            eventually(lambda: any(p.is_over for p in admin.list(Pod, namespace)), 15)
            first = time.monotonic()
            reject(None)
            eventually(lambda: is_settled(admin, namespace), 15)
            assert time.monotonic() - first > 1.5
            assert middle.count("create pods") == 4
            warnings = [
                s.body for s in middle.seen if s.what == "create events" and s.body["type"] == "Warning"
            ]
            assert [w["reason"] for w in warnings] == ["PodFailed"]
    finally:
        reject(None)


ADMISSION = "/apis/admissionregistration.k8s.io/v1"


@pytest.mark.skipif("RECONSOLE_TEST_KUBECONFIG" in os.environ, reason="a real policy takes its time to work")
def test_a_policy_that_refuses_pods_is_quoted_and_over_soon(
    admin: Client, middle: Middle, namespace: str
) -> None:
    rule = {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"]}
    selector = {"matchLabels": {"kubernetes.io/metadata.name": namespace}}
    spec = {
        "matchConstraints": {"resourceRules": [rule], "namespaceSelector": selector},
        "validations": [
            {"expression": "'owner' in object.metadata.labels", "message": "a pod needs an owner"}
        ],
    }
    binding = {"policyName": namespace, "validationActions": ["Deny"]}
    call(
        admin,
        "POST",
        f"{ADMISSION}/validatingadmissionpolicies",
        {"metadata": {"name": namespace}, "spec": spec},
    )
    bindings = f"{ADMISSION}/validatingadmissionpolicybindings"
    call(admin, "POST", bindings, {"metadata": {"name": namespace}, "spec": binding})
    try:
        with operating(middle.kubeconfig, namespace):
            admin.create(redis(namespace, replicas=1))
            eventually(lambda: "a pod needs an owner" in _degraded(admin, namespace), 30)
            call(admin, "DELETE", f"{bindings}/{namespace}")
            eventually(lambda: is_settled(admin, namespace), 12)
            eventually(lambda: not _degraded(admin, namespace), 5)
    finally:
        call(admin, "DELETE", f"{ADMISSION}/validatingadmissionpolicies/{namespace}")

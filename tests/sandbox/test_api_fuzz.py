"""Whatever is sent, the answer is well formed and never a trace."""

import http.client
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.sandbox.server import Api

_keys = st.sampled_from(
    [
        "apiVersion",
        "kind",
        "metadata",
        "name",
        "labels",
        "spec",
        "status",
        "containers",
        "image",
        "ports",
        "replicas",
        "rules",
        "data",
        "finalizers",
        "selector",
        "subsets",
        "versions",
        "names",
        "type",
        "preconditions",
        "ownerReferences",
    ]
) | st.text(max_size=5)
_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_keys, inner, max_size=4),
    max_leaves=12,
)
_paths = st.sampled_from(
    [
        "/api/v1/namespaces/default/pods",
        "/api/v1/namespaces/default/pods/x/binding",
        "/api/v1/namespaces/default/services",
        "/api/v1/namespaces/default/configmaps",
        "/api/v1/namespaces/default/events",
        "/apis/events.k8s.io/v1/namespaces/default/events",
        "/api/v1/nodes",
        "/api/v1/namespaces",
        "/api/v1/namespaces/default/serviceaccounts/default/token",
        "/apis/rbac.authorization.k8s.io/v1/clusterroles",
        "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings",
        "/apis/apiextensions.k8s.io/v1/customresourcedefinitions",
        "/apis/coordination.k8s.io/v1/namespaces/default/leases",
        "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices",
        "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews",
        "/apis/authorization.k8s.io/v1/subjectaccessreviews",
        "/apis/authentication.k8s.io/v1/tokenreviews",
        "/debug/faults",
    ]
)
_quiet = settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def _send(api: Api, method: str, path: str, body: Any, content_type: str) -> tuple[int, bytes]:
    connection, answer = api.send(method, path, body, headers={"Content-Type": content_type}, timeout=10)
    raw = answer.read()
    connection.close()
    return answer.status, raw


def _check(status: int, raw: bytes) -> None:
    assert status != 500 or b"could not handle this request" not in raw, raw
    assert b"Traceback" not in raw
    if status >= 400 and raw[:1] == b"{":
        body = json.loads(raw)
        assert (body["kind"], body["status"], body["code"]) == ("Status", "Failure", status)


@_quiet
@given(path=_paths, body=st.dictionaries(_keys, _json, max_size=5))
def test_random_objects(api: Api, path: str, body: Any) -> None:
    _check(*_send(api, "POST", f"{path}?dryRun=All", body, "application/json"))


@_quiet
@given(
    body=st.dictionaries(_keys, _json, max_size=3) | st.lists(_json, max_size=3),
    kind=st.sampled_from(
        ["merge-patch+json", "json-patch+json", "strategic-merge-patch+json", "apply-patch+yaml"]
    ),
    path=st.sampled_from(
        [
            "/api/v1/namespaces/default/services/kubernetes",
            "/api/v1/namespaces/default",
            "/apis/rbac.authorization.k8s.io/v1/clusterroles/view",
        ]
    ),
)
def test_random_patches(api: Api, body: Any, kind: str, path: str) -> None:
    query = "?dryRun=All&fieldManager=fuzz&force=true"
    _check(*_send(api, "PATCH", path + query, body, f"application/{kind}"))


@_quiet
@given(
    method=st.sampled_from(["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]),
    path=st.text("/abpis.v1-%?=&", max_size=30),
    body=st.text(max_size=20),
)
def test_random_requests(bare_kubeconfig: Path, method: str, path: str, body: str) -> None:
    try:
        status, raw = _send(Api(bare_kubeconfig), method, "/" + path, body, "application/json")
    except http.client.InvalidURL:
        return
    _check(status, raw)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ("[" * 50_000, 400),
        ('{"metadata":' * 5_000 + "1" + "}" * 5_000, 400),
        (json.dumps({"metadata": {"name": "x"}, "data": {"a": "b" * (3 << 20)}}), 413),
    ],
    ids=["lists", "objects", "size"],
)
def test_deep_and_large_bodies(api: Api, body: str, status: int) -> None:
    have, raw = _send(api, "POST", "/api/v1/namespaces/default/configmaps", body, "application/json")
    _check(have, raw)
    assert have == status

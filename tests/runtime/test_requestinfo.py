"""What a request asks to be allowed, as the API server reads it."""

from __future__ import annotations

import pytest

from controller_runtime.kube.requestinfo import RequestInfo, request_info


@pytest.mark.parametrize(
    ("method", "target", "expected"),
    [
        ("GET", "/api/v1/pods", RequestInfo("list", "", "pods")),
        ("GET", "/api/v1/pods?watch=true&allowWatchBookmarks=true", RequestInfo("watch", "", "pods")),
        ("GET", "/api/v1/pods?watch=false", RequestInfo("list", "", "pods")),
        ("GET", "/api/v1/namespaces/a/pods/b", RequestInfo("get", "", "pods", "a", "b")),
        ("GET", "/api/v1/namespaces/a/pods/b/log?follow=1", RequestInfo("get", "", "pods/log", "a", "b")),
        ("POST", "/apis/apps/v1/namespaces/a/deployments", RequestInfo("create", "apps", "deployments", "a")),
        ("PUT", "/apis/g/v1/planets/earth/status", RequestInfo("update", "g", "planets/status", "", "earth")),
        ("PATCH", "/api/v1/namespaces/a", RequestInfo("patch", "", "namespaces", "a", "a")),
        ("PUT", "/api/v1/namespaces/a/finalize", RequestInfo("update", "", "namespaces/finalize", "a", "a")),
        ("DELETE", "/api/v1/namespaces/a/pods", RequestInfo("deletecollection", "", "pods", "a")),
        ("DELETE", "/api/v1/nodes/n1", RequestInfo("delete", "", "nodes", "", "n1")),
        ("GET", "/metrics?x=1", RequestInfo("get", path="/metrics")),
        ("GET", "/apis/apps/v1", RequestInfo("get", path="/apis/apps/v1")),
        ("GET", "/", RequestInfo("get", path="/")),
    ],
)
def test_a_request(method: str, target: str, expected: RequestInfo) -> None:
    assert request_info(method, target) == expected

"""Objects that are right but for one value: refused or stored, never an internal error."""

import copy
import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.sandbox.server import Api

_RBAC = "rbac.authorization.k8s.io"
_SCHEMA = {
    "type": "object",
    "properties": {"spec": {"type": "object", "x-kubernetes-validations": [{"rule": "1"}]}},
}
OBJECTS: dict[str, dict[str, Any]] = {
    "/api/v1/namespaces/default/services": {
        "metadata": {"name": "x"},
        "spec": {
            "ports": [{"port": 1, "targetPort": 1, "name": "a"}],
            "selector": {"a": "b"},
            "type": "NodePort",
            "clusterIP": "10.96.0.77",
            "sessionAffinity": "ClientIP",
        },
    },
    "/api/v1/namespaces/default/pods": {
        "metadata": {
            "name": "x",
            "ownerReferences": [{"apiVersion": "v1", "kind": "A", "name": "b", "uid": "c"}],
            "finalizers": ["a.b/c"],
            "labels": {"a": "b"},
        },
        "spec": {
            "containers": [
                {
                    "name": "c",
                    "image": "i",
                    "env": [{"name": "a", "valueFrom": {"fieldRef": {"fieldPath": "x"}}}],
                    "livenessProbe": {"httpGet": {"port": 1}},
                    "resources": {"limits": {"cpu": "1"}},
                }
            ],
            "volumes": [{"name": "v", "secret": {"secretName": "a"}}],
            "tolerations": [{"key": "a"}],
        },
    },
    f"/apis/{_RBAC}/v1/clusterrolebindings": {
        "metadata": {"name": "x"},
        "roleRef": {"kind": "ClusterRole", "name": "view", "apiGroup": _RBAC},
        "subjects": [{"kind": "User", "name": "a"}],
    },
    "/apis/apiextensions.k8s.io/v1/customresourcedefinitions": {
        "metadata": {"name": "as.b.c"},
        "spec": {
            "group": "b.c",
            "scope": "Namespaced",
            "names": {"plural": "as", "kind": "A"},
            "versions": [
                {
                    "name": "v1",
                    "served": True,
                    "storage": True,
                    "schema": {"openAPIV3Schema": _SCHEMA},
                    "subresources": {
                        "scale": {"specReplicasPath": ".spec.a", "statusReplicasPath": ".status.a"}
                    },
                }
            ],
        },
    },
    "/api/v1/namespaces/default/events": {
        "metadata": {"name": "x"},
        "involvedObject": {"namespace": "default", "kind": "A"},
        "source": {"component": "a"},
    },
}
VALUES: list[Any] = [None, 1, -1, "", {}, [], {"a": 1}, "x y", True, [None], [{}], 1.5, "é" * 300, 10**30]


def _paths(node: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    pairs = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, value in pairs:
        yield (*path, key)
        yield from _paths(value, (*path, key))


@pytest.mark.parametrize("url", OBJECTS, ids=lambda url: url.rpartition("/")[2])
def test_one_wrong_value(api: Api, url: str) -> None:
    connection, answer = api.send("GET", "/version")
    answer.read()
    for path in _paths(OBJECTS[url]):
        for value in VALUES:
            body = copy.deepcopy(OBJECTS[url])
            inner: Any = body
            for key in path[:-1]:
                inner = inner[key]
            inner[path[-1]] = value
            head = {"Authorization": f"Bearer {api.token}", "Content-Type": "application/json"}
            connection.request("POST", f"{url}?dryRun=All", json.dumps(body), head)
            answer = connection.getresponse()
            raw = answer.read()
            assert answer.status in (201, 400, 403, 404, 409, 422), (path, value, raw)
    connection.close()

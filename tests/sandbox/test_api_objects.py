"""Life of an object beyond the recorded answers: custom resources, finalizers, generations, RBAC by name."""

from typing import Any

import pytest

from tests.sandbox.server import Api

CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
RBAC = "/apis/rbac.authorization.k8s.io/v1"


@pytest.fixture
def widgets(api: Api, namespace: str) -> str:
    """The path of a custom resource in the test's own group and namespace."""
    schema = {
        "type": "object",
        "properties": {
            "spec": {
                "type": "object",
                "default": {},
                "properties": {
                    "size": {"type": "integer", "default": 3, "minimum": 1},
                    "deep": {
                        "type": "object",
                        "properties": {"mode": {"type": "string", "default": "on", "enum": ["on", "off"]}},
                    },
                    "free": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
                    "tags": {"type": "array", "items": {"type": "string", "maxLength": 3}},
                },
                "x-kubernetes-validations": [
                    {"rule": "self.size < 10", "message": "too big"},
                ],
            },
            "status": {"type": "object", "properties": {"seen": {"type": "boolean"}}},
        },
    }
    version = {
        "name": "v1",
        "served": True,
        "storage": True,
        "schema": {"openAPIV3Schema": schema},
        "subresources": {"status": {}},
    }
    group = f"{namespace}.example.com"
    names = {"plural": "widgets", "kind": "Widget"}
    api.ok(
        "POST",
        CRDS,
        {
            "apiVersion": "apiextensions.k8s.io/v1",
            "kind": "CustomResourceDefinition",
            "metadata": {"name": f"widgets.{group}"},
            "spec": {"group": group, "scope": "Namespaced", "names": names, "versions": [version]},
        },
    )
    return f"/apis/{group}/v1/namespaces/{namespace}/widgets"


def _widget(path: str, name: str, **spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "/".join(path.split("/")[2:4]),
        "kind": "Widget",
        "metadata": {"name": name},
        "spec": spec,
    }


def test_defaults_and_pruning_reach_into_depths(api: Api, widgets: str) -> None:
    body = _widget(widgets, "a", deep={"lost": 1}, free={"kept": {"x": 1}}, gone=True)
    made = api.ok("POST", widgets, body)
    assert made["spec"] == {"deep": {"mode": "on"}, "free": {"kept": {"x": 1}}, "size": 3}


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ({"size": 0}, "spec.size in body should be greater than or equal to 1"),
        ({"deep": {"mode": "x"}}, 'spec.deep.mode: Unsupported value: "x": supported values: "off", "on"'),
        ({"tags": ["long"]}, "spec.tags[0]: Too long: may not be more than 3 bytes"),
        ({"size": 11}, "too big"),
        ({"tags": "no"}, 'spec.tags in body must be of type array: "string"'),
    ],
)
def test_a_schema_refuses(api: Api, widgets: str, spec: dict[str, Any], message: str) -> None:
    status, answer = api("POST", widgets, _widget(widgets, "bad", **spec))
    assert status == 422
    assert message in answer["message"]


def test_generation_counts_specs_and_status_is_apart(api: Api, widgets: str) -> None:
    api.ok("POST", widgets, _widget(widgets, "a"))
    _, labelled = api.patch(f"{widgets}/a", {"metadata": {"labels": {"x": "y"}}, "status": {"seen": True}})
    assert labelled["metadata"]["generation"] == 1
    assert "status" not in labelled
    _, changed = api.patch(f"{widgets}/a", {"spec": {"size": 4}})
    assert changed["metadata"]["generation"] == 2
    _, status = api.patch(f"{widgets}/a/status", {"spec": {"size": 9}, "status": {"seen": True}})
    assert (status["spec"]["size"], status["status"], status["metadata"]["generation"]) == (
        4,
        {"seen": True},
        2,
    )
    _, again = api.patch(f"{widgets}/a", {"spec": {"size": 4}})
    assert again["metadata"]["resourceVersion"] == status["metadata"]["resourceVersion"]


def test_finalizers_hold_and_the_generation_moves(api: Api, widgets: str) -> None:
    body = _widget(widgets, "held")
    body["metadata"]["finalizers"] = ["example.com/a"]
    api.ok("POST", widgets, body)
    leaving = api.ok("DELETE", f"{widgets}/held")
    assert leaving["metadata"]["generation"] == 2
    assert leaving["metadata"]["deletionGracePeriodSeconds"] == 0
    status, _ = api.patch(f"{widgets}/held", {"metadata": {"finalizers": None}})
    assert status == 200
    assert api("GET", f"{widgets}/held")[0] == 404


def test_put_needs_the_version_of_a_custom_resource(api: Api, widgets: str) -> None:
    made = api.ok("POST", widgets, _widget(widgets, "a"))
    status, answer = api("PUT", f"{widgets}/a", _widget(widgets, "a", size=5))
    assert (status, answer["reason"]) == (422, "Invalid")
    made["spec"]["size"] = 5
    assert api.ok("PUT", f"{widgets}/a", made)["spec"]["size"] == 5
    status, answer = api("PUT", f"{widgets}/a", made)
    assert (status, answer["reason"]) == (409, "Conflict")


def test_a_definition_takes_its_objects_with_it(api: Api, widgets: str, namespace: str) -> None:
    body = _widget(widgets, "held")
    body["metadata"]["finalizers"] = ["example.com/a"]
    api.ok("POST", widgets, body)
    name = f"widgets.{namespace}.example.com"
    leaving = api.ok("DELETE", f"{CRDS}/{name}")
    assert leaving["metadata"]["finalizers"] == ["customresourcecleanup.apiextensions.k8s.io"]
    assert "deletionTimestamp" in api.ok("GET", f"{widgets}/held")["metadata"]
    api.patch(f"{widgets}/held", {"metadata": {"finalizers": []}})
    assert api("GET", f"{CRDS}/{name}")[0] == 404
    assert api("GET", widgets) == (404, "404 page not found\n")


def test_a_list_by_name_is_enough_for_a_named_rule(api: Api, namespace: str) -> None:
    rules = [
        {
            "apiGroups": [""],
            "resources": ["configmaps"],
            "resourceNames": ["mine"],
            "verbs": ["get", "list", "watch"],
        }
    ]
    api.ok("POST", f"{RBAC}/namespaces/{namespace}/roles", {"metadata": {"name": "r"}, "rules": rules})
    binding = {
        "metadata": {"name": "r"},
        "roleRef": {"kind": "Role", "name": "r"},
        "subjects": [{"kind": "User", "name": "jane"}],
    }
    api.ok("POST", f"{RBAC}/namespaces/{namespace}/rolebindings", binding)
    path = f"/api/v1/namespaces/{namespace}/configmaps"
    assert api("GET", path, user="jane")[0] == 403
    assert api("GET", f"{path}?fieldSelector=metadata.name%3Dmine", user="jane")[0] == 200
    assert api("GET", f"{path}?fieldSelector=metadata.name%3Dother", user="jane")[0] == 403


def test_nobody_grants_what_they_do_not_hold(api: Api, namespace: str) -> None:
    rules = [{"apiGroups": ["rbac.authorization.k8s.io"], "resources": ["roles"], "verbs": ["create"]}]
    api.ok("POST", f"{RBAC}/clusterroles", {"metadata": {"name": namespace}, "rules": rules})
    subjects = [{"kind": "User", "name": f"joe-{namespace}"}]
    ref = {"kind": "ClusterRole", "name": namespace}
    binding = {"metadata": {"name": namespace}, "roleRef": ref, "subjects": subjects}
    api.ok("POST", f"{RBAC}/clusterrolebindings", binding)
    role = {
        "metadata": {"name": "r"},
        "rules": [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}],
    }
    path = f"{RBAC}/namespaces/{namespace}/roles"
    status, answer = api("POST", path, role, user=f"joe-{namespace}")
    assert status == 403
    assert "attempting to grant RBAC permissions not currently held" in answer["message"]
    assert '{APIGroups:[""], Resources:["pods"], Verbs:["get"]}' in answer["message"]


def test_aggregated_roles_follow_their_parts(api: Api, namespace: str) -> None:
    label = "rbac.authorization.k8s.io/aggregate-to-view"
    rules = [{"apiGroups": [f"{namespace}.example.com"], "resources": ["things"], "verbs": ["get"]}]
    name = f"part-{namespace}"
    api.ok(
        "POST",
        f"{RBAC}/clusterroles",
        {"metadata": {"name": name, "labels": {label: "true"}}, "rules": rules},
    )
    for role in ("view", "edit", "admin"):
        assert rules[0] in api.ok("GET", f"{RBAC}/clusterroles/{role}")["rules"]
    api.ok("DELETE", f"{RBAC}/clusterroles/{name}")
    assert rules[0] not in api.ok("GET", f"{RBAC}/clusterroles/view")["rules"]


def test_warnings_of_unknown_fields(api: Api, namespace: str) -> None:
    body = {"metadata": {"name": "w"}, "nope": 1}
    connection, answer = api.send("POST", f"/api/v1/namespaces/{namespace}/configmaps", body)
    assert answer.getheader("Warning") == '299 - "unknown field \\"nope\\""'
    answer.read()
    connection.close()

"""What nearly grants a permission, and the objects that would."""

from __future__ import annotations

from typing import Any

import pytest

from controller_runtime.kube.bindings import granting, nearly
from controller_runtime.kube.markers import Marker, declared_on, in_python, rbac
from controller_runtime.kube.permissions import Permission
from controller_runtime.kube.rules import PolicyRule

ME = "system:serviceaccount:sys:op"
ACCOUNT = {"kind": "ServiceAccount", "namespace": "sys", "name": "op"}
LIST_SERVICES = Permission("list", "", "services")


def role(
    name: str, *rules: tuple[list[str], list[str], list[str]], namespace: str = "", **more: Any
) -> dict[str, Any]:
    metadata = {"name": name} | ({"namespace": namespace} if namespace else {})
    listed = [{"apiGroups": g, "resources": r, "verbs": v, **more} for g, r, v in rules]
    return {"kind": "Role" if namespace else "ClusterRole", "metadata": metadata, "rules": listed}


def bound(to: dict[str, Any], subject: dict[str, str] = ACCOUNT, namespace: str = "") -> dict[str, Any]:
    where = {"namespace": namespace} if namespace else {}
    return {
        "kind": "RoleBinding" if namespace else "ClusterRoleBinding",
        "metadata": {"name": f"{to['metadata']['name']}-binding", **where},
        "roleRef": {"kind": to["kind"], "name": to["metadata"]["name"]},
        "subjects": [subject],
    }


SERVICES = (["", "apps"], ["services"], ["create", "patch"])
ALL = ([""], ["services"], ["list"])
ACCOUNTS = {"kind": "Group", "name": "system:serviceaccounts:sys"}
USER = {"kind": "User", "name": ME}


@pytest.mark.parametrize(
    ("roles", "bindings", "says"),
    [
        (
            [role("m", SERVICES)],
            [bound(role("m"))],
            ["ClusterRoleBinding m-binding gives ClusterRole m, with create, patch on services and not list"],
        ),
        (
            [role("m", ALL, namespace="sys")],
            [bound(role("m", namespace="sys"), ACCOUNTS, "sys")],
            ["RoleBinding m-binding in sys gives Role m, but in the namespace sys only; it is needed in all"],
        ),
        (
            [role("m", (["apps"], ["services"], ["list"]))],
            [bound(role("m"), USER)],
            ['but for services in the API group "apps" and not ""'],
        ),
        ([role("m", ALL, resourceNames=["a"])], [bound(role("m"))], ["but only for those named a"]),
        (
            [role("m", (["apps"], ["deployments"], ["list"]))],
            [bound(role("m"))],
            ["gives ClusterRole m, which has no rule for services"],
        ),
        ([], [bound(role("m"))], ["gives ClusterRole m, which is not there"]),
        (
            [role("wide", ALL, SERVICES), role("reader", ALL), role("system:x", ALL)],
            [bound(role("reader"), {"kind": "User", "name": "jane"})],
            ["it has no binding", "ClusterRole reader would give it, and is not bound"],
        ),
    ],
)
def test_what_nearly_grants_it_is_named(
    roles: list[dict[str, Any]], bindings: list[dict[str, Any]], says: list[str]
) -> None:
    found = nearly(ME, LIST_SERVICES, roles, bindings)
    assert len(found) == len(says)
    for sentence, words in zip(found, says, strict=True):
        assert words in sentence


def test_the_objects_that_would_grant_it() -> None:
    rule = PolicyRule(("",), ("services",), ("list", "watch"))
    made, binding = granting(ME, rule)
    assert made["metadata"]["name"].startswith("reconsole-granted-services-")
    assert granting(ME, rule)[0] == made
    assert granting("other", rule)[0]["metadata"]["name"] != made["metadata"]["name"]
    assert (made["kind"], made["rules"]) == ("ClusterRole", [rule.to_dict()])
    assert binding["subjects"] == [ACCOUNT]
    assert binding["roleRef"]["name"] == made["metadata"]["name"]
    made, binding = granting("Jane Doe", PolicyRule(("apps",), ("x/scale",), ("get",)), "here")
    assert (made["kind"], made["metadata"]["namespace"]) == ("Role", "here")
    assert made["metadata"]["name"].startswith("reconsole-granted-x-scale-")
    assert binding["subjects"][0]["kind"] == "User"


def test_a_marker_is_written_as_it_is_read() -> None:
    for marker in (
        Marker(PolicyRule(("",), ("services",), ("list", "watch")), "here", "r"),
        Marker(PolicyRule((), (), ("get",), (), ("/metrics",))),
    ):
        scope = {"rbac": rbac}
        exec(f"{in_python(marker)}\nclass R: ...", scope)
        assert declared_on(scope["R"]) == (marker,)

"""The operator under an identity whose rights come and go."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from controller.api import Condition, Redis
from controller.operator import MARKERS
from controller_runtime.client.client import Client
from controller_runtime.events import ApiWrite
from controller_runtime.kube.kinds import Pod, Service
from controller_runtime.kube.rules import PolicyRule, merge
from tests.cluster import eventually
from tests.integration.conftest import Operator, call, operating
from tests.integration.test_operator import is_settled, ready, redis
from tui.reducer import apply
from tui.state import ConsoleState
from tui.troubles import problems

pytestmark = pytest.mark.cluster

USER = "limited"
RULES = merge(marker.rule for marker in MARKERS)
WATCH = PolicyRule(("",), ("pods", "services"), ("list", "watch", "patch"))
NO_CREATES = (*(r for r in RULES if not {"create", "delete"} & set(r.verbs)), WATCH)


class Rights:
    """The role of USER in a namespace."""

    def __init__(self, admin: Client, namespace: str, rules: Iterable[PolicyRule]) -> None:
        self._admin = admin
        self._path = f"/apis/rbac.authorization.k8s.io/v1/namespaces/{namespace}"
        call(admin, "POST", f"{self._path}/roles", self._role(rules))
        subject = {"kind": "User", "apiGroup": "rbac.authorization.k8s.io", "name": USER}
        role = {"kind": "Role", "apiGroup": "rbac.authorization.k8s.io", "name": "operator"}
        binding = {"metadata": {"name": "operator"}, "subjects": [subject], "roleRef": role}
        call(admin, "POST", f"{self._path}/rolebindings", binding)

    def give(self, rules: Iterable[PolicyRule]) -> None:
        call(self._admin, "PUT", f"{self._path}/roles/operator", self._role(rules))

    @staticmethod
    def _role(rules: Iterable[PolicyRule]) -> dict[str, Any]:
        return {"metadata": {"name": "operator"}, "rules": [rule.to_dict() for rule in rules]}


def condition(admin: Client, namespace: str, type_: str) -> Condition:
    return eventually(lambda: admin.get(Redis, namespace, "db").status.condition(type_), 30)


def denied(operator: Operator) -> list[str]:
    """What the console would show in its banner."""
    state = ConsoleState()
    for event in operator.events():
        apply(state, event)
    return [problem.title for problem in problems(state, time.time())]


def test_a_refused_write_is_reported_and_made_when_the_grant_comes(
    kubeconfig: Path, admin: Client, namespace: str
) -> None:
    rights = Rights(admin, namespace, NO_CREATES)
    with operating(kubeconfig, namespace, user=USER) as operator:
        admin.create(redis(namespace, replicas=1))
        eventually(lambda: condition(admin, namespace, "Degraded").status == "True", 30)
        found = condition(admin, namespace, "Degraded")
        assert found.reason == "Forbidden"
        assert 'User "limited" cannot create resource "pods"' in found.message
        refused = [e for e in operator.events() if isinstance(e, ApiWrite) and e.status == 403]
        assert PolicyRule(("",), ("pods",), ("create",)) in [e.missing_rule for e in refused]
        assert PolicyRule(("",), ("services",), ("create",)) in [e.missing_rule for e in refused]
        assert f"FORBIDDEN · create Pods in {namespace}" in denied(operator)
        rights.give(RULES)
        eventually(lambda: ready(admin, namespace), 30)
        eventually(lambda: admin.list(Service, namespace))
        eventually(lambda: condition(admin, namespace, "Degraded").status == "False")
        eventually(lambda: not denied(operator), 12)


@pytest.mark.skipif(
    "RECONSOLE_TEST_KUBECONFIG" in os.environ, reason="a real API server lets watches go on that have begun"
)
def test_ready_is_not_said_while_the_pods_cannot_be_watched(
    kubeconfig: Path, admin: Client, namespace: str
) -> None:
    rights = Rights(admin, namespace, RULES)
    with operating(kubeconfig, namespace, user=USER) as operator:
        admin.create(redis(namespace, replicas=1))
        eventually(lambda: is_settled(admin, namespace), 60)
        rights.give(r for r in RULES if "pods" not in r.resources)
        call(admin, "POST", "/debug/faults", {"dropWatches": True})
        eventually(lambda: condition(admin, namespace, "Ready").status == "Unknown", 30)
        assert condition(admin, namespace, "Degraded").reason == "PodsUnknown"
        admin.delete(Pod, namespace, "db-0", grace_period=0)
        rights.give(RULES)
        eventually(lambda: ready(admin, namespace), 12)
        eventually(lambda: is_settled(admin, namespace), 12)
        eventually(lambda: not denied(operator), 12)

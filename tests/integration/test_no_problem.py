"""A healthy operator raises no problem, whatever it goes through."""

from __future__ import annotations

from typing import Any

import pytest

from controller.api import Redis
from controller_runtime.client.client import Client
from controller_runtime.kube.errors import NotFound
from controller_runtime.kube.kinds import Pod, Service
from tests.cluster import eventually
from tests.integration.conftest import Operator
from why.problems.detection import Problems

pytestmark = pytest.mark.cluster
MANY = 25


def redis(namespace: str, name: str, **spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "myapp.tangx.in/v1",
        "kind": "Redis",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"replicas": 2, "port": 8333, "image": "redis:5-alpine", **spec},
    }


def is_ready(admin: Client, namespace: str, name: str) -> bool:
    found = admin.get(Redis, namespace, name)
    condition = found.status.condition("Ready")
    return (
        condition is not None
        and condition.status == "True"
        and found.status.observed_generation == found.metadata.generation
    )


def test_scaling_healing_replacing_and_many_objects(
    admin: Client, operator: Operator, namespace: str
) -> None:
    def settled(*names: str) -> None:
        eventually(lambda: all(is_ready(admin, namespace, name) for name in names), 60)

    admin.create(redis(namespace, "db"))
    settled("db")
    for replicas in (5, 1, 3):
        admin.patch(Redis, namespace, "db", {"spec": {"replicas": replicas}})
        settled("db")
    for _ in range(6):  # healed again and again: it is the person who deletes
        uid = admin.get(Pod, namespace, "db-1").metadata.uid
        admin.delete(Pod, namespace, "db-1", grace_period=0)
        eventually(lambda uid=uid: _is_another(admin, namespace, "db-1", uid), 30)  # type: ignore[misc]
    admin.delete(Service, namespace, "db")
    settled("db")
    admin.patch(Redis, namespace, "db", {"spec": {"image": "redis:7-alpine"}})
    settled("db")
    for number in range(MANY):
        admin.create(redis(namespace, f"many-{number}", replicas=1))
    settled(*(f"many-{number}" for number in range(MANY)))

    problems = Problems()
    events = operator.events()
    assert len(events) > 20 * MANY
    begun = [problem for event in events for problem in problems.feed(event)]
    assert begun == []


def _is_another(admin: Client, namespace: str, name: str, uid: str) -> bool:
    try:
        pod = admin.get(Pod, namespace, name)
    except NotFound:
        return False
    return pod.metadata.uid != uid and pod.is_ready

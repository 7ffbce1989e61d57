"""Changes, deletions and faults all at once; when they end, everything is as the Redis objects ask for."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest

from controller.api import Redis
from controller_runtime.client.client import Client
from controller_runtime.kube.errors import ApiError, Unreachable
from controller_runtime.kube.kinds import Pod, Service
from tests.cluster import eventually
from tests.integration.conftest import Operator, call

pytestmark = pytest.mark.skipif(
    "RECONSOLE_TEST_KUBECONFIG" in os.environ, reason="a real API server does not fail on request"
)

NAMES = ("a", "b", "c")
STEPS = 150


class Storm:
    """Does one thing or another. What is refused, or gets no answer, was bad luck."""

    def __init__(self, client: Client, namespace: str, seed: int) -> None:
        self._client, self._namespace = client, namespace
        self._random = random.Random(seed)
        self._steps: list[Callable[[], None]] = [
            *[self._create, self._delete_pod] * 3, *[self._scale, self._image] * 2,
            self._delete, self._delete_service, self._fault, self._fault,
        ]  # fmt: skip

    def step(self) -> None:
        with suppress(ApiError, Unreachable):
            self._random.choice(self._steps)()
        time.sleep(self._random.random() * 0.05)

    def _create(self) -> None:
        metadata = {"name": self._random.choice(NAMES), "namespace": self._namespace}
        spec = {"replicas": self._random.randint(0, 3), "port": 8333, "image": "redis:5-alpine"}
        self._client.create(
            {"apiVersion": "myapp.tangx.in/v1", "kind": "Redis", "metadata": metadata, "spec": spec}
        )

    def _patch(self, **spec: Any) -> None:
        self._client.patch(Redis, self._namespace, self._random.choice(NAMES), {"spec": spec})

    def _scale(self) -> None:
        self._patch(replicas=self._random.randint(0, 3))

    def _image(self) -> None:
        self._patch(image=self._random.choice(["redis:6", "redis:7"]))

    def _delete(self) -> None:
        self._client.delete(Redis, self._namespace, self._random.choice(NAMES))

    def _delete_pod(self) -> None:
        pods = self._client.list(Pod, self._namespace)
        if pods:
            name = self._random.choice(pods).metadata.name
            self._client.delete(Pod, self._namespace, name, grace_period=self._random.choice([0, 1]))

    def _delete_service(self) -> None:
        self._client.delete(Service, self._namespace, self._random.choice(NAMES))

    def _fault(self) -> None:
        r = self._random
        error = {
            "status": r.choice([429, 500, 503]), "retryAfter": 1, "seconds": r.random(),
            "resource": r.choice(["pods", "services", "redis", ""]),
            "verb": r.choice(["", "list", "watch", "create", "patch", "delete"]),
        }  # fmt: skip
        wishes: list[dict[str, Any]] = [
            {"dropWatches": True}, {"compact": True, "dropWatches": True}, {"restart": "forget"}, error,
            {"delay": 0.2, "seconds": 0.5, "resource": "pods"},
        ]  # fmt: skip
        call(self._client, "POST", "/debug/faults", r.choice(wishes))


def wrong(client: Client, namespace: str) -> list[str]:
    """What is not as it should be."""
    found: list[str] = []
    redises = client.list(Redis, namespace)
    found += [f"{r.metadata.name} is still going" for r in redises if r.is_terminating]
    wanted = {f"{r.metadata.name}-{n}": r.spec.image for r in redises for n in range(r.spec.replicas)}
    pods = {p.metadata.name: p.spec.containers[0].image for p in client.list(Pod, namespace) if p.is_ready}
    if pods != wanted:
        found.append(f"ready pods are {pods}, not {wanted}")
    services = {s.metadata.name for s in client.list(Service, namespace)}
    if services != {r.metadata.name for r in redises}:
        found.append(f"services are {services}")
    for redis in redises:
        degraded = redis.status.condition("Degraded")
        if degraded is None or degraded.status != "False":
            found.append(f"{redis.metadata.name} is degraded: {degraded}")
        ledger = tuple(f"{redis.metadata.name}-{n}" for n in range(redis.spec.replicas))
        if (redis.ledger, redis.status.ready_replicas) != (ledger, redis.spec.replicas):
            found.append(f"{redis.metadata.name}: {redis.ledger}, {redis.status.ready_replicas} ready")
    return found


@pytest.mark.parametrize("seed", [1, 2])
def test_after_a_storm_all_is_well(admin: Client, operator: Operator, namespace: str, seed: int) -> None:
    storm = Storm(admin, namespace, seed)
    for _ in range(STEPS):
        storm.step()

    def is_over() -> bool:
        with suppress(Unreachable):  # the last step may have been a restart
            call(admin, "POST", "/debug/faults", {"clear": True})
            return not wrong(admin, namespace)
        return False

    eventually(is_over, 90)

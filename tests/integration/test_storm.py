"""Changes, deletions and faults all at once; when they end, everything is as the Redis objects ask for."""

from __future__ import annotations

import os
import random
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from controller.api import Redis
from controller_runtime.client.client import Client
from controller_runtime.kube.errors import ApiError, Unreachable
from controller_runtime.kube.kinds import Pod, Service
from tests.cluster import eventually
from tests.integration.conftest import Operator, call, operating
from tests.integration.middle import Answer, Cut, Delay, Middle, Page, Seen, Verdict, in_the_middle

pytestmark = pytest.mark.skipif(
    "RECONSOLE_TEST_KUBECONFIG" in os.environ, reason="a real API server does not fail on request"
)

NAMES = ("a", "b", "c")
STEPS = 150
MIRROR = "mirror.example/"


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
    pods = {
        p.metadata.name: p.spec.containers[0].image.removeprefix(MIRROR)
        for p in client.list(Pod, namespace)
        if p.is_ready
    }
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


class Lies:
    """A proxy with webhooks and quotas behind it that spoils one request of the operator in five."""

    REFUSALS = (
        Answer(400, "BadRequest", "the webhook cannot read it"),
        Answer(401, "Unauthorized", "Unauthorized"),
        Answer(403, "Forbidden", "exceeded quota: pods"),
        Answer(409, "Conflict", "the quota has been modified"),
        Answer(413, "RequestEntityTooLarge", "too large"),
        Answer(422, "Invalid", "denied by a policy"),
        Answer(429, "TooManyRequests", "slow down", retry_after=1),
        Answer(500, "InternalError", "failed calling webhook"),
        Answer(504, "Timeout", "it may have been done or not"),
    )

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self._lock = threading.Lock()

    def __call__(self, seen: Seen) -> Verdict | None:
        with self._lock:
            r = self._random
            if r.random() > 0.2:
                return _mirrored(seen)
            cuts = (Cut(), Cut(r.randint(1, 4000)))
            lies: list[Verdict] = [*self.REFUSALS, *cuts, Page(), Delay(r.random() / 2)]
            return r.choice(lies)


def _mirrored(seen: Seen) -> dict[str, Any] | None:
    """What a mutating webhook makes of a pod."""
    if seen.what != "create pods":
        return None
    container = seen.body["spec"]["containers"][0]
    container["image"] = f"{MIRROR}{container['image']}"
    return dict(seen.body)


def is_over(admin: Client, namespace: str) -> bool:
    with suppress(Unreachable):  # the last step may have been a restart
        call(admin, "POST", "/debug/faults", {"clear": True})
        return not wrong(admin, namespace)
    return False


def is_at_rest(middle: Middle) -> bool:
    """Whether nothing is written any more, once all watches are back."""
    before = len(middle.seen)
    time.sleep(0.5)
    return all(seen.verb == "watch" for seen in middle.seen[before:])


@pytest.mark.parametrize("seed", [1, 2])
def test_after_a_storm_all_is_well(admin: Client, operator: Operator, namespace: str, seed: int) -> None:
    storm = Storm(admin, namespace, seed)
    for _ in range(STEPS):
        storm.step()
    eventually(lambda: is_over(admin, namespace), 90)


def test_and_so_it_is_when_a_proxy_lies_webhooks_rewrite_and_quotas_refuse(
    kubeconfig: Path, tmp_path: Path, admin: Client, namespace: str
) -> None:
    storm = Storm(admin, namespace, 3)
    with in_the_middle(kubeconfig, tmp_path) as middle, operating(middle.kubeconfig, namespace):
        middle.rules.append(Lies(3))
        for _ in range(STEPS):
            storm.step()
        middle.rules[:] = [_mirrored]
        eventually(lambda: is_over(admin, namespace), 90)
        eventually(lambda: is_at_rest(middle), 20)

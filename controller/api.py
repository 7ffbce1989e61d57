"""The Redis kind as the operator reads it."""

from __future__ import annotations

import re

import msgspec

from controller.crd import GROUP, IMAGE_PATTERN, KIND, MAX_NAME, MAX_REPLICAS, PLURAL, VERSION
from controller_runtime.kube.object import KubeObject
from controller_runtime.kube.ownership import finalizers_under
from controller_runtime.kube.resource import Resource

# One finalizer for each pod, "pods.myapp.tangx.in/<pod>": together they are the ledger of the pods.
FINALIZER_PREFIX = f"pods.{GROUP}/"

_IMAGE = re.compile(IMAGE_PATTERN)
_NAME = re.compile(r"[a-z]([-a-z0-9]*[a-z0-9])?")


class RedisSpec(msgspec.Struct, frozen=True, rename="camel"):
    port: int = 0
    replicas: int = 1
    image: str = "redis:7-alpine"


class Condition(msgspec.Struct, frozen=True, rename="camel"):
    type: str
    status: str
    reason: str = ""
    message: str = ""
    observed_generation: int = 0
    last_transition_time: str = ""


class RedisStatus(msgspec.Struct, frozen=True, rename="camel"):
    replicas: int | None = None
    ready_replicas: int | None = None
    selector: str | None = None
    observed_generation: int | None = None
    conditions: tuple[Condition, ...] = ()

    def condition(self, type_: str) -> Condition | None:
        return next((c for c in self.conditions if c.type == type_), None)


class Redis(KubeObject, frozen=True):
    resource = Resource(GROUP, VERSION, KIND, PLURAL)
    spec: RedisSpec = RedisSpec()
    status: RedisStatus = RedisStatus()

    @property
    def ledger(self) -> tuple[str, ...]:
        """The names of the pods in the finalizers, in their order."""
        return tuple(finalizers_under(self, FINALIZER_PREFIX))


def problems(redis: Redis) -> list[str]:
    """What is wrong with a spec that got past the API server, as under an older CRD without the schema.

    A port from 1234 to 6378 is not a problem here: objects older than that rule keep theirs.
    """
    found = []
    if not 1234 <= redis.spec.port <= 54321:
        found.append(f"spec.port is {redis.spec.port}: choose one from 6379 to 54321")
    if not 0 <= redis.spec.replicas <= MAX_REPLICAS:
        found.append(f"spec.replicas is {redis.spec.replicas}: choose one from 0 to {MAX_REPLICAS}")
    if not _IMAGE.match(redis.spec.image):
        found.append(f"spec.image {redis.spec.image!r} is not an image reference such as redis:7-alpine")
    if len(redis.metadata.name) > MAX_NAME:
        found.append(f"the name is longer than {MAX_NAME} characters: choose a shorter one")
    if not _NAME.fullmatch(redis.metadata.name):
        found.append("the name cannot be a Service's: start with a letter and use only a-z, 0-9 and '-'")
    return found

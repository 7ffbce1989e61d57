"""The Redis kind: what the operator reads of it, and what an API server is to check (its CRD)."""

from __future__ import annotations

import re
from typing import Annotated

import msgspec

from controller_runtime.kube.crd import schema
from controller_runtime.kube.definition import Column, Definition, Rule, Scale
from controller_runtime.kube.object import KubeObject
from controller_runtime.kube.ownership import finalizers_under
from controller_runtime.kube.resource import Resource

GROUP = "myapp.tangx.in"
VERSION = "v1"
KIND = "Redis"
PLURAL = "redis"

# One finalizer for each pod, "pods.myapp.tangx.in/<pod>": together they are the ledger of the pods.
FINALIZER_PREFIX = f"pods.{GROUP}/"

# Room for "-<ordinal>" up to five digits in the 63 characters of a DNS label (RFC 1123): a pod's name is
# also its hostname, and the name part of its finalizer.
MAX_NAME = 57

# Each pod has a finalizer on its Redis, and all of them have to fit into one object of 1.5 MB (etcd).
MAX_REPLICAS = 1000

# A reference as in https://github.com/distribution/reference: [host[:port]/]path[:tag][@digest]
IMAGE_PATTERN = (
    r"^(?:[a-zA-Z0-9](?:[a-zA-Z0-9.-]*[a-zA-Z0-9])?(?::[0-9]+)?/)?"
    r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*"
    r"(?::[a-zA-Z0-9_][a-zA-Z0-9_.-]{0,127})?(?:@[a-z0-9]+:[0-9a-f]{32,})?$"
)

_IMAGE = re.compile(IMAGE_PATTERN)
_NAME = re.compile(r"[a-z]([-a-z0-9]*[a-z0-9])?")

Port = Annotated[
    int,
    schema(
        required=True,
        format="int32",
        minimum=1234,
        maximum=54321,
        description="The port that Redis listens on in every pod, 6379 to 54321.",
        # Objects that are older than this rule keep their port: an unchanged value is not checked again
        # (KEP-4008, CRD validation ratcheting).
        rules=[Rule("self >= 6379", "a new Redis needs a port of 6379 or above")],
    ),
]
Replicas = Annotated[
    int,
    schema(
        format="int32",
        minimum=0,
        maximum=MAX_REPLICAS,
        description="How many pods. They are named <name>-0, <name>-1 and so on.",
    ),
]
Image = Annotated[
    str,
    schema(
        minLength=1, maxLength=255, pattern=IMAGE_PATTERN, description="The container image of every pod."
    ),
]


class RedisSpec(msgspec.Struct, frozen=True, rename="camel"):
    port: Port = 0
    replicas: Replicas = 1
    image: Image = "redis:7-alpine"


class Condition(msgspec.Struct, frozen=True, rename="camel"):
    type: Annotated[str, schema(maxLength=316)]
    status: Annotated[str, schema(enum=["True", "False", "Unknown"])]
    reason: Annotated[str, schema(required=True, minLength=1, maxLength=1024)] = ""
    message: Annotated[str, schema(required=True, maxLength=32768)] = ""
    observed_generation: Annotated[int, schema(format="int64", minimum=0)] = 0
    last_transition_time: Annotated[str, schema(required=True, format="date-time")] = ""


class RedisStatus(msgspec.Struct, frozen=True, rename="camel"):
    replicas: Annotated[int | None, schema(format="int32", description="Pods that exist.")] = None
    ready_replicas: Annotated[int | None, schema(format="int32", description="Pods that are ready.")] = None
    selector: Annotated[str | None, schema(description="The label selector of the pods.")] = None
    observed_generation: Annotated[
        int | None,
        schema(format="int64", description="The generation of the spec that this status describes."),
    ] = None
    conditions: Annotated[
        tuple[Condition, ...],
        schema(
            description="Ready, Progressing and Degraded.",
            **{"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["type"]},
        ),
    ] = ()

    def condition(self, type_: str) -> Condition | None:
        return next((c for c in self.conditions if c.type == type_), None)


class Redis(KubeObject, frozen=True):
    """Redis is a set of Redis pods behind one Service."""

    resource = Resource(GROUP, VERSION, KIND, PLURAL)
    definition = Definition(
        columns=(
            Column("Replicas", "integer", ".spec.replicas"),
            Column("Ready", "integer", ".status.readyReplicas"),
            Column("Status", "string", '.status.conditions[?(@.type=="Ready")].reason'),
            Column("Port", "integer", ".spec.port"),
            Column("Image", "string", ".spec.image", priority=1),
            Column("Age", "date", ".metadata.creationTimestamp"),
        ),
        scale=Scale(".spec.replicas", ".status.replicas", ".status.selector"),
        rules=(
            Rule(
                f"self.metadata.name.size() <= {MAX_NAME}",
                f"the name may have at most {MAX_NAME} characters, so that its pods' names fit into 63",
            ),
            Rule(
                "self.metadata.name.matches('^[a-z]([-a-z0-9]*[a-z0-9])?$')",
                "the name must start with a letter and have only a-z, 0-9 and '-', so that its Service can "
                "have it",
            ),
        ),
    )
    spec: Annotated[RedisSpec, schema(required=True, description="The Redis pods that should exist.")] = (
        RedisSpec()
    )
    status: Annotated[RedisStatus, schema(description="What the operator last saw.")] = RedisStatus()

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

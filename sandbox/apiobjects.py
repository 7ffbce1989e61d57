"""What nodes and controllers read of Kubernetes objects; the rest is skipped while decoding."""

from __future__ import annotations

from functools import cache
from sys import intern
from typing import Any

import msgspec
from msgspec.structs import force_setattr

from controller_runtime.kube.kinds import ContainerPort, is_true
from controller_runtime.kube.object import ObjectMeta, OwnerReference
from controller_runtime.kube.resource import Resource

from .selectors import Affinity, Part, SpreadConstraint

_NOTHING: dict[str, str] = {}


class Meta(ObjectMeta, frozen=True, gc=False):
    def __post_init__(self) -> None:
        # There are very many: what is equal in most of them is held once.
        if not self.annotations:
            force_setattr(self, "annotations", _NOTHING)
        if not self.labels:
            force_setattr(self, "labels", _NOTHING)
        if self.creation_timestamp:
            force_setattr(self, "creation_timestamp", intern(self.creation_timestamp))

    @property
    def key(self) -> Key:
        return self.namespace, self.name

    @property
    def controller(self) -> OwnerReference | None:
        for reference in self.owner_references:
            if reference.controller:
                return reference
        return None

    def annotation(self, name: str) -> str | None:
        return self.annotations.get(name)


Key = tuple[str, str]


class Object(Part):
    """Any object, seen by its metadata alone."""

    metadata: Meta = msgspec.field(default_factory=Meta)


class Port(ContainerPort, frozen=True, rename="camel", gc=False):
    host_port: int = 0


class Resources(Part):
    requests: dict[str, str] | None = None


class KeyRef(Part):
    """Of a config map or secret; `key` is "" where all of it is meant."""

    name: str = ""
    key: str = ""
    optional: bool | None = None


class EnvSource(Part):
    config_map_key_ref: KeyRef | None = None
    secret_key_ref: KeyRef | None = None


class EnvVar(Part):
    value_from: EnvSource | None = None


class EnvFrom(Part):
    config_map_ref: KeyRef | None = None
    secret_ref: KeyRef | None = None


class Container(Part):
    name: str = ""
    image: str = ""
    command: list[str] | None = None
    args: list[str] | None = None
    ports: list[Port] | None = None
    resources: Resources | None = None
    restart_policy: str = ""
    env: list[EnvVar] | None = None
    env_from: list[EnvFrom] | None = None

    def __post_init__(self) -> None:
        if self.env:  # values are nothing to us
            self.env = [variable for variable in self.env if variable.value_from] or None
        if self.resources and not self.resources.requests:
            self.resources = None

    @property
    def requests(self) -> dict[str, str] | None:
        return self.resources.requests if self.resources else None


class ClaimSource(Part):
    claim_name: str = ""


class SecretSource(Part):
    secret_name: str = ""
    optional: bool | None = None


class PodVolume(Part):
    name: str = ""
    claim: ClaimSource | None = msgspec.field(default=None, name="persistentVolumeClaim")
    config_map: KeyRef | None = None
    secret: SecretSource | None = None


class Toleration(Part):
    key: str = ""
    operator: str = "Equal"
    value: str = ""
    effect: str = ""
    toleration_seconds: int | None = None

    def __post_init__(self) -> None:
        # The same few words in every pod: held once.
        self.key, self.operator, self.effect = intern(self.key), intern(self.operator), intern(self.effect)


class PodSpec(Part):
    node_name: str = ""
    scheduler_name: str = ""
    restart_policy: str = "Always"
    termination_grace_period_seconds: int | None = None
    node_selector: dict[str, str] | None = None
    containers: list[Container] = []
    init_containers: list[Container] | None = None
    tolerations: list[Toleration] | None = None
    scheduling_gates: list[dict[str, Any]] | None = None
    affinity: Affinity | None = None
    topology_spread_constraints: list[SpreadConstraint] | None = None
    priority: int = 0
    preemption_policy: str = ""
    volumes: list[PodVolume] | None = None

    def __post_init__(self) -> None:
        # Most volumes are the token of the service account: nobody here asks for them.
        if self.volumes:
            asked = [v for v in self.volumes if v.claim or v.config_map or v.secret]
            self.volumes = asked or None
        self.node_name, self.scheduler_name = intern(self.node_name), intern(self.scheduler_name)
        self.restart_policy = intern(self.restart_policy)
        self.preemption_policy = intern(self.preemption_policy)


class Condition(Part):
    type: str = ""
    status: str = ""
    reason: str | None = ""
    last_transition_time: str | None = None

    def __post_init__(self) -> None:
        self.type, self.status = intern(self.type), intern(self.status)
        if self.last_transition_time:
            self.last_transition_time = intern(self.last_transition_time)
        if self.reason:
            self.reason = intern(self.reason)


class ContainerStatus(Part):
    restart_count: int = 0


@cache
def _never_restarted(count: int) -> list[ContainerStatus]:
    return [ContainerStatus()] * count


class PodStatus(Part):
    phase: str = "Pending"
    container_statuses: list[ContainerStatus] | None = None
    pod_ip: str = msgspec.field(default="", name="podIP")
    conditions: list[Condition] | None = None

    def __post_init__(self) -> None:
        statuses = self.container_statuses
        if statuses and not any(status.restart_count for status in statuses):
            self.container_statuses = _never_restarted(len(statuses))
        self.phase = intern(self.phase)


class Pod(Object):
    spec: PodSpec = msgspec.field(default_factory=PodSpec)
    status: PodStatus = msgspec.field(default_factory=PodStatus)

    def condition(self, kind: str) -> Condition | None:
        return next((c for c in self.status.conditions or () if c.type == kind), None)

    @property
    def ready(self) -> bool:
        return is_true(self.status.conditions, "Ready")

    @property
    def claims(self) -> list[str]:
        """The names of the claims that it mounts."""
        return [volume.claim.claim_name for volume in self.spec.volumes or () if volume.claim]

    @property
    def finished(self) -> bool:
        return self.status.phase in ("Succeeded", "Failed")

    @property
    def active(self) -> bool:
        """Neither finished nor on its way out: what a controller counts."""
        return not self.finished and self.metadata.deletion_timestamp is None


class Taint(Part):
    key: str = ""
    value: str = ""
    effect: str = ""
    time_added: str | None = None


class NodeSpec(Part):
    unschedulable: bool = False
    taints: list[Taint] | None = None


class NodeStatus(Part):
    conditions: list[Condition] | None = None
    allocatable: dict[str, str] | None = None


class Node(Object):
    spec: NodeSpec = msgspec.field(default_factory=NodeSpec)
    status: NodeStatus = msgspec.field(default_factory=NodeStatus)

    @property
    def ready(self) -> bool:
        return is_true(self.status.conditions, "Ready")


class NamespaceSpec(Part):
    finalizers: list[str] | None = None


class Namespace(Object):
    spec: NamespaceSpec = msgspec.field(default_factory=NamespaceSpec)


class ServicePort(Part):
    name: str = ""
    port: int = 0
    protocol: str = "TCP"
    target_port: int | str | None = None
    app_protocol: str | None = None


class ServiceSpec(Part):
    selector: dict[str, str] | None = None
    type: str = "ClusterIP"
    cluster_ip: str = msgspec.field(default="", name="clusterIP")
    ports: list[ServicePort] | None = None
    publish_not_ready_addresses: bool = False


class Service(Object):
    spec: ServiceSpec = msgspec.field(default_factory=ServiceSpec)


class ConfigMap(Object):
    data: dict[str, str] | None = None


NAMESPACES = Resource("", "v1", "Namespace", "namespaces", namespaced=False)
NODES = Resource("", "v1", "Node", "nodes", namespaced=False)
PODS = Resource("", "v1", "Pod", "pods")
SERVICES = Resource("", "v1", "Service", "services")
CONFIG_MAPS = Resource("", "v1", "ConfigMap", "configmaps")
SECRETS = Resource("", "v1", "Secret", "secrets")
SERVICE_ACCOUNTS = Resource("", "v1", "ServiceAccount", "serviceaccounts")
ENDPOINTS = Resource("", "v1", "Endpoints", "endpoints")
EVENTS = Resource("", "v1", "Event", "events")
ENDPOINT_SLICES = Resource("discovery.k8s.io", "v1", "EndpointSlice", "endpointslices")
LEASES = Resource("coordination.k8s.io", "v1", "Lease", "leases")
CRDS = Resource(
    "apiextensions.k8s.io", "v1", "CustomResourceDefinition", "customresourcedefinitions", namespaced=False
)

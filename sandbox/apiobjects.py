"""The parts of Kubernetes objects that the node side reads. Everything else is skipped while decoding."""

from __future__ import annotations

from sys import intern
from typing import Any

import msgspec


class Part(msgspec.Struct, rename="camel", gc=False, omit_defaults=True):
    """A part of an object: unknown fields are ignored, null where a value may be absent is None."""


class OwnerReference(Part):
    api_version: str = ""
    kind: str = ""
    name: str = ""
    uid: str = ""
    controller: bool | None = None
    block_owner_deletion: bool | None = None


class Meta(Part):
    name: str = ""
    namespace: str = ""
    uid: str = ""
    resource_version: str = ""
    labels: dict[str, str] | None = None
    annotations: dict[str, str] | None = None
    owner_references: list[OwnerReference] | None = None
    finalizers: list[str] | None = None
    deletion_timestamp: str | None = None
    deletion_grace_period_seconds: int | None = None

    @property
    def key(self) -> Key:
        return self.namespace, self.name

    def annotation(self, name: str) -> str | None:
        return self.annotations.get(name) if self.annotations else None


Key = tuple[str, str]


class Object(Part):
    """Any object, seen by its metadata alone."""

    metadata: Meta = msgspec.field(default_factory=Meta)


class ContainerPort(Part):
    container_port: int = 0
    name: str = ""
    protocol: str = "TCP"


class Container(Part):
    name: str = ""
    image: str = ""
    command: list[str] | None = None
    args: list[str] | None = None
    ports: list[ContainerPort] | None = None


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


class Condition(Part):
    type: str = ""
    status: str = ""
    reason: str | None = ""

    def __post_init__(self) -> None:
        self.type, self.status = intern(self.type), intern(self.status)
        if self.reason:
            self.reason = intern(self.reason)


class PodStatus(Part):
    phase: str = "Pending"
    pod_ip: str = msgspec.field(default="", name="podIP")
    conditions: list[Condition] | None = None


class Pod(Object):
    spec: PodSpec = msgspec.field(default_factory=PodSpec)
    status: PodStatus = msgspec.field(default_factory=PodStatus)

    def condition(self, kind: str) -> Condition | None:
        return next((c for c in self.status.conditions or () if c.type == kind), None)

    @property
    def ready(self) -> bool:
        found = self.condition("Ready")
        return found is not None and found.status == "True"

    @property
    def finished(self) -> bool:
        return self.status.phase in ("Succeeded", "Failed")


class Taint(Part):
    key: str = ""
    value: str = ""
    effect: str = ""


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
        return any(c.type == "Ready" and c.status == "True" for c in self.status.conditions or ())


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


class Resource(msgspec.Struct, frozen=True):
    """One listable resource as discovery names it. `group` is "" for the core group."""

    group: str
    version: str
    plural: str
    kind: str
    namespaced: bool
    verbs: tuple[str, ...] = ()

    @property
    def api_version(self) -> str:
        return f"{self.group}/{self.version}" if self.group else self.version

    def path(self, namespace: str = "", name: str = "", subresource: str = "") -> str:
        """The URL path: of everything, of one namespace, of one object or of its subresource."""
        parts = ["/apis", self.group, self.version] if self.group else ["/api", self.version]
        if namespace and self.namespaced:
            parts += ["namespaces", namespace]
        parts.append(self.plural)
        parts += [part for part in (name, subresource) if part]
        return "/".join(parts)


NAMESPACES = Resource("", "v1", "namespaces", "Namespace", False)
NODES = Resource("", "v1", "nodes", "Node", False)
PODS = Resource("", "v1", "pods", "Pod", True)
SERVICES = Resource("", "v1", "services", "Service", True)
CONFIG_MAPS = Resource("", "v1", "configmaps", "ConfigMap", True)
SERVICE_ACCOUNTS = Resource("", "v1", "serviceaccounts", "ServiceAccount", True)
ENDPOINTS = Resource("", "v1", "endpoints", "Endpoints", True)
EVENTS = Resource("", "v1", "events", "Event", True)
ENDPOINT_SLICES = Resource("discovery.k8s.io", "v1", "endpointslices", "EndpointSlice", True)
LEASES = Resource("coordination.k8s.io", "v1", "leases", "Lease", True)
CRDS = Resource("apiextensions.k8s.io", "v1", "customresourcedefinitions", "CustomResourceDefinition", False)

TYPES: dict[tuple[str, str], type[Object]] = {
    ("", "namespaces"): Namespace,
    ("", "nodes"): Node,
    ("", "pods"): Pod,
    ("", "services"): Service,
    ("", "configmaps"): ConfigMap,
}
"""What an informer decodes a resource into; `Object` for the rest."""

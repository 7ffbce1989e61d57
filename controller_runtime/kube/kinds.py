"""The built-in kinds, with the fields that operators and this runtime read."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

import msgspec

from controller_runtime.kube.object import KubeObject
from controller_runtime.kube.resource import Resource


class ContainerPort(msgspec.Struct, frozen=True, rename="camel", gc=False):
    container_port: int = 0
    name: str = ""
    protocol: str = "TCP"


class Container(msgspec.Struct, frozen=True, rename="camel", gc=False):
    name: str = ""
    image: str = ""
    args: tuple[str, ...] = ()
    ports: tuple[ContainerPort, ...] = ()


class PodSpec(msgspec.Struct, frozen=True, rename="camel", gc=False):
    node_name: str = ""
    containers: tuple[Container, ...] = ()


class PodCondition(msgspec.Struct, frozen=True, rename="camel", gc=False):
    type: str = ""
    status: str = ""
    reason: str = ""


class _Condition(Protocol):
    @property
    def type(self) -> str: ...
    @property
    def status(self) -> str: ...


def is_true(conditions: Iterable[_Condition] | None, type_: str) -> bool:
    """Whether there is a condition of that type, and it is True: so a pod is Ready, a node, a Redis."""
    return any(c.type == type_ and c.status == "True" for c in conditions or ())


class PodStatus(msgspec.Struct, frozen=True, rename="camel", gc=False):
    phase: str = ""
    reason: str = ""
    message: str = ""
    pod_ip: str = msgspec.field(name="podIP", default="")
    conditions: tuple[PodCondition, ...] = ()


class Pod(KubeObject, frozen=True):
    resource = Resource("", "v1", "Pod", "pods")
    spec: PodSpec = PodSpec()
    status: PodStatus = PodStatus()

    @property
    def is_ready(self) -> bool:
        """Whether its condition Ready is True."""
        return is_true(self.status.conditions, "Ready")

    @property
    def is_over(self) -> bool:
        """Whether its containers have ended for good."""
        return self.status.phase in ("Failed", "Succeeded")

    @property
    def is_vanishing(self) -> bool:
        """Whether its DELETED event is on the way: terminating without grace, and nobody holds it.

        The server says so in one write and removes it in the next (pkg/registry/core/pod/strategy.go).
        """
        meta = self.metadata
        return self.is_terminating and meta.deletion_grace_period_seconds == 0 and not meta.finalizers


class ServicePort(msgspec.Struct, frozen=True, rename="camel", gc=False):
    port: int = 0
    name: str = ""
    target_port: int | str = ""
    protocol: str = "TCP"


class ServiceSpec(msgspec.Struct, frozen=True, rename="camel", gc=False):
    selector: dict[str, str] = {}
    ports: tuple[ServicePort, ...] = ()
    type: str = ""
    cluster_ip: str = msgspec.field(name="clusterIP", default="")


class Service(KubeObject, frozen=True):
    resource = Resource("", "v1", "Service", "services")
    spec: ServiceSpec = ServiceSpec()


class Namespace(KubeObject, frozen=True):
    resource = Resource("", "v1", "Namespace", "namespaces", namespaced=False)


class ConfigMap(KubeObject, frozen=True):
    resource = Resource("", "v1", "ConfigMap", "configmaps")
    data: dict[str, str] = {}


class LeaseSpec(msgspec.Struct, frozen=True, rename="camel", gc=False):
    holder_identity: str = ""
    lease_duration_seconds: int = 0
    acquire_time: str = ""
    renew_time: str = ""
    lease_transitions: int = 0


class Lease(KubeObject, frozen=True):
    resource = Resource("coordination.k8s.io", "v1", "Lease", "leases")
    spec: LeaseSpec = LeaseSpec()


class Event(KubeObject, frozen=True):
    resource = Resource("events.k8s.io", "v1", "Event", "events")
    reason: str = ""
    note: str = ""
    type: str = ""

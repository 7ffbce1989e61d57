"""Services."""

from __future__ import annotations

from controller_runtime.events import ObjectChanged
from controller_runtime.kube.kinds import Service, ServicePort, ServiceSpec
from tui.kinds.columns import AGE, NAME, NAMESPACE, cell
from tui.kinds.model import Column, Kind, Metadata, ObjectView, row


class _Port(ServicePort, frozen=True):
    node_port: int = 0


class _Spec(ServiceSpec, frozen=True):
    ports: tuple[_Port, ...] = ()


class ShownService(Service, frozen=True):
    metadata: Metadata
    spec: _Spec = _Spec()


def read(event: ObjectChanged) -> ObjectView:
    service = event.decoded(ShownService)
    spec = service.spec
    ports = ",".join(
        f"{p.port}{f':{p.node_port}' if p.node_port else ''}/{p.protocol or 'TCP'}" for p in spec.ports
    )
    type_, ip = spec.type or "ClusterIP", spec.cluster_ip or "<none>"
    deleting = service.is_terminating
    selector = ",".join(f"{k}={v}" for k, v in sorted(spec.selector.items()))
    return row(
        event, service.metadata, "Terminating" if deleting else type_, "done" if deleting else "ok",
        cells={"type": type_, "ip": ip, "ports": ports, "selector": selector},
        facts={"type": type_, "ip": ip, "ports": ports, "selector": selector},
    )  # fmt: skip


KIND = Kind(
    resource=Service.resource,
    title="Services",
    columns=(
        NAMESPACE, NAME,
        Column("TYPE", cell("type"), rank=5),
        Column("CLUSTER-IP", cell("ip"), rank=4),
        Column("PORT(S)", cell("ports"), rank=2, flex=14),
        Column("SELECTOR", cell("selector", "muted"), rank=8, flex=16),
        AGE,
    ),
    read=read,
    decode_as=ShownService,
    short_names=("svc",),
    usual=("ClusterIP",),
    quiet=("status", "type", "selector"),
    order=2,
)  # fmt: skip

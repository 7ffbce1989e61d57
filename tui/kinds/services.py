"""Services."""

from __future__ import annotations

import msgspec

from controller_runtime.kube.kinds import Service
from controller_runtime.kube.resource import Ref
from tui.kinds.columns import AGE, NAME, NAMESPACE, cell
from tui.kinds.model import Base, Column, Kind, Metadata, ObjectView, row
from tui.kinds.reading import decoder


class _Port(Base, frozen=True):
    port: int = 0
    node_port: int | None = None
    protocol: str | None = None


class _Spec(Base, frozen=True):
    type: str | None = None
    cluster_ip: str | None = msgspec.field(default=None, name="clusterIP")
    ports: tuple[_Port, ...] | None = None
    selector: dict[str, str] | None = None


class _Service(Base, frozen=True):
    metadata: Metadata = Metadata()
    spec: _Spec = _Spec()


_decoder = decoder(_Service)


def read(ref: Ref, raw: bytes) -> ObjectView:
    service = _decoder.decode(raw)
    spec = service.spec
    ports = ",".join(
        f"{p.port}{f':{p.node_port}' if p.node_port else ''}/{p.protocol or 'TCP'}" for p in spec.ports or ()
    )
    type_, ip = spec.type or "ClusterIP", spec.cluster_ip or "<none>"
    deleting = bool(service.metadata.deletion_timestamp)
    selector = ",".join(f"{k}={v}" for k, v in sorted((spec.selector or {}).items()))
    return row(
        ref, raw, service.metadata, "Terminating" if deleting else type_, "done" if deleting else "ok",
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
    short_names=("svc",),
    usual=("ClusterIP",),
    quiet=("status", "type", "selector"),
    order=2,
)  # fmt: skip

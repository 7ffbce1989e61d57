"""Redis: the custom resource of the operator that comes with the console."""

from __future__ import annotations

from controller.api import Redis
from controller_runtime.kube.resource import Ref
from tui.kinds.columns import AGE, NAME, NAMESPACE, READY, STATUS, cell
from tui.kinds.model import Base, Column, Condition, Health, Kind, Metadata, ObjectView, row
from tui.kinds.reading import decoder


class _Spec(Base, frozen=True):
    replicas: int | None = None
    port: int | None = None
    image: str | None = None


class _Status(Base, frozen=True):
    replicas: int | None = None
    ready_replicas: int | None = None
    observed_generation: int | None = None
    conditions: tuple[Condition, ...] | None = None


class _Redis(Base, frozen=True):
    metadata: Metadata = Metadata()
    spec: _Spec = _Spec()
    status: _Status = _Status()


_decoder = decoder(_Redis)


def _word(redis: _Redis) -> tuple[str, Health, str]:
    """STATUS, its health, and the reason when it is degraded."""
    conditions = {c.type: c for c in redis.status.conditions or ()}
    ready, degraded = conditions.get("Ready"), conditions.get("Degraded")
    if redis.metadata.deletion_timestamp:
        return "Terminating", "done", ""
    if degraded and degraded.status == "True":
        return "Degraded", "bad", degraded.reason or ""
    if redis.status.observed_generation not in (None, redis.metadata.generation):
        return "Scaling", "busy", ""
    if ready and ready.status == "True":
        return "Ready", "ok", ""
    if ready is None:
        return "Pending", "busy", ""
    return ("Scaling" if ready.reason == "Scaling" else "Healing"), "busy", ""


def read(ref: Ref, raw: bytes) -> ObjectView:
    redis = _decoder.decode(raw)
    word, health, reason = _word(redis)
    replicas = 1 if redis.spec.replicas is None else redis.spec.replicas
    ready = f"{redis.status.ready_replicas or 0}/{replicas}"
    port, image = str(redis.spec.port or ""), redis.spec.image or ""
    return row(
        ref, raw, redis.metadata, word, health,
        cells={"ready": ready, "port": port, "image": image},
        facts={
            "status": word, "reason": reason, "ready": ready, "replicas": str(replicas), "port": port,
            "image": image,
        },
    )  # fmt: skip


KIND = Kind(
    resource=Redis.resource,
    title="Redis",
    columns=(
        NAMESPACE, NAME, READY, STATUS,
        Column("PORT", cell("port", "muted"), rank=5),
        Column("IMAGE", cell("image", "muted"), rank=7, flex=16),
        AGE,
    ),
    read=read,
    usual=("Pending",),
    order=0,
)  # fmt: skip

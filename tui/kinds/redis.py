"""Redis: the custom resource of the operator that comes with the console."""

from __future__ import annotations

from controller.api import Redis
from controller.wishes import is_paused
from controller_runtime.events import ObjectChanged
from tui.kinds.columns import AGE, NAME, NAMESPACE, READY, STATUS, cell
from tui.kinds.model import Column, Health, Kind, Metadata, ObjectView, row


class ShownRedis(Redis, frozen=True):
    metadata: Metadata


def _word(redis: Redis) -> tuple[str, Health, str]:
    """STATUS, its health, and the reason when it is degraded."""
    ready, degraded = redis.status.condition("Ready"), redis.status.condition("Degraded")
    if redis.is_terminating:
        return "Terminating", "done", ""
    if degraded and degraded.status == "True":
        return "Degraded", "bad", degraded.reason
    if redis.status.observed_generation not in (None, redis.metadata.generation):
        return "Scaling", "busy", ""
    if is_paused(redis):
        return "Paused", "busy", ""
    if ready and ready.status == "True":
        return "Ready", "ok", ""
    if ready is None:
        return "Pending", "busy", ""
    return ("Scaling" if ready.reason == "Scaling" else "Healing"), "busy", ""


def read(event: ObjectChanged) -> ObjectView:
    redis = event.decoded(ShownRedis)
    word, health, reason = _word(redis)
    replicas = redis.spec.replicas
    ready = f"{redis.status.ready_replicas or 0}/{replicas}"
    port, image = str(redis.spec.port or ""), redis.spec.image
    return row(
        event, redis.metadata, word, health,
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
    decode_as=ShownRedis,
    usual=("Pending",),
    order=0,
)  # fmt: skip

"""The status of a Redis: replicas and the conditions Ready, Progressing and Degraded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from controller.api import Redis
from controller.desired import is_current, selector
from controller.plan import Plan


@dataclass(frozen=True)
class Problem:
    """Why a Redis is degraded: a reason in CamelCase and a sentence."""

    reason: str
    message: str
    is_blind: bool = False  # no watch will tell when it is over


def status(redis: Redis, plan: Plan, problem: Problem | None, now: str) -> dict[str, Any]:
    """The status to write. ``now`` is RFC 3339 and is used for the conditions whose status changes."""
    pods = [p for p in plan.owned if not p.is_terminating]
    ready = sum(p.is_ready for p in pods)
    want = max(redis.spec.replicas, 0)
    complete = (
        ready == want == len(plan.owned) and not plan.create and all(is_current(redis, p) for p in plan.owned)
    )
    if redis.metadata.deletion_timestamp:
        reason, message = "Deleting", f"{len(plan.owned)} pods are still there"
    elif complete:
        reason, message = "Ready", f"{ready} of {want} pods are ready"
    elif problem:
        reason, message = problem.reason, problem.message
    elif redis.status.observed_generation != redis.metadata.generation or _was(redis, "Scaling"):
        reason, message = "Scaling", f"{ready} of {want} pods are ready"
    else:
        reason, message = "Healing", f"{ready} of {want} pods are ready"
    progressing = not complete and problem is None
    conditions = [
        _condition(redis, "Ready", complete, reason, message, now),
        _condition(
            redis,
            "Progressing",
            progressing,
            reason if progressing else "Settled",
            message if progressing else "",
            now,
        ),
        _condition(
            redis,
            "Degraded",
            problem is not None,
            problem.reason if problem else "AsExpected",
            problem.message if problem else "",
            now,
        ),
    ]
    return {
        "replicas": len(pods),
        "readyReplicas": ready,
        "selector": ",".join(f"{k}={v}" for k, v in selector(redis).items()),
        "observedGeneration": redis.metadata.generation,
        "conditions": conditions,
    }


def _was(redis: Redis, reason: str) -> bool:
    ready = redis.status.condition("Ready")
    return ready is not None and ready.reason == reason


def _condition(
    redis: Redis, type_: str, is_true: bool, reason: str, message: str, now: str
) -> dict[str, Any]:
    value = "True" if is_true else "False"
    before = redis.status.condition(type_)
    changed = before is None or before.status != value
    return {
        "type": type_,
        "status": value,
        "reason": reason,
        "message": message,
        "observedGeneration": redis.metadata.generation,
        "lastTransitionTime": now if changed or before is None else before.last_transition_time,
    }

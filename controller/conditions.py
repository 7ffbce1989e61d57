"""The status of a Redis: replicas and the conditions Ready, Progressing and Degraded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from controller.api import Redis
from controller.desired import is_current, selector
from controller.plan import Plan
from controller.wishes import PAUSED, is_paused


@dataclass(frozen=True)
class Problem:
    """Why a Redis is degraded: a reason in CamelCase and a sentence."""

    reason: str
    message: str
    is_failure: bool = False  # it is tried again, with back-off, until it is over
    gist: str = ""  # the message without what is new in it at every try; "": all of it matters


def status(
    redis: Redis,
    plan: Plan | None,
    problem: Problem | None,
    now: str,
    *,
    blind: Problem | None = None,
    leads: bool = True,
) -> dict[str, Any]:
    """The status to write. ``now`` is RFC 3339 and is used for the conditions whose status changes.

    ``plan`` None: the pods are not known, and their numbers stay as they are. ``blind``: why what is seen may
    be the past, of which Ready is not said. ``leads``: whether the Service leads to the pods.
    """
    owned = plan.owned if plan else ()
    pods = [p for p in owned if not p.is_terminating]
    ready = sum(p.is_ready for p in pods)
    want = max(redis.spec.replicas, 0)
    complete = (
        plan is not None
        and leads
        and ready == want == len(owned)
        and not plan.create
        and not plan.relabel
        and all(is_current(redis, p) for p in owned)
    )
    is_ready: bool | None = complete
    if redis.metadata.deletion_timestamp:
        is_ready, reason, message = False, "Deleting", f"{len(owned)} pods are still there"
    elif blind:
        is_ready, reason, message = None, blind.reason, blind.message
    elif is_paused(redis):
        is_ready, reason = complete, "Paused"
        message = f"{ready} of {want} pods are ready; it is left alone while it has the annotation {PAUSED}"
    elif complete:
        reason, message = "Ready", f"{ready} of {want} pods are ready"
    elif problem:
        reason, message = problem.reason, problem.message
    elif redis.status.observed_generation != redis.metadata.generation or _was(redis, "Scaling"):
        reason, message = "Scaling", f"{ready} of {want} pods are ready"
    else:
        reason, message = "Healing", f"{ready} of {want} pods are ready"
    progressing = not complete and problem is None and not is_paused(redis)
    conditions = [
        _condition(redis, "Ready", is_ready, reason, message, now),
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
        "replicas": len(pods) if plan else redis.status.replicas or 0,
        "readyReplicas": ready if plan else redis.status.ready_replicas or 0,
        "selector": ",".join(f"{k}={v}" for k, v in selector(redis).items()),
        "observedGeneration": redis.metadata.generation,
        "conditions": conditions,
    }


def as_json(redis: Redis) -> dict[str, Any]:
    """The status as it stands, in the shape of ``status``."""
    return {
        "replicas": redis.status.replicas,
        "readyReplicas": redis.status.ready_replicas,
        "selector": redis.status.selector,
        "observedGeneration": redis.status.observed_generation,
        "conditions": [
            {
                "type": c.type,
                "status": c.status,
                "reason": c.reason,
                "message": c.message,
                "observedGeneration": c.observed_generation,
                "lastTransitionTime": c.last_transition_time,
            }
            for c in redis.status.conditions
        ],
    }


def without_words(status: dict[str, Any]) -> dict[str, Any]:
    """A status without the reasons and messages of its conditions."""
    conditions = [
        {k: v for k, v in c.items() if k not in ("reason", "message")} for c in status["conditions"]
    ]
    return status | {"conditions": conditions}


def _was(redis: Redis, reason: str) -> bool:
    ready = redis.status.condition("Ready")
    return ready is not None and ready.reason == reason


def _condition(
    redis: Redis, type_: str, is_true: bool | None, reason: str, message: str, now: str
) -> dict[str, Any]:
    value = "Unknown" if is_true is None else "True" if is_true else "False"
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

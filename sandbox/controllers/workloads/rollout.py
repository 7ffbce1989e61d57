"""The arithmetic of a Deployment's rollout (pkg/controller/deployment/util). Pure."""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Sequence

from controller_runtime.kube.times import parse_time, timestamp

from ...workloadobjects import Deployment, Json, ReplicaSet

HASH = "pod-template-hash"
PREFIX = "deployment.kubernetes.io/"
REVISION, HISTORY = PREFIX + "revision", PREFIX + "revision-history"
DESIRED, MAXIMUM = PREFIX + "desired-replicas", PREFIX + "max-replicas"
NOT_COPIED = {
    REVISION, HISTORY, DESIRED, MAXIMUM,
    "kubectl.kubernetes.io/last-applied-configuration", "deprecated.deployment.rollback.to",
}  # fmt: skip
FOREVER = 2**31 - 1  # progressDeadlineSeconds that means none


def share(value: int | str | None, total: int, *, up: bool) -> int:
    """An IntOrString of a total; percentages are rounded up or down."""
    if isinstance(value, str):
        part = total * int(value.rstrip("%")) / 100
        return math.ceil(part) if up else math.floor(part)
    return value or 0


def fences(item: Deployment) -> tuple[int, int]:
    """maxSurge and maxUnavailable in pods; not both are 0."""
    if item.spec.strategy.type != "RollingUpdate":
        return 0, 0
    rolling = item.spec.strategy.rolling
    surge = share(rolling.max_surge, item.replicas, up=True)
    unavailable = share(rolling.max_unavailable, item.replicas, up=False)
    if not surge and not unavailable:
        unavailable = 1
    return surge, min(unavailable, item.replicas)


def bare_template(template: Json) -> Json:
    """The template of a ReplicaSet as the Deployment had it: without the hash."""
    bare = copy.deepcopy(template)
    ((bare.get("metadata") or {}).get("labels") or {}).pop(HASH, None)
    return bare


def by_age(sets: Sequence[ReplicaSet]) -> list[ReplicaSet]:
    """Oldest first."""
    return sorted(sets, key=lambda s: (s.metadata.creation_timestamp or "", s.metadata.name))


def find_new(item: Deployment, sets: Sequence[ReplicaSet]) -> ReplicaSet | None:
    """The oldest ReplicaSet with the Deployment's template."""
    wanted = bare_template(item.spec.template)
    return next((s for s in by_age(sets) if bare_template(s.spec.template) == wanted), None)


def revision(item: ReplicaSet) -> int:
    """0 when it has none."""
    text = item.metadata.annotation(REVISION) or ""
    return int(text) if text.isdecimal() else 0


def total(sets: Sequence[ReplicaSet]) -> int:
    return sum(s.replicas for s in sets)


def new_replicas(item: Deployment, sets: Sequence[ReplicaSet], now: int) -> int:
    """How many the new ReplicaSet gets that has `now`."""
    if item.spec.strategy.type == "Recreate":
        return item.replicas
    most = item.replicas + fences(item)[0]
    room = most - total(sets)
    return now if room <= 0 else now + max(0, min(room, item.replicas - now))


def scaled_down(
    item: Deployment, sets: Sequence[ReplicaSet], new: ReplicaSet, old: Sequence[ReplicaSet]
) -> dict[str, int]:
    """The sizes of old ReplicaSets that shrink in this step of a rolling update, by name.

    First those pods that do not serve anyway, then as many as may be missing.
    """
    least = item.replicas - fences(item)[1]
    unavailable = new.replicas - new.count("availableReplicas")
    spare = total(sets) - least - unavailable
    sizes = {s.metadata.name: s.replicas for s in by_age(old) if s.replicas > 0}
    serving = {s.metadata.name: min(s.count("availableReplicas"), s.replicas) for s in old}
    if spare <= 0:
        return {}
    before = dict(sizes)
    for name, size in sizes.items():
        gone = min(spare, size - serving[name])
        sizes[name] -= gone
        spare -= gone
    left = sum(s.count("availableReplicas") for s in sets) - least
    for name, size in sizes.items():
        gone = max(0, min(left, size))
        sizes[name] -= gone
        left -= gone
    return {name: size for name, size in sizes.items() if size != before[name]}


def proportions(item: Deployment, sets: Sequence[ReplicaSet]) -> dict[str, int]:
    """The sizes of all ReplicaSets when a Deployment is scaled amid a rollout, by name: risk is shared."""
    active = [s for s in sets if s.replicas > 0]
    allowed = item.replicas + fences(item)[0] if item.replicas > 0 else 0
    to_add = allowed - total(active)
    newest_first = list(reversed(by_age(active))) if to_add > 0 else by_age(active)
    ordered = sorted(newest_first, key=lambda s: -s.replicas)
    sizes, added = {}, 0
    for one in ordered:
        text = one.metadata.annotation(MAXIMUM) or ""
        before = int(text) if text.isdecimal() and int(text) else total(active)
        part = round(one.replicas * allowed / before) - one.replicas if to_add else 0
        left = to_add - added
        part = min(max(part, 0), left) if to_add > 0 else max(min(part, 0), left)
        sizes[one.metadata.name] = one.replicas + part
        added += part
    if ordered and to_add != added:
        first = ordered[0].metadata.name
        sizes[first] = max(0, sizes[first] + to_add - added)
    return sizes


def set_condition(
    before: Sequence[Json], kind: str, status: str, reason: str, message: str, *, again: bool = False
) -> list[Json]:
    """The conditions with one set. One of the same status and reason stays as it is, unless `again`."""
    now = timestamp()
    new: Json = {"type": kind, "status": status, "reason": reason, "message": message}
    new |= {"lastUpdateTime": now, "lastTransitionTime": now}
    old = find_condition(before, kind)
    if old is None:
        return [*before, new]
    if old["status"] == status:
        if old.get("reason") == reason and not again:
            return list(before)
        new["lastTransitionTime"] = old.get("lastTransitionTime", now)
    return [new if c is old else c for c in before]


def find_condition(conditions: Sequence[Json], kind: str) -> Json | None:
    return next((c for c in conditions if c["type"] == kind), None)


def is_complete(item: Deployment, status: Json) -> bool:
    return bool(
        status["updatedReplicas"] == item.replicas
        and status["replicas"] == item.replicas
        and status["availableReplicas"] == item.replicas
        and status["observedGeneration"] >= item.metadata.generation
    )


def is_progressing(item: Deployment, status: Json) -> bool:
    """More is updated, ready or available, or less is old, than at the time of the last status."""
    old, new = item.count, status
    return bool(
        new["updatedReplicas"] > old("updatedReplicas")
        or new["replicas"] - new["updatedReplicas"] < old("replicas") - old("updatedReplicas")
        or new["readyReplicas"] > old("readyReplicas")
        or new["availableReplicas"] > old("availableReplicas")
    )


def time_left(item: Deployment, progressing: Json | None) -> float | None:
    """Seconds until the progress deadline; None when none runs."""
    deadline = item.spec.progress_deadline_seconds
    if deadline in (None, FOREVER) or progressing is None:
        return None
    if progressing["status"] != "True" or progressing.get("reason") == "NewReplicaSetAvailable":
        return None
    since = parse_time(progressing.get("lastUpdateTime")) or time.time()
    assert deadline is not None
    return since + deadline - time.time()

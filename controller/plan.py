"""What to do next for a Redis: a pure function of what is seen.

The rules, in the order in which they apply:

* The ledger (the finalizers) names every pod that exists or is about to be made, and no other.
* A pod that belongs to somebody else is never touched.
* Pods above ``replicas`` go, the highest ordinal first. Failed and evicted pods go.
* Of the pods that were made from an older spec one goes at a time, and only while every other pod is current
  and ready: those that are not ready first, then the highest ordinal.
* A Redis that is deleted takes its pods along, unless it is deleted with ``--cascade=orphan``: then the
  garbage collector sets them free.
* Pods that lost a label by which the Service finds them get it back.
* What is missing is made, the lowest ordinal first.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from controller.api import Redis
from controller.desired import is_current, is_selected, ordinal_of, ordinals, pod_name
from controller_runtime.kube.kinds import Pod
from controller_runtime.kube.ownership import has_controller_reference

# The garbage collector's own finalizer: present until it has taken the owner out of every dependent.
ORPHAN = "orphan"


@dataclass(frozen=True)
class Plan:
    """Steps, in the order in which they are to be carried out: ledger, delete, failed, relabel, create."""

    ledger: tuple[str, ...]  # pods to be named by the finalizers
    delete: tuple[Pod, ...]
    failed: tuple[Pod, ...]  # to be deleted too, as soon as they may be made again
    relabel: tuple[Pod, ...]  # the Service does not lead to them
    create: tuple[int, ...]  # ordinals
    owned: tuple[Pod, ...]  # pods of this Redis that exist, by ordinal
    foreign: tuple[str, ...]  # names in use by somebody else's pods

    @property
    def is_idle(self) -> bool:
        """Whether no pod is to be made, changed or deleted."""
        return not (self.delete or self.failed or self.relabel or self.create)


def plan(redis: Redis, pods: Iterable[Pod]) -> Plan:
    """``pods`` are those of the namespace that this Redis owns, or that have one of its names."""
    by_name = {p.metadata.name: p for p in pods}
    owned = {name: p for name, p in by_name.items() if has_controller_reference(p, redis)}
    deleting = redis.metadata.deletion_timestamp is not None
    names = {pod_name(redis, ordinal): ordinal for ordinal in ordinals(redis)}
    foreign = tuple(n for n in names if n in by_name and n not in owned)

    def ordinal(pod: Pod) -> int:
        found = ordinal_of(redis, pod.metadata.name)
        return -1 if found is None else found

    surplus = [p for n, p in owned.items() if n not in names]
    failed = [p for n, p in owned.items() if n in names and p.is_over]
    kept = {n: p for n, p in owned.items() if n in names and not p.is_over}
    outdated = {n: p for n, p in kept.items() if not is_current(redis, p)}
    delete = sorted(surplus, key=ordinal, reverse=True)
    if outdated and _others_are_ready(kept, outdated, names, foreign):
        delete.append(max(outdated.values(), key=lambda p: (not p.is_ready, ordinal(p))))
    create = [o for n, o in names.items() if n not in by_name]
    ledger = [n for n in names if n in owned or n not in by_name]
    ledger += sorted((n for n in owned if n not in names), key=lambda n: (ordinal(owned[n]), n))
    if deleting and ORPHAN in redis.metadata.finalizers:
        delete = []
    return Plan(
        ledger=tuple(ledger),
        delete=tuple(p for p in delete if not p.is_terminating),
        failed=tuple(sorted((p for p in failed if not p.is_terminating), key=ordinal)),
        relabel=tuple(p for p in kept.values() if not p.is_terminating and not is_selected(redis, p)),
        create=tuple(create),
        owned=tuple(sorted(owned.values(), key=ordinal)),
        foreign=foreign,
    )


def _others_are_ready(
    kept: dict[str, Pod], outdated: dict[str, Pod], names: dict[str, int], foreign: tuple[str, ...]
) -> bool:
    complete = all(n in kept for n in names if n not in foreign)
    current = [p for n, p in kept.items() if n not in outdated]
    return (
        complete
        and all(p.is_ready and not p.is_terminating for p in current)
        and not any(p.is_terminating for p in outdated.values())
    )

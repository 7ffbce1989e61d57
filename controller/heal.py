"""Pairs what was deleted with its replacement and times the way between: deleting, gone, recreated, ready.

It reads the bus and nothing else, so a recording of the bus gives the same times again.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, TypeVar

import msgspec
from msgspec.structs import replace
from prometheus_client import CollectorRegistry, Histogram

from controller.api import Redis
from controller.events import Heal
from controller_runtime.bus import LINGER, EventBus
from controller_runtime.events import ApiWrite, BusEvent, ObjectChanged, ReconcileStarted
from controller_runtime.kube.kinds import Pod, Service
from controller_runtime.kube.object import KubeObject, OwnerReference
from controller_runtime.kube.resource import Ref
from controller_runtime.threads import SupervisedThread, Threads

K = TypeVar("K", bound=KubeObject)
V = TypeVar("V")

# Deletes and reconciles that are remembered while their watch events are on the way.
REMEMBERED = 1024

HEAL_BUCKETS = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0)  # seconds


class HealTracker:
    """Feed it every bus event with ``observe``; it answers with the heals that changed."""

    def __init__(self) -> None:
        self._deletes: OrderedDict[str, ApiWrite] = OrderedDict()  # by uid
        self._numbers: OrderedDict[str, int] = OrderedDict()  # reconcile id -> number
        self._open: dict[tuple[str, str, str], Heal] = {}  # by kind, namespace and name
        self._makers: OrderedDict[str, int] = OrderedDict()  # uid of what was made -> reconcile number
        self._replicas: dict[tuple[str, str], int] = {}  # of each owner that is there to stay

    def observe(self, event: BusEvent) -> list[Heal]:
        match event:
            case ReconcileStarted(id=id_, number=number):
                _remember(self._numbers, id_, number)
            case ApiWrite(ref=ref, outcome="answered", error="") if _is_made(ref):
                return self._write(event)
            case ObjectChanged(ref=ref) if _is_redis(ref):
                return self._owner_changed(event)
            case ObjectChanged(ref=ref) if _is_made(ref):
                return self._child_changed(event)
        return []

    def _write(self, write: ApiWrite) -> list[Heal]:
        uid = write.ref.uid
        if write.verb == "create":
            number = self._numbers.get(write.reconcile, 0)
            _remember(self._makers, uid, number)
            heal = self._open.get(_slot(write.ref))
            if heal and heal.new_uid == uid and not heal.reconcile:
                return [self._amend(heal, write, reconcile=number)]
        elif write.verb == "delete":
            _remember(self._deletes, uid, write)
            heal = self._open.get(_slot(write.ref))
            requested = write.at - write.duration
            if (
                heal
                and heal.old_uid == uid
                and (requested < heal.requested or (write.action and not heal.by))
            ):
                by = "you" if write.action else heal.by
                return [self._amend(heal, write, requested=min(requested, heal.requested), by=by)]
        return []

    def _owner_changed(self, event: ObjectChanged) -> list[Heal]:
        key = (event.ref.namespace, event.ref.name)
        owner = _decode(event, Redis)
        if owner is None:
            return []
        if event.type == "DELETED" or owner.is_terminating:
            self._replicas.pop(key, None)
        else:
            self._replicas[key] = owner.spec.replicas
        mine = [h for h in self._open.values() if h.owner == event.ref.key and not self._is_wanted(h)]
        return [self._close(replace(h, at=event.at, cause=event.seq, stage="abandoned")) for h in mine]

    def _is_wanted(self, heal: Heal) -> bool:
        """Whether a replacement is due: its owner is there and, of pods, asks for that ordinal."""
        name = heal.owner.rpartition("/")[2]
        replicas = self._replicas.get((heal.namespace, name))
        if heal.kind != Pod.resource.kind:
            return replicas is not None
        ordinal = heal.name.rpartition("-")[2]
        return replicas is not None and ordinal.isdigit() and int(ordinal) < replicas

    def _child_changed(self, event: ObjectChanged) -> list[Heal]:
        child = _decode(event, Pod if _is_pod(event.ref) else Service)
        owner = self._owner_of(child) if child else None
        if child is None or owner is None:
            return []
        slot = _slot(event.ref)
        heal = self._open.get(slot)
        if event.type == "DELETED":
            if heal is None or heal.old_uid != event.ref.uid:
                heal = self._begin(event, owner.name)
            if not self._is_wanted(heal):
                self._open.pop(slot, None)
                return [replace(heal, at=event.at, cause=event.seq, stage="abandoned", gone=event.at)]
            return [self._keep(replace(heal, at=event.at, cause=event.seq, stage="gone", gone=event.at))]
        if child.is_terminating:
            if event.initial or (heal and heal.old_uid == event.ref.uid):
                return []
            heal = self._begin(event, owner.name)
            return [self._keep(heal)] if self._is_wanted(heal) else []
        if heal is None or heal.old_uid == event.ref.uid:
            return []
        ready = child.is_ready if isinstance(child, Pod) else True
        made = replace(
            heal,
            at=event.at,
            cause=event.seq,
            new_uid=event.ref.uid,
            stage="ready" if ready else "recreated",
            gone=heal.gone or event.at,
            created=heal.created if heal.new_uid == event.ref.uid else event.at,
            ready=event.at if ready else None,
            reconcile=self._makers.get(event.ref.uid, 0),
        )
        if ready:
            return [self._close(made)]
        changed = heal.new_uid != made.new_uid or heal.stage != made.stage
        self._open[slot] = made
        return [made] if changed else []

    def _owner_of(self, child: KubeObject) -> OwnerReference | None:
        references = child.metadata.owner_references
        return next((o for o in references if o.controller and _is_redis(o)), None)

    def _begin(self, event: ObjectChanged, owner: str) -> Heal:
        write = self._deletes.get(event.ref.uid)
        requested = min(event.at, write.at - write.duration) if write else event.at
        return Heal(
            at=event.at,
            cause=event.seq,
            namespace=event.ref.namespace,
            name=event.ref.name,
            kind=event.ref.kind,
            owner=f"{event.ref.namespace}/{owner}",
            old_uid=event.ref.uid,
            stage="deleting",
            requested=requested,
            by="you" if write and write.action else "",
        )

    def _amend(self, heal: Heal, write: ApiWrite, **known: Any) -> Heal:
        """The answer to a write may come after the event that shows it: the stage is what it was."""
        kept = self._keep(replace(heal, at=write.at, cause=write.seq, **known))
        return replace(kept, amended=True)

    def _keep(self, heal: Heal) -> Heal:
        self._open[heal.kind, heal.namespace, heal.name] = heal
        return heal

    def _close(self, heal: Heal) -> Heal:
        self._open.pop((heal.kind, heal.namespace, heal.name), None)
        return heal


def _is_redis(named: Ref | OwnerReference) -> bool:
    return Redis.resource.is_kind(named.api_version, named.kind)


def _is_pod(ref: Ref) -> bool:
    return Pod.resource.is_kind(ref.api_version, ref.kind)


def _is_made(ref: Ref) -> bool:
    """Whether it is of a kind that the operator makes again when it is deleted."""
    return any(kind.resource.is_kind(ref.api_version, ref.kind) for kind in (Pod, Service))


def _slot(ref: Ref) -> tuple[str, str, str]:
    return ref.kind, ref.namespace, ref.name


def _decode(event: ObjectChanged, kind: type[K]) -> K | None:
    try:
        return event.decoded(kind)
    except msgspec.MsgspecError:
        return None


def _remember(table: OrderedDict[str, V], key: str, value: V) -> None:
    table[key] = value
    while len(table) > REMEMBERED:
        table.popitem(last=False)


def heal_histogram(registry: CollectorRegistry) -> Histogram:
    """``redis_pod_heal_seconds``: from the delete request to a ready replacement."""
    return Histogram(
        "redis_pod_heal_seconds",
        "Seconds from the deletion of a pod to its ready replacement.",
        buckets=HEAL_BUCKETS,
        registry=registry,
    )


def watch_heals(
    bus: EventBus,
    stop: threading.Event,
    observe: Callable[[float], None] = lambda seconds: None,
    threads: Threads | None = None,
) -> SupervisedThread:
    """Start a thread that publishes a ``Heal`` on ``bus`` at every stage of every heal, until ``stop``.

    ``observe`` is given the seconds of each heal that is complete.
    """
    subscription = bus.subscribe("heal", of=(ReconcileStarted, ApiWrite, ObjectChanged))
    tracker = HealTracker()

    def run() -> None:
        while not stop.is_set():
            subscription.wait(0.5, linger=LINGER)
            batch = subscription.drain()
            for event in (*batch.states, *batch.events):
                for heal in tracker.observe(event):
                    bus.publish(heal)
                    if heal.seconds is not None and heal.kind == Pod.resource.kind:
                        observe(heal.seconds)
        subscription.close()

    return (threads or Threads(bus)).start("heal", run, done=stop.is_set)

"""View models: what the tables show of one object, in kubectl's words. Pure."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import msgspec

from controller_runtime.kube.resource import Ref
from controller_runtime.kube.times import parse_time

Health = Literal["ok", "busy", "bad", "done"]


class ObjectView(msgspec.Struct, frozen=True):
    """One row. ``facts`` are what a change is told by, in the order in which it is told."""

    ref: Ref
    raw: bytes
    status: str
    health: Health
    created: float | None  # Unix seconds
    deleting: float | None  # Unix seconds of the deletion timestamp
    cells: dict[str, str]
    facts: dict[str, str]
    finalizers: tuple[str, ...] = ()
    grace: int | None = None  # seconds


def view(ref: Ref, raw: bytes) -> ObjectView:
    """Never raises: an object that cannot be read is a row that says so."""
    try:
        return _READERS.get(ref.kind, _plain)(ref, raw)
    except msgspec.MsgspecError as error:
        return ObjectView(ref, raw, "Unreadable", "bad", None, None, {}, {"unreadable": str(error)})


class _Base(msgspec.Struct, frozen=True, rename="camel"):
    pass


class _Metadata(_Base, frozen=True):
    creation_timestamp: str | None = None
    deletion_timestamp: str | None = None
    generation: int | None = None
    deletion_grace_period_seconds: int | None = None
    finalizers: tuple[str, ...] | None = None
    labels: dict[str, str] | None = None
    annotations: dict[str, str] | None = None


class _Condition(_Base, frozen=True):
    type: str = ""
    status: str = ""
    reason: str | None = None


class _Phase(_Base, frozen=True):
    phase: str | None = None


class _Object(_Base, frozen=True):
    metadata: _Metadata = _Metadata()
    status: _Phase | None = None


def _common(meta: _Metadata) -> dict[str, Any]:
    return {
        "created": parse_time(meta.creation_timestamp),
        "deleting": parse_time(meta.deletion_timestamp),
        "finalizers": meta.finalizers or (),
    }


def _plain(ref: Ref, raw: bytes) -> ObjectView:
    obj = _plain_decoder.decode(raw)
    meta = obj.metadata
    phase = (obj.status and obj.status.phase) or ""
    status = "Terminating" if meta.deletion_timestamp else phase
    health: Health = "done" if meta.deletion_timestamp else "ok"
    return ObjectView(ref, raw, status, health, cells={}, facts={"status": status}, **_common(meta))


_plain_decoder = msgspec.json.Decoder(_Object)


# Pods ---------------------------------------------------------------------------------------------


class _Waiting(_Base, frozen=True):
    reason: str | None = None


class _Terminated(_Base, frozen=True):
    reason: str | None = None
    exit_code: int = 0
    signal: int | None = None


class _ContainerState(_Base, frozen=True):
    waiting: _Waiting | None = None
    running: dict[str, Any] | None = None
    terminated: _Terminated | None = None


class _ContainerStatus(_Base, frozen=True):
    ready: bool = False
    restart_count: int = 0
    state: _ContainerState | None = None


class _Container(_Base, frozen=True):
    image: str | None = None


class _PodSpec(_Base, frozen=True):
    containers: tuple[_Container, ...] | None = None
    init_containers: tuple[_Container, ...] | None = None
    node_name: str | None = None
    termination_grace_period_seconds: int | None = None


class _PodStatus(_Base, frozen=True):
    phase: str | None = None
    reason: str | None = None
    pod_ip: str | None = msgspec.field(default=None, name="podIP")
    conditions: tuple[_Condition, ...] | None = None
    container_statuses: tuple[_ContainerStatus, ...] | None = None
    init_container_statuses: tuple[_ContainerStatus, ...] | None = None


class _Pod(_Base, frozen=True):
    metadata: _Metadata = _Metadata()
    spec: _PodSpec = _PodSpec()
    status: _PodStatus = _PodStatus()


_pod_decoder = msgspec.json.Decoder(_Pod)


def _ended(ended: _Terminated) -> str:
    return ended.reason or (f"Signal:{ended.signal}" if ended.signal else f"ExitCode:{ended.exit_code}")


def _init_reason(pod: _Pod) -> str:
    """The word for an init container that is not done; "" when all are. After kubectl's printPod."""
    statuses = pod.status.init_container_statuses or ()
    total = len(pod.spec.init_containers or ())
    for index, container in enumerate(statuses):
        state = container.state or _ContainerState()
        if state.terminated:
            if state.terminated.exit_code == 0:
                continue
            return f"Init:{_ended(state.terminated)}"
        if state.waiting and state.waiting.reason not in (None, "", "PodInitializing"):
            return f"Init:{state.waiting.reason}"
        return f"Init:{index}/{total}"
    return ""


def pod_words(pod: _Pod) -> tuple[str, int, int, int]:
    """STATUS, ready containers, all containers and RESTARTS, by the rules of kubectl's printPod."""
    status = pod.status
    conditions = {c.type: c.status for c in status.conditions or ()}
    reason = status.reason or status.phase or "Unknown"
    ready = restarts = 0
    initialising = _init_reason(pod)
    if initialising:
        reason = initialising
        restarts = sum(c.restart_count for c in status.init_container_statuses or ())
    else:
        running = False
        for container in reversed(status.container_statuses or ()):
            restarts += container.restart_count
            state = container.state or _ContainerState()
            if state.waiting and state.waiting.reason:
                reason = state.waiting.reason
            elif state.terminated:
                reason = _ended(state.terminated)
            elif container.ready and state.running is not None:
                running = True
                ready += 1
        if reason == "Completed" and running:
            reason = "Running" if conditions.get("Ready") == "True" else "NotReady"
    if pod.metadata.deletion_timestamp:
        reason = "Unknown" if status.reason == "NodeLost" else "Terminating"
    total = len(pod.spec.containers or status.container_statuses or ())
    return reason, ready, total, restarts


def _seconds(count: int | None) -> str:
    return "" if count is None else f"{count} s"


_WAITING = ("Pending", "ContainerCreating", "PodInitializing", "NotReady", "SchedulingGated")


def _pod(ref: Ref, raw: bytes) -> ObjectView:
    pod = _pod_decoder.decode(raw)
    word, ready, total, restarts = pod_words(pod)
    health: Health
    if word == "Terminating":
        health = "done"
    elif word in ("Completed", "Succeeded"):
        health = "ok"
    elif word == "Running":
        health = "ok" if ready == total else "busy"
    elif word in _WAITING or (word.startswith("Init:") and word[5:6].isdigit()):
        health = "busy"
    else:
        health = "bad"
    ip, node = pod.status.pod_ip or "", pod.spec.node_name or ""
    cells = {"ready": f"{ready}/{total}", "restarts": str(restarts), "ip": ip, "node": node}
    facts = {
        "status": word,
        "ready": f"{ready}/{total}",
        "restarts": str(restarts),
        "node": node,
        "ip": ip,
        "image": ",".join(c.image or "" for c in pod.spec.containers or ()),
        "grace": _seconds(pod.metadata.deletion_grace_period_seconds),
    }
    grace = pod.spec.termination_grace_period_seconds
    return ObjectView(
        ref, raw, word, health, cells=cells, facts=facts, grace=30 if grace is None else grace,
        **_common(pod.metadata),
    )  # fmt: skip


# Redis --------------------------------------------------------------------------------------------


class _RedisSpec(_Base, frozen=True):
    replicas: int | None = None
    port: int | None = None
    image: str | None = None


class _RedisStatus(_Base, frozen=True):
    replicas: int | None = None
    ready_replicas: int | None = None
    observed_generation: int | None = None
    conditions: tuple[_Condition, ...] | None = None


class _Redis(_Base, frozen=True):
    metadata: _Metadata = _Metadata()
    spec: _RedisSpec = _RedisSpec()
    status: _RedisStatus = _RedisStatus()


_redis_decoder = msgspec.json.Decoder(_Redis)


def _redis_word(redis: _Redis) -> tuple[str, Health, str]:
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


def _redis(ref: Ref, raw: bytes) -> ObjectView:
    redis = _redis_decoder.decode(raw)
    word, health, reason = _redis_word(redis)
    replicas = 1 if redis.spec.replicas is None else redis.spec.replicas
    ready = f"{redis.status.ready_replicas or 0}/{replicas}"
    port, image = str(redis.spec.port or ""), redis.spec.image or ""
    facts = {
        "status": word,
        "reason": reason,
        "ready": ready,
        "replicas": str(replicas),
        "port": port,
        "image": image,
    }
    cells = {"ready": ready, "port": port, "image": image}
    return ObjectView(ref, raw, word, health, cells=cells, facts=facts, **_common(redis.metadata))


# Services -----------------------------------------------------------------------------------------


class _ServicePort(_Base, frozen=True):
    port: int = 0
    node_port: int | None = None
    protocol: str | None = None


class _ServiceSpec(_Base, frozen=True):
    type: str | None = None
    cluster_ip: str | None = msgspec.field(default=None, name="clusterIP")
    ports: tuple[_ServicePort, ...] | None = None
    selector: dict[str, str] | None = None


class _Service(_Base, frozen=True):
    metadata: _Metadata = _Metadata()
    spec: _ServiceSpec = _ServiceSpec()


_service_decoder = msgspec.json.Decoder(_Service)


def _service(ref: Ref, raw: bytes) -> ObjectView:
    service = _service_decoder.decode(raw)
    spec = service.spec
    ports = ",".join(
        f"{p.port}{f':{p.node_port}' if p.node_port else ''}/{p.protocol or 'TCP'}" for p in spec.ports or ()
    )
    type_, ip = spec.type or "ClusterIP", spec.cluster_ip or "<none>"
    deleting = bool(service.metadata.deletion_timestamp)
    selector = ",".join(f"{k}={v}" for k, v in sorted((spec.selector or {}).items()))
    return ObjectView(
        ref, raw, "Terminating" if deleting else type_, "done" if deleting else "ok",
        cells={"type": type_, "ip": ip, "ports": ports},
        facts={"type": type_, "ip": ip, "ports": ports, "selector": selector},
        **_common(service.metadata),
    )  # fmt: skip


_READERS: dict[str, Callable[[Ref, bytes], ObjectView]] = {
    "Pod": _pod,
    "Redis": _redis,
    "Service": _service,
}


# Changes ------------------------------------------------------------------------------------------


def brief(old: ObjectView | None, new: ObjectView) -> str:
    """What changed, in a few words; "" when nothing did that is told."""
    if old is None:
        return ""
    parts: list[str] = []
    if new.deleting and not old.deleting:
        parts.append("deleting")
    for name, after in new.facts.items():
        before = old.facts.get(name, "")
        if before == after:
            continue
        if name == "status" and after == "Terminating":
            continue
        if not before:
            parts.append(f"{name} {after}" if name != "status" else after)
        elif name == "status":
            parts.append(f"{before}→{after}")
        else:
            parts.append(f"{name} {before}→{after or '∅'}")
    parts += [f"+finalizer {_short(f)}" for f in new.finalizers if f not in old.finalizers]
    parts += [f"−finalizer {_short(f)}" for f in old.finalizers if f not in new.finalizers]
    return ", ".join(parts) or _where(old.raw, new.raw)


def _short(finalizer: str) -> str:
    return finalizer.rpartition("/")[2]


def _where(old: bytes, new: bytes) -> str:
    """Which fields differ, for changes that have no words of their own."""
    try:
        before, after = msgspec.json.decode(old), msgspec.json.decode(new)
    except msgspec.MsgspecError:
        return ""
    if not isinstance(before, dict) or not isinstance(after, dict):
        return ""
    fields: list[str] = []
    for part in ("metadata", "spec", "status", "data"):
        a, b = before.get(part), after.get(part)
        if not isinstance(a, dict) or not isinstance(b, dict):
            continue
        names = [k for k in sorted({*a, *b}) if a.get(k) != b.get(k)]
        fields += [f"{part}.{n}" for n in names if n not in ("resourceVersion", "managedFields")]
    return ", ".join(fields[:3]) + (" …" if len(fields) > 3 else "")

"""Pods, in the words and by the rules of kubectl."""

from __future__ import annotations

from controller_runtime.events import ObjectChanged
from controller_runtime.kube.kinds import Container, Pod, PodSpec, PodStatus
from tui.kinds.columns import AGE, NAME, NAMESPACE, READY, STATUS, cell
from tui.kinds.model import Base, Cell, Column, Health, Kind, Metadata, ObjectView, row


class _Waiting(Base, frozen=True):
    reason: str = ""


class _Running(Base, frozen=True):
    """Nothing of it is shown."""


class _Terminated(Base, frozen=True):
    reason: str = ""
    exit_code: int = 0
    signal: int = 0


class _ContainerState(Base, frozen=True):
    waiting: _Waiting | None = None
    running: _Running | None = None
    terminated: _Terminated | None = None


class _ContainerStatus(Base, frozen=True):
    ready: bool = False
    restart_count: int = 0
    state: _ContainerState = _ContainerState()


class _Spec(PodSpec, frozen=True):
    init_containers: tuple[Container, ...] = ()
    termination_grace_period_seconds: int = 30


class _Status(PodStatus, frozen=True):
    container_statuses: tuple[_ContainerStatus, ...] = ()
    init_container_statuses: tuple[_ContainerStatus, ...] = ()


class ShownPod(Pod, frozen=True):
    metadata: Metadata
    spec: _Spec = _Spec()
    status: _Status = _Status()


def _ended(ended: _Terminated) -> str:
    return ended.reason or (f"Signal:{ended.signal}" if ended.signal else f"ExitCode:{ended.exit_code}")


def _init_reason(pod: ShownPod) -> str:
    """The word for an init container that is not done; "" when all are. After kubectl's printPod."""
    total = len(pod.spec.init_containers)
    for index, container in enumerate(pod.status.init_container_statuses):
        state = container.state
        if state.terminated:
            if state.terminated.exit_code == 0:
                continue
            return f"Init:{_ended(state.terminated)}"
        if state.waiting and state.waiting.reason not in ("", "PodInitializing"):
            return f"Init:{state.waiting.reason}"
        return f"Init:{index}/{total}"
    return ""


def _words(pod: ShownPod) -> tuple[str, int, int, int]:
    """STATUS, ready containers, all containers and RESTARTS, by the rules of kubectl's printPod."""
    status = pod.status
    reason = status.reason or status.phase or "Unknown"
    ready = restarts = 0
    initialising = _init_reason(pod)
    if initialising:
        reason = initialising
        restarts = sum(c.restart_count for c in status.init_container_statuses)
    else:
        running = False
        for container in reversed(status.container_statuses):
            restarts += container.restart_count
            state = container.state
            if state.waiting and state.waiting.reason:
                reason = state.waiting.reason
            elif state.terminated:
                reason = _ended(state.terminated)
            elif container.ready and state.running is not None:
                running = True
                ready += 1
        if reason == "Completed" and running:
            reason = "Running" if pod.is_ready else "NotReady"
    if pod.is_terminating:
        reason = "Unknown" if status.reason == "NodeLost" else "Terminating"
    total = len(pod.spec.containers or status.container_statuses or ())
    return reason, ready, total, restarts


_WAITING = ("Pending", "ContainerCreating", "PodInitializing", "NotReady", "SchedulingGated")


def _health(word: str, is_ready: bool) -> Health:
    if word == "Terminating":
        return "done"
    if word in ("Completed", "Succeeded"):
        return "ok"
    if word == "Running":
        return "ok" if is_ready else "busy"
    if word in _WAITING or (word.startswith("Init:") and word[5:6].isdigit()):
        return "busy"
    return "bad"


def _seconds(count: int | None) -> str:
    return "" if count is None else f"{count} s"


def read(event: ObjectChanged) -> ObjectView:
    pod = event.decoded(ShownPod)
    word, ready, total, restarts = _words(pod)
    health = _health(word, ready == total)
    ip, node = pod.status.pod_ip, pod.spec.node_name
    counted = f"{ready}/{total}"
    return row(
        event, pod.metadata, word, health,
        cells={"ready": counted, "restarts": str(restarts), "ip": ip, "node": node},
        facts={
            "status": word,
            "ready": counted,
            "restarts": str(restarts),
            "node": node,
            "ip": ip,
            "image": ",".join(c.image for c in pod.spec.containers),
            "grace": _seconds(pod.metadata.deletion_grace_period_seconds),
        },
        grace=pod.spec.termination_grace_period_seconds,
        is_starting=health == "busy" and not restarts,
    )  # fmt: skip


def _restarts(o: ObjectView, now: float) -> Cell:
    count = o.cells.get("restarts", "0")
    return count, "muted" if count == "0" else "warn"


def _milestones(o: ObjectView) -> tuple[str, ...]:
    reached = {
        "scheduled": bool(o.cells.get("node")),
        "starting": o.status not in ("Pending", "Terminating") and bool(o.cells.get("node")),
        "ready": o.status == "Running" and o.health == "ok",
    }
    return tuple(name for name, is_reached in reached.items() if is_reached)


KIND = Kind(
    resource=Pod.resource,
    title="Pods",
    columns=(
        NAMESPACE, NAME, READY,
        Column("STATUS", STATUS.cell, least=len("ContainerCreating"), flex=9),
        Column("RESTARTS", _restarts, rank=4, right=True),
        AGE,
        Column("IP", cell("ip", "muted"), rank=6),
        Column("NODE", cell("node", "muted"), rank=7, flex=14),
    ),
    read=read,
    decode_as=ShownPod,
    short_names=("po",),
    usual=("Pending",),
    quiet=("status", "restarts"),
    milestones=_milestones,
    order=1,
)  # fmt: skip

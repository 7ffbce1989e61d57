"""The status of a pod in the shape in which a kubelet writes it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from controller_runtime.kube.times import timestamp

from ..apiobjects import Container
from .runtimes import Exit, Running, container_id


@dataclass(slots=True)
class ContainerState:
    """One container of a pod as the kubelet knows it."""

    spec: Container
    restarts: int = 0
    ready: bool = False
    running: Running | None = None
    state: dict[str, Any] = field(default_factory=lambda: {"waiting": {"reason": "ContainerCreating"}})
    last: dict[str, Any] = field(default_factory=dict)
    id: str = ""
    is_over: bool = False
    """It is not started again, whatever its restart policy."""

    def wait(self, reason: str, message: str = "") -> None:
        self.ready = False
        self.state = {"waiting": {"reason": reason, **({"message": message} if message else {})}}

    def begin(self, uid: str, running: Running) -> None:
        self.id = running.id = container_id(uid, self.spec.name, self.restarts)
        self.running = running
        self.state = {"running": {"startedAt": timestamp()}}

    def end(self, how: Exit) -> None:
        """Terminated; what it was before becomes the last state when it starts again."""
        started = self.state.get("running", {}).get("startedAt", timestamp())
        self.ready, self.running = False, None
        ended: dict[str, Any] = {"exitCode": how.code, "reason": how.why}
        ended |= {"startedAt": started, "finishedAt": timestamp(), "containerID": self.id}
        self.state = {"terminated": ended}

    @property
    def is_sidecar(self) -> bool:
        """An init container that goes on beside the others."""
        return self.spec.restart_policy == "Always"

    @property
    def has_succeeded(self) -> bool:
        return self.terminated is not None and self.terminated["exitCode"] == 0

    @property
    def reason(self) -> str:
        """For what it waits; "" when it does not."""
        reason: str = self.state.get("waiting", {}).get("reason", "")
        return reason

    @property
    def terminated(self) -> dict[str, Any] | None:
        found: dict[str, Any] | None = self.state.get("terminated")
        return found

    def json(self) -> dict[str, Any]:
        image = self.spec.image
        started = "running" in self.state
        status: dict[str, Any] = {
            "name": self.spec.name,
            "state": self.state,
            "lastState": self.last,
            "ready": self.ready,
            "restartCount": self.restarts,
            "image": image,
            "imageID": f"sandbox://{image}" if self.id else "",
            "started": started,
        }
        if self.id:
            status["containerID"] = self.id
        return status


@dataclass(slots=True)
class PodState:
    """A pod as the kubelet knows it, and the merge patch that tells it."""

    uid: str
    restart_policy: str
    containers: list[ContainerState]
    host: str
    init: list[ContainerState] = field(default_factory=list)
    started: str = field(default_factory=timestamp)
    address: str = ""
    failed: tuple[str, str] | None = None
    """Reason and message of a pod that was ended as a whole."""
    rejected: tuple[str, str] | None = None
    """The same of one that was never begun."""
    _conditions: dict[str, tuple[str, str]] = field(default_factory=dict)

    @property
    def phase(self) -> str:
        if self.failed:
            return "Failed"
        if self.restart_policy == "Never" and any(
            c.terminated and not c.has_succeeded and not c.is_sidecar for c in self.init
        ):
            return "Failed"
        if any("waiting" in c.state and not c.last for c in self.containers):
            return "Pending"
        ended = [c.terminated for c in self.containers]
        codes = [end["exitCode"] for end in ended if end is not None]
        if len(codes) < len(ended) or self.restart_policy == "Always":
            return "Running"
        if any(codes):
            return "Running" if self.restart_policy == "OnFailure" else "Failed"
        return "Succeeded"

    def patch(self) -> dict[str, Any]:
        """A strategic merge patch of the status; the uid guards against another pod of that name."""
        if self.rejected:
            reason, message = self.rejected
            status: dict[str, Any] = {"phase": "Failed"}
            status |= {"reason": reason, "message": message, "startTime": self.started}
            return {"metadata": {"uid": self.uid}, "status": status}
        phase = self.phase
        done = phase in ("Succeeded", "Failed")
        ready = not done and all(c.ready for c in self._lasting)
        conditions = [
            self._condition("PodReadyToStartContainers", bool(self.address) and not done),
            self._initialized(phase),
            *(self._condition(kind, ready, self._unready(phase)) for kind in ("Ready", "ContainersReady")),
        ]
        status = {
            "phase": phase,
            "conditions": conditions,
            "containerStatuses": [container.json() for container in self.containers],
            "hostIP": self.host,
            "hostIPs": [{"ip": self.host}],
            "startTime": self.started,
        }
        if self.init:
            status["initContainerStatuses"] = [container.json() for container in self.init]
        if self.address:
            status["podIP"] = self.address
            status["podIPs"] = [{"ip": self.address}]
        if self.failed:
            status["reason"], status["message"] = self.failed
        return {"metadata": {"uid": self.uid}, "status": status}

    @property
    def _lasting(self) -> list[ContainerState]:
        """The containers that the readiness of the pod depends on."""
        return [*(c for c in self.init if c.is_sidecar), *self.containers]

    def _initialized(self, phase: str) -> dict[str, Any]:
        left = [c.spec.name for c in self.init if not (c.id if c.is_sidecar else c.has_succeeded)]
        if not left:
            return self._condition("Initialized", True, "PodCompleted" if phase == "Succeeded" else "")
        condition = self._condition("Initialized", False, "ContainersNotInitialized")
        condition["message"] = f"containers with incomplete status: [{' '.join(left)}]"
        return condition

    def _unready(self, phase: str) -> str:
        if phase == "Succeeded":
            return "PodCompleted"
        return "PodFailed" if phase == "Failed" else "ContainersNotReady"

    def _condition(self, kind: str, holds: bool, reason: str = "") -> dict[str, Any]:
        value = "True" if holds else "False"
        before = self._conditions.get(kind)
        since = before[1] if before and before[0] == value else timestamp()
        self._conditions[kind] = value, since
        condition: dict[str, Any] = {"type": kind, "status": value, "lastProbeTime": None}
        condition["lastTransitionTime"] = since
        condition["reason"] = condition["message"] = None
        if reason and not (holds and reason != "PodCompleted"):
            condition["reason"] = reason
            if reason == "ContainersNotReady":
                names = " ".join(c.spec.name for c in self._lasting if not c.ready)
                condition["message"] = f"containers with unready status: [{names}]"
        return condition

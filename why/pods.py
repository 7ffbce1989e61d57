"""Why a pod does not run, or is not ready."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from controller_runtime.kube.resource import Ref
from why.finding import Finding
from why.world import Obj, World, condition, duration, event_time, note, ref

IMAGE_REASONS = (
    "ErrImagePull",
    "ImagePullBackOff",
    "InvalidImageName",
    "ErrImageNeverPull",
    "ImageInspectError",
)
# Signals by which containers commonly end: 128 and the number of the signal.
_SIGNALS = {130: "SIGINT", 134: "SIGABRT", 137: "SIGKILL", 139: "SIGSEGV", 143: "SIGTERM"}
_RECENT = 3600.0  # seconds for which a restart is worth a word
_SLOW = 10.0  # seconds after which a container that is being created has a reason to be asked for


def explain_pod(pod: Obj, world: World) -> Iterator[Finding]:
    """What is wrong with a pod."""
    status = pod.get("status") or {}
    phase = status.get("phase")
    if pod["metadata"].get("deletionTimestamp"):
        yield from _ending(pod, world)
        return
    if phase == "Succeeded":
        return
    if phase == "Failed":
        yield from _failed(pod, status)
        return
    yield from _scheduling(pod, world)
    yield from _references(pod, world)
    for container in _containers(pod):
        yield from _container(pod, container, world)


def well(pod: Obj) -> str:
    """On what grounds a pod is well."""
    status = pod.get("status") or {}
    if status.get("phase") == "Succeeded":
        return "it has done its work: all containers ended with code 0"
    statuses = status.get("containerStatuses") or ()
    ready = sum(bool(s.get("ready")) for s in statuses)
    return f"{status.get('phase', 'Unknown')}, {ready}/{len(statuses)} ready"


def _ending(pod: Obj, world: World) -> Iterator[Finding]:
    meta = pod["metadata"]
    # The timestamp is the end of the grace, not its beginning (pkg/registry/core/pod/strategy.go).
    late = world.age(meta["deletionTimestamp"])
    since = meta["deletionTimestamp"]
    if finalizers := meta.get("finalizers"):
        names = ", ".join(finalizers)
        says = f"it is being deleted and waits for whoever takes the finalizer {names} off"
        yield Finding("broken" if late > _SLOW else "note", says, ref(pod), f"finalizers: {names}", since)
    elif late > _SLOW:
        node = world.get("Node", "", (pod.get("spec") or {}).get("nodeName", ""))
        ready = condition(node, "Ready") if node else None
        if node is not None and ready is not None and ready["status"] != "True":
            says = f"it cannot end: its node {node['metadata']['name']} does not answer"
            evidence = f"Ready is {ready['status']}: {ready.get('message', '')}"
            yield Finding("broken", says, ref(node), evidence, ready.get("lastTransitionTime", ""))
        else:
            says = f"it should have ended {duration(late)} ago, and the kubelet has not said so"
            yield Finding("warning", says, ref(pod), f"deletionTimestamp: {since}", since, inferred=True)
    else:
        yield Finding("note", "it is being deleted", ref(pod), f"deletionTimestamp: {since}", since)


def _failed(pod: Obj, status: Mapping[str, Any]) -> Iterator[Finding]:
    reason, message = status.get("reason", ""), status.get("message", "")
    node = (pod.get("spec") or {}).get("nodeName", "")
    if reason == "Evicted":
        yield Finding("broken", f"node {node} has evicted it", ref(pod), message)
    elif reason in ("NodeLost", "NodeShutdown", "Terminated"):
        yield Finding("broken", f"its node {node} is lost or shut down", ref(pod), f"{reason}: {message}")
    elif reason:
        yield Finding("broken", f"node {node} has rejected it: {reason}", ref(pod), message)
    for container in _containers(pod):
        ended = (container.status.get("state") or {}).get("terminated")
        if ended and ended.get("exitCode"):
            yield _exit(pod, container, ended, "has failed", "")


def _scheduling(pod: Obj, world: World) -> Iterator[Finding]:
    spec = pod.get("spec") or {}
    if spec.get("nodeName"):
        return
    if gates := spec.get("schedulingGates"):
        names = ", ".join(gate["name"] for gate in gates)
        yield Finding(
            "broken", f"it waits for its scheduling gates to be taken away: {names}", ref(pod), names
        )
        return
    scheduled = condition(pod, "PodScheduled")
    if scheduled is not None and scheduled["status"] == "False":
        events = world.events(pod, "FailedScheduling")
        message = scheduled.get("message") or (note(events[0]) if events else "")
        since = scheduled.get("lastTransitionTime", "")
        yield Finding("broken", "no node takes it", ref(pod), message, since, "events")
    elif world.age(pod["metadata"].get("creationTimestamp")) > _SLOW:
        says = "no scheduler has looked at it"
        evidence = (
            f"spec.nodeName is empty; its scheduler is {spec.get('schedulerName', 'default-scheduler')}"
        )
        yield Finding("broken", says, ref(pod), evidence, pod["metadata"]["creationTimestamp"], inferred=True)


def _references(pod: Obj, world: World) -> Iterator[Finding]:
    """ConfigMaps, Secrets and claims that are not there."""
    namespace = pod["metadata"].get("namespace", "")
    for kind, name, where in _mentioned(pod):
        if world.lacks(kind, namespace, name):
            missing = Ref(kind, namespace, name)
            yield Finding("broken", f"there is no {kind} {name}", missing, f"the pod names it in {where}")
    for claim in (name for kind, name, _ in _mentioned(pod) if kind == "PersistentVolumeClaim"):
        found = world.get("PersistentVolumeClaim", namespace, claim)
        phase = (found.get("status") or {}).get("phase") if found else None
        if found is not None and phase != "Bound":
            yield Finding("broken", f"its claim {claim} is not bound", ref(found), f"phase: {phase}")


def _mentioned(pod: Obj) -> Iterator[tuple[str, str, str]]:
    """Kind, name and place of what the pod needs; what is marked as optional is not."""
    spec = pod.get("spec") or {}
    for volume in spec.get("volumes") or ():
        where = f"volume {volume['name']}"
        for key, kind, field in (
            ("configMap", "ConfigMap", "name"),
            ("secret", "Secret", "secretName"),
            ("persistentVolumeClaim", "PersistentVolumeClaim", "claimName"),
        ):
            source = volume.get(key)
            if source and source.get(field) and not source.get("optional"):
                yield kind, source[field], where
    for container in [*(spec.get("initContainers") or ()), *(spec.get("containers") or ())]:
        for env in container.get("env") or ():
            source = env.get("valueFrom") or {}
            where = f"variable {env['name']} of container {container['name']}"
            for key, kind in (("configMapKeyRef", "ConfigMap"), ("secretKeyRef", "Secret")):
                if (named := source.get(key)) and not named.get("optional"):
                    yield kind, named["name"], where
        for source in container.get("envFrom") or ():
            where = f"the environment of container {container['name']}"
            for key, kind in (("configMapRef", "ConfigMap"), ("secretRef", "Secret")):
                if (named := source.get(key)) and not named.get("optional"):
                    yield kind, named["name"], where


class _Container:
    """A container's spec and status, together."""

    def __init__(self, spec: Mapping[str, Any], status: Mapping[str, Any], sort: str) -> None:
        self.spec, self.status, self.sort = spec, status, sort
        self.name = str(spec["name"])

    def __str__(self) -> str:
        return f"{self.sort} {self.name}"


def _containers(pod: Obj) -> Iterator[_Container]:
    spec, status = pod.get("spec") or {}, pod.get("status") or {}
    statuses = {
        s["name"]: s
        for key in ("initContainerStatuses", "containerStatuses", "ephemeralContainerStatuses")
        for s in status.get(key) or ()
    }
    for container in spec.get("initContainers") or ():
        # An init container that restarts always is a sidecar (KEP-753).
        sort = "sidecar" if container.get("restartPolicy") == "Always" else "init container"
        yield _Container(container, statuses.get(container["name"], {}), sort)
    for container in spec.get("containers") or ():
        yield _Container(container, statuses.get(container["name"], {}), "container")


def _container(pod: Obj, container: _Container, world: World) -> Iterator[Finding]:
    state = container.status.get("state") or {}
    last = (container.status.get("lastState") or {}).get("terminated")
    if waiting := state.get("waiting"):
        yield from _waiting(pod, container, waiting, last, world)
    elif ended := state.get("terminated"):
        if ended.get("exitCode"):
            yield _exit(pod, container, ended, "has failed", _words(pod, container, world))
    elif state.get("running"):
        yield from _running(pod, container, last, world)


def _waiting(
    pod: Obj, container: _Container, waiting: Mapping[str, Any], last: Mapping[str, Any] | None, world: World
) -> Iterator[Finding]:
    reason, message = waiting.get("reason", ""), waiting.get("message", "")
    if reason in IMAGE_REASONS:
        events = world.events(pod, "Failed")
        pull = next((note(e) for e in events if "pull" in note(e).lower() and "Back-off" not in note(e)), "")
        says = f"the image {container.spec.get('image')} of {container} cannot be pulled"
        yield Finding("broken", says, ref(pod), pull or message or reason, _first(events), "events")
    elif reason == "CrashLoopBackOff":
        count = container.status.get("restartCount", 0)
        if last:
            yield _exit(pod, container, last, f"crashes, {count} times so far", _words(pod, container, world))
        else:
            says = f"{container} crashes, {count} times so far"
            yield Finding("broken", says, ref(pod), message, look="logs")
    elif reason in ("CreateContainerConfigError", "CreateContainerError", "RunContainerError"):
        yield Finding(
            "broken", f"{container} cannot be started", ref(pod), f"{reason}: {message}", "", "events"
        )
    elif reason == "ContainerCreating" and world.age(pod["metadata"].get("creationTimestamp")) > _SLOW:
        for event in world.events(pod, "FailedMount", "FailedAttachVolume", "FailedCreatePodSandBox")[:1]:
            yield Finding("broken", f"{container} waits", ref(pod), note(event), event_time(event), "events")


def _running(
    pod: Obj, container: _Container, last: Mapping[str, Any] | None, world: World
) -> Iterator[Finding]:
    if container.status.get("started") is False:
        yield from _probe(pod, container, world, "has not started yet", "startup")
    elif not container.status.get("ready", True):
        yield from _probe(pod, container, world, "is not ready", "readiness")
    if last and world.age(last.get("finishedAt")) < _RECENT:
        again = f"was restarted {duration(world.age(last.get('finishedAt')))} ago"
        found = _exit(pod, container, last, again, "")
        yield Finding("warning", found.says, found.about, found.evidence, found.since, "logs")


def _probe(pod: Obj, container: _Container, world: World, how: str, probe: str) -> Iterator[Finding]:
    failing = [e for e in world.events(pod, "Unhealthy") if note(e).lower().startswith(probe)]
    ready = condition(pod, "Ready") or {}
    since = ready.get("lastTransitionTime", "")
    if failing:
        says = f"{container} {how}: its {probe} probe fails"
        yield Finding("broken", says, ref(pod), note(failing[0]), since, "events")
    elif f"{probe}Probe" in container.spec:
        says = f"{container} {how}: its {probe} probe has not succeeded yet"
        yield Finding("broken", says, ref(pod), ready.get("message", ""), since, inferred=True)
    else:
        yield Finding("broken", f"{container} {how}", ref(pod), ready.get("message", ""), since)


def _exit(pod: Obj, container: _Container, ended: Mapping[str, Any], how: str, words: str) -> Finding:
    code, reason = ended.get("exitCode", 0), ended.get("reason", "")
    if reason == "OOMKilled":
        limit = ((container.spec.get("resources") or {}).get("limits") or {}).get("memory")
        why = "it needed more memory than its limit" + (f" of {limit}" if limit else "")
    else:
        signal = _SIGNALS.get(code)
        why = f"exit code {code}" + (f" ({signal})" if signal else "")
    evidence = " · ".join(
        part for part in (f"{reason}, exit code {code}", ended.get("message"), words) if part
    )
    return Finding(
        "broken", f"{container} {how}: {why}", ref(pod), evidence, ended.get("finishedAt", ""), "logs"
    )


def _words(pod: Obj, container: _Container, world: World) -> str:
    """The last words of its log."""
    meta = pod["metadata"]
    lines = world.logs.get((meta.get("namespace", ""), meta["name"], container.name), "").strip().splitlines()
    return f"its last words: {lines[-1].strip()}" if lines else ""


def _first(events: list[Obj]) -> str:
    return event_time(events[-1]) if events else ""

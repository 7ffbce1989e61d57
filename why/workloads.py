"""Why a workload has not the pods that it should have."""

from __future__ import annotations

from collections.abc import Iterator

from why.finding import Finding
from why.pods import explain_pod
from why.world import Obj, World, condition, event_time, note, ref


def explain_workload(workload: Obj, world: World) -> Iterator[Finding]:
    """What is wrong with a Deployment, ReplicaSet, StatefulSet, DaemonSet or Job."""
    spec, status = workload.get("spec") or {}, workload.get("status") or {}
    yield from behind(workload)
    if spec.get("paused") or spec.get("suspend"):
        yield Finding(
            "note", "it is paused: nobody works on it", ref(workload), "spec.paused or spec.suspend"
        )
    for type_, bad, how in (
        ("Progressing", "False", "its rollout does not get on"),
        ("ReplicaFailure", "True", "its pods cannot be made"),
        ("Failed", "True", "it has failed for good"),
    ):
        found = condition(workload, type_)
        if found is not None and found.get("status") == bad:
            evidence = f"{found.get('reason', '')}: {found.get('message', '')}"
            yield Finding("broken", how, ref(workload), evidence, found.get("lastTransitionTime", ""))
    for event in world.events(workload, "FailedCreate")[:1]:
        yield Finding(
            "broken", "its pods cannot be made", ref(workload), note(event), event_time(event), "events"
        )
    yield from worst_children(workload, world)
    wanted, ready = _wanted(workload), _ready(workload)
    if wanted is not None and ready < wanted:
        says = f"{ready} of {wanted} pods are ready"
        since = (condition(workload, "Available") or {}).get("lastTransitionTime", "")
        evidence = f"status: {ready} ready, {status.get('replicas', ready)} made"
        yield Finding("broken", says, ref(workload), evidence, since)


def well(workload: Obj) -> str:
    """On what grounds a workload is well."""
    if workload["kind"] == "Job":
        succeeded = (workload.get("status") or {}).get("succeeded", 0)
        return f"{succeeded} pods have done their work"
    return f"all {_wanted(workload)} pods are ready"


def behind(obj: Obj) -> Iterator[Finding]:
    """Its controller has not seen the newest spec."""
    generation = obj["metadata"].get("generation", 0)
    observed = (obj.get("status") or {}).get("observedGeneration")
    if observed is not None and generation and observed < generation:
        says = "its controller has not looked at the newest spec yet"
        evidence = f"generation {generation}, observedGeneration {observed}"
        yield Finding("broken", says, ref(obj), evidence)


def worst_children(owner: Obj, world: World, depth: int = 3) -> Iterator[Finding]:
    """What is wrong with the pods below an object, the same fault once."""
    seen: set[str] = set()
    for child in world.children(owner):
        if child["kind"] == "Pod":
            for finding in explain_pod(child, world):
                if finding.severity != "note" and finding.says not in seen:
                    seen.add(finding.says)
                    says = f"Pod {child['metadata']['name']}: {finding.says}"
                    yield Finding(
                        finding.severity, says, finding.about, finding.evidence, finding.since, finding.look,
                        finding.inferred, finding.remedy,
                    )  # fmt: skip
        elif depth:
            yield from worst_children(child, world, depth - 1)


def _wanted(workload: Obj) -> int | None:
    if workload["kind"] == "DaemonSet":
        return int((workload.get("status") or {}).get("desiredNumberScheduled", 0))
    if workload["kind"] == "Job":
        return None
    return int((workload.get("spec") or {}).get("replicas", 1))


def _ready(workload: Obj) -> int:
    status = workload.get("status") or {}
    return int(status.get("numberReady" if workload["kind"] == "DaemonSet" else "readyReplicas") or 0)

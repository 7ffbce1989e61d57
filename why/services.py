"""Why a Service leads nowhere."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from difflib import SequenceMatcher
from typing import Any

from why.finding import Finding
from why.world import Obj, World, condition, ref

_ALIKE = 0.6  # of 1: labels below that are not offered as what was meant


def explain_service(service: Obj, world: World) -> Iterator[Finding]:
    """What is wrong with a Service."""
    spec = service.get("spec") or {}
    if spec.get("type") == "ExternalName":
        return
    selector = spec.get("selector") or {}
    if not selector:
        if not _endpoints(service, world) and "EndpointSlice" not in world.unseen:
            says = "it has no selector, and nobody has given it endpoints"
            yield Finding("broken", says, ref(service), "no EndpointSlice names it")
        return
    if "Pod" in world.unseen:
        return
    pods = [p for p in world.of("Pod", service["metadata"].get("namespace", "")) if _matches(p, selector)]
    if not pods:
        yield _selects_nothing(service, selector, world)
        return
    ready = [p for p in pods if (condition(p, "Ready") or {}).get("status") == "True"]
    if not ready:
        says = f"none of its {len(pods)} pods is ready"
        names = ", ".join(p["metadata"]["name"] for p in pods[:5])
        yield Finding("broken", says, ref(pods[0]), f"selected and not ready: {names}")
    for port in spec.get("ports") or ():
        target = port.get("targetPort")
        if isinstance(target, str) and not any(target in _port_names(pod) for pod in pods):
            says = f"no container of its pods has a port named {target}"
            there = sorted({name for pod in pods for name in _port_names(pod)})
            evidence = f"port names of {pods[0]['metadata']['name']}: {', '.join(there) or 'none'}"
            yield Finding("broken", says, ref(pods[0]), evidence)
    if ready and not _endpoints(service, world) and "EndpointSlice" not in world.unseen:
        says = "its pods are ready, and no endpoints were made of them"
        yield Finding(
            "broken", says, ref(service), "the endpoint slice controller is not at work", inferred=True
        )


def well(service: Obj, world: World) -> str:
    """On what grounds a Service is well."""
    if (service.get("spec") or {}).get("type") == "ExternalName":
        return f"it stands for the name {service['spec'].get('externalName')}"
    addresses = _endpoints(service, world)
    return f"it leads to {len(addresses)} ready {'address' if len(addresses) == 1 else 'addresses'}"


def _selects_nothing(service: Obj, selector: Mapping[str, str], world: World) -> Finding:
    wanted = ",".join(f"{key}={value}" for key, value in selector.items())
    nearest = _nearest(service, selector, world)
    if nearest is None:
        says = f"its selector {wanted} matches no pod"
        return Finding("broken", says, ref(service), "no pod of the namespace has labels that are alike")
    pod, key, value = nearest
    says = f"its selector {wanted} matches no pod; perhaps {key}={value} is meant"
    evidence = f"the labels of Pod {pod['metadata']['name']} have {key}={value}"
    return Finding("broken", says, ref(service), evidence, inferred=True)


def _nearest(service: Obj, selector: Mapping[str, str], world: World) -> tuple[Obj, str, str] | None:
    """The pod whose labels are most like the selector, and the label that differs."""
    best: tuple[float, Obj, str, str] | None = None
    for pod in world.of("Pod", service["metadata"].get("namespace", "")):
        labels = pod["metadata"].get("labels") or {}
        for key, value in selector.items():
            if labels.get(key) == value:
                continue
            for other_key, other in labels.items():
                likeness = SequenceMatcher(None, f"{key}={value}", f"{other_key}={other}").ratio()
                if likeness >= _ALIKE and (best is None or likeness > best[0]):
                    best = likeness, pod, other_key, other
    return best[1:] if best else None


def _matches(pod: Obj, selector: Mapping[str, str]) -> bool:
    return selector.items() <= (pod["metadata"].get("labels") or {}).items()


def _port_names(pod: Obj) -> set[str]:
    containers = (pod.get("spec") or {}).get("containers") or ()
    return {port["name"] for c in containers for port in c.get("ports") or () if port.get("name")}


def _endpoints(service: Obj, world: World) -> list[str]:
    meta = service["metadata"]
    found: list[str] = []
    for piece in world.of("EndpointSlice", meta.get("namespace", "")):
        if (piece["metadata"].get("labels") or {}).get("kubernetes.io/service-name") == meta["name"]:
            found += [
                address for e in piece.get("endpoints") or () if _is_ready(e) for address in e["addresses"]
            ]
    return found


def _is_ready(endpoint: Mapping[str, Any]) -> bool:
    # nil means ready: discovery/v1 EndpointConditions.
    return (endpoint.get("conditions") or {}).get("ready") is not False

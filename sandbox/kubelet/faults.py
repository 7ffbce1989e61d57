"""How a pod asks to behave: by its annotations, or by an image that is named sandbox/<fault>."""

from __future__ import annotations

from ..apiobjects import Container, Pod
from ..quantities import number
from .figures import Usage
from .knobs import CPU, EXIT_CODE, FAIL, IMAGE_PULL_ERROR, MEMORY, RUN_FOR
from .runtimes import Exit

IMAGES = "sandbox/"
FAULTS = ("crash", "oom", "evict", "unready", "no-image")
EVICTED = "The node was low on resource: memory. Threshold quantity: 100Mi, available: 0Mi. "
INIT_SECONDS = 0.1  # that a simulated init container runs


def fault_of(pod: Pod, container: Container, *, init: bool = False) -> str:
    """One of FAULTS, or "". The annotation is about the containers that run side by side."""
    image = container.image.partition(":")[0]
    named = image.removeprefix(IMAGES) if image.startswith(IMAGES) else ""
    asked = named or ("" if init else pod.metadata.annotation(FAIL) or "")
    return asked if asked in FAULTS else ""


def exit_code(pod: Pod, otherwise: int) -> int:
    """That of the annotation, if it has one."""
    text = pod.metadata.annotation(EXIT_CODE) or ""
    return int(text) % 256 if text.isdecimal() else otherwise


def ending(pod: Pod, fault: str) -> Exit | None:
    """How a container with a fault ends; None when the fault is another."""
    if fault == "oom":
        return Exit(137, "OOMKilled")
    return Exit(exit_code(pod, 1)) if fault == "crash" else None


def image_error(pod: Pod, container: Container, *, init: bool = False) -> str | None:
    """Why its image cannot be pulled; None when it can."""
    said = None if init else pod.metadata.annotation(IMAGE_PULL_ERROR)
    if said is not None:
        return said or "not found"
    return "not found" if fault_of(pod, container, init=init) == "no-image" else None


def run_time(pod: Pod, otherwise: float) -> float | None:
    """Seconds until a simulated container ends by itself; None when it does not.

    It does when it is told to, and in a Job, after `otherwise` seconds.
    """
    text, owner = pod.metadata.annotation(RUN_FOR), pod.metadata.controller
    if text is None and (owner is None or owner.kind != "Job"):
        return None
    try:
        return max(0.0, float(text or otherwise))
    except ValueError:
        return otherwise


def usage_of(pod: Pod) -> Usage:
    """What each simulated container of a pod is said to use."""
    cpu, memory = pod.metadata.annotation(CPU), pod.metadata.annotation(MEMORY)
    return float(number(cpu or "1m")), int(number(memory or "8Mi"))

"""HorizontalPodAutoscalers have one storage and two forms: autoscaling/v2 is kept, v1 is translated.

What v1 has no field for it carries in annotations, so that nothing is lost on the way there and back.
Source: pkg/apis/autoscaling/v1/conversion.go of kubernetes/kubernetes.
"""

import json

from sandbox.apiserver.machinery.jsonobject import Obj

_PREFIX = "autoscaling.alpha.kubernetes.io/"
# Annotation -> where v2 has it.
_CARRIED = {
    "metrics": ("spec", "metrics"),
    "behavior": ("spec", "behavior"),
    "current-metrics": ("status", "currentMetrics"),
    "conditions": ("status", "conditions"),
}


def to_v1(obj: Obj) -> Obj:
    """autoscaling/v2 -> autoscaling/v1."""
    meta = dict(obj["metadata"])
    parts: dict[str, Obj] = {part: dict(obj.get(part) or {}) for part in ("spec", "status")}
    target, rest = _cpu(parts["spec"].get("metrics") or [], "target")
    current, rest_now = _cpu(parts["status"].get("currentMetrics") or [], "current")
    parts["spec"]["metrics"], parts["status"]["currentMetrics"] = rest, rest_now
    annotations = dict(meta.get("annotations") or {})
    for name, (part, field) in _CARRIED.items():
        if value := parts[part].pop(field, None):
            annotations[_PREFIX + name] = json.dumps(value, separators=(",", ":"))
    if annotations:
        meta["annotations"] = annotations
    if target is not None:
        parts["spec"]["targetCPUUtilizationPercentage"] = target
    if current is not None:
        parts["status"]["currentCPUUtilizationPercentage"] = current
    parts["status"].setdefault("currentReplicas", 0)
    return {**obj, "metadata": meta, **parts}


def _cpu(metrics: list[Obj], what: str) -> tuple[int | None, list[Obj]]:
    """The cpu utilization of a list of metrics, which v1 has a field for, and the other metrics."""
    for index, metric in enumerate(metrics):
        resource = metric.get("resource") or {}
        share = (resource.get(what) or {}).get("averageUtilization")
        if metric.get("type") == "Resource" and resource.get("name") == "cpu" and share is not None:
            return share, metrics[:index] + metrics[index + 1 :]
    return None, metrics


def from_v1(obj: Obj) -> Obj:
    """autoscaling/v1 -> autoscaling/v2. An annotation that does not decode stays what it is."""
    meta = dict(obj["metadata"])
    parts: dict[str, Obj] = {part: dict(obj[part]) for part in ("spec", "status") if obj.get(part)}
    annotations = dict(meta.get("annotations") or {})
    for name, (part, field) in _CARRIED.items():
        try:
            value = json.loads(annotations[_PREFIX + name])
        except (KeyError, ValueError):
            continue
        if isinstance(value, dict if name == "behavior" else list):
            del annotations[_PREFIX + name]
            parts.setdefault(part, {})[field] = value
    meta.pop("annotations", None)
    if annotations:
        meta["annotations"] = annotations
    for part, field, below, key in (
        ("spec", "targetCPUUtilizationPercentage", "target", "metrics"),
        ("status", "currentCPUUtilizationPercentage", "current", "currentMetrics"),
    ):
        if (share := parts.get(part, {}).pop(field, None)) is not None:
            figure = {"averageUtilization": share, **({"type": "Utilization"} if below == "target" else {})}
            metric = {"type": "Resource", "resource": {"name": "cpu", below: figure}}
            parts[part][key] = [metric, *(parts[part].get(key) or [])]
    return {**obj, "metadata": meta, **parts}

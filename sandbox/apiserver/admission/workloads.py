"""Validation of apps, batch and policy: what a table row cannot say, because it looks at two fields.

Source: pkg/apis/apps/validation and pkg/apis/batch/validation of kubernetes/kubernetes.
"""

from collections.abc import Callable
from typing import Any

from sandbox.apiserver.machinery import names
from sandbox.apiserver.machinery.apierrors import (
    FieldError,
    forbidden_field,
    invalid_value,
    not_supported,
    required,
)
from sandbox.apiserver.machinery.jsonobject import Obj, dig

PodSpecCheck = Callable[[Obj, str], list[FieldError]]
_IMMUTABLE = "field is immutable"


def matches(selector: Obj | None, labels: dict[str, str]) -> bool:
    """Does a LabelSelector choose these labels? None chooses nothing, an empty one everything."""
    if selector is None:
        return False
    if any(labels.get(k) != v for k, v in (selector.get("matchLabels") or {}).items()):
        return False
    for need in selector.get("matchExpressions") or []:
        value, values = labels.get(need.get("key", "")), need.get("values") or []
        found = {
            "In": value in values,
            "NotIn": value not in values,
            "Exists": value is not None,
            "DoesNotExist": value is None,
        }.get(need.get("operator", ""), False)
        if not found:
            return False
    return True


def _template(spec: Obj, path: str, restart: list[str], pod_spec: PodSpecCheck) -> list[FieldError]:
    template = spec.get("template") or {}
    at = f"{path}.template"
    out = names.label_errors(dig(template, "metadata.labels") or {}, f"{at}.metadata.labels")
    pod = template.get("spec") or {}
    # A StatefulSet's claims are volumes of its pods, beside or instead of those in the template.
    claimed = {dig(claim, "metadata.name"): claim for claim in spec.get("volumeClaimTemplates") or []}
    if claimed:
        own = [volume for volume in pod.get("volumes") or [] if volume.get("name") not in claimed]
        pod = {**pod, "volumes": [*own, *({"name": name, "emptyDir": {}} for name in claimed)]}
    out += pod_spec(pod, f"{at}.spec")
    policy = dig(template, "spec.restartPolicy")
    if policy not in restart:
        out.append(not_supported(f"{at}.spec.restartPolicy", policy, restart))
    return out


def _selected(spec: Obj, path: str) -> list[FieldError]:
    selector = spec.get("selector")
    if not selector:
        if selector is not None:
            return [invalid_value(f"{path}.selector", selector, "empty selector is invalid")]
        return []  # the table asks for it
    labels = dig(spec, "template.metadata.labels") or {}
    if not matches(selector, labels):
        text = "`selector` does not match template `labels`"
        return [invalid_value(f"{path}.template.metadata.labels", labels, text)]
    return []


def workload(pod_spec: PodSpecCheck) -> Callable[[Obj], list[FieldError]]:
    """Deployments, replica sets, stateful and daemon sets."""

    def check(obj: Obj) -> list[FieldError]:
        spec = obj["spec"]
        out = _selected(spec, "spec") + _template(spec, "spec", ["Always"], pod_spec)
        strategy = spec.get("strategy") or {}
        rolling = strategy.get("rollingUpdate")
        if strategy.get("type") == "Recreate" and rolling is not None:
            text = "may not be specified when strategy `type` is 'Recreate'"
            out.append(forbidden_field("spec.strategy.rollingUpdate", text))
        if rolling is not None and _none(rolling.get("maxSurge")) and _none(rolling.get("maxUnavailable")):
            at = "spec.strategy.rollingUpdate.maxUnavailable"
            out.append(invalid_value(at, rolling["maxUnavailable"], "may not be 0 when `maxSurge` is 0"))
        return out

    return check


def replication_controller(pod_spec: PodSpecCheck) -> Callable[[Obj], list[FieldError]]:
    """Its selector is labels alone, and may be another later."""

    def check(obj: Obj) -> list[FieldError]:
        spec = obj["spec"]
        if not spec.get("selector"):
            return [required("spec.selector"), *_template(spec, "spec", ["Always"], pod_spec)]
        chosen = _selected({**spec, "selector": {"matchLabels": spec["selector"]}}, "spec")
        return chosen + _template(spec, "spec", ["Always"], pod_spec)

    return check


def _none(amount: Any) -> bool:
    return amount in (0, "0%", "0")


def job(pod_spec: PodSpecCheck) -> Callable[[Obj], list[FieldError]]:
    def check(obj: Obj) -> list[FieldError]:
        spec = obj["spec"]
        out = _template(spec, "spec", ["Never", "OnFailure"], pod_spec)
        if spec.get("completionMode") == "Indexed" and spec.get("completions") is None:
            text = "when completion mode is Indexed"
            out.append(required("spec.completions", text))
        return out

    return check


def cron_job(pod_spec: PodSpecCheck) -> Callable[[Obj], list[FieldError]]:
    def check(obj: Obj) -> list[FieldError]:
        spec = dig(obj, "spec.jobTemplate.spec") or {}
        out = _template(spec, "spec.jobTemplate.spec", ["Never", "OnFailure"], pod_spec)
        schedule = dig(obj, "spec.schedule", "")
        if schedule and not schedule.startswith("@") and len(schedule.split()) != 5:
            text = f"expected exactly 5 fields, found {len(schedule.split())}: {schedule.split()}"
            out.append(invalid_value("spec.schedule", schedule, text))
        return out

    return check


def budget(obj: Obj) -> list[FieldError]:
    """PodDisruptionBudgets."""
    spec = obj.get("spec") or {}
    if spec.get("minAvailable") is not None and spec.get("maxUnavailable") is not None:
        text = "minAvailable and maxUnavailable cannot be both set"
        return [invalid_value("spec", {k: spec[k] for k in ("minAvailable", "maxUnavailable")}, text)]
    return []


def _fixed(*paths: str) -> Callable[[Obj, Obj], list[FieldError]]:
    def check(new: Obj, old: Obj) -> list[FieldError]:
        return [invalid_value(p, dig(new, p), _IMMUTABLE) for p in paths if dig(new, p) != dig(old, p)]

    return check


_STATEFUL_FREE = (
    "replicas",
    "ordinals",
    "template",
    "updateStrategy",
    "revisionHistoryLimit",
    "persistentVolumeClaimRetentionPolicy",
    "minReadySeconds",
)


def _stateful_set(new: Obj, old: Obj) -> list[FieldError]:
    if any(new["spec"].get(k) != v for k, v in old["spec"].items() if k not in _STATEFUL_FREE):
        text = (
            "updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', "
            "'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and "
            "'minReadySeconds' are forbidden"
        )
        return [forbidden_field("spec", text)]
    return []


UPDATE: dict[str, Callable[[Obj, Obj], list[FieldError]]] = {
    "deployments.apps": _fixed("spec.selector"),
    "replicasets.apps": _fixed("spec.selector"),
    "daemonsets.apps": _fixed("spec.selector"),
    "statefulsets.apps": _stateful_set,
    "jobs.batch": _fixed("spec.selector", "spec.template", "spec.completionMode"),
    "controllerrevisions.apps": _fixed("data"),
}

"""The admission plugin PodSecurity: the labels of a namespace say what its pods may do.

Source: the repository kubernetes/pod-security-admission (admission/admission.go, api/helpers.go).
"""

import re
from dataclasses import dataclass

from sandbox.apiserver.admission.podstandards import Level, violations
from sandbox.apiserver.admission.writes import CREATE, DELETE, UPDATE, Write
from sandbox.apiserver.machinery.apierrors import FieldError, invalid, invalid_value
from sandbox.apiserver.machinery.jsonobject import Obj, dig
from sandbox.apiserver.storage.revisions import Store

_PREFIX = "pod-security.kubernetes.io/"
_VERSION = re.compile(r"latest|v1\.(0|[1-9][0-9]*)")
_TEMPLATES = {
    "deployments.apps": "spec.template",
    "replicasets.apps": "spec.template",
    "replicationcontrollers": "spec.template",
    "statefulsets.apps": "spec.template",
    "daemonsets.apps": "spec.template",
    "jobs.batch": "spec.template",
    "cronjobs.batch": "spec.jobTemplate.spec.template",
}
_MOST_PODS = 3000  # looked at when the level of a namespace is raised


@dataclass(slots=True)
class _Policy:
    enforce: Level
    warn: Level
    errors: list[FieldError]


def _policy(labels: dict[str, str]) -> _Policy:
    errors: list[FieldError] = []

    def level(mode: str, wrong: str) -> Level:
        asked = labels.get(_PREFIX + mode, "privileged")
        version = labels.get(f"{_PREFIX}{mode}-version", "latest")
        if asked not in ("privileged", "baseline", "restricted"):
            text = "must be one of privileged, baseline, restricted"
            errors.append(invalid_value(f"metadata.labels[{_PREFIX}{mode}]", asked, text))
            asked = wrong
        if not _VERSION.fullmatch(version):
            text = 'must be "latest" or "v1.x"'
            errors.append(invalid_value(f"metadata.labels[{_PREFIX}{mode}-version]", version, text))
            version = "latest"
        return Level(asked, version)

    enforce = level("enforce", "restricted")
    level("audit", "privileged")
    warn = level("warn", "privileged")
    if _PREFIX + "warn" not in labels and not errors and enforce.rank > warn.rank:
        warn = Level(enforce.name, labels.get(_PREFIX + "warn-version", enforce.version))
    return _Policy(enforce, warn, errors)


def validate(store: Store, write: Write) -> None:
    """StatusError 403 for a pod below the enforced level; warnings for the rest."""
    if write.subresource or write.operation == DELETE:
        return
    if write.kind == "namespaces":
        _namespace(store, write)
        return
    at = _TEMPLATES.get(write.kind)
    if write.kind != "pods" and at is None:
        return
    entry = store.get("namespaces", ("", write.namespace))
    if entry is None or not any(label.startswith(_PREFIX) for label in entry.labels):
        return
    policy = _policy(entry.labels)
    pod = write.obj if at is None else dig(write.obj, at)
    if not pod or not pod.get("spec"):
        return
    if at is None:
        if write.operation == UPDATE and write.old is not None and _images(write.obj) == _images(write.old):
            return
        if found := violations(policy.enforce, pod):
            raise write.forbidden(f'violates PodSecurity "{policy.enforce}": {_detail(found)}')
    if found := violations(policy.warn, pod):
        write.origin.warnings.append(f'would violate PodSecurity "{policy.warn}": {_detail(found)}')


def _detail(found: list[tuple[str, str]]) -> str:
    return ", ".join(f"{reason} ({detail})" if detail else reason for reason, detail in found)


def _images(pod: Obj) -> list[str]:
    spec = pod["spec"]
    return [c.get("image", "") for g in ("containers", "initContainers") for c in spec.get(g) or []]


def _namespace(store: Store, write: Write) -> None:
    policy = _policy(write.obj["metadata"].get("labels") or {})
    before = _policy(write.old["metadata"].get("labels") or {}) if write.old else None
    if policy.errors and (before is None or before.errors != policy.errors):
        raise invalid("", "Namespace", write.obj["metadata"].get("name", ""), policy.errors)
    if write.operation == CREATE or before is None or policy.enforce.name == "privileged":
        return
    raised = policy.enforce.version != before.enforce.version or policy.enforce.rank > before.enforce.rank
    if raised:
        write.origin.warnings += _existing(store, write.key[1], policy.enforce)


def _existing(store: Store, namespace: str, level: Level) -> list[str]:
    """Warnings of the pods that would not be let in now."""
    bucket = store.bucket("pods")
    keys = [key for key in bucket.ordered() if key[0] == namespace]
    found: dict[str, list[str]] = {}
    for key in keys[:_MOST_PODS]:
        broken = violations(level, bucket.objects[key].decode())
        if broken:
            found.setdefault(", ".join(reason for reason, _ in broken), []).append(key[1])
    out: list[str] = []
    if len(keys) > _MOST_PODS:
        out.append(
            f"new PodSecurity enforce level only checked against the first {_MOST_PODS} of {len(keys)} "
            "existing pods"
        )
    if found:
        out.append(
            f'existing pods in namespace "{namespace}" violate the new PodSecurity enforce level "{level}"'
        )
    more = {1: "", 2: " (and 1 other pod)"}
    return out + sorted(
        f"{pods[0]}{more.get(len(pods), f' (and {len(pods) - 1} other pods)')}: {reasons}"
        for reasons, pods in found.items()
    )

"""Rules that hold wherever a type occurs: a table by OpenAPI definition, and the walk that applies it.

A pod template of a Deployment is checked by the same rows as a pod. Words and paths are those of
pkg/apis/core/validation and its neighbours in kubernetes/kubernetes.
"""

from collections.abc import Iterator
from functools import cache
from typing import Any

from sandbox.apiserver.admission import netrules
from sandbox.apiserver.admission.rulekinds import (
    AT_LEAST_ZERO,
    Rule,
    at,
    exactly_one,
    least,
    needs,
    one_of,
    unique,
)
from sandbox.apiserver.machinery import names, quantity, schemas
from sandbox.apiserver.machinery.apierrors import (
    FieldError,
    forbidden_field,
    invalid_value,
    not_supported,
    required,
)
from sandbox.apiserver.machinery.jsonobject import Obj

_CORE = "io.k8s.api.core.v1."


def check(group: str, version: str, kind: str, obj: Obj) -> list[FieldError]:
    """What the rows of the table say of an object and of all that is in it."""
    name, out = schemas.name_of(group, version, kind), list[FieldError]()
    if name:
        _walk(obj, name, "", out)
    return out


def _walk(value: Any, name: str, path: str, out: list[FieldError]) -> None:
    if not isinstance(value, dict):
        return
    for rule in RULES.get(name, ()):
        out.extend(rule(value, path))
    known = _below(name)
    for key, member in value.items():
        if member is None or key not in known:
            continue
        below, form = known[key]
        where = f"{path}.{key}" if path else key
        if form == "list":
            for index, item in enumerate(member):
                _walk(item, below, f"{where}[{index}]", out)
        else:
            _walk(member, below, where, out)


@cache
def _below(name: str) -> dict[str, tuple[str, str]]:
    """The fields below which a rule may apply: (definition, "list" or "one")."""
    out: dict[str, tuple[str, str]] = {}
    for key, field in (schemas.definitions().get(name, {}).get("properties") or {}).items():
        form = "list" if field.get("type") == "array" else "one"
        reference = str((field.get("items") or {} if form == "list" else field).get("$ref", ""))
        target = reference.removeprefix(schemas.PREFIX)
        if target and target in _reaching():
            out[key] = target, form
    return out


@cache
def _reaching() -> frozenset[str]:
    """The definitions that have a rule, or lead to one."""
    known = schemas.definitions()
    found = set(RULES)
    while True:
        more = {
            name
            for name, schema in known.items()
            if name not in found
            and any(
                str((f.get("items") or f).get("$ref", "")).removeprefix(schemas.PREFIX) in found
                for f in (schema.get("properties") or {}).values()
            )
        }
        if not more:
            return frozenset(found)
        found |= more


# ---- rules of one type alone


def _resources(obj: Obj, path: str) -> Iterator[FieldError]:
    limits, requests = obj.get("limits") or {}, obj.get("requests") or {}
    for group in ("limits", "requests"):
        for name, amount in (obj.get(group) or {}).items():
            if quantity.value(amount) < 0:
                yield invalid_value(f"{path}.{group}[{name}]", amount, AT_LEAST_ZERO)
    for name, amount in requests.items():
        limit = limits.get(name)
        if limit is not None and quantity.value(amount) > quantity.value(limit):
            yield invalid_value(
                f"{path}.requests", amount, f"must be less than or equal to {name} limit of {limit}"
            )


def _amounts(field: str) -> Rule:
    def rule(obj: Obj, path: str) -> Iterator[FieldError]:
        for name, amount in (obj.get(field) or {}).items():
            if quantity.value(amount) < 0:
                yield invalid_value(f"{at(path, field)}[{name}]", amount, AT_LEAST_ZERO)

    return rule


def _toleration(obj: Obj, path: str) -> Iterator[FieldError]:
    key, operator, effect = obj.get("key"), obj.get("operator", ""), obj.get("effect", "")
    if key:
        yield from (invalid_value(f"{path}.key", key, t) for t in names.qualified_name(key))
    elif operator != "Exists":
        text = 'operator must be Exists when `key` is empty, which means "match all values and all keys"'
        yield invalid_value(f"{path}.operator", operator, text)
    if obj.get("tolerationSeconds") is not None and effect != "NoExecute":
        text = "effect must be 'NoExecute' when `tolerationSeconds` is set"
        yield invalid_value(f"{path}.effect", effect, text)
    if operator == "Exists" and obj.get("value"):
        text = "value must be empty when `operator` is 'Exists'"
        yield invalid_value(f"{path}.operator", obj["value"], text)


def _spread(obj: Obj, path: str) -> Iterator[FieldError]:
    if obj.get("maxSkew", 0) <= 0:
        yield invalid_value(f"{path}.maxSkew", obj.get("maxSkew", 0), "must be greater than zero")
    if not obj.get("whenUnsatisfiable"):
        yield not_supported(f"{path}.whenUnsatisfiable", "", ["DoNotSchedule", "ScheduleAnyway"])


def _liveness(obj: Obj, path: str) -> Iterator[FieldError]:
    for key in ("livenessProbe", "startupProbe"):
        count = (obj.get(key) or {}).get("successThreshold", 1)
        if count != 1:
            yield invalid_value(f"{path}.{key}.successThreshold", count, "must be 1")


def _requirement(obj: Obj, path: str) -> Iterator[FieldError]:
    operator, values = obj.get("operator", ""), obj.get("values") or []
    if operator in ("In", "NotIn") and not values:
        yield required(f"{path}.values", "must be specified when `operator` is 'In' or 'NotIn'")
    elif operator in ("Exists", "DoesNotExist") and values:
        text = "may not be specified when `operator` is 'Exists' or 'DoesNotExist'"
        yield forbidden_field(f"{path}.values", text)
    elif operator not in ("In", "NotIn", "Exists", "DoesNotExist"):
        yield invalid_value(f"{path}.operator", operator, "not a valid selector operator")
    yield from (
        invalid_value(f"{path}.key", obj.get("key"), t) for t in names.qualified_name(obj.get("key") or "")
    )


def _node_requirement(obj: Obj, path: str) -> Iterator[FieldError]:
    operator, values = obj.get("operator", ""), obj.get("values") or []
    if operator in ("In", "NotIn") and not values:
        yield required(f"{path}.values", "must be specified when `operator` is 'In' or 'NotIn'")
    elif operator in ("Exists", "DoesNotExist") and values:
        yield forbidden_field(
            f"{path}.values", "may not be specified when `operator` is 'Exists' or 'DoesNotExist'"
        )
    elif operator in ("Gt", "Lt") and len(values) != 1:
        yield required(f"{path}.values", "must be specified single value when `operator` is 'Lt' or 'Gt'")
    elif operator not in ("In", "NotIn", "Exists", "DoesNotExist", "Gt", "Lt"):
        yield invalid_value(f"{path}.operator", operator, "not a valid selector operator")


def _subset(obj: Obj, path: str) -> Iterator[FieldError]:
    if not obj.get("addresses") and not obj.get("notReadyAddresses"):
        yield required(path, "must specify `addresses` or `notReadyAddresses`")


def _address(obj: Obj, path: str) -> Iterator[FieldError]:
    yield from names.ip_errors(obj.get("ip", ""), f"{path}.ip")


def _taint(obj: Obj, path: str) -> Iterator[FieldError]:
    yield from (
        invalid_value(f"{path}.key", obj.get("key", ""), t) for t in names.qualified_name(obj.get("key", ""))
    )
    if not obj.get("effect"):
        yield required(f"{path}.effect")


_EFFECTS = ("NoExecute", "NoSchedule", "PreferNoSchedule")
_HANDLERS = ("exec", "httpGet", "tcpSocket", "grpc")
_SOURCES = tuple(
    [
        "awsElasticBlockStore",
        "azureDisk",
        "azureFile",
        "cephfs",
        "cinder",
        "configMap",
        "csi",
        "downwardAPI",
        "emptyDir",
        "ephemeral",
        "fc",
        "flexVolume",
        "flocker",
        "gcePersistentDisk",
        "gitRepo",
        "glusterfs",
        "hostPath",
        "image",
        "iscsi",
        "nfs",
        "persistentVolumeClaim",
        "photonPersistentDisk",
        "portworxVolume",
        "projected",
        "quobyte",
        "rbd",
        "scaleIO",
        "secret",
        "storageos",
        "vsphereVolume",
    ]
)

RULES: dict[str, tuple[Rule, ...]] = {
    _CORE + "Probe": (
        exactly_one("handler type", *_HANDLERS),
        least(
            0,
            "initialDelaySeconds",
            "timeoutSeconds",
            "periodSeconds",
            "successThreshold",
            "failureThreshold",
        ),
    ),
    _CORE + "LifecycleHandler": (exactly_one("handler type", "exec", "httpGet", "tcpSocket", "sleep"),),
    _CORE + "HTTPGetAction": (needs("path"), one_of("scheme", "HTTP", "HTTPS")),
    _CORE + "ExecAction": (needs("command"),),
    _CORE + "Volume": (exactly_one("volume type", *_SOURCES),),
    _CORE + "HostPathVolumeSource": (needs("path"),),
    _CORE + "SecretVolumeSource": (needs("secretName"),),
    _CORE + "ConfigMapVolumeSource": (needs("name"),),
    _CORE + "PersistentVolumeClaimVolumeSource": (needs("claimName"),),
    _CORE + "KeyToPath": (needs("key", "path"),),
    _CORE + "Container": (
        unique("volumeMounts", "mountPath"),
        _liveness,
        one_of("terminationMessagePolicy", "FallbackToLogsOnError", "File"),
    ),
    _CORE + "ResourceRequirements": (_resources,),
    _CORE + "VolumeResourceRequirements": (_resources,),
    _CORE + "Toleration": (_toleration, one_of("operator", "Equal", "Exists"), one_of("effect", *_EFFECTS)),
    _CORE + "PodAffinityTerm": (needs("topologyKey", why="can not be empty"),),
    _CORE + "TopologySpreadConstraint": (
        _spread,
        needs("topologyKey", why="can not be empty"),
        one_of("whenUnsatisfiable", "DoNotSchedule", "ScheduleAnyway"),
    ),
    _CORE + "NodeSelectorRequirement": (_node_requirement,),
    _CORE + "NodeSelector": (needs("nodeSelectorTerms", why="must have at least one node selector term"),),
    _CORE + "Taint": (_taint, one_of("effect", *_EFFECTS)),
    _CORE + "EndpointSubset": (_subset,),
    _CORE + "EndpointAddress": (_address,),
    _CORE + "NodeStatus": (_amounts("capacity"), _amounts("allocatable")),
    _CORE + "ReplicationControllerSpec": (least(0, "replicas", "minReadySeconds"),),
    _CORE + "PodSpec": (least(1, "activeDeadlineSeconds"),),
    _CORE + "ResourceQuotaSpec": (_amounts("hard"),),
    _CORE + "LimitRangeItem": (needs("type"),),
    "io.k8s.apimachinery.pkg.apis.meta.v1.LabelSelectorRequirement": (_requirement,),
    "io.k8s.api.apps.v1.DeploymentSpec": (
        least(0, "replicas", "minReadySeconds", "revisionHistoryLimit", "progressDeadlineSeconds"),
        needs("selector"),
    ),
    "io.k8s.api.apps.v1.DeploymentStrategy": (one_of("type", "Recreate", "RollingUpdate"),),
    "io.k8s.api.apps.v1.ReplicaSetSpec": (least(0, "replicas", "minReadySeconds"), needs("selector")),
    "io.k8s.api.apps.v1.StatefulSetSpec": (
        least(0, "replicas", "minReadySeconds", "revisionHistoryLimit"),
        needs("selector"),
        one_of("podManagementPolicy", "OrderedReady", "Parallel"),
    ),
    "io.k8s.api.apps.v1.StatefulSetUpdateStrategy": (one_of("type", "OnDelete", "RollingUpdate"),),
    "io.k8s.api.apps.v1.DaemonSetSpec": (
        least(0, "minReadySeconds", "revisionHistoryLimit"),
        needs("selector"),
    ),
    "io.k8s.api.apps.v1.DaemonSetUpdateStrategy": (one_of("type", "OnDelete", "RollingUpdate"),),
    "io.k8s.api.batch.v1.JobSpec": (
        least(
            0,
            "parallelism",
            "completions",
            "backoffLimit",
            "activeDeadlineSeconds",
            "ttlSecondsAfterFinished",
        ),
        one_of("completionMode", "Indexed", "NonIndexed"),
    ),
    "io.k8s.api.batch.v1.CronJobSpec": (
        needs("schedule"),
        least(0, "successfulJobsHistoryLimit", "failedJobsHistoryLimit", "startingDeadlineSeconds"),
        one_of("concurrencyPolicy", "Allow", "Forbid", "Replace"),
    ),
    **netrules.RULES,
}

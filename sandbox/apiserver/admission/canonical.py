"""Objects of the built-in kinds as a Go type would write them: canonical quantities and times, no empty rest.

The OpenAPI schema says which fields are never left out (they are `required`); what it does not say, which Go
fields are pointers and which plain values, stands in the tables here.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from functools import cache
from typing import Any

from sandbox.apiserver.machinery import quantity, schemas
from sandbox.apiserver.machinery.jsonobject import Obj

_MICRO_TIME = "io.k8s.apimachinery.pkg.apis.meta.v1.MicroTime"
# Pointers to strings, which keep an empty one.
_POINTERS = frozenset(
    [
        "holderIdentity",
        "preferredHolder",
        "strategy",
        "appProtocol",
        "hostname",
        "nodeName",
        "zone",
        "loadBalancerClass",
        "storageClassName",
        "volumeMode",
        "ingressClassName",
        "runtimeClassName",
        "preemptionPolicy",
        "managedBy",
        "url",
        "path",
        "protocol",
        "name",
        "volumeAttributesClassName",
        "message",
        "reason",
    ]
)
# Plain numbers and booleans, which are left out when they are zero.
_PLAIN = frozenset(
    [
        "hostNetwork",
        "hostPID",
        "hostIPC",
        "stdin",
        "stdinOnce",
        "tty",
        "unschedulable",
        "paused",
        "publishNotReadyAddresses",
        "minReadySeconds",
        "observedGeneration",
        "readyReplicas",
        "availableReplicas",
        "updatedReplicas",
        "unavailableReplicas",
        "fullyLabeledReplicas",
        "currentReplicas",
        "updatedNumberScheduled",
        "numberAvailable",
        "numberUnavailable",
        "hostPort",
        "nodePort",
        "initialDelaySeconds",
        "active",
        "succeeded",
        "failed",
        "generation",
    ]
)
# Optional in the schema, and written even when they are zero or empty: Go fields without omitempty.
_WRITTEN = {
    "io.k8s.api.apps.v1.StatefulSetSpec": ("serviceName",),
    "io.k8s.api.apps.v1.StatefulSetStatus": ("availableReplicas",),
}
_Step = Callable[[Any], Any]


def written(name: str) -> tuple[str, ...]:
    """The fields of a type, by its OpenAPI name, that are written even when they are zero or empty."""
    required = schemas.definitions().get(name, {}).get("required") or ()
    return (*required, *_WRITTEN.get(name, ()))


def canonical(group: str, version: str, kind: str, obj: Obj) -> Obj:
    """Change `obj` in place, whose types and quantities have been found right."""
    name = schemas.name_of(group, version, kind)
    if name:
        _apply(obj, name)
    return obj


def _apply(obj: Any, name: str) -> Any:
    if not isinstance(obj, dict):
        return obj
    plan = _plan(name)
    for key in [k for k in obj if k in plan]:
        step, droppable = plan[key]
        value = obj[key]
        if step is not None:
            value = obj[key] = step(value)
        if droppable and not value and value in ("", [], {}, 0):
            del obj[key]
    return obj


@cache
def _plan(name: str) -> dict[str, tuple[_Step | None, bool]]:
    """For each field that may change: how, and whether it is left out when it is empty."""
    schema = schemas.definitions().get(name, {})
    kept = written(name)
    plan: dict[str, tuple[_Step | None, bool]] = {}
    for key, field in (schema.get("properties") or {}).items():
        step, collection = _step(field), _empties(key, field)
        droppable = collection and key not in kept
        if step is not None or droppable:
            plan[key] = step, droppable
    return plan


def _empties(key: str, field: Obj) -> bool:
    kind = field.get("type")
    if kind == "string":
        return key not in _POINTERS
    if kind in ("integer", "boolean"):
        return key in _PLAIN
    return kind == "array" or (kind == "object" and "properties" not in field)


def _step(field: Obj) -> _Step | None:
    reference = str(field.get("$ref", "")).removeprefix(schemas.PREFIX)
    if reference == schemas.QUANTITY:
        return quantity.canonical
    if reference == _MICRO_TIME:
        return None  # checked when it was decoded, and kept in its six digits
    if reference:
        target = schemas.definitions().get(reference, {})
        if target.get("properties"):
            return lambda value: _apply(value, reference)
        return _scalar(target)
    more = field.get("additionalProperties")
    inner = field.get("items") or more
    below = _step(inner) if isinstance(inner, dict) else None
    if below is None:
        return _scalar(field)
    each: _Step = below
    if field.get("items"):
        return lambda value: [each(v) for v in value]
    return lambda value: {k: each(v) for k, v in value.items()}


def _scalar(schema: Obj) -> _Step | None:
    if schema.get("format") == "date-time":
        return _utc
    if schema.get("format") == "byte":
        return lambda value: value.replace("\n", "").replace("\r", "")
    return None


def _utc(text: str) -> str:
    if len(text) == 20 and text.endswith("Z"):
        return text
    moment = datetime.fromisoformat(text.replace("Z", "+00:00")).astimezone(UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")

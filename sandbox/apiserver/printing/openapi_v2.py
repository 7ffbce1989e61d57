"""The schema of a custom resource in the words of OpenAPI v2, as kubectl can read it.

Source: apiextensions-apiserver/pkg/controller/openapi/v2/conversion.go of kubernetes/kubernetes.
"""

from typing import Any

from sandbox.apiserver.machinery.jsonobject import Obj

_JUNCTORS = ("allOf", "oneOf", "anyOf", "not")
_PRESERVE = "x-kubernetes-preserve-unknown-fields"


def converted(schema: Obj) -> Obj:
    """A structural schema without what v2 cannot say; where anything may be, it says nothing of the type."""
    out: Obj = {k: v for k, v in schema.items() if k not in (*_JUNCTORS, "nullable")}
    free = bool(out.get(_PRESERVE))
    if schema.get("nullable") or free:
        out.pop("items", None)
        out.pop("properties", None)
    untyped = schema.get("nullable") or (free and out.get("type") == "object")
    if untyped or (out.get("type") == "array" and "items" not in out):
        out.pop("type", None)
    properties: Obj | None = out.get("properties")
    more: Any = out.get("additionalProperties")
    if properties is not None:
        out["properties"] = {k: converted(v) for k, v in properties.items()}
        empty = {k for k, v in properties.items() if v.get("nullable")}
        needed = [k for k in out.get("required") or [] if k not in empty]
        out |= {"required": needed} if needed else {}
        if not needed:
            out.pop("required", None)
    if isinstance(out.get("items"), dict):
        out["items"] = converted(out["items"])
    if isinstance(more, dict):
        out["additionalProperties"] = converted(more)
        if more.get("nullable"):
            out.pop("required", None)
    return out

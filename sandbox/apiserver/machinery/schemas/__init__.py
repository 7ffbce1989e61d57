"""The OpenAPI definitions of Kubernetes' own kinds, as data, loaded when first asked for.

`definitions.json.gz` is the part of api/openapi-spec/swagger.json of kubernetes/kubernetes (1.36) that this
server serves; generate.py makes it, NOTICE credits it.
"""

import gzip
from functools import cache
from pathlib import Path
from typing import Any

import msgspec

from sandbox.apiserver.machinery.jsonobject import Obj

INT_OR_STRING = "io.k8s.apimachinery.pkg.util.intstr.IntOrString"
QUANTITY = "io.k8s.apimachinery.pkg.api.resource.Quantity"
OBJECT_META = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"
LIST_META = "io.k8s.apimachinery.pkg.apis.meta.v1.ListMeta"
PREFIX = "#/definitions/"

# swagger.json has no defaults; these are the ones that are keys of an associative list.
_KEY_DEFAULTS = {
    ("io.k8s.api.core.v1.ContainerPort", "protocol"): "TCP",
    ("io.k8s.api.core.v1.ServicePort", "protocol"): "TCP",
}


@cache
def definitions() -> dict[str, Obj]:
    """Every definition by its OpenAPI name, in the dialect of OpenAPI v2."""
    data = Path(__file__).with_name("definitions.json.gz").read_bytes()
    out: dict[str, Obj] = msgspec.json.decode(gzip.decompress(data))
    for (name, field), value in _KEY_DEFAULTS.items():
        out[name]["properties"][field]["default"] = value
    return out


@cache
def _by_kind() -> dict[tuple[str, str, str], str]:
    out: dict[tuple[str, str, str], str] = {}
    for name, schema in definitions().items():
        for gvk in schema.get("x-kubernetes-group-version-kind", ()):
            out[(gvk["group"], gvk["version"], gvk["kind"])] = name
    return out


def name_of(group: str, version: str, kind: str) -> str | None:
    """The OpenAPI name of a kind ("io.k8s.api.core.v1.Pod"), or None when it is not built in."""
    return _by_kind().get((group, version, kind))


def schema_of(group: str, version: str, kind: str) -> Obj | None:
    """The definition of a built-in kind, or None."""
    name = name_of(group, version, kind)
    return definitions()[name] if name else None


def resolve(schema: Any) -> Obj:
    """What a `$ref` stands for, keeping the list and patch markers beside it; any other schema is itself."""
    if not isinstance(schema, dict):
        return {}
    ref = schema.get("$ref")
    if not isinstance(ref, str):
        return schema
    return _target(ref)


@cache
def _target(ref: str) -> Obj:
    return definitions().get(ref.removeprefix(PREFIX), {})

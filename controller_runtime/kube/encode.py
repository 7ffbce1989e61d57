"""What is written of a typed object: its JSON data, and how that goes over what the server has."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from functools import cache
from typing import Any

import msgspec

from controller_runtime.kube.object import KubeObject, ObjectMeta
from controller_runtime.kube.unstructured import Unstructured

# By what the elements of the API's lists are told apart: the merge keys of the built-in kinds (patchMergeKey
# in k8s.io/api), the most telling first.
_KEYS = (
    "name",
    "type",
    "uid",
    "key",
    "ip",
    "containerPort",
    "port",
    "mountPath",
    "devicePath",
    "topologyKey",
)

# Of the metadata, what a client may ask for; the server sets the rest.
ASKED = ("name", "namespace", "labels", "annotations", "finalizers", "ownerReferences")


def as_json(obj: KubeObject) -> dict[str, Any]:
    """The object as JSON data, with its apiVersion and kind.

    A field that has its default is left out where that is None or empty, as with ``omitempty`` in Go; numbers
    and booleans are always there (but in the metadata). ``field: int | None = None`` is for a number that the
    server is to choose.
    """
    return _object(obj, keeps_empty=False)


def as_view(obj: KubeObject) -> dict[str, Any]:
    """``as_json`` for ``overlay``: structs and mappings that are empty are there, so what is not was None."""
    return _object(obj, keeps_empty=True)


def as_asked(obj: KubeObject) -> dict[str, Any]:
    """``as_json`` without what only the server sets, as for server-side apply."""
    body = as_json(obj)
    body["metadata"] = {k: v for k, v in body["metadata"].items() if k in ASKED}
    return body


def _object(obj: KubeObject, keeps_empty: bool) -> dict[str, Any]:
    body = {"apiVersion": obj.resource.api_version, "kind": obj.resource.kind}
    if isinstance(obj, Unstructured):
        known = {encoded_name for _, encoded_name, _ in _fields(ObjectMeta)}
        rest = {k: v for k, v in obj.content.get("metadata", {}).items() if k not in known}
        return {**obj.content, **body, "metadata": {**rest, **_encode(obj.metadata, keeps_empty)}}
    return {**body, **_encode(obj, keeps_empty)}


def _encode(value: Any, keeps_empty: bool) -> Any:
    if isinstance(value, msgspec.Struct):
        fields: dict[str, Any] = {}
        is_meta = isinstance(value, ObjectMeta)
        for name, encoded_name, default in _fields(type(value)):
            part = getattr(value, name)
            encoded = _encode(part, keeps_empty)
            is_empty = encoded in (None, "", []) or (encoded == {} and not keeps_empty)
            is_unset = is_empty or (is_meta and encoded == 0)
            if part is msgspec.UNSET or (is_unset and part == default):
                continue
            fields[encoded_name] = encoded
        return fields
    if isinstance(value, Mapping):
        return {key: _encode(part, keeps_empty) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_encode(part, keeps_empty) for part in value]
    if isinstance(value, msgspec.Raw):
        return msgspec.json.decode(value)
    return value if isinstance(value, str | int | float | None) else msgspec.to_builtins(value)


@cache
def _fields(kind: type[msgspec.Struct]) -> tuple[tuple[str, str, Any], ...]:
    """Name, name in JSON, and default of each field; to ask msgspec takes as long as a request."""
    return tuple((f.name, f.encode_name, _default(f)) for f in msgspec.structs.fields(kind))


def _default(field: msgspec.structs.FieldInfo) -> Any:
    return field.default if field.default_factory is msgspec.NODEFAULT else field.default_factory()


def overlay(raw: Any, old: Any, new: Any) -> Any:
    """``raw``, of which ``old`` is the view that a class has, changed as ``old`` is changed to ``new``.

    What the class does not read stays, in the elements of lists too: they are told apart by the names that
    they have in Kubernetes. All are JSON data; none is changed.
    """
    if old == new:
        return raw
    if isinstance(raw, dict) and isinstance(old, dict | None) and isinstance(new, dict):
        old = old or {}
        kept = {key: value for key, value in raw.items() if key in new or key not in old}
        changed = {
            key: overlay(raw.get(key), old.get(key), value)
            for key, value in new.items()
            if key in raw or key not in old or old[key] != value
        }
        return kept | changed
    if isinstance(raw, list) and isinstance(old, list) and isinstance(new, list) and len(raw) == len(old):
        return _overlay_list(raw, old, new)
    return new


def _overlay_list(raw: list[Any], old: list[Any], new: list[Any]) -> list[Any]:
    names = [_name(element) for element in old]
    merged = []
    for element in new:
        name = _name(element)
        if name is not None and names.count(name) == 1:
            place = names.index(name)
            merged.append(overlay(raw[place], old[place], element))
        elif element in old:
            merged.append(raw[old.index(element)])
        else:
            merged.append(element)
    return merged


def _name(element: Any) -> Hashable:
    if not isinstance(element, dict):
        return None
    return next(((key, str(element[key])) for key in _KEYS if key in element), None)

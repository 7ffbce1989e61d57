"""OpenAPI v2 and v3 of what is served, made when first asked for and kept until the registry changes."""

import hashlib
from collections.abc import Iterable
from typing import Any

import msgspec

from sandbox.apiserver.machinery import schemas
from sandbox.apiserver.machinery.jsonobject import Obj
from sandbox.apiserver.machinery.resources import Registry, Resource
from sandbox.apiserver.printing import openapi_wire
from sandbox.apiserver.printing.openapi_v2 import converted

_META = "io.k8s.apimachinery.pkg.apis.meta.v1."
_COMMON = tuple(_META + kind for kind in ("DeleteOptions", "ListMeta", "ObjectMeta", "Patch", "Status"))
_V3 = "#/components/schemas/"
_ONE_OF: dict[str, Obj] = {
    schemas.INT_OR_STRING: {"format": "int-or-string", "oneOf": [{"type": "integer"}, {"type": "string"}]},
    schemas.QUANTITY: {"oneOf": [{"type": "string"}, {"type": "number"}]},
}
_BODIES = ("application/json", "application/yaml")
_PATCHES = (
    "application/apply-patch+yaml",
    "application/json-patch+json",
    "application/merge-patch+json",
    "application/strategic-merge-patch+json",
)
_DRY_RUN = ("dryRun", "string", "When present, indicates that modifications should not be persisted.")
_WRITE = (
    _DRY_RUN,
    (
        "fieldManager",
        "string",
        "fieldManager is a name associated with the actor or entity that is making these changes.",
    ),
    (
        "fieldValidation",
        "string",
        "fieldValidation instructs the server on how to handle objects in the request containing unknown or "
        "duplicate fields: Ignore, Warn or Strict.",
    ),
)
_FORCE = ("force", "boolean", "Force is going to force Apply requests: it takes fields that others own.")
_LIST = (
    ("continue", "string", "The continue option should be set when retrieving more results from the server."),
    ("fieldSelector", "string", "A selector to restrict the list of returned objects by their fields."),
    ("labelSelector", "string", "A selector to restrict the list of returned objects by their labels."),
    ("limit", "integer", "limit is a maximum number of responses to return for a list call."),
    ("resourceVersion", "string", "What resource versions a request may be served from."),
    ("resourceVersionMatch", "string", "How resourceVersion is applied to list calls."),
    ("sendInitialEvents", "boolean", "Whether a watch starts with synthetic events of what there is."),
    ("timeoutSeconds", "integer", "Timeout for the list or watch call, in seconds."),
    ("watch", "boolean", "Watch for changes and return them as a stream of notifications."),
)
_DELETE = (
    _DRY_RUN,
    ("gracePeriodSeconds", "integer", "The duration in seconds before the object should be deleted."),
    ("propagationPolicy", "string", "Whether and how garbage collection will be performed."),
)
_IN_PATH = {
    "namespace": "object name and auth scope, such as for teams and projects",
    "name": "name of the object",
}
# HTTP method -> (verb of the resource, x-kubernetes-action, query parameters)
_ON_LIST = {
    "get": ("list", "list", _LIST),
    "post": ("create", "post", _WRITE),
    "delete": ("deletecollection", "deletecollection", (*_LIST, *_DELETE)),
}
_ON_NAME = {
    "get": ("get", "get", ()),
    "put": ("update", "put", _WRITE),
    "patch": ("patch", "patch", (*_WRITE, _FORCE)),
    "delete": ("delete", "delete", _DELETE),
    "post": ("create", "post", _WRITE),
}


class OpenAPI:
    """The documents of one registry."""

    def __init__(self, registry: Registry, version: str) -> None:
        self._registry, self._info = registry, {"title": "Kubernetes", "version": version}
        self._generation = -1
        self._kept: dict[str, bytes] = {}

    def _cached(self, key: str) -> bytes | None:
        if self._generation != self._registry.generation:
            self._generation = self._registry.generation
            self._kept.clear()
        return self._kept.get(key)

    def index(self) -> bytes:
        """/openapi/v3: where the document of each group and version is."""
        data = self._cached("index")
        if data is None:
            entries: Obj = {}
            for group, versions in self._registry.groups().items():
                for version in versions:
                    path = f"apis/{group}/{version}" if group else f"api/{version}"
                    url = f"/openapi/v3/{path}?hash={self._hash(group, version)}"
                    entries[path] = {"serverRelativeURL": url}
            data = self._kept["index"] = msgspec.json.encode({"paths": entries})
        return data

    def _hash(self, group: str, version: str) -> str:
        found = self._registry.of_version(group, version)
        parts: list[Any] = [self._info, group, version]
        parts += [[r.plural, r.kind, r.namespaced, r.custom.schema if r.custom else None] for r in found]
        return hashlib.sha256(msgspec.json.encode(parts, order="sorted")).hexdigest().upper()

    def group_version(self, path: str) -> bytes | None:
        """/openapi/v3/PATH ("api/v1", "apis/GROUP/VERSION"); None when it is not served."""
        data = self._cached(path)
        if data is not None:
            return data
        parts = path.split("/")
        known = (len(parts) == 2 and parts[0] == "api") or (len(parts) == 3 and parts[0] == "apis")
        found = self._registry.of_version("" if len(parts) == 2 else parts[1], parts[-1]) if known else []
        if not found:
            return None
        found = _described(found)
        document = {
            "openapi": "3.0.0",
            "info": self._info,
            "paths": _paths(found, v3=True),
            "components": {"schemas": {k: _v3(v, k) for k, v in _closure(found).items()}},
        }
        data = self._kept[path] = msgspec.json.encode(document)
        return data

    def v2(self, protobuf: bool = False) -> bytes:
        """/openapi/v2: everything in one document, as JSON or in gnostic's protobuf."""
        data = self._cached(f"v2 {protobuf}")
        if data is None:
            found = _described(self._registry)
            document = {
                "swagger": "2.0",
                "info": self._info,
                "paths": _paths(found, v3=False),
                "definitions": _closure(found, v2=True),
            }
            data = openapi_wire.encode(document) if protobuf else msgspec.json.encode(document)
            self._kept[f"v2 {protobuf}"] = data
        return data


def _described(resources: Iterable[Resource]) -> list[Resource]:
    """Those that there is a schema of: metrics.k8s.io has none here."""
    return [r for r in resources if r.custom or schemas.name_of(r.group, r.version, r.kind)]


def definition_name(resource: Resource) -> str:
    """The OpenAPI name of a resource's kind; a custom one has its group reversed, as upstream does."""
    built_in = schemas.name_of(resource.group, resource.version, resource.kind)
    if built_in and resource.custom is None:
        return built_in
    return ".".join([*reversed(resource.group.split(".")), resource.version, resource.kind])


def _gvk(group: str, version: str, kind: str) -> Obj:
    return {"group": group, "version": version, "kind": kind}


def _closure(resources: list[Resource], v2: bool = False) -> dict[str, Obj]:
    """The definitions of kinds, their lists, and all they refer to."""
    known = schemas.definitions()
    out: dict[str, Obj] = {}
    todo = list(_COMMON)
    for resource in resources:
        name = definition_name(resource)
        if resource.custom is not None:
            schema = resource.custom.schema
            out[name] = _custom(resource, converted(schema) if v2 else schema)
            out[name + "List"] = _custom_list(resource, name)
        else:
            todo += [name, name + "List"]
        for sub in resource.subresources:
            group, version = (sub.group, sub.version) if sub.version else (resource.group, resource.version)
            todo.append(schemas.name_of(group, version, sub.kind or resource.kind) or "")
    while todo:
        name = todo.pop()
        if name in known and name not in out:
            out[name] = known[name]
            _references(known[name], todo)
    return out


def _references(value: Any, into: list[str]) -> None:
    if isinstance(value, dict):
        reference = value.get("$ref")
        if isinstance(reference, str):
            into.append(reference.removeprefix(schemas.PREFIX))
        for item in value.values():
            _references(item, into)
    elif isinstance(value, list):
        for item in value:
            _references(item, into)


def _type_meta() -> Obj:
    pod: Obj = schemas.definitions()["io.k8s.api.core.v1.Pod"]["properties"]
    return {"apiVersion": pod["apiVersion"], "kind": pod["kind"]}


def _custom(resource: Resource, schema: Obj) -> Obj:
    text = schemas.definitions()["io.k8s.api.core.v1.Pod"]["properties"]["metadata"]["description"]
    meta = {"$ref": schemas.PREFIX + schemas.OBJECT_META, "description": text}
    properties = {**(schema.get("properties") or {}), **_type_meta(), "metadata": meta}
    gvk = [_gvk(resource.group, resource.version, resource.kind)]
    return {**schema, "properties": properties, "x-kubernetes-group-version-kind": gvk}


def _custom_list(resource: Resource, name: str) -> Obj:
    meta = {"$ref": schemas.PREFIX + schemas.LIST_META, "description": "Standard list metadata."}
    items = {
        "type": "array",
        "items": {"$ref": schemas.PREFIX + name},
        "description": f"List of {resource.plural}.",
    }
    return {
        "type": "object",
        "description": f"{resource.list_kind} is a list of {resource.kind}",
        "required": ["items"],
        "properties": {**_type_meta(), "metadata": meta, "items": items},
        "x-kubernetes-group-version-kind": [_gvk(resource.group, resource.version, resource.list_kind)],
    }


def _v3(value: Any, name: str = "") -> Any:
    """A schema of v2 in the words of v3."""
    if name in _ONE_OF:
        text = {k: v for k, v in value.items() if k == "description"}
        return text | _ONE_OF[name]
    if isinstance(value, list):
        return [_v3(item) for item in value]
    if not isinstance(value, dict):
        return value
    reference = value.get("$ref")
    if not isinstance(reference, str):
        return {k: _v3(v) for k, v in value.items()}
    link = {"$ref": _V3 + reference.removeprefix(schemas.PREFIX)}
    rest = {k: v for k, v in value.items() if k != "$ref"}
    return {**rest, "allOf": [link]} if rest else link


def _paths(resources: list[Resource], v3: bool) -> Obj:
    out: Obj = {}
    for resource in resources:
        root = f"/apis/{resource.group}/{resource.version}" if resource.group else f"/api/{resource.version}"
        base = f"{root}/namespaces/{{namespace}}" if resource.namespaced else root
        several, one = f"{base}/{resource.plural}", f"{base}/{resource.plural}/{{name}}"
        name = definition_name(resource)
        gvk, custom = _gvk(resource.group, resource.version, resource.kind), resource.custom is not None
        _add(out, several, _ON_LIST, resource.verbs, name, gvk, v3, custom)
        if resource.namespaced and "list" in resource.verbs:
            _add(out, f"{root}/{resource.plural}", _ON_LIST, ("list",), name, gvk, v3, custom)
        if "get" in resource.verbs:
            verbs = tuple(v for v in resource.verbs if v != "create")
            _add(out, one, _ON_NAME, verbs, name, gvk, v3, custom)
        for sub in resource.subresources:
            sub_gvk = _gvk(sub.group, sub.version, sub.kind) if sub.version else gvk
            if sub.kind and not sub.version:
                sub_gvk = {**gvk, "kind": sub.kind}
            known = schemas.name_of(sub_gvk["group"], sub_gvk["version"], sub_gvk["kind"])
            _add(out, f"{one}/{sub.name}", _ON_NAME, sub.verbs, known or name, sub_gvk, v3, custom)
    return out


def _add(
    out: Obj,
    path: str,
    methods: dict[str, tuple[str, str, Any]],
    verbs: tuple[str, ...],
    name: str,
    gvk: Obj,
    v3: bool,
    custom: bool = False,
) -> None:
    item: Obj = {}
    for method, (verb, action, parameters) in methods.items():
        if verb not in verbs:
            continue
        body = _META + "Patch" if verb == "patch" else _META + "DeleteOptions" if method == "delete" else name
        answer = name + "List" if verb == "list" else _META + "Status" if method == "delete" else name
        operation: Obj = {
            "description": f"{verb} objects of kind {gvk['kind']}",
            "operationId": verb + path.title().translate(str.maketrans("", "", "/{}.-")),
            "x-kubernetes-action": action,
            "x-kubernetes-group-version-kind": gvk,
            "parameters": [_parameter(p, "query", v3) for p in parameters],
        }
        consumes = _BODIES if verb != "patch" else _PATCHES[:3] if custom else _PATCHES
        if v3:
            if method != "get":
                content = {media: {"schema": {"$ref": _V3 + body}} for media in consumes}
                operation["requestBody"] = {"content": content}
            content = {media: {"schema": {"$ref": _V3 + answer}} for media in _BODIES}
            operation["responses"] = {"200": {"description": "OK", "content": content}}
        else:
            operation |= {"consumes": list(consumes), "produces": list(_BODIES), "schemes": ["https"]}
            if method != "get":
                link = {"$ref": schemas.PREFIX + body}
                operation["parameters"].append({"name": "body", "in": "body", "schema": link})
            link = {"$ref": schemas.PREFIX + answer}
            operation["responses"] = {"200": {"description": "OK", "schema": link}}
        item[method] = operation
    if item:
        texts = {
            "namespace": "object name and auth scope, such as for teams and projects",
            "name": "name of the object",
        }
        in_path = [(k, "string", text) for k, text in texts.items() if f"{{{k}}}" in path]
        item["parameters"] = [_parameter(p, "path", v3) for p in in_path]
        out[path] = item


def _parameter(parameter: tuple[str, str, str], where: str, v3: bool) -> Obj:
    name, kind, text = parameter
    out: Obj = {"name": name, "in": where, "description": text}
    if where == "path":
        out["required"] = True
    typed = {"type": kind, "uniqueItems": True}
    return out | ({"schema": typed} if v3 else typed)

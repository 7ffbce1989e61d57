"""A CustomResourceDefinition from the class of a kind: its fields, and what ``schema`` says of them.

::

    class PlanetSpec(msgspec.Struct, frozen=True, rename="camel"):
        radius: Annotated[int, schema(minimum=1, description="In kilometres.", required=True)] = 0
        moons: int = 0

    class Planet(KubeObject, frozen=True):
        resource = Resource("example.com", "v1", "Planet", "planets")
        definition = Definition(columns=(Column("Moons", "integer", ".spec.moons"),))
        spec: PlanetSpec = PlanetSpec()

What ``schema`` says is for the API server alone. Decoding does not check it, so that an object which is older
than a rule can still be read.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from controller_runtime.kube.definition import Rule
from controller_runtime.kube.object import KubeObject

_EXTRA = "x-reconsole"  # where ``schema`` leaves what is not OpenAPI; it never leaves this module


class DefinitionError(TypeError):
    """The class of a kind holds what a CRD's schema cannot express. The text says where."""


def schema(
    *, required: bool = False, default: Any = None, rules: Iterable[Rule] = (), **openapi: Any
) -> msgspec.Meta:
    """What the API server is to check of a field; use it in ``Annotated``.

    ``openapi`` are keywords of an OpenAPI v3 schema: ``minimum``, ``maxLength``, ``pattern``, ``format``,
    ``description``. ``default`` is what the server fills in; without it, that of the class, unless that is
    empty or a struct. ``required`` makes a field required that has a default here.
    """
    if validations := [msgspec.to_builtins(rule) for rule in rules]:
        openapi["x-kubernetes-validations"] = validations
    extra = {"required": required} | ({} if default is None else {"default": default})
    return msgspec.Meta(extra_json_schema={**openapi, _EXTRA: extra})


def custom_resource_definition(kind: type[KubeObject]) -> dict[str, Any]:
    """The CRD of a kind that has a ``definition``, with its one version. Raises DefinitionError."""
    definition, resource = kind.definition, kind.resource
    if definition is None:
        raise DefinitionError(f"{kind.__name__} has no definition: add definition = Definition()")
    fields = {field.encode_name: field for field in msgspec.structs.fields(kind) if field.name != "metadata"}
    version: dict[str, Any] = {
        "name": resource.version,
        "served": True,
        "storage": True,
        "schema": {"openAPIV3Schema": _root(kind, fields)},
    }
    subresources: dict[str, Any] = {"status": {}} if "status" in fields else {}
    if definition.scale is not None:
        subresources["scale"] = msgspec.to_builtins(definition.scale)
    if subresources:
        version["subresources"] = subresources
    if definition.columns:
        version["additionalPrinterColumns"] = [msgspec.to_builtins(column) for column in definition.columns]
    names: dict[str, Any] = {
        "kind": resource.kind,
        "listKind": f"{resource.kind}List",
        "plural": resource.plural,
        "singular": definition.singular or resource.kind.lower(),
    }
    if definition.short_names:
        names["shortNames"] = list(definition.short_names)
    if definition.categories:
        names["categories"] = list(definition.categories)
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{resource.plural}.{resource.group}"},
        "spec": {
            "group": resource.group,
            "names": names,
            "scope": "Namespaced" if resource.namespaced else "Cluster",
            "versions": [version],
        },
    }


def _root(kind: type[KubeObject], fields: Mapping[str, msgspec.structs.FieldInfo]) -> dict[str, Any]:
    assert kind.definition is not None
    made = msgspec.json.schema(kind)
    definitions = made["$defs"]
    own = definitions[made["$ref"].rpartition("/")[2]]
    properties: dict[str, Any] = {
        "apiVersion": {"type": "string"},
        "kind": {"type": "string"},
        "metadata": {"type": "object"},
    }
    required = []
    for name in fields:
        properties[name] = _converted(own["properties"][name], definitions, f"{kind.__name__}.{name}", ())
        if _is_required(name, own):
            required.append(name)
    root: dict[str, Any] = {"type": "object", "properties": properties}
    if doc := kind.__dict__.get("__doc__"):
        root["description"] = " ".join(doc.split())
    if required:
        root["required"] = required
    if rules := [msgspec.to_builtins(rule) for rule in kind.definition.rules]:
        root["x-kubernetes-validations"] = rules
    return root


def _converted(
    node: dict[str, Any], definitions: Mapping[str, Any], where: str, above: tuple[str, ...]
) -> dict[str, Any]:
    """A structural schema of what msgspec says of a type."""
    node = dict(node)
    extra = node.pop(_EXTRA, {})
    default = extra.get("default", node.pop("default", None))
    if "$ref" in node:
        name = node.pop("$ref").rpartition("/")[2]
        if name in above:
            raise DefinitionError(f"{where}: {name} contains itself, which a CRD's schema cannot express")
        node = definitions[name] | node
        above = (*above, name)
    node.pop("title", None)
    if "anyOf" in node:
        node = _union(node, where)
        if "$ref" in node:
            return _converted(node, definitions, where, above)
    if "enum" in node and "type" not in node:
        node["type"] = {str: "string", int: "integer", bool: "boolean"}[type(node["enum"][0])]
    if "properties" in node:
        required = [name for name in node["properties"] if _is_required(name, node)]
        node["properties"] = {
            name: _converted(child, definitions, f"{where}.{name}", above)
            for name, child in node["properties"].items()
        }
        node.pop("required", None)
        if required:
            node["required"] = required
    for inner in ("items", "additionalProperties"):
        if isinstance(node.get(inner), dict):
            node[inner] = _converted(node[inner], definitions, f"{where}[]", above)
    if "type" not in node and "x-kubernetes-int-or-string" not in node:
        node["x-kubernetes-preserve-unknown-fields"] = True
    if "default" in extra or (default and not isinstance(default, dict)):
        node["default"] = default
    return node


def _union(node: dict[str, Any], where: str) -> dict[str, Any]:
    """What may be null may be left out; an int or a string is known to CRDs; other unions are not."""
    kinds = [kind for kind in node.pop("anyOf") if kind.get("type") != "null"]
    if len(kinds) == 1:
        return {**kinds[0], **node}
    if {kind.get("type") for kind in kinds} == {"integer", "string"} and len(kinds) == 2:
        return node | {"x-kubernetes-int-or-string": True}
    raise DefinitionError(f"{where}: a CRD's schema has no unions but int | str")


def _is_required(name: str, owner: Mapping[str, Any]) -> bool:
    declared = owner["properties"][name].get(_EXTRA, {}).get("required", False)
    return bool(declared) or name in owner.get("required", ())

"""Sets of fields in the form of FieldsV1, and how an object's schema splits it into fields.

A set is a tree: `{"f:spec": {"f:replicas": {}}}`. A node without children is in the set; a node with children
is in it when it has a "." beside them. The root stands for the object and is never in the set.
"""

import json
from typing import Any

import msgspec

from sandbox.apiserver.machinery import schemas
from sandbox.apiserver.machinery.jsonobject import Obj

_encode = msgspec.json.Encoder().encode
Set = dict[str, Any]
Child = tuple[str, Any, Obj]
_ANY: Obj = {}


def is_member(node: Set) -> bool:
    return not node or "." in node


def _node(member: bool, children: Set) -> Set | None:
    if not children:
        return {} if member else None
    return {".": {}, **children} if member else children


def _below(node: Set) -> Set:
    return {k: v for k, v in node.items() if k != "."} if "." in node else node


def union(a: Set, b: Set) -> Set:
    """Fields of either."""
    if not a or not b:
        return a or b
    out = dict(a)
    for key, node in b.items():
        if key == ".":
            continue
        mine = out.get(key)
        if mine is None:
            out[key] = node
            continue
        joined = _node(is_member(mine) or is_member(node), union(_below(mine), _below(node)))
        out[key] = joined if joined is not None else {}
    return out


def difference(a: Set, b: Set) -> Set:
    """Fields of `a` that are not in `b`."""
    if not b:
        return a
    out: Set = {}
    for key, node in a.items():
        other = b.get(key)
        if key == "." or other is None:
            out[key] = node
            continue
        left = _node(is_member(node) and not is_member(other), difference(_below(node), _below(other)))
        if left is not None:
            out[key] = left
    return out


def intersection(a: Set, b: Set) -> Set:
    """Fields of both."""
    out: Set = {}
    for key, node in a.items():
        other = b.get(key)
        if key == "." or other is None:
            continue
        both = _node(is_member(node) and is_member(other), intersection(_below(node), _below(other)))
        if both is not None:
            out[key] = both
    return out


def paths(fields: Set, prefix: str = "") -> list[str]:
    """Every field in upstream's notation: `.spec.containers[name="c"].image`."""
    out: list[str] = []
    nodes = [(key, node) for key, node in sorted(fields.items()) if key != "."]
    out += [prefix + _element(key) for key, node in nodes if is_member(node)]
    for key, node in nodes:
        out += paths(node, prefix + _element(key))
    return out


def _element(key: str) -> str:
    kind, _, text = key.partition(":")
    if kind == "f":
        return f".{text}"
    if kind == "k":
        keys = json.loads(text)
        return "[" + ",".join(f"{k}={json.dumps(v)}" for k, v in sorted(keys.items())) + "]"
    return f"[={text}]" if kind == "v" else f"[{text}]"


_MAP_TYPE = "x-kubernetes-map-type"


def _marker(field: Obj, schema: Obj, name: str) -> Any:
    value = field.get(name)
    return schema.get(name) if value is None else value


def children(value: Any, field: Obj) -> list[Child] | None:
    """The parts of a value that are owned one by one: (path element, value, schema); None of a leaf."""
    if isinstance(value, dict):
        schema = schemas.resolve(field)
        if (field.get(_MAP_TYPE) or schema.get(_MAP_TYPE)) == "atomic":
            return None
        known = schema.get("properties") or _ANY
        more = schema.get("additionalProperties")
        rest = more if isinstance(more, dict) else _ANY
        return [("f:" + key, item, known.get(key, rest)) for key, item in value.items()]
    if isinstance(value, list):
        schema = schemas.resolve(field)
        kind = _marker(field, schema, "x-kubernetes-list-type")
        items = schema.get("items") or _ANY
        if kind == "set":
            return [("v:" + _compact(item), item, items) for item in value]
        if kind == "map":
            keys = _marker(field, schema, "x-kubernetes-list-map-keys") or []
            if all(isinstance(item, dict) for item in value):
                return [(_key(item, items, keys), item, items) for item in value]
    return None


def _compact(value: Any) -> str:
    return _encode(value).decode()


def _key(item: Obj, items: Obj, keys: list[str]) -> str:
    known = schemas.resolve(items).get("properties") or _ANY
    found: Obj = {}
    for key in sorted(keys):
        value = item[key] if key in item else (known.get(key) or _ANY).get("default")
        if value is not None:
            found[key] = value
    return "k:" + _compact(found)


def of_value(value: Any, field: Obj) -> Set:
    """The fields that an applied configuration holds an opinion of."""
    parts = children(value, field)
    if not parts:
        return {}
    named = schemas.resolve(field).get("properties") or _ANY
    out: Set = {}
    for key, item, schema in parts:
        below = of_value(item, schema)
        # Items of lists and of maps are fields themselves; members of a struct are only their parts.
        if below and (key[0] != "f" or key[2:] not in named):
            below = {".": {}, **below}
        out[key] = below
    return out


def whole(value: Any, field: Obj) -> Set:
    """Every node of a value that was not there before."""
    out: Set = {".": {}}
    if isinstance(value, dict):  # as `children` has it, without a list of them: every new object comes here
        schema = schemas.resolve(field)
        if not value or (field.get(_MAP_TYPE) or schema.get(_MAP_TYPE)) == "atomic":
            return {}
        known, rest = schema.get("properties") or _ANY, schema.get("additionalProperties")
        for key, item in value.items():
            if isinstance(item, (dict, list)):
                below = known.get(key) or rest
                out["f:" + key] = whole(item, below if isinstance(below, dict) else _ANY)
            else:
                out["f:" + key] = {}
        return out
    parts = children(value, field)
    if not parts:
        return {}
    for key, item, schema in parts:
        out[key] = whole(item, schema) if isinstance(item, (dict, list)) else {}
    return out


def added(zero: Any, new: Any, field: Obj) -> Set | None:
    """`compare` of a new object with the zero value of its type, from which nothing can be removed."""
    if zero == new:
        return None
    parts = children(new, field)
    if parts is None or not (zero is None or isinstance(zero, dict)):
        return {}
    out: Set = {}
    for key, item, schema in parts:
        if zero is None or key[2:] not in zero:
            out[key] = whole(item, schema) if isinstance(item, (dict, list)) else {}
        elif (more := added(zero[key[2:]], item, schema)) is not None:
            out[key] = more
    return out or None


def compare(old: Any, new: Any, field: Obj) -> tuple[Set | None, Set | None]:
    """(fields that were added or changed, fields that were removed); None for nothing."""
    if old == new:
        return None, None
    before, after = children(old, field), children(new, field)
    if before is None and after is None:
        return {}, None
    # A null or empty value that gains parts is not changed itself.
    if before is None and old is None:
        before = []
    if after is None and new is None:
        after = []
    if before is None or after is None:
        return {}, None
    was = {key: item for key, item, _ in before}
    changed: Set = {}
    removed: Set = {}
    for key, item, schema in after:
        if key not in was:
            changed[key] = whole(item, schema)
            continue
        more, less = compare(was[key], item, schema)
        if more is not None:
            changed[key] = more
        if less is not None:
            removed[key] = less
    now = {key for key, _, _ in after}
    for key, item, schema in before:
        if key not in now:
            removed[key] = whole(item, schema)
    return changed or None, removed or None

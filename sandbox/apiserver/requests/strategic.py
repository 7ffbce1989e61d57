"""Strategic merge patch for the built-in kinds, as apimachinery's strategicpatch does it."""

from typing import Any

from sandbox.apiserver.machinery import schemas
from sandbox.apiserver.machinery.apierrors import bad_request
from sandbox.apiserver.machinery.jsonobject import Obj

_DIRECTIVE = "$patch"
_RETAIN = "$retainKeys"
_DELETE_LIST = "$deleteFromPrimitiveList/"
_ORDER = "$setElementOrder/"


def merge(group: str, kind: str, current: Obj, patch: Obj) -> Obj:
    """`current` with the patch applied; neither is changed. StatusError 400 when the patch makes no sense."""
    schema = schemas.schema_of(group, _version(group, current), kind) or {}
    return _merge_map(current, patch, schema)


def _version(group: str, current: Obj) -> str:
    default = "v2" if group == "autoscaling" else "v1"
    return str(current.get("apiVersion", default)).rpartition("/")[2]


def _field(schema: Obj, name: str) -> Obj:
    """The schema of a member as written there, with its patch markers."""
    properties = schema.get("properties") or {}
    if name in properties:
        return dict(properties[name])
    more = schema.get("additionalProperties")
    return more if isinstance(more, dict) else {}


def _markers(field: Obj) -> tuple[list[str], str]:
    strategy = field.get("x-kubernetes-patch-strategy", "")
    return strategy.split(",") if strategy else [], field.get("x-kubernetes-patch-merge-key", "")


def _merge_map(original: Obj, patch: Obj, schema: Obj) -> Obj:
    original, patch = dict(original), dict(patch)
    if _DIRECTIVE in patch:
        directive = patch.pop(_DIRECTIVE)
        if directive == "replace":
            return _clean(patch)  # type: ignore[no-any-return]
        if directive == "delete":
            return {}
        if directive != "merge":
            raise bad_request(f"Unknown patch type found: {directive}")
    _retain_keys(original, patch)
    _set_orders(original, patch, schema)
    for key, value in patch.items():
        deletes = key.startswith(_DELETE_LIST)
        name = key.removeprefix(_DELETE_LIST) if deletes else key
        if value is None:
            original.pop(name, None)
            continue
        if name not in original:
            if not deletes:
                original[name] = _clean(value)
            continue
        field = _field(schema, name)
        strategy, merge_key = _markers(field)
        here = original[name]
        if isinstance(value, dict) and isinstance(here, dict) and "replace" not in strategy:
            original[name] = _merge_map(here, value, schemas.resolve(field))
        elif isinstance(value, list) and isinstance(here, list) and (deletes or "merge" in strategy):
            items = schemas.resolve(field.get("items"))
            original[name] = _merge_list(here, value, items, merge_key, deletes)
        elif deletes:
            raise bad_request(f"invalid patch format of primitive list: {key} is not a list")
        else:
            original[name] = _clean(value)
    return original


def _retain_keys(original: Obj, patch: Obj) -> None:
    if _RETAIN not in patch:
        return
    retained = patch.pop(_RETAIN)
    if not isinstance(retained, list):
        raise bad_request("invalid patch format of retainKeys")
    for key, value in patch.items():
        plain = key.removeprefix(_DELETE_LIST).removeprefix(_ORDER)
        if value is not None and plain not in retained:
            raise bad_request("patch: retainKeys directive does not list every field that is in the patch")
    for key in [k for k in original if k not in retained]:
        del original[key]


def _set_orders(original: Obj, patch: Obj, schema: Obj) -> None:
    """Apply the lists that come with a `$setElementOrder`, and take them out of the patch."""
    for directive in [k for k in patch if k.startswith(_ORDER)]:
        order = patch.pop(directive)
        name = directive.removeprefix(_ORDER)
        changes, here = patch.pop(name, None), original.get(name)
        deletions = patch.pop(_DELETE_LIST + name, None)
        if not isinstance(order, list):
            raise bad_request(f"invalid patch format of setElementOrder list: {directive}")
        field = _field(schema, name)
        _, key = _markers(field)
        items = schemas.resolve(field.get("items"))
        if isinstance(deletions, list) and isinstance(here, list):
            here = _merge_list(here, deletions, items, key, True)
        if changes is None and here is None:
            continue
        if not all(value is None or isinstance(value, list) for value in (changes, here)):
            raise bad_request(f"invalid patch format of setElementOrder list: {name} is not a list")
        if changes is None:
            merged = here or []
        elif here is None:
            merged = _clean(changes)
        else:
            merged = _merge_list(here, changes, items, key, False)
        original[name] = _in_order(merged, order, here or [], key)


def _merge_list(original: list[Any], patch: list[Any], items: Obj, key: str, deletes: bool) -> list[Any]:
    if deletes:
        return [item for item in original if item not in patch]
    if not original and not patch:
        return original
    if not any(isinstance(item, dict) for item in [*original, *patch]):
        merged = original + [item for index, item in enumerate(patch) if item not in original + patch[:index]]
        return _in_order(merged, patch, original, "")
    if not key:
        raise bad_request("the list has no merge key, so it cannot be merged")
    kept, changes = _special_elements(original, patch, key)
    merged = list(kept)
    for change in changes:
        found = _find(merged, change[key], key)
        if found is None:
            merged.append(_clean(change))
        else:
            merged[found] = _merge_map(merged[found], change, items)
    return _in_order(merged, changes, kept, key)


def _special_elements(original: list[Any], patch: list[Any], key: str) -> tuple[list[Any], list[Any]]:
    """Carry out `$patch: delete` and `$patch: replace` elements; what is left to merge."""
    rest: list[Any] = []
    replace = False
    for item in patch:
        directive = item.get(_DIRECTIVE) if isinstance(item, dict) else None
        if directive == "replace":
            replace = True
            continue
        if key not in (item if isinstance(item, dict) else {}):
            raise bad_request(f"map: {_go(item)} does not contain declared merge key: {key}")
        if directive == "delete":
            original = [o for o in original if o.get(key) != item[key]]
        else:
            rest.append(item)
    return ([], rest) if replace else (original, rest)


def _go(value: Any) -> str:
    """A value as Go's %v prints a map."""
    if isinstance(value, dict):
        return "map[" + " ".join(f"{k}:{_go(v)}" for k, v in sorted(value.items())) + "]"
    if isinstance(value, list):
        return "[" + " ".join(map(_go, value)) + "]"
    if isinstance(value, bool):
        return "true" if value else "false"
    return "<nil>" if value is None else str(value)


def _find(items: list[Any], wanted: Any, key: str) -> int | None:
    for index, item in enumerate(items):
        if (item.get(key) if key and isinstance(item, dict) else item) == wanted:
            return index
    return None


def _identity(item: Any, key: str) -> Any:
    return item.get(key) if key and isinstance(item, dict) else item


def _in_order(merged: list[Any], order: list[Any], server_order: list[Any], key: str) -> list[Any]:
    """The patch's elements in its order, those only the server knows between them in theirs."""
    wanted = [_identity(item, key) for item in order]
    server = [_identity(item, key) for item in server_order]
    mine = [item for item in merged if _identity(item, key) in wanted]
    others = [item for item in merged if _identity(item, key) not in wanted]
    mine.sort(key=lambda item: wanted.index(_identity(item, key)))
    others.sort(key=lambda item: _position(server, _identity(item, key)))
    out: list[Any] = []
    while mine and others:
        left, right = _position(server, _identity(others[0], key)), _identity(mine[0], key)
        first = right in server and left < server.index(right)
        out.append(others.pop(0) if first else mine.pop(0))
    return [*out, *mine, *others]


def _position(order: list[Any], wanted: Any) -> int:
    return order.index(wanted) if wanted in order else len(order)


def _clean(value: Any) -> Any:
    """A patch value that nothing is merged with: without its directives and nulls."""
    if isinstance(value, dict):
        return {
            k: _clean(v)
            for k, v in value.items()
            if v is not None and k not in (_DIRECTIVE, _RETAIN) and not k.startswith((_ORDER, _DELETE_LIST))
        }
    if isinstance(value, list):
        return [
            _clean(item)
            for item in value
            if not (isinstance(item, dict) and item.get(_DIRECTIVE) in ("delete", "replace"))
        ]
    return value

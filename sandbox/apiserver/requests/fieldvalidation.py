"""What a strict decoder says of an object of a built-in kind: unknown fields, and values of a wrong type."""

import json
import re
import string
from typing import Any

from sandbox.apiserver.machinery import quantity, schemas
from sandbox.apiserver.machinery.apierrors import quote
from sandbox.apiserver.machinery.jsonobject import Obj, parse_time

_JSON_WORDS = {
    "string": "string",
    "boolean": "bool",
    "array": "array",
    "object": "object",
    "integer": "number",
    "number": "number",
}
_BASE64 = frozenset(string.ascii_letters + string.digits + "+/")
_MICRO_TIME = "io.k8s.apimachinery.pkg.apis.meta.v1.MicroTime"
_SECONDS = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d")
_MICRO = re.compile(_SECONDS.pattern + r"\.\d{6}(Z|[+-]\d\d:\d\d)")
_INTEGERS = {"int32": 32, "int64": 64}
# Quantities and such read several JSON types, and say so in their own words.
_LENIENT = {schemas.INT_OR_STRING, schemas.QUANTITY}


def check(group: str, version: str, kind: str, obj: Obj) -> tuple[list[str], str]:
    """(paths of unknown fields, what a Go decoder says of the first value of a wrong type or "").

    Kinds that are not built in have neither.
    """
    schema = schemas.schema_of(group, version, kind)
    if schema is None:
        return [], ""
    unknown: list[str] = []
    wrong: list[str] = []
    _walk(obj, schema, kind, "", unknown, wrong)
    return unknown, wrong[0] if wrong else ""


def unknown_fields(group: str, version: str, kind: str, obj: Obj) -> list[str]:
    """The paths of fields that the kind does not have, in order of appearance."""
    return check(group, version, kind, obj)[0]


def repeated_fields(raw: bytes) -> list[str]:
    """The paths of members that stand twice in one JSON object; nothing when it is not JSON."""
    found: list[str] = []

    def members(pairs: list[tuple[str, Any]]) -> _Members:
        out = _Members(pairs)
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                out.twice.append(key)
            seen.add(key)
        return out

    try:
        _collect(json.loads(raw, object_pairs_hook=members), "", found)
    except (ValueError, RecursionError):
        return []
    return found


class _Members(dict[str, Any]):
    """A JSON object that remembers which of its members came twice."""

    def __init__(self, pairs: list[tuple[str, Any]]) -> None:
        super().__init__(pairs)
        self.twice: list[str] = []


def _collect(value: Any, path: str, found: list[str]) -> None:
    if isinstance(value, _Members):
        lead = f"{path}." if path else ""
        found += [lead + key for key in value.twice]
        for key, item in value.items():
            _collect(item, lead + key, found)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            _collect(item, f"{path}[{index}]", found)


def prune(group: str, version: str, kind: str, obj: Obj) -> Obj:
    """The object without the fields its built-in kind does not have, as a typed decoder drops them."""
    schema = schemas.schema_of(group, version, kind)
    return obj if schema is None else _pruned(obj, schema)


def _closed(schema: Obj) -> bool:
    return "properties" in schema


def _walk(value: Any, schema: Obj, owner: str, path: str, unknown: list[str], wrong: list[str]) -> None:
    if isinstance(value, dict) and _closed(schema):
        properties = schema["properties"]
        for key, member in value.items():
            where = f"{path}.{key}" if path else key
            if key not in properties:
                unknown.append(where)
                continue
            _member(member, properties[key], owner, where, unknown, wrong)
    elif isinstance(value, dict) and isinstance(schema.get("additionalProperties"), dict):
        for key, member in value.items():
            _member(member, schema["additionalProperties"], owner, f"{path}[{key}]", unknown, wrong)
    elif isinstance(value, list) and isinstance(schema.get("items"), dict):
        for index, member in enumerate(value):
            _member(member, schema["items"], owner, f"{path}[{index}]", unknown, wrong)


def _member(value: Any, field: Obj, owner: str, path: str, unknown: list[str], wrong: list[str]) -> None:
    if value is None or _plain(value, field):
        return
    reference = str(field.get("$ref", "")).removeprefix(schemas.PREFIX)
    if reference in _LENIENT:
        if reference == schemas.QUANTITY and (message := _quantity_error(value)):
            wrong.append(message)
        return
    schema = schemas.resolve(field)
    if message := _micro_error(value) if reference == _MICRO_TIME else _format_error(value, schema):
        wrong.append(message)
    elif mismatch := _mismatch(value, field, schema):
        # Go names the innermost struct, and the path without indexes.
        plain = "".join(part.partition("]")[2] if i else part for i, part in enumerate(path.split("[")))
        word, go_type = mismatch
        wrong.append(f"json: cannot unmarshal {word} into Go struct field {owner}.{plain} of type {go_type}")
    else:
        inner = reference.rpartition(".")[2] if _closed(schema) and reference else owner
        _walk(value, schema, inner, path, unknown, wrong)


def _plain(value: Any, field: Obj) -> bool:
    """The common leaves, which fit and have nothing below them; False when that takes a closer look."""
    kind = type(value)
    if kind is str:
        return field.get("type") == "string" and "format" not in field
    if kind is int:
        return field.get("type") == "integer" and -(1 << 31) <= value < 1 << 31
    return kind is bool and field.get("type") == "boolean"


def _quantity_error(value: Any) -> str:
    if not isinstance(value, str | int | float) or isinstance(value, bool):
        return f"quantities must match the regular expression '{quantity.PATTERN}'"
    try:
        quantity.value(value)
    except ValueError as error:
        return str(error)
    return ""


def _micro_error(value: Any) -> str:
    if not isinstance(value, str):
        return f"json: cannot unmarshal {_json_word(value)} into Go value of type string"
    if _MICRO.fullmatch(value):
        return ""
    lead = f'parsing time {quote(value)} as "2006-01-02T15:04:05.000000Z07:00": cannot parse'
    found = _SECONDS.match(value)
    return (
        f'{lead} {quote(value[found.end() :])} as ".000000"' if found else f'{lead} {quote(value)} as "2006"'
    )


def _format_error(value: Any, schema: Obj) -> str:
    """Times and byte strings decode themselves, so that their errors name no field."""
    kind = schema.get("format")
    if kind == "date-time":
        if not isinstance(value, str):
            return f"json: cannot unmarshal {_json_word(value)} into Go value of type string"
        try:
            parse_time(value)
        except ValueError:
            layout = "2006-01-02T15:04:05Z07:00"
            return f'parsing time {quote(value)} as "{layout}": cannot parse {quote(value)} as "2006"'
    elif kind == "byte" and isinstance(value, str):
        value = value.replace("\n", "").replace("\r", "")  # Go's decoder skips them
        wrong_at = next((i for i, c in enumerate(value.rstrip("=")) if c not in _BASE64), None)
        if wrong_at is None and (len(value) % 4 or value.count("=") > 2):
            wrong_at = len(value) - len(value) % 4
        if wrong_at is not None:
            return f"illegal base64 data at input byte {wrong_at}"
    return ""


def _mismatch(value: Any, field: Obj, schema: Obj) -> tuple[str, str] | None:
    """(what JSON has, which Go type was wanted), or None when they fit."""
    kind, word = schema.get("type"), _json_word(value)
    if kind is None or ("properties" not in schema and schema.get("format") == "int-or-string"):
        return None
    if kind == "integer" and word == "number":
        limit = 1 << (_INTEGERS.get(schema.get("format", "int32"), 64) - 1)
        whole = not isinstance(value, float) or value.is_integer()
        return None if whole and -limit <= value < limit else (f"number {value}", _go_type(field))
    return None if word == _JSON_WORDS.get(kind, word) else (word, _go_type(field))


def _go_type(field: Obj) -> str:
    reference = str(field.get("$ref", ""))
    schema = schemas.resolve(field)
    if reference and _closed(schema):
        version, _, name = reference.rpartition(".")
        return f"{version.rpartition('.')[2]}.{name}"
    kind = schema.get("type")
    if kind == "array":
        return "[]" + ("uint8" if not schema.get("items") else _go_type(schema["items"]))
    if kind == "object":
        return "map[string]" + _go_type(schema.get("additionalProperties") or {})
    if kind in ("integer", "number"):
        return str(schema.get("format", "int32")).replace("double", "float64")
    if schema.get("format") == "byte":
        return "[]uint8"
    return {"string": "string", "boolean": "bool"}.get(str(kind), "interface {}")


def _json_word(value: Any) -> str:
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, str):
        return "string"
    if isinstance(value, int | float):
        return "number"
    return "array" if isinstance(value, list) else "object"


def _pruned(value: Any, schema: Obj) -> Any:
    if isinstance(value, dict):
        if _closed(schema):
            properties = schema["properties"]
            return {
                k: _pruned(v, schemas.resolve(properties[k])) for k, v in value.items() if k in properties
            }
        more = schema.get("additionalProperties")
        if isinstance(more, dict):
            return {k: _pruned(v, schemas.resolve(more)) for k, v in value.items()}
    if isinstance(value, list) and isinstance(schema.get("items"), dict):
        items = schemas.resolve(schema["items"])
        return [_pruned(item, items) for item in value]
    return value

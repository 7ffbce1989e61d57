"""Structural schemas of custom resources: pruning, defaulting, validation."""

import re
from functools import lru_cache
from typing import Any

from sandbox.apiserver.machinery.apierrors import (
    FieldError,
    duplicate,
    invalid_value,
    not_supported,
    required,
    too_long,
    too_many,
    type_invalid,
)
from sandbox.apiserver.machinery.jsonobject import Obj, copy, parse_time

_PRESERVE = "x-kubernetes-preserve-unknown-fields"
_EMBEDDED = "x-kubernetes-embedded-resource"
_TYPE_META = ("apiVersion", "kind", "metadata")


def prune(schema: Obj, value: Any, path: str = "", root: bool = True) -> list[str]:
    """Remove what the schema does not name, in place; returns the paths removed."""
    gone: list[str] = []
    if isinstance(value, list):
        items = schema.get("items") or {}
        for index, item in enumerate(value):
            gone += prune(items, item, f"{path}[{index}]", False)
        return gone
    if not isinstance(value, dict):
        return gone
    properties = schema.get("properties") or {}
    extra = schema.get("additionalProperties")
    for key in list(value):
        if (root or schema.get(_EMBEDDED)) and key in _TYPE_META:
            continue
        at = f"{path}.{key}" if path else key
        if key in properties:
            gone += prune(properties[key], value[key], at, False)
        elif isinstance(extra, dict):
            gone += prune(extra, value[key], at, False)
        elif not extra and not schema.get(_PRESERVE):
            del value[key]
            gone.append(at)
    return gone


def default(schema: Obj, value: Any) -> None:
    """Fill in defaults, in place."""
    if isinstance(value, list):
        for item in value:
            default(schema.get("items") or {}, item)
        return
    if not isinstance(value, dict):
        return
    properties = schema.get("properties") or {}
    for key, sub in properties.items():
        if key in value and value[key] is None and not sub.get("nullable") and "default" in sub:
            del value[key]
        if key not in value and "default" in sub:
            value[key] = copy(sub["default"])
        if key in value:
            default(sub, value[key])
    extra = schema.get("additionalProperties")
    if isinstance(extra, dict):
        for key in value:
            if key not in properties:
                default(extra, value[key])


def _kind(value: Any) -> str:
    if value is None:
        return "null"
    for types, word in (
        (bool, "boolean"),
        (int, "integer"),
        (float, "number"),
        (str, "string"),
        (list, "array"),
        (dict, "object"),
    ):
        if isinstance(value, types):
            return word
    return "object"


def _is(value: Any, wanted: str) -> bool:
    have = _kind(value)
    if wanted == "number":
        return have in ("number", "integer")
    if wanted == "integer":
        return have == "integer" or (isinstance(value, float) and value.is_integer())
    return have == wanted


@lru_cache(512)
def _regex(pattern: str) -> re.Pattern[str] | None:
    try:
        return re.compile(pattern.replace(r"\z", r"\Z"))
    except re.error:
        return None


NOTHING = object()
"""There was no value before."""


def validate(schema: Obj, value: Any, path: str = "", old: Any = NOTHING) -> list[FieldError]:
    """What is wrong with a value, in kube-openapi's words.

    `old` is what an update found in its place: a value that stays as it was is not checked again (KEP-4008,
    CRD validation ratcheting).
    """
    if old is not NOTHING and old == value:
        return []
    body = f"{path} in body"
    if value is None and schema.get("nullable"):
        return []
    if schema.get("x-kubernetes-int-or-string"):
        if _kind(value) not in ("integer", "string"):
            return [_wrong_type(path, value, "integer,string")]
    elif (wanted := schema.get("type")) and not _is(value, wanted):
        return [_wrong_type(path, value, wanted)]
    out: list[FieldError] = []
    if (allowed := schema.get("enum")) is not None and value not in allowed:
        out.append(not_supported(path, value, [str(a) for a in allowed]))
    if isinstance(value, str):
        out += _string(schema, value, path)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        out += _number(schema, value, path)
    elif isinstance(value, list):
        if (most := schema.get("maxItems")) is not None and len(value) > most:
            out.append(too_many(path, len(value), most))
        if (least := schema.get("minItems")) is not None and len(value) < least:
            out.append(invalid_value(path, len(value), f"{body} should have at least {least} items"))
        if schema.get("x-kubernetes-list-type") in ("set", "map"):
            out += _duplicates(schema, value, path)
        before = _by_keys(schema, old)
        for index, item in enumerate(value):
            was = before.get(_mark(schema, item), NOTHING) if before else NOTHING
            out += validate(schema.get("items") or {}, item, f"{path}[{index}]", was)
    elif isinstance(value, dict):
        out += _object(schema, value, path, old if isinstance(old, dict) else {})
    return out + _combined(schema, value, path)


def _wrong_type(path: str, value: Any, wanted: str) -> FieldError:
    have = _kind(value)
    return type_invalid(path, have, f'{path} in body must be of type {wanted}: "{have}"')


def _string(schema: Obj, value: str, path: str) -> list[FieldError]:
    out: list[FieldError] = []
    body = f"{path} in body"
    if (most := schema.get("maxLength")) is not None and len(value) > most:
        out.append(too_long(path, most))
    if (least := schema.get("minLength")) is not None and len(value) < least:
        out.append(invalid_value(path, value, f"{body} should be at least {least} chars long"))
    if (pattern := schema.get("pattern")) and (regex := _regex(pattern)) and not regex.search(value):
        out.append(invalid_value(path, value, f"{body} should match '{pattern}'"))
    if schema.get("format") == "date-time":
        try:
            parse_time(value)
        except ValueError:
            out.append(type_invalid(path, value, f'{body} must be of type date-time: "{value}"'))
    return out


def _number(schema: Obj, value: float, path: str) -> list[FieldError]:
    out: list[FieldError] = []
    body = f"{path} in body"
    if (low := schema.get("minimum")) is not None:
        if schema.get("exclusiveMinimum") and value <= low:
            out.append(invalid_value(path, value, f"{body} should be greater than {low}"))
        elif value < low:
            out.append(invalid_value(path, value, f"{body} should be greater than or equal to {low}"))
    if (high := schema.get("maximum")) is not None:
        if schema.get("exclusiveMaximum") and value >= high:
            out.append(invalid_value(path, value, f"{body} should be less than {high}"))
        elif value > high:
            out.append(invalid_value(path, value, f"{body} should be less than or equal to {high}"))
    if (step := schema.get("multipleOf")) and value % step:
        out.append(invalid_value(path, value, f"{body} should be a multiple of {step}"))
    bits = {"int32": 31, "int64": 63}.get(schema.get("format", ""))
    if bits and not -(2**bits) <= value < 2**bits:
        text = f'{body} must be of type {schema["format"]}: "number"'
        out.append(invalid_value(path, value, text))
    return out


def _mark(schema: Obj, item: Any) -> str:
    """What an item of an associative list is known by."""
    keys = schema.get("x-kubernetes-list-map-keys") or []
    return repr([item.get(k) for k in keys]) if isinstance(item, dict) else ""


def _by_keys(schema: Obj, old: Any) -> dict[str, Any]:
    """The items of the old list that can be told apart; none of a list that is replaced as a whole."""
    if schema.get("x-kubernetes-list-type") != "map" or not isinstance(old, list):
        return {}
    return {_mark(schema, item): item for item in old}


def _object(schema: Obj, value: Obj, path: str, old: Obj) -> list[FieldError]:
    out: list[FieldError] = []
    prefix = f"{path}." if path else ""
    out += [required(prefix + key) for key in schema.get("required") or [] if key not in value]
    if (most := schema.get("maxProperties")) is not None and len(value) > most:
        out.append(too_many(path, len(value), most))
    if (least := schema.get("minProperties")) is not None and len(value) < least:
        text = f"{path} in body should have at least {least} properties"
        out.append(invalid_value(path, value, text))
    properties = schema.get("properties") or {}
    extra = schema.get("additionalProperties")
    for key, item in value.items():
        if key in properties:
            out += validate(properties[key], item, prefix + key, old.get(key, NOTHING))
        elif isinstance(extra, dict):
            out += validate(extra, item, prefix + key, old.get(key, NOTHING))
    return out


def _duplicates(schema: Obj, value: list[Any], path: str) -> list[FieldError]:
    keys = schema.get("x-kubernetes-list-map-keys") or []
    seen: list[Any] = []
    out: list[FieldError] = []
    for index, item in enumerate(value):
        mark = {k: item.get(k) for k in keys} if keys and isinstance(item, dict) else item
        if mark in seen:
            out.append(duplicate(f"{path}[{index}]", mark))
        seen.append(mark)
    return out


def _combined(schema: Obj, value: Any, path: str) -> list[FieldError]:
    out: list[FieldError] = []
    for part in schema.get("allOf") or []:
        out += validate(part, value, path)
    for word, least, most in (("anyOf", 1, None), ("oneOf", 1, 1)):
        parts = schema.get(word)
        if not parts or schema.get("x-kubernetes-int-or-string"):
            continue
        good = sum(not validate(p, value, path) for p in parts)
        if good < least:
            how = "at least one" if most is None else "one and only one"
            text = f'"{path}" must validate {how} schema ({word})'
            out.append(invalid_value(path, value, text))
        elif most is not None and good > most:
            text = f'"{path}" must validate one and only one schema (oneOf). Found {good} valid alternatives'
            out.append(invalid_value(path, value, text))
    if (no := schema.get("not")) and not validate(no, value, path):
        out.append(invalid_value(path, value, f'"{path}" must not validate the schema (not)'))
    return out

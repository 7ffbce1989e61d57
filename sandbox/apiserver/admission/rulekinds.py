"""The kinds of rules that a table of field rules is made of."""

from collections.abc import Callable, Iterator
from typing import Any

from sandbox.apiserver.machinery.apierrors import (
    FieldError,
    duplicate,
    forbidden_field,
    invalid_value,
    not_supported,
    required,
)
from sandbox.apiserver.machinery.jsonobject import Obj

Rule = Callable[[Obj, str], Iterator[FieldError]]
AT_LEAST_ZERO = "must be greater than or equal to 0"


def needs(*fields: str, why: str = "") -> Rule:
    def rule(obj: Obj, path: str) -> Iterator[FieldError]:
        for field in fields:
            if obj.get(field) in (None, "", [], {}):
                yield required(at(path, field), why)

    return rule


def one_of(field: str, *allowed: str) -> Rule:
    def rule(obj: Obj, path: str) -> Iterator[FieldError]:
        if (value := obj.get(field)) not in (None, "", *allowed):
            yield not_supported(at(path, field), value, list(allowed))

    return rule


def least(bound: int, *fields: str) -> Rule:
    words = AT_LEAST_ZERO if bound == 0 else "must be greater than 0"

    def rule(obj: Obj, path: str) -> Iterator[FieldError]:
        for field in fields:
            value = obj.get(field)
            if isinstance(value, int) and value < bound:
                yield invalid_value(at(path, field), value, words)

    return rule


def exactly_one(what: str, *members: str) -> Rule:
    """One of several members: a volume has one source, a probe one handler."""

    def rule(obj: Obj, path: str) -> Iterator[FieldError]:
        present = [key for key in members if obj.get(key) is not None]
        if not present:
            yield required(path, f"must specify a {what}")
        for key in present[1:]:
            yield forbidden_field(at(path, key), f"may not specify more than 1 {what}")

    return rule


def unique(field: str, member: str, words: str = "must be unique") -> Rule:
    def rule(obj: Obj, path: str) -> Iterator[FieldError]:
        seen: set[Any] = set()
        for index, item in enumerate(obj.get(field) or []):
            value, where = item.get(member), f"{at(path, field)}[{index}].{member}"
            if value in seen:
                yield invalid_value(where, value, words) if words else duplicate(where, value)
            seen.add(value)

    return rule


def at(path: str, field: str) -> str:
    return f"{path}.{field}" if path else field

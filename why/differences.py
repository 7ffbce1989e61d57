"""What differs between two versions of an object, field by field, and in which manner."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, NamedTuple, TypeGuard

import msgspec

# Of the metadata, what the server changes with every write.
_BOOKKEEPING = ("resourceVersion", "managedFields", "generation")
_TIME = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d)?")
_MISSING = object()
_LONGEST = 80  # characters of a value

Encoded = bytes | msgspec.Raw
_fields = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


class Difference(NamedTuple):
    """``path`` is as in ``status.conditions[0].message``; a side that has no such field is None."""

    path: str
    old: Any
    new: Any

    def shown(self, kind: str) -> str:
        """``path: old → new``, for a person; of a Secret without the values."""
        if kind == "Secret":
            return f"{self.path}: (values of Secrets are not shown)"
        return f"{self.path}: {_short(self.old)} → {_short(self.new)}"

    @property
    def manner(self) -> str:
        """How it changed, in words: "a timestamp", "the order of a list", or "" for a plain change."""
        if isinstance(self.old, str) and isinstance(self.new, str):
            is_time = _TIME.match(self.old) and _TIME.match(self.new)
            return "a timestamp" if is_time else ""
        if isinstance(self.old, list) and isinstance(self.new, list):
            same = sorted(map(repr, self.old)) == sorted(map(repr, self.new))
            return "the order of a list" if same else ""
        if self.old is None:
            return "a field that was not there"
        return "a field that was taken away" if self.new is None else ""


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def decode_changed(old: Encoded, new: Encoded, levels: int = 2) -> tuple[dict[str, Any], dict[str, Any]]:
    """Two versions of an object as JSON data, without the fields that are the same, on so many levels.

    Raises msgspec.MsgspecError for what is no object.
    """
    before, after = _fields(old), _fields(new)
    one: dict[str, Any] = {}
    other: dict[str, Any] = {}
    for name in before | after:
        mine, theirs = before.get(name), after.get(name)
        if mine == theirs:
            continue
        if levels > 1 and _is_object(mine) and _is_object(theirs):
            one[name], other[name] = decode_changed(mine, theirs, levels - 1)
            continue
        if mine is not None:
            one[name] = msgspec.json.decode(mine)
        if theirs is not None:
            other[name] = msgspec.json.decode(theirs)
    return one, other


def _is_object(raw: msgspec.Raw | None) -> TypeGuard[msgspec.Raw]:
    return raw is not None and bytes(memoryview(raw)[:1]) == b"{"


def differences(old: Any, new: Any) -> list[Difference]:
    """Of two objects as JSON data, without what changes with every write."""
    return list(_differ(old, new, ""))


def _differ(old: Any, new: Any, path: str) -> Iterator[Difference]:
    if isinstance(old, dict) and isinstance(new, dict):
        for name in sorted(old.keys() | new.keys()):
            if path == "metadata" and name in _BOOKKEEPING:
                continue
            before, after = old.get(name, _MISSING), new.get(name, _MISSING)
            yield from _differ(before, after, f"{path}.{name}" if path else name)
    elif isinstance(old, dict) and old and new is _MISSING:
        yield from _differ(old, {}, path)
    elif isinstance(new, dict) and new and old is _MISSING:
        yield from _differ({}, new, path)
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new) and not _moved(old, new):
        for number, (before, after) in enumerate(zip(old, new, strict=True)):
            yield from _differ(before, after, f"{path}[{number}]")
    elif old != new:
        yield Difference(path, None if old is _MISSING else old, None if new is _MISSING else new)


def _moved(old: list[Any], new: list[Any]) -> bool:
    return old != new and sorted(map(repr, old)) == sorted(map(repr, new))


def author(old: dict[str, Any], new: dict[str, Any]) -> str:
    """The field manager of the entry that is new in ``metadata.managedFields``; "" when none is."""
    before = _entries(old)
    fresh = [entry for entry in _entries(new) if entry not in before]
    return str(max(fresh, key=lambda entry: entry.get("time") or "").get("manager", "")) if fresh else ""


def _entries(obj: dict[str, Any]) -> list[dict[str, Any]]:
    return obj.get("metadata", {}).get("managedFields") or []

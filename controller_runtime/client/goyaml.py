"""YAML as kubectl reads it: the first document, with the plain scalars of sigs.k8s.io/yaml (goyaml.v2)."""

from __future__ import annotations

import base64
import binascii
import re
from typing import Any

import yaml

MAX_DEPTH = 200  # kubectl allows 10,000; no kubeconfig needs ten
MAX_NODES = 1_000_000  # with aliases counted as often as they are used

# goyaml.v2 resolve.go. Unlike PyYAML it knows y and n, and neither base 60 nor "=".
_CONSTANTS: dict[str, bool | None] = (
    dict.fromkeys(("y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON"), True)
    | dict.fromkeys(("n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF"), False)
    | dict.fromkeys(("", "~", "null", "Null", "NULL"))
)
_INTEGER = re.compile(r"([-+]?)(0[xX][0-9a-fA-F]+|0[bB][01]+|0[oO]?[0-7]+|0|[1-9][0-9]*)")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_NO_NUMBER = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
_STR, _BINARY, _NULL, _MERGE = (f"tag:yaml.org,2002:{name}" for name in ("str", "binary", "null", "merge"))
_TYPED = {"tag:yaml.org,2002:int": int, "tag:yaml.org,2002:float": float, "tag:yaml.org,2002:bool": bool}

_Parser: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # goyaml.v2 is a translation of the C library


class YamlError(Exception):
    """Text that kubectl would not read. The message is the reason, without the name of the file."""


def parse(data: bytes) -> Any:
    """Plain data: dict with str keys, list, str, int, float, bool, None. Raises YamlError."""
    try:
        return _Builder(_Parser(data)).document()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f"line {mark.line + 1}: " if mark else ""
        raise YamlError(f"{where}{error.problem or error.context or 'it is not YAML'}") from None
    except yaml.YAMLError as error:
        raise YamlError(getattr(error, "reason", "") or str(error).splitlines()[0]) from None
    except UnicodeDecodeError as error:
        raise YamlError(f"byte {error.start} is not UTF-8") from None


class _Builder:
    """Builds the value of one document out of a parser's events."""

    def __init__(self, parser: Any) -> None:
        self._parser = parser
        self._next = parser.get_event
        self._anchors: dict[str, tuple[Any, int] | None] = {}  # None: not complete yet
        self._nodes = 0

    def document(self) -> Any:
        try:
            self._next()  # the start of the stream
            if isinstance(self._next(), yaml.StreamEndEvent):
                return None
            return self._value(self._next(), 0)
        finally:
            self._parser.dispose()

    def _value(self, event: Any, depth: int) -> Any:
        self._count(1)
        if depth > MAX_DEPTH:
            raise YamlError(f"line {event.start_mark.line + 1}: nested deeper than {MAX_DEPTH} levels")
        if isinstance(event, yaml.AliasEvent):
            return self._alias(event)
        before = self._nodes
        if event.anchor:
            self._anchors[event.anchor] = None
        value: Any
        if isinstance(event, yaml.SequenceStartEvent):
            value = []
            while not isinstance(item := self._next(), yaml.SequenceEndEvent):
                value.append(self._value(item, depth + 1))
        elif isinstance(event, yaml.MappingStartEvent):
            value = self._mapping(depth)
        else:
            value = _scalar(event)
        if event.anchor:
            self._anchors[event.anchor] = value, self._nodes - before
        return value

    def _mapping(self, depth: int) -> dict[str, Any]:
        made: dict[str, Any] = {}
        while not isinstance(event := self._next(), yaml.MappingEndEvent):
            line = event.start_mark.line + 1
            if _is_merge(event):
                self._merge(made, self._value(self._next(), depth + 1), line)
                continue
            key = self._value(event, depth + 1)
            if key is None or isinstance(key, (list, dict)):
                raise YamlError(f"line {line}: a key must be text")
            if not isinstance(key, str):
                key = str(key).lower() if isinstance(key, bool) else f"{key:g}"
            made[key] = self._value(self._next(), depth + 1)
        return made

    def _merge(self, into: dict[str, Any], value: Any, line: int) -> None:
        for item in reversed(value) if isinstance(value, list) else [value]:
            if not isinstance(item, dict):
                raise YamlError(f"line {line}: << takes a mapping or a list of mappings")
            into.update(item)

    def _alias(self, event: Any) -> Any:
        line = event.start_mark.line + 1
        if event.anchor not in self._anchors:
            raise YamlError(f"line {line}: there is no anchor &{event.anchor}")
        found = self._anchors[event.anchor]
        if found is None:
            raise YamlError(f"line {line}: the anchor &{event.anchor} contains itself")
        self._count(found[1])
        return found[0]

    def _count(self, nodes: int) -> None:
        self._nodes += nodes
        if self._nodes > MAX_NODES:
            raise YamlError("it is too large")


def _is_merge(event: Any) -> bool:
    return (
        isinstance(event, yaml.ScalarEvent)
        and event.value == "<<"
        and (event.tag == _MERGE or (event.tag is None and event.implicit[0]))
    )


def _scalar(event: Any) -> Any:
    text: str = event.value
    if event.tag in (None, "!"):
        return _plain(text) if event.implicit[0] and event.tag is None else text
    line = event.start_mark.line + 1
    if event.tag == _BINARY:
        try:
            return base64.b64decode(text, validate=False).decode()
        except (binascii.Error, UnicodeDecodeError):
            raise YamlError(f"line {line}: !!binary is not base64") from None
    if event.tag == _NULL:
        return None
    if kind := _TYPED.get(event.tag):
        value = _plain(text)
        if kind is float and type(value) is int:
            value = float(value)
        if type(value) is not kind:
            raise YamlError(f"line {line}: {text!r} is no !!{kind.__name__}")
        return value
    return text


def _plain(text: str) -> Any:
    """What a scalar without quotes and tag stands for."""
    if text in _CONSTANTS:
        return _CONSTANTS[text]
    if text[0] not in "+-.0123456789":
        return text
    if _NO_NUMBER.fullmatch(text):
        raise YamlError(f"{text} has no place in JSON")
    digits = text.replace("_", "")
    if found := _INTEGER.fullmatch(digits):
        sign, number = found.groups()
        octal = len(number) > 1 and number[0] == "0" and number[1].isdigit()
        return int(sign + (f"0o{number}" if octal else number), 0)
    return float(digits) if _FLOAT.fullmatch(digits) else text

"""The JSONPath of printer columns: members, indexes, slices, `*`, `..` and filters."""

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any

Step = Callable[[Any], list[Any]]

_TOKEN = re.compile(
    r"""\.\.(?P<deep>[\w$-]+)
      | \.?\*(?P<all>)
      | \[\*\](?P<each>)
      | \[\?\(\s*(?P<filter>.*?)\s*\)\]
      | \[(?P<index>-?\d+)\]
      | \[(?P<slice>-?\d*:-?\d*)\]
      | \['(?P<quoted>(?:[^'\\]|\\.)*)'\]
      | \.(?P<name>(?:[^.\[\]\\*]|\\.)+)
    """,
    re.VERBOSE,
)
_FILTER = re.compile(r"@(?P<path>[^\s=!<>]+)\s*(?:(?P<op>==|!=|<=|>=|<|>)\s*(?P<value>.+))?$")


@lru_cache(maxsize=1024)
def compile_path(path: str) -> tuple[Step, ...] | None:
    """The steps of a path such as `.status.conditions[?(@.type=="Ready")].status`; None when malformed."""
    path = path.strip().removeprefix("{").removesuffix("}").removeprefix("$")
    if path and path[0] not in ".[":
        path = "." + path
    steps: list[Step] = []
    at = 0
    while at < len(path):
        match = _TOKEN.match(path, at)
        if match is None:
            return None
        step = _step(match)
        if step is None:
            return None
        steps.append(step)
        at = match.end()
    return tuple(steps)


def find(obj: Any, path: str) -> list[Any]:
    """Every value at a path, in order; nothing for a malformed one."""
    values = [obj]
    for step in compile_path(path) or (_nothing,):
        values = [found for value in values for found in step(value)]
    return values


def _nothing(value: Any) -> list[Any]:
    return []


def _step(match: re.Match[str]) -> Step | None:
    kind = match.lastgroup
    text = match[kind] if kind else ""
    if kind in ("name", "quoted"):
        return _member(re.sub(r"\\(.)", r"\1", text))
    if kind == "index":
        return _index(int(text))
    if kind == "slice":
        start, _, end = text.partition(":")
        return _slice(int(start) if start else None, int(end) if end else None)
    if kind == "filter":
        return _filter(text)
    if kind == "deep":
        return lambda value: _descend(value, text)
    return lambda value: list(value.values()) if isinstance(value, dict) else _items(value)


def _items(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _member(name: str) -> Step:
    return lambda value: [value[name]] if isinstance(value, dict) and value.get(name) is not None else []


def _index(index: int) -> Step:
    def step(value: Any) -> list[Any]:
        items = _items(value)
        return [items[index]] if -len(items) <= index < len(items) else []

    return step


def _slice(start: int | None, end: int | None) -> Step:
    return lambda value: _items(value)[start:end]


def _descend(value: Any, name: str) -> list[Any]:
    out: list[Any] = []
    if isinstance(value, dict):
        if name in value:
            out.append(value[name])
        children = list(value.values())
    else:
        children = _items(value)
    for child in children:
        out += _descend(child, name)
    return out


def _filter(text: str) -> Step | None:
    match = _FILTER.match(text)
    if match is None:
        return None
    path, op, wanted = match["path"], match["op"], (match["value"] or "").strip()
    if wanted[:1] in ("'", '"'):
        operand: Any = wanted[1:-1]
    elif wanted in ("true", "false"):
        operand = wanted == "true"
    else:
        try:
            operand = float(wanted) if wanted else None
        except ValueError:
            return None

    def keeps(item: Any) -> bool:
        found = find(item, path)
        if not found or op is None:
            return bool(found)
        return _compare(found[0], op, operand)

    return lambda value: [item for item in _items(value) if keeps(item)]


def _compare(value: Any, op: str, operand: Any) -> bool:
    if op in ("==", "!="):
        same = value == operand and isinstance(value, bool) == isinstance(operand, bool)
        return same == (op == "==")
    if isinstance(value, str) != isinstance(operand, str) or isinstance(value, dict | list):
        return False
    return bool(
        {"<": value < operand, "<=": value <= operand, ">": value > operand, ">=": value >= operand}[op]
    )

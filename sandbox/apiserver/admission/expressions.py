"""CEL as admission has it: the standard library, Kubernetes' own functions, and failures in upstream's words.

Kubernetes' functions: apiserver/pkg/cel/library of kubernetes/kubernetes (regex, lists, quantity). Optional
fields (`object.?spec`), `authorizer` and what url, ip and cidr can be asked for are not there.
"""

import ipaddress
import re
from functools import lru_cache
from itertools import pairwise
from typing import Any
from urllib.parse import urlsplit

from sandbox.apiserver.machinery import quantity
from sandbox.apiserver.machinery.jsonobject import Obj


class ExpressionError(Exception):
    """An expression does not compile, or cannot be evaluated on what it was given."""


_CALLED = re.compile(r"([A-Za-z_]\w*(?:\.[A-Za-z_]\w*)?)\s*\(")


@lru_cache(maxsize=1024)
def compiled(expression: str) -> Any:
    """The program of an expression; ExpressionError when there is none."""
    import cel

    try:
        return cel.compile(expression)
    except Exception as error:
        text = str(error).partition("ERROR: <input>:")[2].partition("\n")[0]
        why = text.partition(" ")[2] or str(error)
        raise ExpressionError(f"compilation failed: ERROR: <input>:{text or why}") from error


def evaluate(expression: str, variables: Obj) -> Any:
    """The value of an expression; ExpressionError when it has none."""
    import cel

    program = compiled(expression)
    context = cel.Context()
    for name, function in _needed(expression):
        context.add_function(name, function)
    for name, value in variables.items():
        context.add_variable(name, value)
    try:
        return program.execute(context)
    except KeyError as error:
        raise ExpressionError(f"no such key: {error.args[0]}") from error
    except Exception as error:  # whatever the expression does with these values
        raise ExpressionError(str(error)) from error


@lru_cache(maxsize=1024)
def _needed(expression: str) -> list[tuple[str, Any]]:
    """The functions that an expression may call besides CEL's own; to give it all of them would take long."""
    from cel.stdlib import STDLIB_FUNCTIONS

    known = {**STDLIB_FUNCTIONS, **_FUNCTIONS}
    called = {part for name in _CALLED.findall(expression) for part in (name, name.rpartition(".")[2])}
    return [(name, known[name]) for name in sorted(called & known.keys())]


# ---- Kubernetes' own functions. A quantity goes through CEL as a map of one member.


def _quantity(text: str) -> Obj:
    return {"quantity": quantity.canonical(text)}


def _is_quantity(text: str) -> bool:
    try:
        quantity.value(text)
    except ValueError:
        return False
    return True


def _amount(value: Any) -> Any:
    return quantity.value(value["quantity"] if isinstance(value, dict) else value)


def _compared(a: Any, b: Any) -> int:
    x, y = _amount(a), _amount(b)
    return int(x > y) - int(x < y)


def _is_ip(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _is_cidr(text: str) -> bool:
    try:
        ipaddress.ip_network(text, strict=False)
    except ValueError:
        return False
    return "/" in text


def _is_url(text: str) -> bool:
    parts = urlsplit(text)
    return bool(parts.scheme and parts.netloc) or text.startswith("/")


def _find(text: str, pattern: str) -> str:
    found = re.search(pattern, text)
    return found[0] if found else ""


def _find_all(text: str, pattern: str, limit: int = -1) -> list[str]:
    found = [m[0] for m in re.finditer(pattern, text)]
    return found if limit < 0 else found[:limit]


def _is_sorted(items: list[Any]) -> bool:
    return all(a <= b for a, b in pairwise(items))


def _format(text: str, values: list[Any]) -> str:
    out: list[str] = []
    rest = iter(values)
    for literal, verb in re.findall(r"([^%]*)(%[.\d]*[sdfebxXo%])?", text):
        out.append(literal)
        if verb == "%%":
            out.append("%")
        elif verb:
            value = next(rest)
            if verb[-1] == "s":
                out.append({True: "true", False: "false"}.get(value, str(value)))
            else:
                out.append(format(value, verb[1:]))
    return "".join(out)


_FUNCTIONS: dict[str, Any] = {
    "quantity": _quantity,
    "isQuantity": _is_quantity,
    "isGreaterThan": lambda a, b: _compared(a, b) > 0,
    "isLessThan": lambda a, b: _compared(a, b) < 0,
    "compareTo": _compared,
    "asApproximateFloat": lambda a: float(_amount(a)),
    "asInteger": lambda a: int(_amount(a)),
    "isIP": _is_ip,
    "isCIDR": _is_cidr,
    "isURL": _is_url,
    "find": _find,
    "findAll": _find_all,
    "isSorted": _is_sorted,
    "format": _format,
}

"""CEL as admission has it: the standard library, Kubernetes' own functions, and failures in upstream's words.

Kubernetes' functions: apiserver/pkg/cel/library of kubernetes/kubernetes (regex, lists, quantity). Optional
fields (`object.?spec`), `authorizer` and the url, ip and cidr libraries are not there.
"""

import re
from functools import lru_cache
from itertools import pairwise
from typing import Any

from sandbox.apiserver.machinery import quantity
from sandbox.apiserver.machinery.jsonobject import Obj


class ExpressionError(Exception):
    """An expression does not compile, or cannot be evaluated on what it was given."""


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
    from cel.stdlib import add_stdlib_to_context

    program = compiled(expression)
    context = cel.Context()
    add_stdlib_to_context(context)
    for name, function in _FUNCTIONS.items():
        context.add_function(name, function)
    for name, value in variables.items():
        context.add_variable(name, value)
    try:
        return program.execute(context)
    except KeyError as error:
        raise ExpressionError(f"no such key: {error.args[0]}") from error
    except Exception as error:  # whatever the expression does with these values
        raise ExpressionError(str(error)) from error


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
    "find": _find,
    "findAll": _find_all,
    "isSorted": _is_sorted,
    "format": _format,
}

"""Validation rules of custom resources in the Common Expression Language (``x-kubernetes-validations``).

Behaves as kube-apiserver does in apiextensions-apiserver's ``cel.Validator`` for rules without cost
limits: rules that use ``oldSelf`` run on updates only.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import Any

Violation = tuple[str, str, Any, str]  # path, reason (FieldValueInvalid ...), value, message


def violations(schema: dict[str, Any], value: Any, old: Any = None, path: str = "") -> Iterator[Violation]:
    """Each rule of ``schema`` that ``value`` breaks, from the root downwards.

    ``old`` is the value before an update, or None. A value that an update leaves as it was is not checked
    again (KEP-4008, CRD validation ratcheting).
    """
    if value is None:
        return
    rules = schema.get("x-kubernetes-validations", [])
    if rules and not (old is not None and old == value):
        for rule in rules:
            message = _broken(rule, value, old)
            if message is not None:
                shown = value if not isinstance(value, (dict, list)) else _type_name(value)
                yield path, rule.get("reason", "FieldValueInvalid"), shown, message
    if isinstance(value, dict):
        properties = schema.get("properties", {})
        others = schema.get("additionalProperties")
        for key, item in value.items():
            below = properties.get(key, others if isinstance(others, dict) else None)
            if below:
                before = old.get(key) if isinstance(old, dict) else None
                yield from violations(below, item, before, f"{path}.{key}" if path else key)
    elif isinstance(value, list) and isinstance(schema.get("items"), dict):
        for index, item in enumerate(value):
            yield from violations(schema["items"], item, None, f"{path}[{index}]")


def _broken(rule: dict[str, Any], value: Any, old: Any) -> str | None:
    """The message of a rule that does not hold, or None."""
    expression = rule["rule"]
    variables = {"self": value}
    if "oldSelf" in expression:
        if old is None:
            return None
        variables["oldSelf"] = old
    try:
        if _compile(expression).execute(variables) is True:
            return None
    except Exception as error:  # whatever the expression does with this value, it is the rule that failed
        return f"rule evaluation error: {error}"
    return str(rule.get("message") or f"failed rule: {expression.strip()}")


@lru_cache(maxsize=512)
def _compile(expression: str) -> Any:
    import cel

    return cel.compile(expression)


def _type_name(value: Any) -> str:
    return "object" if isinstance(value, dict) else "array"

"""Validation rules of custom resources in the Common Expression Language (``x-kubernetes-validations``).

Source: apiextensions-apiserver/pkg/apiserver/schema/cel/validation.go of kubernetes/kubernetes, without its
limits of cost. Rules that use ``oldSelf`` run on updates only.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sandbox.apiserver.admission.expressions import ExpressionError, evaluate

Violation = tuple[str, str, Any, str]  # path, reason (FieldValueInvalid ...), value, message
# Words of CEL that a field may be called: `namespace` is written `__namespace__` in a rule.
_WORDS = {"true", "false", "null", "in", "as", "break", "const", "continue", "else", "for", "function", "if"}
_WORDS |= {"import", "let", "loop", "package", "namespace", "return", "var", "void", "while"}
_SIGNS = (("__", "__underscores__"), (".", "__dot__"), ("-", "__dash__"), ("/", "__slash__"))


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
                at = (path + rule.get("fieldPath", "")).lstrip(".")
                yield at, rule.get("reason", "FieldValueInvalid"), shown, message
    if isinstance(value, dict):
        properties = schema.get("properties", {})
        others = schema.get("additionalProperties")
        for key, item in value.items():
            below = properties.get(key, others if isinstance(others, dict) else None)
            if below:
                before = old.get(key) if isinstance(old, dict) else None
                yield from violations(below, item, before, f"{path}.{key}" if path else key)
    elif isinstance(value, list) and isinstance(schema.get("items"), dict):
        known = _by_keys(schema, old)
        for index, item in enumerate(value):
            yield from violations(schema["items"], item, known.get(_mark(schema, item)), f"{path}[{index}]")


def _by_keys(schema: dict[str, Any], old: Any) -> dict[str, Any]:
    """The old items of a list whose items can be told apart."""
    if schema.get("x-kubernetes-list-type") != "map" or not isinstance(old, list):
        return {}
    return {_mark(schema, item): item for item in old}


def _mark(schema: dict[str, Any], item: Any) -> str:
    keys = schema.get("x-kubernetes-list-map-keys") or []
    return repr([item.get(k) for k in keys]) if isinstance(item, dict) else ""


def _broken(rule: dict[str, Any], value: Any, old: Any) -> str | None:
    """The message of a rule that does not hold, or None."""
    expression = rule["rule"]
    variables = {"self": value}
    if "oldSelf" in expression:
        if old is None:
            return None
        variables["oldSelf"] = old
    said = str(rule.get("message") or expression).strip()
    try:
        if evaluate(expression, _escaped(expression, variables)) is True:
            return None
    except ExpressionError as error:
        return f"{error} evaluating rule: {said}"
    if text := rule.get("messageExpression"):
        try:
            made = evaluate(text, _escaped(text, variables))
        except ExpressionError:
            made = None
        if isinstance(made, str) and made.strip() and "\n" not in made:
            return made.strip()
    return said if rule.get("message") else f"failed rule: {said}"


def _escaped(expression: str, value: Any) -> Any:
    """The value with its names as a rule must write them; only where the rule does."""
    if "__" not in expression:
        return value
    if isinstance(value, dict):
        return {_name(key): _escaped(expression, item) for key, item in value.items()}
    return [_escaped(expression, item) for item in value] if isinstance(value, list) else value


def _name(key: str) -> str:
    if key in _WORDS:
        return f"__{key}__"
    for sign, word in _SIGNS:
        key = key.replace(sign, word)
    return key


def _type_name(value: Any) -> str:
    return "object" if isinstance(value, dict) else "array"

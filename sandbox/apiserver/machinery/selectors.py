"""Label and field selectors: parsed as upstream does, with its messages."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sandbox.apiserver.machinery import names
from sandbox.apiserver.machinery.apierrors import bad_request

_OPERATORS = "in, notin, =, ==, !=, gt, lt"
_TOKEN = re.compile(r"\s*(==|!=|[=!<>,()]|[^\s=!<>,()]+)")


@dataclass(frozen=True, slots=True)
class Requirement:
    """One condition; `op` is in, notin, exists, absent, gt or lt."""

    key: str
    op: str
    values: frozenset[str] = frozenset()

    def matches(self, labels: Mapping[str, str]) -> bool:
        value = labels.get(self.key)
        if self.op == "in":
            return value in self.values
        if self.op == "notin":
            return value is None or value not in self.values
        if self.op == "exists":
            return value is not None
        if self.op == "absent":
            return value is None
        try:
            left, right = int(value or ""), int(next(iter(self.values)))
        except ValueError:
            return False
        return left > right if self.op == "gt" else left < right


@dataclass(frozen=True, slots=True)
class LabelSelector:
    """All requirements must hold; none means everything."""

    requirements: tuple[Requirement, ...] = ()

    def matches(self, labels: Mapping[str, str]) -> bool:
        return all(r.matches(labels) for r in self.requirements)


class _Parser:
    def __init__(self, text: str) -> None:
        self.tokens = _TOKEN.findall(text)
        self.at = 0

    def peek(self) -> str:
        return self.tokens[self.at] if self.at < len(self.tokens) else ""

    def take(self) -> str:
        token = self.peek()
        self.at += 1
        return token

    def parse(self) -> tuple[Requirement, ...]:
        out: list[Requirement] = []
        while self.peek():
            out.append(self.requirement())
            token = self.take()
            if not token:
                break
            if token != ",":
                raise ValueError(f"found '{token}', expected: ',' or 'end of string'")
            if not self.peek():
                raise ValueError("found '', expected: identifier after ','")
        return tuple(out)

    def requirement(self) -> Requirement:
        absent = self.peek() == "!"
        if absent:
            self.take()
        key = self.take()
        if not key or key in "=!<>,()" or key in ("==", "!="):
            raise ValueError(f"found '{key}', expected: !, identifier, or 'end of string'")
        for text in names.qualified_name(key):
            raise ValueError(f'<nil>: Invalid value: "{key}": {text}')
        if absent:
            return Requirement(key, "absent")
        if self.peek() in ("", ","):
            return Requirement(key, "exists")
        operator = self.take()
        if operator in ("in", "notin"):
            return Requirement(key, operator, frozenset(self.values(key)))
        if operator in ("=", "==", "!=", "<", ">"):
            value = self.take() if self.peek() not in ("", ",") else ""
            self.check(key, value)
            op = {"!=": "notin", ">": "gt", "<": "lt"}.get(operator, "in")
            if op in ("gt", "lt") and not re.fullmatch(r"-?\d+", value):
                raise ValueError(
                    f'values[0][{key}]: Invalid value: "{value}": '
                    "for 'Gt', 'Lt' operators, the value must be an integer"
                )
            return Requirement(key, op, frozenset([value]))
        raise ValueError(f"found '{operator}', expected: {_OPERATORS}")

    def values(self, key: str) -> list[str]:
        if (token := self.take()) != "(":
            raise ValueError(f"found '{token}', expected: '('")
        out: list[str] = []
        want_value = True
        while (token := self.take()) != ")":
            if not token:
                raise ValueError("found '', expected: ',' or ')'")
            if token == ",":
                if want_value:
                    out.append("")
                want_value = True
                continue
            self.check(key, token)
            out.append(token)
            want_value = False
        if want_value:
            out.append("")
        return out

    @staticmethod
    def check(key: str, value: str) -> None:
        for text in names.label_value(value):
            raise ValueError(f'values[0][{key}]: Invalid value: "{value}": {text}')


def parse_labels(text: str) -> LabelSelector:
    """`app=a,tier in (x,y),!old`; a StatusError 400 when it cannot be read."""
    try:
        return LabelSelector(_Parser(text).parse())
    except ValueError as error:
        raise bad_request(f"unable to parse requirement: {error}") from None


@dataclass(frozen=True, slots=True)
class FieldSelector:
    """Pairs of (index into the resource's field values, negated, value)."""

    terms: tuple[tuple[str, bool, str], ...] = ()

    def value(self, field: str) -> str | None:
        """The value that `field` must have, when the selector says so."""
        return next((v for f, negated, v in self.terms if f == field and not negated), None)

    def matches(self, name: str, namespace: str, fields: Sequence[str], known: Sequence[str]) -> bool:
        for field, negated, want in self.terms:
            if field == "metadata.name":
                have = name
            elif field == "metadata.namespace":
                have = namespace
            else:
                have = fields[known.index(field)] if fields else ""
            if (have == want) is negated:
                return False
        return True


def parse_fields(text: str, known: Sequence[str], strict_words: bool) -> FieldSelector:
    """`metadata.name=x,status.phase!=Running`.

    `strict_words` picks the sentence that upstream has for kinds with fields of their own.
    """
    terms: list[tuple[str, bool, str]] = []
    for part in re.split(r"(?<!\\),", text):
        if not part:
            continue
        match = re.fullmatch(r"([^=!]+?)(==|!=|=)(.*)", part, re.DOTALL)
        if not match:
            raise bad_request(f"invalid selector: '{text}'; can't understand '{part}'")
        field, operator, value = match.groups()
        if field not in ("metadata.name", "metadata.namespace") and field not in known:
            if strict_words:
                raise bad_request(f"field label not supported: {field}")
            raise bad_request(
                f'"{field}" is not a known field selector: only "metadata.name", "metadata.namespace"'
            )
        terms.append((field, operator == "!=", re.sub(r"\\([\\,=])", r"\1", value)))
    return FieldSelector(tuple(terms))

"""The filter that a person types: a regular expression and terms, all of which must hold.

``!rx`` keeps what does not match; ``-l app=a,tier`` asks for labels, ``-f mrd`` for letters in that order;
``kind:pod``, ``type:deleted``, ``ns:default``, ``by:kubelet`` and ``faults`` are terms of their own.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

TERMS = ("kind", "type", "ns", "by")


@dataclass(frozen=True, slots=True)
class Subject:
    """What a filter looks at. ``text`` has one field to a line; ^ and $ are the ends of a field."""

    text: str
    kind: str = ""
    type: str = ""
    ns: str = ""
    by: str = ""
    labels: Mapping[str, str] | None = None
    fault: bool = False


@dataclass(frozen=True)
class Filter:
    text: str
    pattern: re.Pattern[str] | None = None
    inverted: bool = False
    terms: tuple[tuple[str, str], ...] = ()  # name of a term and what it must begin with, in small letters
    labels: tuple[tuple[str, str | None], ...] = ()
    faults: bool = False

    def keeps(self, subject: Subject) -> bool:
        if self.faults and not subject.fault:
            return False
        if any(not getattr(subject, name).lower().startswith(value) for name, value in self.terms):
            return False
        have = subject.labels or {}
        if any(k not in have or (v is not None and have[k] != v) for k, v in self.labels):
            return False
        return self.pattern is None or (self.pattern.search(subject.text) is None) is self.inverted


def parse(text: str) -> Filter | None:
    """None for an empty filter. Raises ValueError with a plain sentence for an invalid one."""
    terms: list[tuple[str, str]] = []
    labels: list[tuple[str, str | None]] = []
    rest: list[str] = []
    faults = False
    words = iter(text.split())
    fuzzy = False
    for word in words:
        name, colon, value = word.partition(":")
        if word == "-l":
            labels += _labels(next(words, ""))
        elif word == "-f":
            fuzzy = True
        elif word == "faults":
            faults = True
        elif colon and name in TERMS:
            terms.append((name, value.lower()))
        else:
            rest.append(word)
    body = " ".join(rest)
    inverted = body.startswith("!")
    body = body[1:] if inverted else body
    if fuzzy:
        body = ".*?".join(map(re.escape, body.replace(" ", "")))
    if not (body or terms or labels or faults):
        return None
    try:
        pattern = re.compile(body, re.IGNORECASE | re.MULTILINE) if body else None
    except re.error as error:
        raise ValueError(f"not a regular expression: {error.msg}") from None
    return Filter(text.strip(), pattern, inverted, tuple(terms), tuple(labels), faults)


def _labels(text: str) -> list[tuple[str, str | None]]:
    wanted: list[tuple[str, str | None]] = []
    for part in filter(None, text.split(",")):
        name, equals, value = part.partition("=")
        wanted.append((name, value.lstrip("=") if equals else None))
    return wanted

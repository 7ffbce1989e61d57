"""Quantities such as `500m` and `1Gi`: their value, and the one way in which they are written.

Source: k8s.io/apimachinery/pkg/api/resource/quantity.go (ParseQuantity, CanonicalizeBytes).
"""

import re
from fractions import Fraction
from functools import lru_cache
from typing import Any

PATTERN = "^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$"
_PARTS = re.compile(r"([+-]?)(\d+\.?\d*|\.\d+)(.*)", re.DOTALL)
_EXPONENT = re.compile(r"[eE]([+-]?\d+)")
_BINARY = {"Ki": 1, "Mi": 2, "Gi": 3, "Ti": 4, "Pi": 5, "Ei": 6}
_DECIMAL = {"n": -3, "u": -2, "m": -1, "": 0, "k": 1, "M": 2, "G": 3, "T": 4, "P": 5, "E": 6}
_NANO = Fraction(1, 10**9)


@lru_cache(4096)
def _parse(text: str) -> tuple[Fraction, str]:
    """(value, form): the form is binary, exponent or decimal. ValueError in Go's words."""
    if not re.fullmatch(PATTERN[1:-1], text):
        raise ValueError(f"quantities must match the regular expression '{PATTERN}'")
    parts = _PARTS.fullmatch(text)
    if parts is None:
        raise ValueError("unable to parse numeric part of quantity")
    sign, number, suffix = parts.groups()
    if suffix in _BINARY:
        factor, form = Fraction(1024) ** _BINARY[suffix], "binary"
    elif suffix in _DECIMAL:
        factor, form = Fraction(1000) ** _DECIMAL[suffix], "decimal"
    elif (exponent := _EXPONENT.fullmatch(suffix)) and abs(int(exponent[1])) <= 100:
        factor, form = Fraction(10) ** int(exponent[1]), "exponent"
    else:
        raise ValueError("unable to parse quantity's suffix")
    value = Fraction(number) * factor
    whole, rest = divmod(value, _NANO)
    value = (whole + (1 if rest else 0)) * _NANO  # what is finer than a nano is rounded away from zero
    return (-value if sign == "-" else value), form


def value(text: Any) -> Fraction:
    """The exact value; ValueError when it is not a quantity."""
    return _parse(str(text))[0]


@lru_cache(4096)
def _canonical(text: str) -> str:
    amount, form = _parse(text)
    if not amount:
        return "0"
    if form == "binary" and abs(amount) < 1024:
        form = "decimal"
    if form == "binary":
        step, names, amount = 1024, list(_BINARY), Fraction(-(-amount // 1))
        suffixes = ["", *names]
    else:
        step = 1000
        suffixes = list(_DECIMAL) if form == "decimal" else [f"e{3 * i}" if i else "" for i in range(-3, 7)]
        amount /= Fraction(1000) ** -3
    at = 0
    while at + 1 < len(suffixes) and amount % step == 0:
        amount /= step
        at += 1
    return f"{int(amount)}{suffixes[at]}"


def canonical(text: Any) -> str:
    """As Go writes it: `0.5` is `500m`, `1024Mi` is `1Gi`. ValueError when it is not a quantity."""
    return _canonical(str(text))


def total(amounts: list[Any]) -> str:
    """The sum, in the form of the first."""
    if not amounts:
        return "0"
    forms = {_parse(str(a))[1] for a in amounts if value(a)}
    return written(sum((value(a) for a in amounts), Fraction()), binary=forms == {"binary"})


def written(amount: Fraction, binary: bool = False) -> str:
    """A value as a quantity."""
    if binary and amount.denominator == 1 and amount % 1024 == 0:
        return canonical(f"{int(amount // 1024)}Ki")
    nanos = -(-amount // _NANO)
    return canonical(f"{int(nanos)}n")

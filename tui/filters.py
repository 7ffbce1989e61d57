"""The filter that a person types: a regular expression; a leading ``!`` keeps what does not match."""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Filter:
    text: str
    pattern: re.Pattern[str]
    inverted: bool

    def keeps(self, text: str) -> bool:
        """Whether to show what has these fields, one to a line; ^ and $ are the ends of a field."""
        return (self.pattern.search(text) is None) is self.inverted


def parse(text: str) -> Filter | None:
    """None for an empty filter. Raises ValueError with a plain sentence for an invalid one."""
    text = text.strip()
    inverted = text.startswith("!")
    body = text[1:] if inverted else text
    if not body:
        return None
    try:
        return Filter(text, re.compile(body, re.IGNORECASE | re.MULTILINE), inverted)
    except re.error as error:
        raise ValueError(f"not a regular expression: {error.msg}") from None

"""Text of a cluster on its way to a terminal, made harmless."""

from __future__ import annotations

import re

# Invisible or blank although str.isprintable() is true: combining grapheme joiner, Hangul fillers,
# Mongolian and other variation selectors, the Braille blank.
_INVISIBLE = re.compile("[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0]")

REPLACEMENT = "\N{REPLACEMENT CHARACTER}"


def safe_text(text: str) -> str:
    """``text`` on one line with nothing that a terminal obeys, hides or reorders.

    C0 control characters become their pictures (ESC is ␛); C1, bidirectional and zero-width
    characters, surrogates, private and unassigned code points become U+FFFD.
    """
    if text.isascii() and text.isprintable():
        return text
    if not text.isprintable():
        text = "".join(c if c.isprintable() else _visible(c) for c in text)
    return _INVISIBLE.sub(REPLACEMENT, text)


def _visible(character: str) -> str:
    code = ord(character)
    if code < 0x20:
        return chr(0x2400 + code)
    if code == 0x7F:
        return "\N{SYMBOL FOR DELETE}"
    if character in "\u00a0\u2002\u2003\u2009\u202f\u3000":
        return " "
    return REPLACEMENT


def escape(text: str) -> str:
    """``text`` with the same characters as visible escapes (``\\x1b``), for logs: nothing is lost."""
    if text.isascii() and text.isprintable():
        return text
    if not text.isprintable():
        text = "".join(c if c.isprintable() else _escaped(c) for c in text)
    return _INVISIBLE.sub(lambda found: _escaped(found[0]), text)


def _escaped(character: str) -> str:
    return character.encode("unicode_escape").decode()

"""What a person can set of the console, and the names by which it is set."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module
from pkgutil import walk_packages

from textual.binding import Binding
from textual.dom import DOMNode
from textual.theme import BUILTIN_THEMES

import tui
from tui.theme import RECONSOLE, THEMES


def themes() -> list[str]:
    """The names of all themes: ours, then Textual's own."""
    return [*(theme.name for theme in THEMES), *BUILTIN_THEMES]


@cache
def bindings() -> dict[str, str]:
    """Every key that has a name, and what it is by default."""
    found: dict[str, str] = {}
    for module in walk_packages(tui.__path__, "tui."):
        for thing in list(vars(import_module(module.name)).values()):
            if isinstance(thing, type) and issubclass(thing, DOMNode) and thing.__module__.startswith("tui."):
                for binding in thing.__dict__.get("BINDINGS", ()):
                    if isinstance(binding, Binding) and binding.id:
                        found[binding.id] = binding.key
    return dict(sorted(found.items()))


@dataclass(frozen=True)
class Settings:
    """``rows`` is how many lines the stream keeps; ``keys`` are those that differ from ``bindings()``."""

    theme: str = RECONSOLE.name
    mouse: bool = True
    rows: int = 100_000
    keys: Mapping[str, str] = field(default_factory=dict)

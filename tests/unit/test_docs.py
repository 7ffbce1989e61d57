"""The reference of the runtime is made of its docstrings: it is the one that they make, and it names all."""

from __future__ import annotations

from pathlib import Path

import controller_runtime
from docs.generate_reference import pages

REFERENCE = Path(__file__).parents[2] / "docs" / "reference"


def test_the_reference_is_up_to_date() -> None:
    made = pages()
    there = {path.name: path.read_text() for path in REFERENCE.glob("*.md")}
    old = [name for name in sorted(made.keys() | there.keys()) if made.get(name) != there.get(name)]
    assert old == [], "run make docs"


def test_everything_public_is_in_it() -> None:
    text = "\n".join(pages().values())
    missing = {name for name in controller_runtime.__all__ if f"# {name}\n" not in text}
    # Constants and other names of what is there have no docstring of their own.
    assert missing == {"DEFAULT_BACKOFF", "DEFAULT_RETRY", "InformerSource", "Predicate", "current_reconcile"}

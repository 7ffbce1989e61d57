"""Keeps what a console writes to its terminal, besides writing it."""

from __future__ import annotations

from collections.abc import Callable

from textual.driver import Driver


def taped(driver: type[Driver], keep: Callable[[str], object]) -> type[Driver]:
    """The same driver, of whose output ``keep`` is given a copy."""

    class Taped(driver):  # type: ignore[misc, valid-type]
        def write(self, data: str) -> None:
            keep(data)
            super().write(data)

    return Taped

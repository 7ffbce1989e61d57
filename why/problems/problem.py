"""Problem: one fault of an operator, while it lasts; and what a detector of them is."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

import msgspec

from controller_runtime.events import BusEvent

QUIET = 60.0  # seconds after which a problem that is not seen again is over


class Sighting(msgspec.Struct, frozen=True):
    """A detector saw a fault. ``kind`` and ``about`` tell it from others; the rest is for a person.

    ``quiet`` is how many seconds without another sighting end the problem.
    """

    kind: str
    about: str  # as in redis default/my-op-redis, or Pod default/a
    says: str
    evidence: str = ""
    remedy: str = ""
    quiet: float = QUIET


class Problem(msgspec.Struct, frozen=True):
    """``since`` and ``last`` are Unix seconds; ``count`` is how often it was seen."""

    kind: str
    about: str
    says: str
    since: float
    last: float
    count: int = 1
    evidence: str = ""
    remedy: str = ""
    quiet: float = QUIET


class Detector(Protocol):
    """Given every event in order, it says what it sees. Its memory is bounded."""

    def feed(self, event: BusEvent) -> Iterable[Sighting]: ...

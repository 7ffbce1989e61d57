"""What is published of explanations."""

from __future__ import annotations

from controller_runtime.events import BASE_SIZE, BusEvent
from why.finding import Explanation


class Explained(BusEvent, frozen=True, tag="explained"):
    """The answer to somebody's question why an object is as it is: the explanation, or why there is none."""

    id: str  # of the question
    explanation: Explanation | None = None
    message: str = ""

    @property
    def size(self) -> int:
        return BASE_SIZE * (1 + (len(self.explanation.findings) if self.explanation else 0))

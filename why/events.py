"""What is published of explanations and problems."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Literal

from controller_runtime.events import BASE_SIZE, BusEvent
from why.finding import Explanation
from why.problems.problem import Problem


class Explained(BusEvent, frozen=True, tag="explained"):
    """The answer to somebody's question why an object is as it is: the explanation, or why there is none."""

    id: str  # of the question
    explanation: Explanation | None = None
    message: str = ""

    @property
    def size(self) -> int:
        return BASE_SIZE * (1 + (len(self.explanation.findings) if self.explanation else 0))


class ProblemChanged(BusEvent, frozen=True, tag="problem"):
    """A problem has begun, is seen again, or is over: it was not seen for a minute."""

    state: Literal["began", "seen", "ended"]
    problem: Problem

    @property
    def state_key(self) -> Hashable:
        return "problem", self.problem.kind, self.problem.about

    @property
    def size(self) -> int:
        return super().size + len(self.problem.says) + len(self.problem.evidence)

"""A request that was refused, or got no answer, in words for the people who look after the Redis."""

from __future__ import annotations

import re
from dataclasses import dataclass

from controller.conditions import Problem
from controller_runtime.kube.errors import ApiError, Unreachable

# What a step catches, puts in words and goes on after.
REFUSED = (ApiError, Unreachable)

_REASON = re.compile(r"[A-Za-z][A-Za-z0-9]*")


@dataclass(frozen=True)
class Refusal:
    """``what`` is a clause such as "pods cannot be created"."""

    what: str
    error: ApiError | Unreachable

    @property
    def problem(self) -> Problem:
        """With the server's own reason and words."""
        if isinstance(self.error, Unreachable):
            return Problem("Unreachable", f"{self.what}: {self.error}")
        reason = self.error.reason
        message = f"{self.what}: {self.error.message}"
        return Problem(reason if _REASON.fullmatch(reason) else f"Http{self.error.status}", message)

"""A request that was refused, or got no answer, in words for the people who look after the Redis."""

from __future__ import annotations

import re
from dataclasses import dataclass

from controller.conditions import Problem
from controller_runtime.kube.errors import ApiError, Unreachable

# What a step catches, puts in words and goes on after.
REFUSED = (ApiError, Unreachable)

_ID = re.compile(r"\b[0-9a-f]{8,}(?:-[0-9a-f]{4,})*\b")
_NUMBER = re.compile(r"[0-9]+")
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
            message = f"{self.what}: {self.error}"
            return Problem("Unreachable", message, gist=gist(message))
        reason = self.error.reason if _REASON.fullmatch(self.error.reason) else f"Http{self.error.status}"
        message = f"{self.what}: {self.error.message}"
        return Problem(reason, message, gist=gist(message))


def gist(message: str) -> str:
    """What is left of a server's words without ids, counts and times."""
    return _NUMBER.sub("#", without_ids(message))


def without_ids(message: str) -> str:
    return _ID.sub("#", message)

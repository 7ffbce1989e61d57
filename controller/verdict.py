"""Whether a person may do something, as far as is known."""

from __future__ import annotations

from dataclasses import dataclass

from controller_runtime.kube.rules import PolicyRule


@dataclass(frozen=True)
class Verdict:
    """``allowed`` is None while the server has not said. ``rule``: what would allow it, when RBAC refuses."""

    allowed: bool | None
    message: str = ""  # why not
    rule: PolicyRule | None = None


UNKNOWN = Verdict(None)

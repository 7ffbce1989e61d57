"""Finding: one thing that is wrong, on what evidence, and where to look."""

from __future__ import annotations

from typing import Literal

import msgspec

from controller_runtime.kube.resource import Ref

Severity = Literal["broken", "warning", "note"]
Look = Literal["object", "logs", "events"]

_ORDER = {"broken": 0, "warning": 1, "note": 2}


class Finding(msgspec.Struct, frozen=True, omit_defaults=True):
    """``says`` is a sentence without its full stop; ``evidence`` is what was seen, in its writer's words.

    ``about`` is the object to go to, and ``look`` what to look at there. ``since`` is a timestamp (RFC 3339),
    "" when nobody knows. ``inferred`` marks what follows from the evidence without being said in it.
    """

    severity: Severity
    says: str
    about: Ref
    evidence: str = ""
    since: str = ""
    look: Look = "object"
    inferred: bool = False
    remedy: str = ""


class Explanation(msgspec.Struct, frozen=True):
    """One ``sentence``, then findings, the worst first. ``unseen``: what could not be looked at, and why."""

    about: Ref
    sentence: str
    findings: tuple[Finding, ...] = ()
    unseen: tuple[str, ...] = ()

    @property
    def is_well(self) -> bool:
        return all(finding.severity == "note" for finding in self.findings)


def ranked(findings: list[Finding]) -> tuple[Finding, ...]:
    """The worst first, each sentence once; among equals the order in which they were found."""
    unique = {(finding.says, finding.about): finding for finding in reversed(findings)}
    return tuple(sorted(reversed(unique.values()), key=lambda finding: _ORDER[finding.severity]))

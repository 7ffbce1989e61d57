"""RBAC rules: what controllers need, from what they were built of, and what a refused request lacked."""

from __future__ import annotations

import re
from collections.abc import Iterable

import msgspec

from controller_runtime.kube.errors import ApiError
from controller_runtime.kube.object import KubeObject
from controller_runtime.kube.resource import Resource


class PolicyRule(msgspec.Struct, frozen=True, rename="camel"):
    """An RBAC rule (rbac.authorization.k8s.io/v1 PolicyRule) that would grant what was refused."""

    api_groups: tuple[str, ...]
    resources: tuple[str, ...]
    verbs: tuple[str, ...]


WATCH_VERBS = ("get", "list", "watch")

# An authorizer's refusal: apiserver pkg/endpoints/handlers/responsewriters/errors.go, ForbiddenStatusError.
_REFUSAL = re.compile(
    r'(?:\S+(?: ".*?")? is )?forbidden: User ".*?" cannot (\S+) resource "([^"]*)" in API group "([^"]*)"'
)

# What the runtime itself needs: leader election and the event recorder.
RUNTIME_RULES = (
    PolicyRule(("coordination.k8s.io",), ("leases",), ("create", "get", "update")),
    PolicyRule(("events.k8s.io",), ("events",), ("create", "patch")),
)


def watch_rules(kinds: Iterable[type[KubeObject]]) -> list[PolicyRule]:
    """What it takes to watch these kinds."""
    return merge(PolicyRule((k.resource.group,), (k.resource.plural,), WATCH_VERBS) for k in kinds)


def missing_rule(
    error: ApiError, resource: Resource, *verbs: str, subresource: str = ""
) -> PolicyRule | None:
    """The rule that would have allowed a request on ``resource``: for ``verbs``, or the one that was refused.

    None when no rule would: admission (a webhook, a policy, a quota, pod security) answers 403 as well, and
    so does a proxy on the way. Only the words tell them apart.
    """
    found = _REFUSAL.match(error.message) if error.status == 403 else None
    plural = f"{resource.plural}/{subresource}" if subresource else resource.plural
    if found is None or found.group(2, 3) != (plural, resource.group):
        return None
    return PolicyRule((resource.group,), (plural,), verbs or (found[1],))


def merge(rules: Iterable[PolicyRule]) -> list[PolicyRule]:
    """The same permissions in as few rules as controller-gen would write.

    Verbs of one resource are joined, then resources of one group with the same verbs; sorted by group, then
    resource.
    """
    verbs: dict[tuple[str, str], set[str]] = {}
    for rule in rules:
        for group in rule.api_groups:
            for resource in rule.resources:
                verbs.setdefault((group, resource), set()).update(rule.verbs)
    resources: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    for (group, resource), allowed in sorted(verbs.items()):
        resources.setdefault((group, tuple(sorted(allowed))), []).append(resource)
    merged = [PolicyRule((group,), tuple(names), allowed) for (group, allowed), names in resources.items()]
    return sorted(merged, key=lambda rule: (rule.api_groups, rule.resources))


def to_yaml(rules: Iterable[PolicyRule]) -> str:
    """As under ``rules:`` of a Role, to paste: three lines a rule."""
    lines: list[str] = []
    for rule in rules:
        fields = (("apiGroups", rule.api_groups), ("resources", rule.resources), ("verbs", rule.verbs))
        for number, (name, values) in enumerate(fields):
            listed = ", ".join(f'"{value}"' for value in values)
            lines.append(f"{'  ' if number else '- '}{name}: [{listed}]\n")
    return "".join(lines)

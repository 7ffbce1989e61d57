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
    resource_names: tuple[str, ...] = ()
    non_resource_urls: tuple[str, ...] = msgspec.field(name="nonResourceURLs", default=())

    def to_dict(self) -> dict[str, list[str]]:
        """As in a Role: JSON data, without what is empty, sorted by key as controller-gen prints it."""
        return {key: list(values) for key, values in sorted(msgspec.to_builtins(self).items()) if values}


WATCH_VERBS = ("list", "watch")

# An authorizer's refusal: apiserver pkg/endpoints/handlers/responsewriters/errors.go, ForbiddenStatusError.
_REFUSAL = re.compile(
    r'(?:\S+(?: ".*?")? is )?forbidden: User ".*?" cannot (\S+) resource "([^"]*)" in API group "([^"]*)"'
)

# What the runtime itself needs: the event recorder, and leader election.
EVENT_RULES = (PolicyRule(("events.k8s.io",), ("events",), ("create", "patch")),)
LEASE_RULES = (PolicyRule(("coordination.k8s.io",), ("leases",), ("create", "get", "update")),)


def watch_rules(kinds: Iterable[type[KubeObject]]) -> list[PolicyRule]:
    """What it takes to watch these kinds; who reads them otherwise asks for get as well."""
    return [PolicyRule((k.resource.group,), (k.resource.plural,), WATCH_VERBS) for k in kinds]


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
    """The same permissions in as few rules as controller-gen writes, sorted by group, then resource.

    Rules for the same things become one with all their verbs; then those that differ in their resources, and
    those that differ in their groups. Source: controller-tools pkg/rbac/parser.go, NormalizeRules.
    """
    found = [_with_sorted_lists(rule) for rule in rules]
    for field in ("verbs", "resources", "api_groups", "non_resource_urls"):
        found = _joined(found, field)
    found = [msgspec.structs.replace(r, verbs=("*",)) if "*" in r.verbs else r for r in found]
    return sorted(found, key=lambda r: (r.api_groups, r.resources, r.resource_names, r.non_resource_urls))


def _with_sorted_lists(rule: PolicyRule) -> PolicyRule:
    return PolicyRule(*(_sorted(values) for values in msgspec.structs.astuple(rule)))


def _joined(rules: list[PolicyRule], field: str) -> list[PolicyRule]:
    """Rules that differ in nothing but ``field`` become one."""
    alike: dict[PolicyRule, list[str]] = {}
    for rule in rules:
        alike.setdefault(msgspec.structs.replace(rule, **{field: ()}), []).extend(getattr(rule, field))
    return [msgspec.structs.replace(rest, **{field: _sorted(values)}) for rest, values in alike.items()]


def _sorted(values: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(set(values)))


def to_yaml(rules: Iterable[PolicyRule]) -> str:
    """As under ``rules:`` of a Role, to paste: a line for each field."""
    lines: list[str] = []
    for rule in rules:
        for number, (name, values) in enumerate(rule.to_dict().items()):
            listed = ", ".join(f'"{value}"' for value in values)
            lines.append(f"{'  ' if number else '- '}{name}: [{listed}]\n")
    return "".join(lines)

"""Reads and changes roles for a person: what is bound to whom, and giving and taking a resource."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec

from controller_runtime.client.client import Client
from controller_runtime.kube.bindings import GRANTED, GROUP, granting, is_bound
from controller_runtime.kube.resource import Ref
from controller_runtime.kube.roles import API_VERSION
from controller_runtime.kube.rules import PolicyRule, merge

_PLURALS = {
    "ClusterRole": "clusterroles", "Role": "roles",
    "ClusterRoleBinding": "clusterrolebindings", "RoleBinding": "rolebindings",
}  # fmt: skip
FIELD_MANAGER = "reconsole"


class NotPossible(Exception):
    """The text says why, in a sentence."""


class Policy(NamedTuple):
    """All roles and all bindings of a cluster, as JSON data."""

    roles: list[dict[str, Any]]
    bindings: list[dict[str, Any]]

    def roles_of(self, identity: str) -> list[dict[str, Any]]:
        """Those that are bound to somebody, without the ones that everybody has."""
        found = []
        for binding in self.bindings:
            reference, where = binding["roleRef"], binding["metadata"].get("namespace", "")
            home = where if reference["kind"] == "Role" else ""
            if is_bound(binding, identity) and not reference["name"].startswith("system:"):
                found += [
                    role
                    for role in self.roles
                    if (role["kind"], role["metadata"]["name"]) == (reference["kind"], reference["name"])
                    and role["metadata"].get("namespace", "") == home
                ]
        return found


def read_policy(client: Client) -> Policy:
    """Raises ApiError, Unreachable."""

    def read(*kinds: str) -> list[dict[str, Any]]:
        return [
            {**item, "apiVersion": API_VERSION, "kind": kind}
            for kind in kinds
            for item in client.get_json(f"/apis/{GROUP}/v1/{_PLURALS[kind]}")["items"]
        ]

    return Policy(read("ClusterRole", "Role"), read("ClusterRoleBinding", "RoleBinding"))


def apply(client: Client, documents: Sequence[dict[str, Any]]) -> str:
    """Server-side apply, one after the other. What was done, as a sentence."""
    for document in documents:
        client.apply(document, FIELD_MANAGER)
    return " and ".join(f"{d['kind']} {d['metadata']['name']}" for d in documents) + " applied"


def revoke(client: Client, identity: str, resource: str) -> str:
    """Take a resource out of every role of ``identity``, and cut the watches, so that it shows.

    Only the embedded cluster cuts watches when asked. Raises NotPossible, ApiError, Unreachable.
    """
    changed = []
    for role in read_policy(client).roles_of(identity):
        rules = role.get("rules") or ()
        if any("*" in (rule.get("resources") or ()) for rule in rules):
            raise NotPossible(
                f"{role['kind']} {role['metadata']['name']} gives {identity} everything: nothing can be "
                "taken out of it; start with --as and an identity that has a role of its own"
            )
        left = [rule for rule in (_without(rule, resource) for rule in rules) if rule is not None]
        if left != list(rules):
            if left or not role["metadata"]["name"].startswith(GRANTED):
                client.update({**role, "rules": left})
            else:
                _delete(client, role)
            changed.append(f"{role['kind']} {role['metadata']['name']}")
    if not changed:
        raise NotPossible(
            f"no role that is bound to {identity} names {resource}; if it has its rights by a group, start "
            "with --as and an identity that has a role of its own"
        )
    client.post("/debug/faults", {"dropWatches": True})
    return f"{resource} taken out of {' and '.join(changed)}, and the watches cut"


def _delete(client: Client, role: dict[str, Any]) -> None:
    """A role that was made by ``granting``, and its binding, which has the same name."""
    namespace, name = role["metadata"].get("namespace", ""), role["metadata"]["name"]
    for kind in (f"{role['kind']}Binding", role["kind"]):
        ref = Ref(kind, namespace, name, api_version=API_VERSION)
        client.delete(client.resource_of(ref), namespace, name)


def grant(client: Client, identity: str, rules: Sequence[PolicyRule]) -> str:
    """Add rules to the first role that ``identity`` has, or to a new one. Raises ApiError, Unreachable."""
    for role in read_policy(client).roles_of(identity):
        if not role["metadata"]["name"].startswith(GRANTED):
            live = [msgspec.convert(rule, PolicyRule) for rule in role.get("rules") or ()]
            wanted = [rule.to_dict() for rule in merge([*live, *rules])]
            client.update({**role, "rules": wanted})
            return f"{role['kind']} {role['metadata']['name']} gives it again"
    return " and ".join(apply(client, granting(identity, rule)) for rule in rules)


def _without(rule: dict[str, Any], resource: str) -> dict[str, Any] | None:
    resources = rule.get("resources")
    if not resources:
        return rule
    left = [r for r in resources if r.partition("/")[0] != resource]
    return {**rule, "resources": left} if left else None

"""Roles made from markers, as controller-gen makes them."""

from __future__ import annotations

from collections.abc import Iterable, Set
from typing import Any

from controller_runtime.kube.markers import Marker
from controller_runtime.kube.rules import PolicyRule, merge

API_VERSION = "rbac.authorization.k8s.io/v1"

# Built-in resources that are in no namespace: only a ClusterRole can grant them. Of other kinds the class
# that declares them says it. Source: kubectl api-resources --namespaced=false on 1.36.
_BUILT_IN = {
    "": "namespaces nodes persistentvolumes",
    "admissionregistration.k8s.io": "mutatingwebhookconfigurations validatingadmissionpolicies "
    "validatingadmissionpolicybindings validatingwebhookconfigurations",
    "apiextensions.k8s.io": "customresourcedefinitions",
    "apiregistration.k8s.io": "apiservices",
    "authentication.k8s.io": "selfsubjectreviews tokenreviews",
    "authorization.k8s.io": "selfsubjectaccessreviews selfsubjectrulesreviews subjectaccessreviews",
    "certificates.k8s.io": "certificatesigningrequests",
    "networking.k8s.io": "ingressclasses",
    "node.k8s.io": "runtimeclasses",
    "rbac.authorization.k8s.io": "clusterrolebindings clusterroles",
    "scheduling.k8s.io": "priorityclasses",
    "storage.k8s.io": "csidrivers csinodes storageclasses volumeattachments",
}
CLUSTER_SCOPED = frozenset((group, name) for group, names in _BUILT_IN.items() for name in names.split())


def roles(
    markers: Iterable[Marker],
    name: str,
    *,
    namespace: str = "",
    cluster_scoped: Iterable[tuple[str, str]] = (),
) -> list[dict[str, Any]]:
    """One role for each name and namespace that markers ask for: ClusterRoles, then Roles, sorted.

    With ``namespace`` what would hold everywhere holds there alone, except for what is in no namespace:
    ``CLUSTER_SCOPED``, the (group, resource) pairs in ``cluster_scoped``, and URLs.
    """
    everywhere = CLUSTER_SCOPED | set(cluster_scoped)
    collected: dict[tuple[str, str], list[PolicyRule]] = {}
    for marker in markers:
        for rule in _split(marker.rule) if namespace and not marker.namespace else [marker.rule]:
            where = marker.namespace or ("" if _is_everywhere(rule, everywhere) else namespace)
            collected.setdefault((where, marker.role_name or name), []).append(rule)
    return [_role(role, where, merge(rules)) for (where, role), rules in sorted(collected.items())]


def _split(rule: PolicyRule) -> list[PolicyRule]:
    if rule.non_resource_urls:
        return [rule]
    pairs = ((group, resource) for group in rule.api_groups for resource in rule.resources)
    return [PolicyRule((g,), (r,), rule.verbs, rule.resource_names) for g, r in pairs]


def _is_everywhere(rule: PolicyRule, cluster_scoped: Set[tuple[str, str]]) -> bool:
    if rule.non_resource_urls:
        return True
    return (rule.api_groups[0], rule.resources[0].partition("/")[0]) in cluster_scoped


def _role(name: str, namespace: str, rules: list[PolicyRule]) -> dict[str, Any]:
    metadata = {"name": name} | ({"namespace": namespace} if namespace else {})
    return {
        "apiVersion": API_VERSION,
        "kind": "Role" if namespace else "ClusterRole",
        "metadata": metadata,
        "rules": [rule.to_dict() for rule in rules],
    }

"""What the Redis operator is allowed to do, and nothing more: the ClusterRole of ``manifests/rbac``.

To watch follows from the kinds; what it writes is declared here.
"""

from __future__ import annotations

from typing import Any

from controller.api import Redis
from controller.crd import GROUP, PLURAL
from controller_runtime.kube.kinds import Pod, Service
from controller_runtime.kube.rules import PolicyRule, merge, watch_rules

WATCHED = (Redis, Pod, Service)

WRITES = (
    PolicyRule(("",), ("pods",), ("create", "delete", "patch")),
    PolicyRule(("",), ("services",), ("create", "patch")),
    PolicyRule((GROUP,), (PLURAL,), ("patch",)),
    # blockOwnerDeletion needs it where the admission plugin OwnerReferencesPermissionEnforcement is on.
    PolicyRule((GROUP,), (f"{PLURAL}/finalizers",), ("update",)),
    PolicyRule((GROUP,), (f"{PLURAL}/status",), ("patch",)),
    PolicyRule(("events.k8s.io",), ("events",), ("create", "patch")),
)

RULES = merge([*watch_rules(WATCHED), *WRITES])


def cluster_role() -> dict[str, Any]:
    """The whole object, as ``manifests/rbac/role.yaml`` holds it."""
    return {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRole",
        "metadata": {
            "name": "k8s-operator-demo-manager-role",
            "labels": {"app.kubernetes.io/name": "reconsole"},
        },
        "rules": [
            {"apiGroups": list(r.api_groups), "resources": list(r.resources), "verbs": list(r.verbs)}
            for r in RULES
        ],
    }

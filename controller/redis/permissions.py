"""What the Redis operator is allowed to do, and nothing more: the ClusterRole of ``manifests/rbac``.

What is watched follows from how the operator is put together; what it writes is declared here.
"""

from __future__ import annotations

from typing import Any

from controller.bus_events import PolicyRule
from controller.redis.crd import GROUP, PLURAL

WATCHES = ("get", "list", "watch")

RULES = (
    PolicyRule(("",), ("pods",), (*WATCHES, "create", "delete")),
    PolicyRule(("",), ("services",), (*WATCHES, "create", "patch")),
    PolicyRule((GROUP,), (PLURAL,), (*WATCHES, "patch")),
    PolicyRule((GROUP,), (f"{PLURAL}/finalizers",), ("update",)),
    PolicyRule((GROUP,), (f"{PLURAL}/status",), ("get", "patch")),
    PolicyRule(("events.k8s.io",), ("events",), ("create", "patch")),
)


def cluster_role() -> dict[str, Any]:
    return {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRole",
        "metadata": {
            "name": "k8s-operator-demo-manager-role",
            "labels": {"app.kubernetes.io/name": "reconsole"},
        },
        "rules": [
            {"apiGroups": list(r.api_groups), "resources": list(r.resources), "verbs": sorted(r.verbs)}
            for r in sorted(RULES, key=lambda r: (r.api_groups, r.resources))
        ],
    }

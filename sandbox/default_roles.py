"""The default RBAC policy: upstream's roles for the kinds that are served, and their bindings."""

from sandbox.apiserver.machinery.jsonobject import Obj

_GROUP = "rbac.authorization.k8s.io"
_LABELS = {"kubernetes.io/bootstrapping": "rbac-defaults"}
_READ = ["get", "list", "watch"]
_WRITE = ["create", "delete", "deletecollection", "patch", "update"]
_REVIEWS = "authorization.k8s.io"


def rule(group: str, resources: list[str], verbs: list[str]) -> Obj:
    return {"verbs": verbs, "apiGroups": [group], "resources": resources}


def paths(*urls: str) -> Obj:
    return {"verbs": ["get"], "nonResourceURLs": list(urls)}


def _role(name: str, rules: list[Obj], labels: Obj | None = None, aggregate: str = "") -> Obj:
    out: Obj = {
        "apiVersion": f"{_GROUP}/v1",
        "kind": "ClusterRole",
        "metadata": {
            "name": name,
            "labels": {**_LABELS, **(labels or {})},
            "annotations": {"rbac.authorization.kubernetes.io/autoupdate": "true"},
        },
        "rules": rules,
    }
    if aggregate:
        label = f"{_GROUP}/aggregate-to-{aggregate}"
        out["aggregationRule"] = {"clusterRoleSelectors": [{"matchLabels": {label: "true"}}]}
    return out


def _to(*roles: str) -> Obj:
    return {f"{_GROUP}/aggregate-to-{r}": "true" for r in roles}


_CORE_VIEW = ["configmaps", "endpoints", "pods", "serviceaccounts", "services", "services/status"]
_CORE_STATUS = ["events", "namespaces", "namespaces/status", "pods/log", "pods/status"]

# What an editor may write and a viewer may read of the workload kinds (bootstrappolicy/policy.go).
_WORKLOADS = {
    "": ["replicationcontrollers", "replicationcontrollers/scale"],
    "apps": [
        "daemonsets",
        "deployments",
        "deployments/scale",
        "replicasets",
        "replicasets/scale",
        "statefulsets",
        "statefulsets/scale",
    ],
    "autoscaling": ["horizontalpodautoscalers"],
    "batch": ["cronjobs", "jobs"],
    "networking.k8s.io": ["ingresses", "networkpolicies"],
    "policy": ["poddisruptionbudgets"],
}


def _status(resources: list[str]) -> list[str]:
    return [f"{r}/status" for r in resources if "/" not in r and r != "networkpolicies"]


ROLES: list[Obj] = [
    _role("cluster-admin", [rule("*", ["*"], ["*"]), {"verbs": ["*"], "nonResourceURLs": ["*"]}]),
    _role("admin", [], aggregate="admin"),
    _role("edit", [], _to("admin"), aggregate="edit"),
    _role("view", [], _to("edit"), aggregate="view"),
    _role(
        "system:aggregate-to-admin",
        [
            rule(_REVIEWS, ["localsubjectaccessreviews"], ["create"]),
            rule(_GROUP, ["rolebindings", "roles"], [*_WRITE, *_READ]),
        ],
        _to("admin"),
    ),
    _role(
        "system:aggregate-to-edit",
        [
            rule(
                "",
                ["pods/attach", "pods/exec", "pods/portforward", "pods/proxy", "secrets", "services/proxy"],
                _READ,
            ),
            rule("", ["serviceaccounts"], ["impersonate"]),
            rule(
                "",
                ["pods", "pods/eviction", "configmaps", "events", "secrets", "serviceaccounts", "services"],
                _WRITE,
            ),
            rule("", ["serviceaccounts/token"], ["create"]),
            rule("", ["persistentvolumeclaims"], _WRITE),
            *(rule(group, resources, _WRITE) for group, resources in _WORKLOADS.items()),
            rule("coordination.k8s.io", ["leases"], [*_WRITE, *_READ]),
        ],
        _to("edit"),
    ),
    _role(
        "system:aggregate-to-view",
        [
            rule("", [*_CORE_VIEW, *_CORE_STATUS], _READ),
            rule("", ["limitranges", "persistentvolumeclaims", "resourcequotas"], _READ),
            rule("", ["persistentvolumeclaims/status", "resourcequotas/status"], _READ),
            *(rule(group, [*names, *_status(names)], _READ) for group, names in _WORKLOADS.items()),
            rule("apps", ["controllerrevisions"], _READ),
            rule("discovery.k8s.io", ["endpointslices"], _READ),
        ],
        _to("view"),
    ),
    _role(
        "system:basic-user",
        [
            rule(_REVIEWS, ["selfsubjectaccessreviews", "selfsubjectrulesreviews"], ["create"]),
            rule("authentication.k8s.io", ["selfsubjectreviews"], ["create"]),
        ],
    ),
    _role(
        "system:discovery",
        [
            paths(
                "/api",
                "/api/*",
                "/apis",
                "/apis/*",
                "/healthz",
                "/livez",
                "/openapi",
                "/openapi/*",
                "/readyz",
                "/version",
                "/version/",
            )
        ],
    ),
    _role("system:public-info-viewer", [paths("/healthz", "/livez", "/readyz", "/version", "/version/")]),
    _role(
        "system:auth-delegator",
        [
            rule("authentication.k8s.io", ["tokenreviews"], ["create"]),
            rule(_REVIEWS, ["subjectaccessreviews"], ["create"]),
        ],
    ),
    _role(
        "system:monitoring",
        [paths("/healthz", "/healthz/*", "/livez", "/livez/*", "/metrics", "/readyz", "/readyz/*")],
    ),
]


def _binding(role: str, *groups: str) -> Obj:
    return {
        "apiVersion": f"{_GROUP}/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {
            "name": role,
            "labels": _LABELS,
            "annotations": {"rbac.authorization.kubernetes.io/autoupdate": "true"},
        },
        "subjects": [{"kind": "Group", "apiGroup": _GROUP, "name": g} for g in groups],
        "roleRef": {"apiGroup": _GROUP, "kind": "ClusterRole", "name": role},
    }


BINDINGS: list[Obj] = [
    _binding("cluster-admin", "system:masters"),
    _binding("system:basic-user", "system:authenticated"),
    _binding("system:discovery", "system:authenticated"),
    _binding("system:public-info-viewer", "system:authenticated", "system:unauthenticated"),
    _binding("system:monitoring", "system:monitoring"),
]

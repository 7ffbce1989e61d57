"""Make definitions.json.gz: python -m sandbox.apiserver.machinery.schemas.generate SWAGGER.json

SWAGGER.json is api/openapi-spec/swagger.json of kubernetes/kubernetes at the wanted tag, or the same
definitions as one JSON Schema document ("$defs").
"""

import gzip
import json
import sys
from pathlib import Path
from typing import Any

Obj = dict[str, Any]

ROOTS = [
    "io.k8s.api.core.v1." + kind
    for kind in [
        "Binding",
        "ConfigMap",
        "Endpoints",
        "Event",
        "LimitRange",
        "Namespace",
        "Node",
        "PersistentVolume",
        "PersistentVolumeClaim",
        "Pod",
        "PodTemplate",
        "ReplicationController",
        "ResourceQuota",
        "Secret",
        "Service",
        "ServiceAccount",
        "ComponentStatus",
    ]
] + [
    f"io.k8s.api.{name}"
    for name in [
        "admissionregistration.v1.MutatingWebhookConfiguration",
        "admissionregistration.v1.ValidatingAdmissionPolicy",
        "admissionregistration.v1.ValidatingAdmissionPolicyBinding",
        "admissionregistration.v1.ValidatingWebhookConfiguration",
        "apps.v1.ControllerRevision",
        "apps.v1.DaemonSet",
        "apps.v1.Deployment",
        "apps.v1.ReplicaSet",
        "apps.v1.StatefulSet",
        "authentication.v1.TokenRequest",
        "authentication.v1.TokenReview",
        "authentication.v1.SelfSubjectReview",
        "authorization.v1.LocalSubjectAccessReview",
        "authorization.v1.SelfSubjectAccessReview",
        "authorization.v1.SelfSubjectRulesReview",
        "authorization.v1.SubjectAccessReview",
        "autoscaling.v1.HorizontalPodAutoscaler",
        "autoscaling.v1.Scale",
        "autoscaling.v2.HorizontalPodAutoscaler",
        "batch.v1.CronJob",
        "batch.v1.Job",
        "certificates.v1.CertificateSigningRequest",
        "coordination.v1.Lease",
        "discovery.v1.EndpointSlice",
        "events.v1.Event",
        "networking.v1.Ingress",
        "networking.v1.IngressClass",
        "networking.v1.NetworkPolicy",
        "policy.v1.Eviction",
        "policy.v1.PodDisruptionBudget",
        "rbac.v1.ClusterRole",
        "rbac.v1.ClusterRoleBinding",
        "rbac.v1.Role",
        "rbac.v1.RoleBinding",
        "scheduling.v1.PriorityClass",
        "storage.v1.CSIDriver",
        "storage.v1.CSINode",
        "storage.v1.CSIStorageCapacity",
        "storage.v1.StorageClass",
        "storage.v1.VolumeAttachment",
    ]
]
ROOTS += [
    "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.CustomResourceDefinition",
    "io.k8s.kube-aggregator.pkg.apis.apiregistration.v1.APIService",
    *(
        f"io.k8s.apimachinery.pkg.apis.meta.v1.{name}"
        for name in [
            "DeleteOptions",
            "Patch",
            "Status",
            "WatchEvent",
            "APIResourceList",
            "APIGroupList",
            "APIGroup",
        ]
    ),
    "io.k8s.apimachinery.pkg.version.Info",
]
SCALARS: dict[str, Obj] = {
    "io.k8s.apimachinery.pkg.util.intstr.IntOrString": {"type": "string", "format": "int-or-string"},
    "io.k8s.apimachinery.pkg.api.resource.Quantity": {"type": "string"},
}


def main(path: str) -> None:
    """Read a swagger.json, keep what is served and write it beside this file."""
    document = json.loads(Path(path).read_text())
    source: dict[str, Obj] = document.get("definitions") or document["$defs"]
    kept: dict[str, Obj] = {}
    todo = [name for root in ROOTS for name in (root, root + "List") if name in source]
    while todo:
        name = todo.pop()
        if name not in kept:
            kept[name] = plain(source[name], todo)
            text = {k: v for k, v in kept[name].items() if k == "description"}
            if name in SCALARS:
                kept[name] = {**text, **SCALARS[name]}
    for schema in kept.values():
        if "x-kubernetes-group-version-kind" in schema:
            for field in ("apiVersion", "kind"):
                schema.get("properties", {}).get(field, {}).pop("enum", None)
    text_out = json.dumps(kept, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    target = Path(__file__).with_name("definitions.json.gz")
    target.write_bytes(gzip.compress(text_out.encode(), 9, mtime=0))
    print(f"{len(kept)} definitions, {target.stat().st_size} bytes")


def plain(schema: Any, todo: list[str], names: bool = False) -> Any:
    """One schema in OpenAPI v2's words; the definitions it refers to are added to `todo`.

    names: the members are properties, so that a property called "type" stays as it is.
    """
    if isinstance(schema, list):
        return [plain(item, todo) for item in schema]
    if not isinstance(schema, dict):
        return schema
    out: Obj = {}
    for key, value in schema.items():
        if names:
            out[key] = plain(value, todo)
        elif key == "$ref" and isinstance(value, str):
            name = value.rpartition("/")[2]
            todo.append(name)
            out[key] = "#/definitions/" + name
        elif key == "type" and isinstance(value, list):
            out[key] = next(word for word in value if word != "null")
        elif key == "enum":
            out[key] = [item for item in value if item is not None]
        elif key not in ("$schema", "x-kubernetes-unions"):
            out[key] = plain(value, todo, names=key == "properties")
    return out


if __name__ == "__main__":
    main(sys.argv[1])

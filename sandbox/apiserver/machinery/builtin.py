"""The built-in resources, with what upstream's strategies say of each."""

from typing import Any

from sandbox.apiserver.machinery import autoscaler_versions, event_versions, names
from sandbox.apiserver.machinery.resources import STATUS, Registry, Resource, Subresource

_CREATE = ("create",)
_STREAM = ("create", "get")
ADMISSION = "admissionregistration.k8s.io"
_RBAC = "rbac.authorization.k8s.io"
_AUTHN = "authentication.k8s.io"
_AUTHZ = "authorization.k8s.io"

_POD_FIELDS = (
    "spec.nodeName",
    "status.phase",
    "spec.restartPolicy",
    "spec.schedulerName",
    "spec.serviceAccountName",
    "spec.hostNetwork",
    "status.podIP",
    "status.nominatedNodeName",
)
_EVENT_FIELDS = (
    "involvedObject.kind",
    "involvedObject.namespace",
    "involvedObject.name",
    "involvedObject.uid",
    "involvedObject.apiVersion",
    "involvedObject.resourceVersion",
    "involvedObject.fieldPath",
    "reason",
    "reportingComponent",
    "source",
    "type",
)
_V1_EVENT_FIELDS = tuple(f.replace("involvedObject", "regarding") for f in _EVENT_FIELDS)
_EVENT_PATHS = tuple("source.component" if f == "source" else f for f in _EVENT_FIELDS)


def registry() -> Registry:
    """A registry of every built-in resource."""
    out = Registry()
    for resource in [*_core(), *_groups(), *_reviews()]:
        out.add(resource)
    return out


def _core() -> list[Resource]:
    def core(kind: str, plural: str, short: str = "", **more: object) -> Resource:
        return Resource("", "v1", kind, plural, short_names=(short,) if short else (), **more)  # type: ignore[arg-type]

    no_collection = tuple(v for v in ("create", "delete", "get", "list", "patch", "update", "watch"))
    return [
        core("ConfigMap", "configmaps", "cm"),
        core("Endpoints", "endpoints", "ep", singular="endpoints", create_on_update=True),
        Resource(
            "",
            "v1",
            "Event",
            "events",
            short_names=("ev",),
            fields=_EVENT_FIELDS,
            field_paths=_EVENT_PATHS,
            own_field_words=True,
            create_on_update=True,
        ),
        core(
            "Namespace",
            "namespaces",
            "ns",
            namespaced=False,
            verbs=no_collection,
            check_name=names.label_1123,
            fields=("status.phase",),
            own_field_words=True,
            returns_deleted=True,
            subresources=(Subresource("finalize", ("update",)), STATUS),
        ),
        core(
            "Node",
            "nodes",
            "no",
            namespaced=False,
            fields=("spec.unschedulable",),
            own_field_words=True,
            subresources=(STATUS,),
        ),
        core(
            "Pod",
            "pods",
            "po",
            categories=("all",),
            fields=_POD_FIELDS,
            own_field_words=True,
            has_generation=True,
            returns_deleted=True,
            subresources=(
                Subresource("attach", _STREAM, "PodAttachOptions"),
                Subresource("binding", _CREATE, "Binding"),
                Subresource("eviction", _CREATE, "Eviction", "policy", "v1"),
                Subresource("exec", _STREAM, "PodExecOptions"),
                Subresource("log", ("get",)),
                Subresource("portforward", _STREAM, "PodPortForwardOptions"),
                STATUS,
            ),
        ),
        core("Secret", "secrets", fields=("type",), own_field_words=True),
        core(
            "ServiceAccount",
            "serviceaccounts",
            "sa",
            returns_deleted=True,
            subresources=(Subresource("token", _CREATE, "TokenRequest", _AUTHN, "v1"),),
        ),
        core(
            "Service",
            "services",
            "svc",
            categories=("all",),
            fields=("spec.clusterIP", "spec.type"),
            own_field_words=True,
            check_name=names.label_1035,
            returns_deleted=True,
            create_on_update=True,
            subresources=(STATUS,),
        ),
    ]


def _groups() -> list[Resource]:
    def rbac(kind: str, plural: str, namespaced: bool) -> Resource:
        return Resource(
            _RBAC,
            "v1",
            kind,
            plural,
            namespaced=namespaced,
            check_name=names.path_segment,
            create_on_update=True,
        )

    return [
        *_admission(),
        *_workloads(),
        Resource(
            "events.k8s.io",
            "v1",
            "Event",
            "events",
            short_names=("ev",),
            storage_name="events",
            stored_as="/v1/Event",
            fields=_V1_EVENT_FIELDS,
            field_paths=_EVENT_PATHS,
            own_field_words=True,
            create_on_update=True,
            outward=event_versions.to_v1,
            inward=event_versions.from_v1,
        ),
        rbac("ClusterRoleBinding", "clusterrolebindings", False),
        rbac("ClusterRole", "clusterroles", False),
        rbac("RoleBinding", "rolebindings", True),
        rbac("Role", "roles", True),
        Resource(
            "apiextensions.k8s.io",
            "v1",
            "CustomResourceDefinition",
            "customresourcedefinitions",
            namespaced=False,
            short_names=("crd", "crds"),
            categories=("api-extensions",),
            subresources=(STATUS,),
            has_generation=True,
            unconditional_update=False,
            returns_deleted=True,
            stored_as="apiextensions.k8s.io/v1beta1/CustomResourceDefinition",
        ),
        Resource(
            "certificates.k8s.io",
            "v1",
            "CertificateSigningRequest",
            "certificatesigningrequests",
            namespaced=False,
            short_names=("csr",),
            fields=("spec.signerName",),
            own_field_words=True,
            subresources=(Subresource("approval", ("get", "patch", "update")), STATUS),
        ),
        Resource(
            "coordination.k8s.io", "v1", "Lease", "leases", create_on_update=True, unconditional_update=False
        ),
        Resource(
            "discovery.k8s.io",
            "v1",
            "EndpointSlice",
            "endpointslices",
            has_generation=True,
            create_on_update=True,
        ),
    ]


def _admission() -> list[Resource]:
    """Who else has a say in what is written."""

    def of(kind: str, plural: str, *subresources: Subresource) -> Resource:
        return Resource(
            ADMISSION,
            "v1",
            kind,
            plural,
            namespaced=False,
            has_generation=True,
            categories=("api-extensions",),
            subresources=subresources,
        )

    return [
        of("MutatingWebhookConfiguration", "mutatingwebhookconfigurations"),
        of("ValidatingAdmissionPolicy", "validatingadmissionpolicies", STATUS),
        of("ValidatingAdmissionPolicyBinding", "validatingadmissionpolicybindings"),
        of("ValidatingWebhookConfiguration", "validatingwebhookconfigurations"),
    ]


_SCALE = Subresource("scale", ("get", "patch", "update"), "Scale", "autoscaling", "v1")


def _workloads() -> list[Resource]:
    """Kinds that controllers act on, and kinds that are kept as data for whoever applies a whole manifest."""

    def of(group: str, version: str, kind: str, short: str = "", all_: bool = False, **more: Any) -> Resource:
        more.setdefault("subresources", (STATUS,))
        plural = {"NetworkPolicy": "networkpolicies", "Ingress": "ingresses"}.get(kind, kind.lower() + "s")
        plural = {
            "PriorityClass": "priorityclasses",
            "StorageClass": "storageclasses",
            "IngressClass": "ingressclasses",
            "CSIStorageCapacity": "csistoragecapacities",
        }.get(kind, plural)
        return Resource(
            group,
            version,
            kind,
            plural,
            short_names=tuple(short.split()),
            categories=("all",) if all_ else (),
            **more,
        )

    counted: dict[str, Any] = {"has_generation": True}
    scaled: dict[str, Any] = {"has_generation": True, "subresources": (_SCALE, STATUS)}
    return [
        of("", "v1", "LimitRange", "limits", subresources=()),
        of("", "v1", "ResourceQuota", "quota", returns_deleted=True),
        of("", "v1", "PersistentVolume", "pv", namespaced=False, returns_deleted=True),
        of("", "v1", "PersistentVolumeClaim", "pvc", returns_deleted=True),
        of("", "v1", "ReplicationController", "rc", True, **scaled),
        of("apiregistration.k8s.io", "v1", "APIService", namespaced=False),
        of("apps", "v1", "ControllerRevision", subresources=()),
        of("apps", "v1", "DaemonSet", "ds", True, **counted),
        of("apps", "v1", "Deployment", "deploy", True, **scaled),
        of("apps", "v1", "ReplicaSet", "rs", True, **scaled),
        of("apps", "v1", "StatefulSet", "sts", True, **scaled),
        of("autoscaling", "v2", "HorizontalPodAutoscaler", "hpa", True, **counted),
        of(
            "autoscaling",
            "v1",
            "HorizontalPodAutoscaler",
            "hpa",
            True,
            stored_as="autoscaling/v2/HorizontalPodAutoscaler",
            outward=autoscaler_versions.to_v1,
            inward=autoscaler_versions.from_v1,
            **counted,
        ),
        of("batch", "v1", "CronJob", "cj", True, **counted),
        of("batch", "v1", "Job", "", True, fields=("status.successful",), **counted),
        of("networking.k8s.io", "v1", "Ingress", "ing", **counted),
        of("networking.k8s.io", "v1", "IngressClass", namespaced=False, subresources=(), **counted),
        of("networking.k8s.io", "v1", "NetworkPolicy", "netpol", subresources=(), **counted),
        of("policy", "v1", "PodDisruptionBudget", "pdb", **counted),
        of("scheduling.k8s.io", "v1", "PriorityClass", "pc", namespaced=False, subresources=(), **counted),
        of("storage.k8s.io", "v1", "CSIDriver", namespaced=False, subresources=(), returns_deleted=True),
        of("storage.k8s.io", "v1", "CSINode", namespaced=False, subresources=(), returns_deleted=True),
        of("storage.k8s.io", "v1", "CSIStorageCapacity", subresources=()),
        of("storage.k8s.io", "v1", "VolumeAttachment", namespaced=False, returns_deleted=True),
        of(
            "storage.k8s.io",
            "v1",
            "StorageClass",
            "sc",
            namespaced=False,
            subresources=(),
            returns_deleted=True,
        ),
    ]


def _reviews() -> list[Resource]:
    def review(group: str, kind: str, namespaced: bool = False) -> Resource:
        return Resource(
            group, "v1", kind, kind.lower() + "s", namespaced=namespaced, verbs=_CREATE, stored=False
        )

    return [
        review(_AUTHN, "SelfSubjectReview"),
        review(_AUTHN, "TokenReview"),
        review(_AUTHZ, "LocalSubjectAccessReview", True),
        review(_AUTHZ, "SelfSubjectAccessReview"),
        review(_AUTHZ, "SelfSubjectRulesReview"),
        review(_AUTHZ, "SubjectAccessReview"),
    ]

"""Server-side printing: `Table` answers with kubectl's own columns."""

import json
from functools import cache
from typing import Any, Protocol

from sandbox.apiserver.machinery import schemas
from sandbox.apiserver.machinery.jsonobject import Obj
from sandbox.apiserver.printing import jsonpath, printers, volumes, workloads

_CORE, _META = "io.k8s.api.core.v1.", "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"
_NAME = ("Name", "string", f"={_META}.name", 0)
_AGE = ("Age", "string", f"={_META}.creationTimestamp", 0)
Column = tuple[str, str, str, int]
"""Name, type, description ("=Definition.field": that field's own), priority."""


def _text(name: str, description: str, priority: int = 0) -> Column:
    return (name, "string", description, priority)


def _binding(word: str, definition: str) -> list[Column]:
    users = [_text(w, f"{w} in the {word}", 1) for w in ("Users", "Groups", "ServiceAccounts")]
    return [_NAME, _text("Role", f"={definition}.roleRef"), _AGE, *users]


_EVENT_COLUMNS = [
    _text("Last Seen", f"={_CORE}Event.lastTimestamp"),
    _text("Type", f"={_CORE}Event.type"),
    _text("Reason", f"={_CORE}Event.reason"),
    _text("Object", f"={_CORE}Event.involvedObject"),
    _text("Subobject", f"={_CORE}ObjectReference.fieldPath", 1),
    _text("Source", f"={_CORE}Event.source", 1),
    _text("Message", f"={_CORE}Event.message"),
    _text("First Seen", f"={_CORE}Event.firstTimestamp", 1),
    _text("Count", f"={_CORE}Event.count", 1),
    ("Name", "string", f"={_META}.name", 1),
]
_RBAC = "rbac.authorization.k8s.io"
_ADMISSION = "admissionregistration.k8s.io"
_WEBHOOKS: list[Column] = [
    _NAME,
    _text("Webhooks", "Webhooks indicates the number of webhooks defined in this configuration"),
    _AGE,
]
_COLUMNS: dict[tuple[str, str], list[Column]] = {
    ("", "Pod"): [
        _NAME,
        _text("Ready", "The aggregate readiness state of this pod for accepting traffic."),
        _text("Status", "The aggregate status of the containers in this pod."),
        _text(
            "Restarts",
            "The number of times the containers in this pod have been restarted and when the last container "
            "in this pod has restarted.",
        ),
        _AGE,
        _text("IP", f"={_CORE}PodStatus.podIP", 1),
        _text("Node", f"={_CORE}PodSpec.nodeName", 1),
        _text("Nominated Node", f"={_CORE}PodStatus.nominatedNodeName", 1),
        _text("Readiness Gates", f"={_CORE}PodSpec.readinessGates", 1),
    ],
    ("", "Service"): [
        _NAME,
        _text("Type", f"={_CORE}ServiceSpec.type"),
        _text("Cluster-IP", f"={_CORE}ServiceSpec.clusterIP"),
        _text("External-IP", f"={_CORE}ServiceSpec.externalIPs"),
        _text("Port(s)", f"={_CORE}ServiceSpec.ports"),
        _AGE,
        _text("Selector", f"={_CORE}ServiceSpec.selector", 1),
    ],
    ("", "Node"): [
        _NAME,
        _text("Status", "The status of the node"),
        _text("Roles", "The roles of the node"),
        _AGE,
        _text("Version", f"={_CORE}NodeSystemInfo.kubeletVersion"),
        _text("Internal-IP", f"={_CORE}NodeStatus.addresses", 1),
        _text("External-IP", f"={_CORE}NodeStatus.addresses", 1),
        _text("OS-Image", f"={_CORE}NodeSystemInfo.osImage", 1),
        _text("Kernel-Version", f"={_CORE}NodeSystemInfo.kernelVersion", 1),
        _text("Container-Runtime", f"={_CORE}NodeSystemInfo.containerRuntimeVersion", 1),
    ],
    ("", "Namespace"): [_NAME, _text("Status", "The status of the namespace"), _AGE],
    ("", "ConfigMap"): [_NAME, _text("Data", f"={_CORE}ConfigMap.data"), _AGE],
    ("", "Secret"): [
        _NAME,
        _text("Type", f"={_CORE}Secret.type"),
        _text("Data", f"={_CORE}Secret.data"),
        _AGE,
    ],
    ("", "ServiceAccount"): [_NAME, _text("Secrets", f"={_CORE}ServiceAccount.secrets"), _AGE],
    ("", "Event"): _EVENT_COLUMNS,
    ("events.k8s.io", "Event"): _EVENT_COLUMNS,
    ("", "Endpoints"): [_NAME, _text("Endpoints", f"={_CORE}Endpoints.subsets"), _AGE],
    ("apps", "Deployment"): [
        _NAME,
        _text("Ready", "Number of the pod with ready state"),
        _text("Up-to-date", "=io.k8s.api.apps.v1.DeploymentStatus.updatedReplicas"),
        _text("Available", "=io.k8s.api.apps.v1.DeploymentStatus.availableReplicas"),
        _AGE,
        _text("Containers", "Names of each container in the template.", 1),
        _text("Images", "Images referenced by each container in the template.", 1),
        _text("Selector", "=io.k8s.api.apps.v1.DeploymentSpec.selector", 1),
    ],
    ("discovery.k8s.io", "EndpointSlice"): [
        _NAME,
        _text("AddressType", "=io.k8s.api.discovery.v1.EndpointSlice.addressType"),
        _text("Ports", "=io.k8s.api.discovery.v1.EndpointSlice.ports"),
        _text("Endpoints", "=io.k8s.api.discovery.v1.EndpointSlice.endpoints"),
        _AGE,
    ],
    ("coordination.k8s.io", "Lease"): [
        _NAME,
        _text("Holder", "=io.k8s.api.coordination.v1.LeaseSpec.holderIdentity"),
        _AGE,
    ],
    ("certificates.k8s.io", "CertificateSigningRequest"): [
        _NAME,
        _AGE,
        _text("SignerName", "=io.k8s.api.certificates.v1.CertificateSigningRequestSpec.signerName"),
        _text("Requestor", "=io.k8s.api.certificates.v1.CertificateSigningRequestSpec.request"),
        _text(
            "RequestedDuration",
            "=io.k8s.api.certificates.v1.CertificateSigningRequestSpec.expirationSeconds",
        ),
        _text("Condition", "=io.k8s.api.certificates.v1.CertificateSigningRequestStatus.conditions"),
    ],
    (_ADMISSION, "MutatingWebhookConfiguration"): _WEBHOOKS,
    (_ADMISSION, "ValidatingWebhookConfiguration"): _WEBHOOKS,
    (_ADMISSION, "ValidatingAdmissionPolicy"): [
        _NAME,
        _text(
            "Validations",
            "Validations indicates the number of validation rules defined in this configuration",
        ),
        _text("ParamKind", "ParamKind specifies the kind of resources used to parameterize this policy"),
        _AGE,
    ],
    (_ADMISSION, "ValidatingAdmissionPolicyBinding"): [
        _NAME,
        _text("PolicyName", "PolicyName indicates the policy definition which the policy binding binded to"),
        _text("ParamRef", "ParamRef indicates the param resource which sets the configration param"),
        _AGE,
    ],
    (_RBAC, "RoleBinding"): _binding("roleBinding", "io.k8s.api.rbac.v1.RoleBinding"),
    (_RBAC, "ClusterRoleBinding"): _binding("clusterRoleBinding", "io.k8s.api.rbac.v1.ClusterRoleBinding"),
}
_DEFAULT_COLUMNS: list[Column] = [_NAME, ("Created At", "date", f"={_META}.creationTimestamp", 0)]
_CUSTOM_AGE: Obj = {
    "name": "Age",
    "type": "date",
    "description": "Custom resource definition column (in JSONPath format): .metadata.creationTimestamp",
    "jsonPath": ".metadata.creationTimestamp",
}


class Printable(Protocol):
    """What a table must know of a resource."""

    group: str
    version: str
    kind: str
    custom: Any

    @property
    def api_version(self) -> str: ...


@cache
def _description(text: str) -> str:
    if not text.startswith("="):
        return text
    definition, _, field = text[1:].rpartition(".")
    member = schemas.definitions()[definition]["properties"][field]
    return str(member.get("description", ""))


def _definition(column: Column) -> Obj:
    name, kind, description, priority = column
    is_name = name == "Name" and description == _NAME[2]
    return {
        "name": name,
        "type": kind,
        "format": "name" if is_name else "",
        "description": _description(description),
        "priority": priority,
    }


_SHOWN = workloads.SHOWN | volumes.SHOWN


@cache
def _definitions(group: str, kind: str) -> list[Obj]:
    if shown := _SHOWN.get((group, kind)):
        return [_definition(column[:4]) for column in shown]
    return [_definition(c) for c in _COLUMNS.get((group, kind), _DEFAULT_COLUMNS)]


def columns(resource: Printable) -> list[Obj]:
    """The columnDefinitions of a resource."""
    if resource.custom is None:
        return _definitions(resource.group, resource.kind)
    out = [_definition(_NAME)]
    for column in resource.custom.columns or [_CUSTOM_AGE]:
        path = column["jsonPath"]
        given = column.get("description") or f"Custom resource definition column (in JSONPath format): {path}"
        out.append(
            {
                "name": column["name"],
                "type": column["type"],
                "format": column.get("format", ""),
                "description": given,
                "priority": column.get("priority", 0),
            }
        )
    return out


def cells(resource: Printable, obj: Obj) -> list[Any]:
    """One row's values, in the order of the columns."""
    if resource.custom is None:
        printer = printers.CELLS.get((resource.group, resource.kind))
        if printer:
            return printer(obj)
        if shown := _SHOWN.get((resource.group, resource.kind)):
            return [column[4](obj) for column in shown]
        return [obj["metadata"].get("name", ""), obj["metadata"].get("creationTimestamp")]
    custom = resource.custom.columns or [_CUSTOM_AGE]
    return [obj["metadata"].get("name", ""), *(_custom_cell(obj, column) for column in custom)]


def _custom_cell(obj: Obj, column: Obj) -> Any:
    found = jsonpath.find(obj, column["jsonPath"])
    if not found:
        return None
    kind, value = column["type"], found[0]
    if kind == "string":
        return " ".join(_printed(item) for item in found)
    if kind == "date":
        return printers.since(value) if isinstance(value, str) else None
    if kind == "boolean":
        return value if isinstance(value, bool) else None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return int(value) if kind == "integer" else value


def _printed(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict | list):
        return json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    return str(value)


def render(
    resource: Printable,
    objects: list[Obj],
    list_meta: Obj,
    include: str = "Metadata",
    headers: bool = True,
) -> Obj:
    """A Table of objects in the resource's version.

    list_meta: the ListMeta of a list, or {"resourceVersion": …} of one object.
    include: Metadata, Object or None.
    headers: False leaves the columns out, as every watch event after the first does.
    """
    rows: list[Obj] = []
    for obj in objects:
        row: Obj = {"cells": cells(resource, obj)}
        if resource.group == "" and resource.kind == "Pod" and (found := printers.pod_conditions(obj)):
            row["conditions"] = found
        if include == "Object":
            row["object"] = {"kind": resource.kind, "apiVersion": resource.api_version, **obj}
        elif include == "None":
            row["object"] = None
        else:
            row["object"] = partial(obj)
        rows.append(row)
    return {
        "kind": "Table",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": {k: v for k, v in list_meta.items() if k in _LIST_META and v not in ("", None)},
        "columnDefinitions": columns(resource) if headers else None,
        "rows": rows,
    }


_LIST_META = ("resourceVersion", "continue", "remainingItemCount", "selfLink")


def partial(obj: Obj) -> Obj:
    """The PartialObjectMetadata of an object."""
    return {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": obj["metadata"]}

"""Validation of the built-in kinds, in upstream's words. Each check gets the defaulted object."""

import base64
import ipaddress
import json
import re
from collections.abc import Callable
from typing import Any

from sandbox.apiserver.admission import certificates, podspec, registrations, workloads
from sandbox.apiserver.admission.podspec import choice, port_errors
from sandbox.apiserver.machinery import names
from sandbox.apiserver.machinery.apierrors import (
    FieldError,
    duplicate,
    forbidden_field,
    invalid_value,
    not_supported,
    required,
    too_long,
)
from sandbox.apiserver.machinery.jsonobject import Obj

_IMMUTABLE = "field is immutable"
_MAX_DATA = 1 << 20  # bytes of a ConfigMap or Secret: core.MaxSecretSize


def _service(obj: Obj) -> list[FieldError]:
    spec = obj["spec"]
    out: list[FieldError] = []
    ports = spec.get("ports") or []
    if not ports and spec.get("clusterIP") != "None" and spec["type"] != "ExternalName":
        out.append(required("spec.ports"))
    if spec["type"] == "ExternalName" and not spec.get("externalName"):
        out.append(required("spec.externalName"))
    seen: set[str] = set()
    pairs: set[tuple[Any, Any]] = set()
    for i, port in enumerate(ports):
        at = f"spec.ports[{i}]"
        name = port.get("name", "")
        if not name and len(ports) > 1:
            out.append(required(f"{at}.name"))
        elif name:
            out += [invalid_value(f"{at}.name", name, t) for t in names.label_1123(name)]
            if name in seen:
                out.append(duplicate(f"{at}.name", name))
            seen.add(name)
        out += port_errors(port.get("port", 0), f"{at}.port")
        out += choice(port["protocol"], ["SCTP", "TCP", "UDP"], f"{at}.protocol")
        target = port.get("targetPort")
        if isinstance(target, str):
            if not re.fullmatch(r"(?=.*[a-z])[a-z0-9]([a-z0-9-]{0,13}[a-z0-9])?", target):
                out.append(invalid_value(f"{at}.targetPort", target, "must be a valid port name"))
        else:
            out += port_errors(target if target is not None else 0, f"{at}.targetPort")
        pair = (port.get("protocol"), port.get("port"))
        if pair in pairs:
            out.append(duplicate(at, {"port": pair[1], "protocol": pair[0]}))
        pairs.add(pair)
    out += names.label_errors(spec.get("selector") or {}, "spec.selector")
    out += choice(spec["sessionAffinity"], ["ClientIP", "None"], "spec.sessionAffinity")
    out += choice(spec["type"], ["ClusterIP", "ExternalName", "LoadBalancer", "NodePort"], "spec.type")
    address = spec.get("clusterIP")
    if address and address != "None":
        try:
            ipaddress.ip_address(address)
        except ValueError:
            text = "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"
            out.append(invalid_value("spec.clusterIPs[0]", address, text))
    return out


def _service_update(new: Obj, old: Obj) -> list[FieldError]:
    a, b = new["spec"].get("clusterIP"), old["spec"].get("clusterIP")
    if b and a != b and "ExternalName" not in (new["spec"]["type"], old["spec"]["type"]):
        return [
            invalid_value("spec.clusterIPs[0]", [a], "may not change once set"),
        ]
    return []


def _data(obj: Obj) -> list[FieldError]:
    out: list[FieldError] = []
    for part in ("data", "binaryData"):
        for key in obj.get(part) or {}:
            if not re.fullmatch(r"[-._a-zA-Z0-9]{1,253}", key) or key in (".", ".."):
                text = (
                    "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g."
                    " 'key.name',  or 'KEY_NAME',  or 'key-name', regex used for validation is"
                    " '[-._a-zA-Z0-9]+')"
                )
                out.append(invalid_value(f"{part}[{key}]", key, text))
    return out


def _config_map(obj: Obj) -> list[FieldError]:
    out = _data(obj)
    data, binary = obj.get("data") or {}, obj.get("binaryData") or {}
    words = "duplicate of key present in binaryData"
    out += [invalid_value(f"data[{key}]", key, words) for key in data if key in binary]
    if sum(len(v.encode()) for v in data.values()) + sum(map(_decoded, binary.values())) > _MAX_DATA:
        out.append(too_long("[]", _MAX_DATA))
    return out


def _decoded(text: str) -> int:
    return len(text) * 3 // 4 - text.count("=", -2)


_SECRET_KEYS = {
    "kubernetes.io/tls": ("tls.crt", "tls.key"),
    "kubernetes.io/dockerconfigjson": (".dockerconfigjson",),
    "kubernetes.io/dockercfg": (".dockercfg",),
    "kubernetes.io/ssh-auth": ("ssh-privatekey",),
}


def _secret(obj: Obj) -> list[FieldError]:
    out = _data(obj)
    data, kind = obj.get("data") or {}, obj.get("type", "")
    if sum(map(_decoded, data.values())) > _MAX_DATA:
        out.append(too_long("data", _MAX_DATA))
    out += [required(f"data[{key}]") for key in _SECRET_KEYS.get(kind, ()) if key not in data]
    if kind == "kubernetes.io/basic-auth" and not {"username", "password"} & data.keys():
        out += [required("data[username]"), required("data[password]")]
    if kind == "kubernetes.io/service-account-token":
        name = (obj["metadata"].get("annotations") or {}).get("kubernetes.io/service-account.name")
        if not name:
            out.append(required("metadata.annotations[kubernetes.io/service-account.name]"))
    for key in (".dockerconfigjson", ".dockercfg"):
        if key in _SECRET_KEYS.get(kind, ()) and key in data:
            try:
                json.loads(base64.b64decode(data[key]))
            except ValueError as error:
                out.append(invalid_value(f"data[{key}]", "<secret contents redacted>", str(error)))
    return out


def _data_update(new: Obj, old: Obj) -> list[FieldError]:
    out: list[FieldError] = []
    if old.get("immutable"):
        if not new.get("immutable"):
            out.append(forbidden_field("immutable", "field is immutable when `immutable` is set"))
        for part in ("data", "binaryData"):
            if new.get(part) != old.get(part):
                out.append(forbidden_field(part, "field is immutable when `immutable` is set"))
    if new.get("type") != old.get("type"):
        out.append(invalid_value("type", new.get("type"), _IMMUTABLE))
    return out


def _event(obj: Obj) -> list[FieldError]:
    about = obj["involvedObject"].get("namespace", "")
    home = obj["metadata"].get("namespace", "")
    if about != home and not (about == "" and home == "default"):
        return [invalid_value("involvedObject.namespace", about, "does not match event.namespace")]
    return []


def _rule(rule: Obj, field: str, namespaced: bool) -> list[FieldError]:
    out: list[FieldError] = []
    if not rule.get("verbs"):
        out.append(required(f"{field}.verbs", "verbs must contain at least one value"))
    if urls := rule.get("nonResourceURLs"):
        if namespaced:
            text = "namespaced rules cannot apply to non-resource URLs"
            out.append(invalid_value(f"{field}.nonResourceURLs", urls, text))
        if rule.get("apiGroups") or rule.get("resources") or rule.get("resourceNames"):
            text = "rules cannot apply to both regular resources and non-resource URLs"
            out.append(invalid_value(f"{field}.nonResourceURLs", urls, text))
        return out
    if not rule.get("apiGroups"):
        out.append(required(f"{field}.apiGroups", "resource rules must supply at least one api group"))
    if not rule.get("resources"):
        out.append(required(f"{field}.resources", "resource rules must supply at least one resource"))
    return out


def _role(obj: Obj) -> list[FieldError]:
    namespaced = bool(obj["metadata"].get("namespace"))
    return [e for i, r in enumerate(obj.get("rules") or []) for e in _rule(r, f"rules[{i}]", namespaced)]


def _binding(obj: Obj) -> list[FieldError]:
    out: list[FieldError] = []
    ref = obj.get("roleRef") or {}
    namespaced = bool(obj["metadata"].get("namespace"))
    allowed = ["ClusterRole", "Role"] if namespaced else ["ClusterRole"]
    if ref.get("apiGroup", "rbac.authorization.k8s.io") != "rbac.authorization.k8s.io":
        out.append(not_supported("roleRef.apiGroup", ref["apiGroup"], ["rbac.authorization.k8s.io"]))
    if ref.get("kind") not in allowed:
        out.append(not_supported("roleRef.kind", ref.get("kind", ""), allowed))
    if not ref.get("name"):
        out.append(required("roleRef.name"))
    for i, subject in enumerate(obj.get("subjects") or []):
        if not subject.get("name"):
            out.append(required(f"subjects[{i}].name"))
        if subject.get("kind") == "ServiceAccount":
            if not subject.get("namespace") and not namespaced:
                out.append(required(f"subjects[{i}].namespace"))
        elif subject.get("kind") not in ("User", "Group"):
            kinds = ["Group", "ServiceAccount", "User"]
            out.append(not_supported(f"subjects[{i}].kind", subject.get("kind", ""), kinds))
    return out


def _binding_update(new: Obj, old: Obj) -> list[FieldError]:
    if new.get("roleRef") != old.get("roleRef"):
        return [invalid_value("roleRef", new.get("roleRef"), "cannot change roleRef")]
    return []


def _lease(obj: Obj) -> list[FieldError]:
    out: list[FieldError] = []
    spec = obj["spec"]
    if (seconds := spec.get("leaseDurationSeconds")) is not None and seconds <= 0:
        out.append(invalid_value("spec.leaseDurationSeconds", seconds, "must be greater than 0"))
    if (count := spec.get("leaseTransitions")) is not None and count < 0:
        out.append(invalid_value("spec.leaseTransitions", count, "must be greater than or equal to 0"))
    return out


def _slice(obj: Obj) -> list[FieldError]:
    return choice(obj.get("addressType"), ["FQDN", "IPv4", "IPv6"], "addressType")


def _api_service(obj: Obj) -> list[FieldError]:
    spec = obj.get("spec") or {}
    wanted = f"{spec.get('version', '')}.{spec.get('group', '')}"
    if (name := obj["metadata"].get("name", "")) != wanted:
        return [invalid_value("metadata.name", name, f'must be `spec.version+"."+spec.group`: "{wanted}"')]
    return []


CREATE: dict[str, Callable[[Obj], list[FieldError]]] = {
    "pods": podspec.pod,
    "services": _service,
    "configmaps": _config_map,
    "secrets": _secret,
    "deployments.apps": workloads.workload(podspec.pod_spec),
    "replicasets.apps": workloads.workload(podspec.pod_spec),
    "replicationcontrollers": workloads.replication_controller(podspec.pod_spec),
    "statefulsets.apps": workloads.workload(podspec.pod_spec),
    "daemonsets.apps": workloads.workload(podspec.pod_spec),
    "jobs.batch": workloads.job(podspec.pod_spec),
    "cronjobs.batch": workloads.cron_job(podspec.pod_spec),
    "poddisruptionbudgets.policy": workloads.budget,
    "events": _event,
    "roles.rbac.authorization.k8s.io": _role,
    "clusterroles.rbac.authorization.k8s.io": _role,
    "rolebindings.rbac.authorization.k8s.io": _binding,
    "clusterrolebindings.rbac.authorization.k8s.io": _binding,
    "leases.coordination.k8s.io": _lease,
    "endpointslices.discovery.k8s.io": _slice,
    "apiservices.apiregistration.k8s.io": _api_service,
    certificates.KIND: certificates.errors,
    **registrations.ERRORS,
}
"""By storage name; run on every create and update."""

UPDATE: dict[str, Callable[[Obj, Obj], list[FieldError]]] = {
    "pods": podspec.pod_update,
    "services": _service_update,
    "configmaps": _data_update,
    "secrets": _data_update,
    "rolebindings.rbac.authorization.k8s.io": _binding_update,
    "clusterrolebindings.rbac.authorization.k8s.io": _binding_update,
    **workloads.UPDATE,
}
"""By storage name; (new, old), run after CREATE's on an update."""

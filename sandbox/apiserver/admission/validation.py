"""Validation of the built-in kinds, in upstream's words. Each check gets the defaulted object."""

import ipaddress
import re
from collections.abc import Callable
from typing import Any

from sandbox.apiserver.machinery import names
from sandbox.apiserver.machinery.apierrors import (
    FieldError,
    duplicate,
    forbidden_field,
    invalid_value,
    not_supported,
    required,
)
from sandbox.apiserver.machinery.jsonobject import Obj

_PORT_TEXT = "must be between 1 and 65535, inclusive"
_IMMUTABLE = "field is immutable"


def _port(value: Any, field: str) -> list[FieldError]:
    if isinstance(value, int) and 1 <= value <= 65535:
        return []
    return [invalid_value(field, value, _PORT_TEXT)]


def _choice(value: Any, allowed: list[str], field: str) -> list[FieldError]:
    if value in allowed:
        return []
    return [not_supported(field, value, allowed)] if value else [required(field)]


def _container(c: Obj, field: str, seen: set[str]) -> list[FieldError]:
    out: list[FieldError] = []
    name = c.get("name", "")
    if not name:
        out.append(required(f"{field}.name"))
    else:
        out += [invalid_value(f"{field}.name", name, t) for t in names.label_1123(name)]
        if name in seen:
            out.append(duplicate(f"{field}.name", name))
        seen.add(name)
    image = c.get("image", "")
    if not image:
        out.append(required(f"{field}.image"))
    elif image != image.strip():
        out.append(invalid_value(f"{field}.image", image, "must not have leading or trailing whitespace"))
    port_names: set[str] = set()
    for i, port in enumerate(c.get("ports") or []):
        at = f"{field}.ports[{i}]"
        if name := port.get("name"):
            if not re.fullmatch(r"(?=.*[a-z])[a-z0-9]([a-z0-9-]{0,13}[a-z0-9])?", name):
                text = "must be a valid port name: at most 15 characters, at least one letter (a-z), no '--'"
                out.append(invalid_value(f"{at}.name", name, text))
            if name in port_names:
                out.append(duplicate(f"{at}.name", name))
            port_names.add(name)
        if not port.get("containerPort"):
            out.append(required(f"{at}.containerPort"))
        else:
            out += _port(port["containerPort"], f"{at}.containerPort")
        if port.get("hostPort"):
            out += _port(port["hostPort"], f"{at}.hostPort")
        out += _choice(port.get("protocol"), ["SCTP", "TCP", "UDP"], f"{at}.protocol")
    for i, env in enumerate(c.get("env") or []):
        if not env.get("name"):
            out.append(required(f"{field}.env[{i}].name"))
    out += _choice(
        c.get("imagePullPolicy", "Always"), ["Always", "IfNotPresent", "Never"], f"{field}.imagePullPolicy"
    )
    return out


def _pod(obj: Obj) -> list[FieldError]:
    spec = obj["spec"]
    out: list[FieldError] = []
    volumes: set[str] = set()
    for i, volume in enumerate(spec.get("volumes") or []):
        if not volume.get("name"):
            out.append(required(f"spec.volumes[{i}].name"))
        elif volume["name"] in volumes:
            out.append(duplicate(f"spec.volumes[{i}].name", volume["name"]))
        volumes.add(volume.get("name", ""))
    seen: set[str] = set()
    if not spec.get("containers"):
        out.append(required("spec.containers"))
    for group in ("containers", "initContainers"):
        for i, container in enumerate(spec.get(group) or []):
            out += _container(container, f"spec.{group}[{i}]", seen)
            for j, mount in enumerate(container.get("volumeMounts") or []):
                at = f"spec.{group}[{i}].volumeMounts[{j}]"
                if mount.get("name") not in volumes:
                    out.append(
                        FieldError(
                            "FieldValueNotFound", f"{at}.name", f'Not found: "{mount.get("name", "")}"'
                        )
                    )
                if not mount.get("mountPath"):
                    out.append(required(f"{at}.mountPath"))
    out += _choice(spec["restartPolicy"], ["Always", "OnFailure", "Never"], "spec.restartPolicy")
    out += _choice(
        spec["dnsPolicy"], ["ClusterFirst", "ClusterFirstWithHostNet", "Default", "None"], "spec.dnsPolicy"
    )
    grace = spec["terminationGracePeriodSeconds"]
    if grace < 0:
        out.append(
            invalid_value("spec.terminationGracePeriodSeconds", grace, "must be greater than or equal to 0")
        )
    for key in ("nodeName", "hostname", "serviceAccountName"):
        if value := spec.get(key):
            check = names.label_1123 if key == "hostname" else names.subdomain
            out += [invalid_value(f"spec.{key}", value, t) for t in check(value)]
    out += names.label_errors(spec.get("nodeSelector") or {}, "spec.nodeSelector")
    return out


_POD_FIXED = (
    "pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,"
    "`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),"
    "`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)"
)


def _pod_update(new: Obj, old: Obj) -> list[FieldError]:
    a, b = new["spec"], old["spec"]
    for group in ("containers", "initContainers"):
        if len(a.get(group) or []) != len(b.get(group) or []):
            return [forbidden_field(f"spec.{group}", "pod updates may not add or remove containers")]

    def frozen(spec: Obj) -> Obj:
        out = {k: v for k, v in spec.items() if k not in ("activeDeadlineSeconds", "tolerations")}
        for group in ("containers", "initContainers"):
            out[group] = [{k: v for k, v in c.items() if k != "image"} for c in spec.get(group) or []]
        return out

    kept = all(t in (a.get("tolerations") or []) for t in b.get("tolerations") or [])
    return [] if frozen(a) == frozen(b) and kept else [forbidden_field("spec", _POD_FIXED)]


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
        out += _port(port.get("port", 0), f"{at}.port")
        out += _choice(port["protocol"], ["SCTP", "TCP", "UDP"], f"{at}.protocol")
        target = port.get("targetPort")
        if isinstance(target, str):
            if not re.fullmatch(r"(?=.*[a-z])[a-z0-9]([a-z0-9-]{0,13}[a-z0-9])?", target):
                out.append(invalid_value(f"{at}.targetPort", target, "must be a valid port name"))
        else:
            out += _port(target if target is not None else 0, f"{at}.targetPort")
        pair = (port.get("protocol"), port.get("port"))
        if pair in pairs:
            out.append(duplicate(at, {"port": pair[1], "protocol": pair[0]}))
        pairs.add(pair)
    out += names.label_errors(spec.get("selector") or {}, "spec.selector")
    out += _choice(spec["sessionAffinity"], ["ClientIP", "None"], "spec.sessionAffinity")
    out += _choice(spec["type"], ["ClusterIP", "ExternalName", "LoadBalancer", "NodePort"], "spec.type")
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
    return _choice(obj.get("addressType"), ["FQDN", "IPv4", "IPv6"], "addressType")


CREATE: dict[str, Callable[[Obj], list[FieldError]]] = {
    "pods": _pod,
    "services": _service,
    "configmaps": _data,
    "secrets": _data,
    "events": _event,
    "roles.rbac.authorization.k8s.io": _role,
    "clusterroles.rbac.authorization.k8s.io": _role,
    "rolebindings.rbac.authorization.k8s.io": _binding,
    "clusterrolebindings.rbac.authorization.k8s.io": _binding,
    "leases.coordination.k8s.io": _lease,
    "endpointslices.discovery.k8s.io": _slice,
}
"""By storage name; run on every create and update."""

UPDATE: dict[str, Callable[[Obj, Obj], list[FieldError]]] = {
    "pods": _pod_update,
    "services": _service_update,
    "configmaps": _data_update,
    "secrets": _data_update,
    "rolebindings.rbac.authorization.k8s.io": _binding_update,
    "clusterrolebindings.rbac.authorization.k8s.io": _binding_update,
}
"""By storage name; (new, old), run after CREATE's on an update."""

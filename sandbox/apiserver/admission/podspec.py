"""Validation of a PodSpec: what its table of rules cannot say, because it looks at several parts."""

import re
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


def port_errors(value: Any, field: str) -> list[FieldError]:
    if isinstance(value, int) and 1 <= value <= 65535:
        return []
    return [invalid_value(field, value, _PORT_TEXT)]


def choice(value: Any, allowed: list[str], field: str) -> list[FieldError]:
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
            out += port_errors(port["containerPort"], f"{at}.containerPort")
        if port.get("hostPort"):
            out += port_errors(port["hostPort"], f"{at}.hostPort")
        out += choice(port.get("protocol"), ["SCTP", "TCP", "UDP"], f"{at}.protocol")
    for i, env in enumerate(c.get("env") or []):
        if not env.get("name"):
            out.append(required(f"{field}.env[{i}].name"))
    out += choice(
        c.get("imagePullPolicy", "Always"), ["Always", "IfNotPresent", "Never"], f"{field}.imagePullPolicy"
    )
    return out


def pod_spec(spec: Obj, at_spec: str = "spec") -> list[FieldError]:
    """What is wrong with a PodSpec at a path, besides what the table of rules says."""
    out: list[FieldError] = []
    volumes: set[str] = set()
    for i, volume in enumerate(spec.get("volumes") or []):
        if not volume.get("name"):
            out.append(required(f"{at_spec}.volumes[{i}].name"))
        elif volume["name"] in volumes:
            out.append(duplicate(f"{at_spec}.volumes[{i}].name", volume["name"]))
        volumes.add(volume.get("name", ""))
    seen: set[str] = set()
    if not spec.get("containers"):
        out.append(required(f"{at_spec}.containers"))
    for group in ("containers", "initContainers"):
        for i, container in enumerate(spec.get(group) or []):
            out += _container(container, f"{at_spec}.{group}[{i}]", seen)
            for j, mount in enumerate(container.get("volumeMounts") or []):
                at = f"{at_spec}.{group}[{i}].volumeMounts[{j}]"
                if mount.get("name") not in volumes:
                    out.append(
                        FieldError(
                            "FieldValueNotFound", f"{at}.name", f'Not found: "{mount.get("name", "")}"'
                        )
                    )
                if not mount.get("mountPath"):
                    out.append(required(f"{at}.mountPath"))
    out += choice(spec.get("restartPolicy"), ["Always", "OnFailure", "Never"], f"{at_spec}.restartPolicy")
    out += choice(
        spec.get("dnsPolicy"),
        ["ClusterFirst", "ClusterFirstWithHostNet", "Default", "None"],
        f"{at_spec}.dnsPolicy",
    )
    grace = spec.get("terminationGracePeriodSeconds", 30)
    if grace < 0:
        out.append(
            invalid_value(
                f"{at_spec}.terminationGracePeriodSeconds", grace, "must be greater than or equal to 0"
            )
        )
    for key in ("nodeName", "hostname", "serviceAccountName"):
        if value := spec.get(key):
            check = names.label_1123 if key == "hostname" else names.subdomain
            out += [invalid_value(f"{at_spec}.{key}", value, t) for t in check(value)]
    out += names.label_errors(spec.get("nodeSelector") or {}, f"{at_spec}.nodeSelector")
    return out


def pod(obj: Obj) -> list[FieldError]:
    return pod_spec(obj["spec"])


_POD_FIXED = (
    "pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,"
    "`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),"
    "`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)"
)


def pod_update(new: Obj, old: Obj) -> list[FieldError]:
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

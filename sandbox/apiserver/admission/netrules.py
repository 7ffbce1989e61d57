"""Rules of networking.k8s.io and autoscaling, by type.

Source: pkg/apis/networking/validation and pkg/apis/autoscaling/validation of kubernetes/kubernetes.
"""

import ipaddress
from collections.abc import Iterator

from sandbox.apiserver.admission.rulekinds import Rule, at, needs, one_of
from sandbox.apiserver.machinery import names
from sandbox.apiserver.machinery.apierrors import (
    FieldError,
    forbidden_field,
    invalid_value,
    not_supported,
    required,
)
from sandbox.apiserver.machinery.jsonobject import Obj

_NET = "io.k8s.api.networking.v1."
_SCALING = "io.k8s.api.autoscaling.v2."
_CIDR = "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)"


# ---- NetworkPolicy


def _policy_types(obj: Obj, path: str) -> Iterator[FieldError]:
    kinds = obj.get("policyTypes") or []
    if len(kinds) > 2:
        yield invalid_value(at(path, "policyTypes"), kinds, "may not specify more than two policyTypes")
        return
    for i, kind in enumerate(kinds):
        if kind not in ("Egress", "Ingress"):
            yield not_supported(f"{at(path, 'policyTypes')}[{i}]", kind, ["Egress", "Ingress"])


def _peer(obj: Obj, path: str) -> Iterator[FieldError]:
    if not any(obj.get(k) is not None for k in ("podSelector", "namespaceSelector", "ipBlock")):
        yield required(path, "must specify a peer")
    if obj.get("ipBlock") is not None and len([k for k in obj if obj[k] is not None]) > 1:
        yield forbidden_field(path, "may not specify both ipBlock and another peer")


def _network(text: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network | None:
    try:
        return ipaddress.ip_network(text, strict=False) if "/" in text else None
    except ValueError:
        return None


def _ip_block(obj: Obj, path: str) -> Iterator[FieldError]:
    cidr = obj.get("cidr") or ""
    if not cidr:
        yield required(f"{path}.cidr")
        return
    whole = _network(cidr)
    if whole is None:
        yield invalid_value(f"{path}.cidr", cidr, _CIDR)
        return
    for i, text in enumerate(obj.get("except") or []):
        part, where = _network(text), f"{path}.except[{i}]"
        if part is None:
            yield invalid_value(where, text, _CIDR)
        elif part.version != whole.version or part == whole or not part.subnet_of(whole):  # type: ignore[arg-type]
            yield invalid_value(where, text, "must be a strict subset of `cidr`")


def _policy_port(obj: Obj, path: str) -> Iterator[FieldError]:
    port, end = obj.get("port"), obj.get("endPort")
    if isinstance(port, int):
        if not 1 <= port <= 65535:
            yield invalid_value(f"{path}.port", port, "must be between 1 and 65535, inclusive")
        if end is not None and end < port:
            yield invalid_value(f"{path}.endPort", end, "must be greater than or equal to `port`")
    elif end is not None:
        if port is None:
            yield required(f"{path}.port", "must be specified when `endPort` is specified")
        else:
            yield invalid_value(f"{path}.endPort", end, "may not be specified when `port` is non-numeric")
    if end is not None and not 1 <= end <= 65535:
        yield invalid_value(f"{path}.endPort", end, "must be between 1 and 65535, inclusive")


# ---- Ingress


def _ingress(obj: Obj, path: str) -> Iterator[FieldError]:
    if not obj.get("rules") and obj.get("defaultBackend") is None:
        yield invalid_value(
            path, obj.get("rules") or [], "either `defaultBackend` or `rules` must be specified"
        )


def _ingress_rule(obj: Obj, path: str) -> Iterator[FieldError]:
    host = obj.get("host")
    if not host:
        return
    try:
        ipaddress.ip_address(host)
        yield invalid_value(f"{path}.host", host, "must be a DNS name, not an IP address")
    except ValueError:
        check = names.subdomain(host.removeprefix("*.") if host.startswith("*.") else host)
        yield from (invalid_value(f"{path}.host", host, text) for text in check)


def _ingress_path(obj: Obj, path: str) -> Iterator[FieldError]:
    kind, text = obj.get("pathType"), obj.get("path") or ""
    if kind is None:
        yield required(f"{path}.pathType", "pathType must be specified")
    elif kind in ("Exact", "Prefix"):
        if not text.startswith("/"):
            yield invalid_value(f"{path}.path", text, "must be an absolute path")
        for bad in ("//", "/./", "/../", "%2f", "%2F"):
            if bad in text:
                yield invalid_value(f"{path}.path", text, f"must not contain '{bad}'")
    elif kind == "ImplementationSpecific":
        if text and not text.startswith("/"):
            yield invalid_value(f"{path}.path", text, "must be an absolute path")
    else:
        yield not_supported(f"{path}.pathType", kind, ["Exact", "ImplementationSpecific", "Prefix"])


def _backend(obj: Obj, path: str) -> Iterator[FieldError]:
    service, resource = obj.get("service"), obj.get("resource")
    if service is not None and resource is not None:
        yield invalid_value(path, "", "cannot set both resource and service backends")
    elif service is None and resource is None:
        yield required(path, "resource or service backend is required")
    if service is None:
        return
    name, port = service.get("name") or "", service.get("port") or {}
    if not name:
        yield required(f"{path}.service.name")
    else:
        yield from (invalid_value(f"{path}.service.name", name, t) for t in names.label_1035(name))
    if port.get("name") and port.get("number"):
        yield invalid_value(f"{path}", "", "cannot set both port name & port number")
    elif port.get("number"):
        if not 1 <= port["number"] <= 65535:
            text = "must be between 1 and 65535, inclusive"
            yield invalid_value(f"{path}.service.port.number", port["number"], text)
    elif not port.get("name"):
        yield required(path, "port name or number is required")


# ---- HorizontalPodAutoscaler


def _scaler(obj: Obj, path: str) -> Iterator[FieldError]:
    least, most = obj.get("minReplicas"), obj.get("maxReplicas") or 0
    if least is not None and least < 1:
        yield invalid_value(f"{path}.minReplicas", least, "must be greater than or equal to 1")
    if most < 1:
        yield invalid_value(f"{path}.maxReplicas", most, "must be greater than 0")
    elif least is not None and most < least:
        yield invalid_value(f"{path}.maxReplicas", most, "must be greater than or equal to `minReplicas`")


_SOURCES = {
    "Object": "object",
    "Pods": "pods",
    "Resource": "resource",
    "ContainerResource": "containerResource",
    "External": "external",
}


def _metric(obj: Obj, path: str) -> Iterator[FieldError]:
    kind = obj.get("type") or ""
    if not kind:
        yield required(f"{path}.type", "must specify a metric source type")
    elif kind not in _SOURCES:
        yield not_supported(f"{path}.type", kind, list(_SOURCES))
    else:
        member = _SOURCES[kind]
        if obj.get(member) is None:
            yield required(f"{path}.{member}", "must populate information for the given metric source")
        for other in _SOURCES.values():
            if other != member and obj.get(other) is not None:
                yield forbidden_field(f"{path}.{other}", "must populate the given metric source only")


def _target(obj: Obj, path: str) -> Iterator[FieldError]:
    kind = obj.get("type") or ""
    if not kind:
        yield required(f"{path}.type", "must specify a metric target type")
    elif kind not in (allowed := ["Utilization", "Value", "AverageValue"]):
        yield invalid_value(f"{path}.type", kind, "must be either Utilization, Value, or AverageValue")
    share = obj.get("averageUtilization")
    if share is not None and share < 1:
        yield invalid_value(f"{path}.averageUtilization", share, "must be greater than 0")
    if (
        kind
        and kind in allowed
        and not any(obj.get(k) is not None for k in ("averageUtilization", "averageValue", "value"))
    ):
        yield required(
            f"{path}.averageUtilization", "must set either a target raw value or a target utilization"
        )


RULES: dict[str, tuple[Rule, ...]] = {
    _NET + "NetworkPolicySpec": (_policy_types,),
    _NET + "NetworkPolicyPeer": (_peer,),
    _NET + "IPBlock": (_ip_block,),
    _NET + "NetworkPolicyPort": (one_of("protocol", "SCTP", "TCP", "UDP"), _policy_port),
    _NET + "IngressSpec": (_ingress,),
    _NET + "IngressRule": (_ingress_rule,),
    _NET + "HTTPIngressRuleValue": (needs("paths"),),
    _NET + "HTTPIngressPath": (_ingress_path,),
    _NET + "IngressBackend": (_backend,),
    _NET + "IngressClassSpec": (needs("controller"),),
    _SCALING + "HorizontalPodAutoscalerSpec": (_scaler,),
    _SCALING + "CrossVersionObjectReference": (needs("kind", "name"),),
    _SCALING + "MetricSpec": (_metric,),
    _SCALING + "MetricTarget": (_target,),
    _SCALING + "ResourceMetricSource": (needs("name", why="must specify a resource name"),),
}

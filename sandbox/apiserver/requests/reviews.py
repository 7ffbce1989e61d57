"""Reviews: objects that are questions. They are answered and not kept."""

from sandbox.apiserver.auth.authn import User
from sandbox.apiserver.auth.authz import Attributes
from sandbox.apiserver.machinery.apierrors import FieldError, forbidden_field, invalid, invalid_value
from sandbox.apiserver.machinery.jsonobject import Obj
from sandbox.apiserver.machinery.resources import Resource
from sandbox.apiserver.registry.cluster_state import Cluster


def answer(cluster: Cluster, user: User, resource: Resource, namespace: str, obj: Obj) -> Obj:
    """The review with its status filled in."""
    kind = resource.kind
    out: Obj = {"kind": kind, "apiVersion": resource.api_version, "metadata": {}}
    spec = {k: v for k, v in (obj.get("spec") or {}).items() if v not in ("", None)}
    if kind == "SelfSubjectReview":
        return {**out, "status": {"userInfo": user.info()}}
    if kind == "TokenReview":
        return {**out, "spec": spec, "status": _token(cluster, spec)}
    if kind == "SelfSubjectRulesReview":
        return {**out, "spec": {}, "status": _rules(cluster, user, spec.get("namespace", ""))}
    for part in ("resourceAttributes", "nonResourceAttributes"):
        if part in spec:
            spec[part] = {k: v for k, v in spec[part].items() if v not in ("", None)}
    errors = _errors(kind, spec, namespace)
    if errors:
        raise invalid(resource.group, kind, "", errors)
    who = user
    if kind != "SelfSubjectAccessReview":
        who = User(spec.get("user", ""), tuple(spec.get("groups") or ()), spec.get("uid", ""))
    reason = cluster.authorizer.check(who, _attributes(spec))
    status: Obj = {"allowed": reason is not None}
    if reason:
        status["reason"] = reason
    if namespace:
        out["metadata"] = {"namespace": namespace}
    return {**out, "spec": spec, "status": status}


def _errors(kind: str, spec: Obj, namespace: str) -> list[FieldError]:
    out: list[FieldError] = []
    resource, path = spec.get("resourceAttributes"), spec.get("nonResourceAttributes")
    if resource is not None and path is not None:
        text = "cannot be specified in combination with resourceAttributes"
        out.append(invalid_value("spec.nonResourceAttributes", path, text))
    if resource is None and path is None:
        text = "exactly one of nonResourceAttributes or resourceAttributes must be specified"
        out.append(invalid_value("spec.resourceAttributes", None, text))
    if kind != "SelfSubjectAccessReview" and not spec.get("user") and not spec.get("groups"):
        text = "at least one of user or group must be specified"
        out.append(invalid_value("spec.user", "", text))
    if kind == "LocalSubjectAccessReview":
        if path is not None:
            text = "disallowed on this kind of request"
            out.append(invalid_value("spec.nonResourceAttributes", path, text))
        elif (resource or {}).get("namespace") != namespace:
            text = f"must match metadata.namespace: {namespace}"
            out.append(forbidden_field("spec.resourceAttributes.namespace", text))
    return out


def _attributes(spec: Obj) -> Attributes:
    if (path := spec.get("nonResourceAttributes")) is not None:
        return Attributes(path.get("verb", ""), path=path.get("path", ""))
    asked = spec["resourceAttributes"]
    return Attributes(
        asked.get("verb", ""),
        asked.get("group", ""),
        asked.get("resource", ""),
        asked.get("subresource", ""),
        asked.get("namespace", ""),
        asked.get("name", ""),
    )


def _token(cluster: Cluster, spec: Obj) -> Obj:
    user = cluster.tokens.user(spec.get("token", ""))
    if user is None:
        return {"user": {}, "error": "invalid bearer token"}
    return {"authenticated": True, "user": user.info()}


def _rules(cluster: Cluster, user: User, namespace: str) -> Obj:
    resource_rules: list[Obj] = []
    path_rules: list[Obj] = []
    for rule in cluster.authorizer.rules(user, namespace):
        if urls := rule.get("nonResourceURLs"):
            path_rules.append({"verbs": rule.get("verbs") or [], "nonResourceURLs": urls})
        else:
            kept = ("verbs", "apiGroups", "resources", "resourceNames")
            resource_rules.append({k: rule[k] for k in kept if rule.get(k)})
    return {"resourceRules": resource_rules, "nonResourceRules": path_rules, "incomplete": False}

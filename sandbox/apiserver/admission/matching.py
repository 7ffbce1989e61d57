"""Which writes a webhook or a policy is asked about: rules, selectors, match conditions, and the request.

Source: staging/src/k8s.io/apiserver/pkg/admission/plugin/webhook (predicates, matchconditions, request) and
.../plugin/policy/matching of kubernetes/kubernetes.
"""

import uuid
from collections.abc import Iterable

from sandbox.apiserver.admission.expressions import ExpressionError, evaluate
from sandbox.apiserver.admission.workloads import matches as selects
from sandbox.apiserver.admission.writes import CREATE, DELETE, Origin, Write
from sandbox.apiserver.machinery.builtin import ADMISSION
from sandbox.apiserver.machinery.jsonobject import Obj
from sandbox.apiserver.machinery.resources import Registry, Resource, Subresource
from sandbox.apiserver.storage.revisions import Store

_OPTIONS = {CREATE: "CreateOptions", "UPDATE": "UpdateOptions", DELETE: "DeleteOptions"}


def exempt(write: Write) -> bool:
    """What configures admission is never asked about, or nobody could mend it."""
    return write.resource.group == ADMISSION or not write.resource.stored


def matched(hook: Obj, write: Write, registry: Registry, store: Store) -> Resource | None:
    """The resource under which a rule names the write, or None; then the selectors must choose it too.

    `hook` is a webhook, or the matchConstraints of a policy with its rules as `rules`.
    """
    resource = _by_rules(hook, write, registry)
    if resource is None or not _chosen(hook, write, store):
        return None
    return resource


def _by_rules(hook: Obj, write: Write, registry: Registry) -> Resource | None:
    rules = hook.get("rules") or []
    if any(_rule(r, write, write.resource) for r in hook.get("excludeRules") or []):
        return None
    if any(_rule(r, write, write.resource) for r in rules):
        return write.resource
    by_name = write.resource.custom is None or write.resource.custom.webhook is None
    if hook.get("matchPolicy", "Equivalent") == "Equivalent" and by_name:
        for other in registry:
            same = other.plural == write.resource.plural and other.storage_name == write.kind
            if same and other is not write.resource and any(_rule(r, write, other) for r in rules):
                return other
    return None


def _rule(rule: Obj, write: Write, resource: Resource) -> bool:
    def names(key: str, value: str) -> bool:
        listed = rule.get(key) or []
        return "*" in listed or value in listed

    if not names("operations", write.operation):
        return False
    if not names("apiGroups", resource.group) or not names("apiVersions", resource.version):
        return False
    scope = rule.get("scope", "*")
    if scope != "*" and (scope == "Namespaced") != resource.namespaced:
        return False
    if (named := rule.get("resourceNames")) and write.key[1] not in named:
        return False
    for text in rule.get("resources") or []:
        what, _, below = text.partition("/")
        if what in ("*", resource.plural) and below in ("*", write.subresource):
            return True
    return False


def _chosen(hook: Obj, write: Write, store: Store) -> bool:
    where = hook.get("namespaceSelector")
    if where and (labels := _namespace_labels(write, store)) is not None and not selects(where, labels):
        return False
    what = hook.get("objectSelector")
    return not what or any(selects(what, _labels(obj)) for obj in (shown(write), write.old) if obj)


def _labels(obj: Obj) -> dict[str, str]:
    labels: dict[str, str] = (obj.get("metadata") or {}).get("labels") or {}
    return labels


def _namespace_labels(write: Write, store: Store) -> dict[str, str] | None:
    """None for what is in no namespace, which no selector leaves out."""
    if write.kind == "namespaces":
        return _labels(write.obj or write.old or {})
    if not write.resource.namespaced:
        return None
    entry = store.get("namespaces", ("", write.namespace))
    return entry.labels if entry else {}


# ---- what is shown of a write


def shown(write: Write) -> Obj:
    """The object of the request: what is written, or what a subresource is about."""
    return write.obj if write.origin.body is None else write.origin.body


def outward(obj: Obj, resource: Resource) -> Obj:
    """An object as clients of a version see it."""
    obj = resource.outward(obj) if resource.outward else obj
    return {"kind": resource.kind, "apiVersion": resource.api_version, **_bare(obj)}


def _bare(obj: Obj) -> Obj:
    return {k: v for k, v in obj.items() if k not in ("kind", "apiVersion")}


def request(write: Write, resource: Resource) -> Obj:
    """The `request` of an AdmissionReview; `resource` is the one that was matched."""
    origin, name = write.origin, write.key[1]
    sub = resource.subresource(write.subresource) if write.subresource else None
    own = write.resource
    out: Obj = {
        "uid": str(uuid.uuid4()),
        "kind": _kind(resource, sub),
        "resource": {"group": resource.group, "version": resource.version, "resource": resource.plural},
        "requestKind": _kind(own, sub),
        "requestResource": {"group": own.group, "version": own.version, "resource": own.plural},
        "operation": write.operation,
        "userInfo": origin.user.info(),
        "object": None,
        "oldObject": None,
        "dryRun": origin.dry_run,
        "options": _options(write.operation, origin),
    }
    if write.subresource:
        out["subResource"] = out["requestSubResource"] = write.subresource
    if name:
        out["name"] = name
    if write.namespace:
        out["namespace"] = write.namespace
    elif write.kind == "namespaces":
        out["namespace"] = name
    if origin.body is not None:
        out["object"] = origin.body
    elif write.obj:
        out["object"] = outward(write.obj, resource)
    if write.old is not None and origin.body is None:
        out["oldObject"] = outward(write.old, resource)
    return out


def _kind(resource: Resource, sub: Subresource | None) -> Obj:
    if sub is not None and sub.kind:
        return {"group": sub.group, "version": sub.version or resource.version, "kind": sub.kind}
    return {"group": resource.group, "version": resource.version, "kind": resource.kind}


def _options(operation: str, origin: Origin) -> Obj:
    options = {"kind": _OPTIONS[operation], "apiVersion": "meta.k8s.io/v1", **origin.options}
    return {**options, "dryRun": ["All"]} if origin.dry_run else options


# ---- match conditions


def variables(asked: Obj) -> Obj:
    """What an expression sees of a request."""
    seen = {k: v for k, v in asked.items() if k not in ("object", "oldObject")}
    return {"object": asked["object"], "oldObject": asked["oldObject"], "request": seen}


def conditions_hold(conditions: Iterable[Obj], seen: Obj) -> bool:
    """One that is false decides; otherwise one that fails raises ExpressionError with its name."""
    failure: ExpressionError | None = None
    for condition in conditions:
        try:
            value = evaluate(condition["expression"], seen)
        except ExpressionError as error:
            name = condition.get("name", "")
            failure = failure or ExpressionError(
                f"failed to evaluate match condition \"{name}\": expression '{condition['expression']}' "
                f"resulted in error: {error}"
            )
            continue
        if value is not True:
            return False
    if failure:
        raise failure
    return True

"""Webhook configurations and admission policies: their defaults, and what is wrong with one.

Source: pkg/apis/admissionregistration (v1/defaults.go, validation/validation.go) of kubernetes/kubernetes.
"""

from collections.abc import Callable
from urllib.parse import urlsplit

from sandbox.apiserver.admission.expressions import ExpressionError, compiled
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

_GROUP = ".admissionregistration.k8s.io"
MUTATING, VALIDATING = "mutatingwebhookconfigurations" + _GROUP, "validatingwebhookconfigurations" + _GROUP
POLICIES, BINDINGS = "validatingadmissionpolicies" + _GROUP, "validatingadmissionpolicybindings" + _GROUP


def _matching(holder: Obj, rules: str) -> None:
    holder.setdefault("matchPolicy", "Equivalent")
    holder.setdefault("namespaceSelector", {})
    holder.setdefault("objectSelector", {})
    for key in (rules, "excludeResourceRules"):
        for rule in holder.get(key) or []:
            rule.setdefault("scope", "*")


def _webhooks(obj: Obj, mutating: bool = False) -> None:
    for hook in obj.get("webhooks") or []:
        hook.setdefault("failurePolicy", "Fail")
        hook.setdefault("timeoutSeconds", 10)
        if mutating:
            hook.setdefault("reinvocationPolicy", "Never")
        _matching(hook, "rules")
        if service := (hook.get("clientConfig") or {}).get("service"):
            service.setdefault("port", 443)


def _policy(obj: Obj) -> None:
    spec = obj.setdefault("spec", {})
    spec.setdefault("failurePolicy", "Fail")
    if constraints := spec.get("matchConstraints"):
        _matching(constraints, "resourceRules")


def _binding(obj: Obj) -> None:
    if resources := (obj.get("spec") or {}).get("matchResources"):
        _matching(resources, "resourceRules")


DEFAULTS: dict[str, Callable[[Obj], None]] = {
    MUTATING: lambda obj: _webhooks(obj, True),
    VALIDATING: _webhooks,
    POLICIES: _policy,
    BINDINGS: _binding,
}
"""By storage name."""


def _rules(rules: list[Obj], at: str) -> list[FieldError]:
    out: list[FieldError] = []
    for i, rule in enumerate(rules):
        for key in ("apiGroups", "apiVersions", "resources", "operations"):
            values = rule.get(key) or []
            if not values:
                out.append(required(f"{at}[{i}].{key}"))
            elif key != "resources" and "*" in values and len(values) > 1:
                text = "if '*' is present, must not specify other " + {
                    "apiGroups": "API groups",
                    "apiVersions": "API versions",
                    "operations": "operations",
                }.get(key, key)
                out.append(invalid_value(f"{at}[{i}].{key}", values, text))
        for j, operation in enumerate(rule.get("operations") or []):
            if operation not in (allowed := ["*", "CREATE", "UPDATE", "DELETE", "CONNECT"]):
                out.append(not_supported(f"{at}[{i}].operations[{j}]", operation, allowed))
        if rule.get("scope") not in (None, "*", "Cluster", "Namespaced"):
            out.append(not_supported(f"{at}[{i}].scope", rule["scope"], ["*", "Cluster", "Namespaced"]))
    return out


def expression_errors(items: list[Obj], at: str, *keys: str) -> list[FieldError]:
    """Expressions that are missing, or do not compile."""
    out: list[FieldError] = []
    for i, item in enumerate(items):
        for key in keys:
            text = item.get(key)
            if text is None and key == "messageExpression":
                continue
            if not str(text or "").strip():
                out.append(required(f"{at}[{i}].{key}"))
                continue
            try:
                compiled(str(text))
            except ExpressionError as error:
                out.append(invalid_value(f"{at}[{i}].{key}", text, str(error)))
    return out


def _conditions(holder: Obj, at: str) -> list[FieldError]:
    conditions = holder.get("matchConditions") or []
    out = expression_errors(conditions, f"{at}matchConditions", "expression")
    seen: set[str] = set()
    for i, condition in enumerate(conditions):
        name, field = condition.get("name", ""), f"{at}matchConditions[{i}].name"
        if not name:
            out.append(required(field))
        elif name in seen:
            out.append(duplicate(field, name))
        else:
            out += [invalid_value(field, name, t) for t in names.qualified_name(name)]
        seen.add(name)
    return out


def client_errors(config: Obj, at: str) -> list[FieldError]:
    """What is wrong with a clientConfig."""
    url, service = config.get("url"), config.get("service")
    if (url is None) == (service is None):
        return [required(at, "exactly one of url or service is required")]
    out: list[FieldError] = []
    if url is not None:
        form = "desired format: https://host[:port]/path"
        parts = urlsplit(url)
        if parts.scheme != "https":
            text = f"'https' is the only allowed URL scheme; {form}"
            out.append(invalid_value(f"{at}.url", parts.scheme, text))
        if not parts.netloc:
            out.append(invalid_value(f"{at}.url", "", f"host must be specified; {form}"))
        for part, what in ((parts.query, "query parameters"), (parts.fragment, "fragments")):
            if part:
                out.append(invalid_value(f"{at}.url", part, f"{what} are not permitted in the URL"))
    elif service is not None:
        out += [required(f"{at}.service.{k}") for k in ("namespace", "name") if not service.get(k)]
        if not 1 <= service.get("port", 443) <= 65535:
            text = "port is not valid: must be between 1 and 65535, inclusive"
            out.append(invalid_value(f"{at}.service.port", service["port"], text))
        path = service.get("path")
        if path is not None and not path.startswith("/"):
            out.append(invalid_value(f"{at}.service.path", path, "must start with a '/'"))
    return out


def _webhook_errors(obj: Obj) -> list[FieldError]:
    out: list[FieldError] = []
    seen: set[str] = set()
    for i, hook in enumerate(obj.get("webhooks") or []):
        at = f"webhooks[{i}]"
        name = hook.get("name", "")
        if not name:
            out.append(required(f"{at}.name"))
        elif name in seen:
            out.append(duplicate(f"{at}.name", name))
        elif name.count(".") < 2:
            text = "should be a domain with at least three segments separated by dots"
            out.append(invalid_value(f"{at}.name", name, text))
        else:
            out += [invalid_value(f"{at}.name", name, t) for t in names.subdomain(name)]
        seen.add(name)
        out += _rules(hook.get("rules") or [], f"{at}.rules")
        for key, allowed in _CHOICES.items():
            value = hook.get(key)
            if key == "sideEffects" and value is None:
                out.append(required(f"{at}.{key}", "must specify one of None, NoneOnDryRun"))
            elif value is not None and value not in allowed:
                out.append(not_supported(f"{at}.{key}", value, allowed))
        if not 1 <= hook.get("timeoutSeconds", 10) <= 30:
            text = "the timeout value must be between 1 and 30 seconds"
            out.append(invalid_value(f"{at}.timeoutSeconds", hook["timeoutSeconds"], text))
        versions = hook.get("admissionReviewVersions") or []
        field = f"{at}.admissionReviewVersions"
        if not versions:
            out.append(required(field, "must specify one of v1, v1beta1"))
        elif not {"v1", "v1beta1"} & set(versions):
            out.append(invalid_value(field, versions, "must include at least one of v1, v1beta1"))
        out += client_errors(hook.get("clientConfig") or {}, f"{at}.clientConfig")
        out += _conditions(hook, f"{at}.")
    return out


_CHOICES = {
    "failurePolicy": ["Fail", "Ignore"],
    "matchPolicy": ["Equivalent", "Exact"],
    "sideEffects": ["None", "NoneOnDryRun"],
    "reinvocationPolicy": ["IfNeeded", "Never"],
}


def _policy_errors(obj: Obj) -> list[FieldError]:
    spec = obj["spec"]
    out: list[FieldError] = []
    constraints = spec.get("matchConstraints")
    if constraints is None:
        out.append(required("spec.matchConstraints"))
    elif not constraints.get("resourceRules"):
        out.append(required("spec.matchConstraints.resourceRules"))
    else:
        out += _rules(constraints["resourceRules"], "spec.matchConstraints.resourceRules")
    if spec.get("failurePolicy") not in ("Fail", "Ignore"):
        out.append(not_supported("spec.failurePolicy", spec.get("failurePolicy"), ["Fail", "Ignore"]))
    if (kind := spec.get("paramKind")) is not None:
        out += [required(f"spec.paramKind.{k}") for k in ("apiVersion", "kind") if not kind.get(k)]
    validations, annotations = spec.get("validations") or [], spec.get("auditAnnotations") or []
    if not validations and not annotations:
        text = "validations or auditAnnotations must contain at least one item"
        out += [required("spec.validations", text), required("spec.auditAnnotations", text)]
    out += expression_errors(validations, "spec.validations", "expression", "messageExpression")
    out += expression_errors(annotations, "spec.auditAnnotations", "valueExpression")
    out += expression_errors(spec.get("variables") or [], "spec.variables", "expression")
    return out + _conditions(spec, "spec.")


def _binding_errors(obj: Obj) -> list[FieldError]:
    spec = obj.get("spec") or {}
    out: list[FieldError] = []
    if not spec.get("policyName"):
        out.append(required("spec.policyName"))
    actions, field = spec.get("validationActions") or [], "spec.validationActions"
    if not actions:
        out.append(required(field))
    for i, action in enumerate(actions):
        if action not in ("Audit", "Deny", "Warn"):
            out.append(not_supported(f"{field}[{i}]", action, ["Audit", "Deny", "Warn"]))
        elif action in actions[:i]:
            out.append(duplicate(f"{field}[{i}]", action))
    if {"Deny", "Warn"} <= set(actions):
        text = "must not contain both Deny and Warn (repeating the same validation failure information in the"
        out.append(invalid_value(field, actions, f"{text} API response and headers serves no purpose)"))
    if (ref := spec.get("paramRef")) is not None:
        if ref.get("name") and ref.get("selector") is not None:
            text = "name and selector are mutually exclusive"
            out += [
                forbidden_field("spec.paramRef.name", text),
                forbidden_field("spec.paramRef.selector", text),
            ]
        elif not ref.get("name") and ref.get("selector") is None:
            out.append(required("spec.paramRef", "one of name or selector must be specified"))
        if ref.get("parameterNotFoundAction") not in ("Allow", "Deny"):
            out.append(required("spec.paramRef.parameterNotFoundAction"))
    return out


ERRORS: dict[str, Callable[[Obj], list[FieldError]]] = {
    MUTATING: _webhook_errors,
    VALIDATING: _webhook_errors,
    POLICIES: _policy_errors,
    BINDINGS: _binding_errors,
}
"""By storage name."""

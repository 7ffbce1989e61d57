"""The admission plugin ValidatingAdmissionPolicy: rules in CEL, bound to what they are for.

Source: staging/src/k8s.io/apiserver/pkg/admission/plugin/policy/validating (dispatcher.go, validator.go) and
.../policy/generic of kubernetes/kubernetes. There is no audit log: the action Audit does nothing.
"""

from dataclasses import dataclass

from sandbox.apiserver.admission import matching
from sandbox.apiserver.admission.expressions import ExpressionError, evaluate
from sandbox.apiserver.admission.registrations import BINDINGS, POLICIES
from sandbox.apiserver.admission.workloads import matches as selects
from sandbox.apiserver.admission.writes import Write
from sandbox.apiserver.machinery.apierrors import StatusError
from sandbox.apiserver.machinery.jsonobject import Obj
from sandbox.apiserver.machinery.resources import Registry, Resource
from sandbox.apiserver.storage.revisions import Entry, Store

# Source: reasonToCode in dispatcher.go
_CODES = {"Forbidden": 403, "Unauthorized": 401, "RequestEntityTooLarge": 413, "Invalid": 422}


class _ConfigurationError(Exception):
    """A binding cannot be used; what becomes of the write is for the failurePolicy to say."""


@dataclass(frozen=True, slots=True)
class _Failed:
    """One validation that does not hold, or an expression that has no value."""

    message: str
    reason: str = "Invalid"


class Policies:
    """Checks writes against every policy and each of its bindings."""

    def __init__(self, store: Store, registry: Registry) -> None:
        self._store, self._registry = store, registry
        self._known: tuple[int, int, list[tuple[Obj, list[Obj]]]] = (-1, -1, [])

    def validate(self, write: Write) -> None:
        """StatusError when a policy denies the write; warnings where a binding says Warn."""
        if not self._store.bucket(BINDINGS).objects or matching.exempt(write):
            return
        denied: StatusError | None = None
        for policy, bindings in self._bound():
            constraints = policy["spec"].get("matchConstraints") or {}
            resource = self._matched(constraints, write)
            if resource is None:
                continue
            for binding in bindings:
                chosen = binding["spec"].get("matchResources")
                if chosen and self._matched(chosen, write) is None:
                    continue
                for failed in self._failures(policy, binding, write, resource):
                    refusal = self._report(policy, binding, failed, write)
                    denied = denied or refusal
        if denied:
            raise denied

    def _bound(self) -> list[tuple[Obj, list[Obj]]]:
        """Each policy that has bindings, with them; in the order of their names."""
        policies, bindings = self._store.bucket(POLICIES), self._store.bucket(BINDINGS)
        if self._known[:2] != (policies.last_rv, bindings.last_rv):
            found: dict[str, list[Obj]] = {}
            for key in bindings.ordered():
                binding = bindings.objects[key].decode()
                found.setdefault(binding["spec"]["policyName"], []).append(binding)
            bound = [(policies.objects[k].decode(), found[k[1]]) for k in policies.ordered() if k[1] in found]
            self._known = (policies.last_rv, bindings.last_rv, bound)
        return self._known[2]

    def _matched(self, constraints: Obj, write: Write) -> Resource | None:
        rules = constraints.get("resourceRules")
        if rules is None and "excludeResourceRules" not in constraints:
            # A binding that only has selectors is for whatever its policy is for.
            rules = [{"operations": ["*"], "apiGroups": ["*"], "apiVersions": ["*"], "resources": ["*/*"]}]
        hook = {**constraints, "rules": rules, "excludeRules": constraints.get("excludeResourceRules")}
        return matching.matched(hook, write, self._registry, self._store)

    def _report(self, policy: Obj, binding: Obj, failed: _Failed, write: Write) -> StatusError | None:
        names = f"'{policy['metadata']['name']}' with binding '{binding['metadata']['name']}'"
        actions = binding["spec"].get("validationActions") or []
        if "Warn" in actions:
            text = f"Validation failed for ValidatingAdmissionPolicy {names}: {failed.message}"
            write.origin.warnings.append(text)
        if "Deny" not in actions:
            return None
        message = f"ValidatingAdmissionPolicy {names} denied request: {failed.message}"
        error = write.forbidden(message)
        error.code, error.reason = _CODES.get(failed.reason, 422), failed.reason
        error.details = {**(error.details or {}), "causes": [{"message": message}]}
        return error

    # ---- one binding

    def _failures(self, policy: Obj, binding: Obj, write: Write, resource: Resource) -> list[_Failed]:
        spec = policy["spec"]
        seen = matching.variables(matching.request(write, resource))
        seen["namespaceObject"] = self._namespace(write)
        try:
            params = self._params(spec, binding, write)
            out: list[_Failed] = []
            for param in params:
                out += _broken(spec, {**seen, "params": param})
        except _ConfigurationError as error:
            out = [_Failed(f"failed to configure binding: {error}")]
        except ExpressionError as error:  # of a match condition
            out = [_Failed(str(error))]
        else:
            return out
        return out if spec.get("failurePolicy", "Fail") == "Fail" else []

    def _namespace(self, write: Write) -> Obj | None:
        entry = self._store.get("namespaces", ("", write.namespace)) if write.namespace else None
        return {"kind": "Namespace", "apiVersion": "v1", **entry.decode()} if entry else None

    def _params(self, spec: Obj, binding: Obj, write: Write) -> list[Obj | None]:
        """The objects that a binding is evaluated with, one after the other."""
        kind, ref = spec.get("paramKind"), binding["spec"].get("paramRef")
        if not kind or not ref:
            return [None]
        resource = self._registry.by_kind(kind["apiVersion"], kind["kind"])
        if resource is None:
            group, _, version = kind["apiVersion"].rpartition("/")
            named = f"{group}/{version}, Kind={kind['kind']}"
            raise _ConfigurationError(f"failed to find resource referenced by paramKind: '{named}'")
        namespace = ""
        if resource.namespaced:
            namespace = ref.get("namespace") or write.namespace
            if not namespace:
                raise _ConfigurationError(
                    "cannot use namespaced paramRef in policy binding that matches cluster-scoped resources"
                )
        elif ref.get("namespace"):
            raise _ConfigurationError(
                "paramRef.namespace must not be provided for a cluster-scoped `paramKind`"
            )
        found = self._found(resource, namespace, ref)
        if not found and ref.get("parameterNotFoundAction") == "Deny":
            text = "no params found for policy binding with `Deny` parameterNotFoundAction"
            raise _ConfigurationError(text)
        head = {"kind": resource.kind, "apiVersion": resource.api_version}
        return [{**head, **entry.decode()} for entry in found]

    def _found(self, resource: Resource, namespace: str, ref: Obj) -> list[Entry]:
        if name := ref.get("name"):
            entry = self._store.get(resource.storage_name, (namespace, name))
            return [entry] if entry else []
        bucket = self._store.bucket(resource.storage_name)
        here = [bucket.objects[key] for key in bucket.ordered() if key[0] == namespace]
        return [entry for entry in here if selects(ref.get("selector"), entry.labels)]


def _broken(spec: Obj, seen: Obj) -> list[_Failed]:
    """What does not hold; ExpressionError when a match condition cannot be evaluated."""
    seen = {**seen, "variables": {}}
    if not matching.conditions_hold(spec.get("matchConditions") or (), seen):
        return []
    unknown: dict[str, str] = {}
    for variable in spec.get("variables") or []:
        try:
            seen["variables"][variable["name"]] = evaluate(variable["expression"], seen)
        except ExpressionError as error:  # of interest only to who uses it
            unknown[variable["name"]] = str(error)
    out: list[_Failed] = []
    for validation in spec.get("validations") or []:
        expression = validation["expression"].strip()
        try:
            value = evaluate(expression, seen)
        except ExpressionError as error:
            if spec.get("failurePolicy", "Fail") == "Fail":
                why = str(error)
                for name, text in unknown.items():
                    if why == f"no such key: {name}":
                        why = f'composited variable "{name}" fails to evaluate: {text}'
                out.append(_Failed(f"expression '{expression}' resulted in error: {why}"))
            continue
        if value is not True:
            out.append(_Failed(_message(validation, seen), validation.get("reason") or "Invalid"))
    return out


def _message(validation: Obj, seen: Obj) -> str:
    if text := validation.get("messageExpression"):
        try:
            made = evaluate(text, seen)
        except ExpressionError:
            made = None
        if isinstance(made, str) and made.strip() and "\n" not in made:
            return made.strip()
    said: str = (validation.get("message") or "").strip()
    return said or f"failed expression: {validation['expression'].strip()}"

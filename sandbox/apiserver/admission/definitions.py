"""CustomResourceDefinitions: checked, accepted, and turned into served resources."""

import re
from dataclasses import dataclass
from typing import Any

from sandbox.apiserver.admission.registrations import client_errors, expression_errors
from sandbox.apiserver.machinery import names
from sandbox.apiserver.machinery.apierrors import (
    FieldError,
    forbidden_field,
    invalid_value,
    not_supported,
    required,
)
from sandbox.apiserver.machinery.jsonobject import Obj, now
from sandbox.apiserver.machinery.resources import CUSTOM_VERBS, STATUS, Registry, Resource, Subresource

_RULES = "x-kubernetes-validations"
FINALIZER = "customresourcecleanup.apiextensions.k8s.io"
STORAGE = "customresourcedefinitions.apiextensions.k8s.io"
_SCALE = Subresource("scale", ("get", "patch", "update"), "Scale", "autoscaling", "v1")


@dataclass(frozen=True)
class CustomVersion:
    """One version of a custom resource: its schema and subresources as the CRD has them."""

    schema: Obj
    has_status: bool
    scale: Obj | None
    columns: list[Obj]
    preserve: bool
    warning: str = ""  # of a version that is deprecated
    stored: str = ""  # the version that objects are stored in
    webhook: Obj | None = None  # who converts between versions; None when they differ in name alone


def resources(crd: Obj) -> list[Resource]:
    """The served resources of an accepted CRD (as stored), the storage version first."""
    spec = crd["spec"]
    called = spec["names"]
    conversion = spec.get("conversion") or {}
    out: list[Resource] = []
    for version in sorted(spec["versions"], key=lambda v: not v.get("storage")):
        if not version.get("served"):
            continue
        subs = version.get("subresources") or {}
        schema = (version.get("schema") or {}).get("openAPIV3Schema") or {}
        preserve = bool(
            spec.get("preserveUnknownFields") or schema.get("x-kubernetes-preserve-unknown-fields")
        )
        custom = CustomVersion(
            schema,
            "status" in subs,
            subs.get("scale"),
            version.get("additionalPrinterColumns") or [],
            preserve,
            _deprecation(spec, version),
            next((v["name"] for v in spec["versions"] if v.get("storage")), ""),
            conversion.get("webhook") if conversion.get("strategy") == "Webhook" else None,
        )
        below = tuple(s for name, s in (("status", STATUS), ("scale", _SCALE)) if name in subs)
        fields = tuple(f["jsonPath"].lstrip(".") for f in version.get("selectableFields") or [])
        out.append(
            Resource(
                spec["group"],
                version["name"],
                called["kind"],
                called["plural"],
                singular=called.get("singular", ""),
                namespaced=spec["scope"] == "Namespaced",
                verbs=CUSTOM_VERBS,
                short_names=tuple(called.get("shortNames") or ()),
                categories=tuple(called.get("categories") or ()),
                list_kind=called.get("listKind", ""),
                subresources=below,
                fields=fields,
                own_field_words=True,
                has_generation=True,
                unconditional_update=False,
                custom=custom,
            )
        )
    return out


def _deprecation(spec: Obj, version: Obj) -> str:
    """The warning that every answer in this version carries, "" for one that is not deprecated."""
    if not version.get("deprecated"):
        return ""
    named = f"{spec['group']}/{version['name']} {spec['names']['kind']}"
    return str(version.get("deprecationWarning") or f"{named} is deprecated")


def accept(crd: Obj) -> None:
    """Write the status of a CRD whose names are taken: Established and NamesAccepted."""
    spec, stamp = crd["spec"], now()
    status: Obj = crd.setdefault("status", {})
    conditions = {c["type"]: c for c in status.get("conditions") or []}
    for kind, reason, message in (
        ("NamesAccepted", "NoConflicts", "no conflicts found"),
        ("Established", "InitialNamesAccepted", "the initial names have been accepted"),
    ):
        conditions.setdefault(
            kind,
            {
                "type": kind,
                "status": "True",
                "lastTransitionTime": stamp,
                "reason": reason,
                "message": message,
            },
        )
    status["conditions"] = list(conditions.values())
    status["acceptedNames"] = spec["names"]
    storage = next(v["name"] for v in spec["versions"] if v.get("storage"))
    versions = status.setdefault("storedVersions", [])
    if storage not in versions:
        versions.append(storage)


def terminating(crd: Obj) -> None:
    """The condition of a CRD whose instances are being removed."""
    conditions = crd.setdefault("status", {}).setdefault("conditions", [])
    if not any(c["type"] == "Terminating" for c in conditions):
        conditions.append(
            {
                "type": "Terminating",
                "status": "True",
                "lastTransitionTime": now(),
                "reason": "InstanceDeletionPending",
                "message": "CustomResourceDefinition marked for deletion; CustomResource deletion will"
                " begin soon",
            }
        )


def sync(registry: Registry, crd: Obj, gone: bool = False) -> None:
    """Serve what the CRD says, or nothing of it when it is gone."""
    spec = crd["spec"]
    registry.remove(spec["group"], spec["names"]["plural"])
    if not gone:
        for resource in resources(crd):
            registry.add(resource)


def errors(crd: Obj) -> list[FieldError]:
    """What is wrong with a CRD."""
    spec, called = crd["spec"], crd["spec"].get("names") or {}
    out: list[FieldError] = []
    group = spec.get("group", "")
    if not group:
        out.append(required("spec.group"))
    else:
        out += [invalid_value("spec.group", group, t) for t in names.subdomain(group)]
    want = f"{called.get('plural', '')}.{group}"
    if crd["metadata"].get("name") and crd["metadata"]["name"] != want:
        text = 'must be spec.names.plural+"."+spec.group'
        out.append(invalid_value("metadata.name", crd["metadata"]["name"], text))
    if spec.get("scope") not in ("Cluster", "Namespaced"):
        allowed = ["Cluster", "Namespaced"]
        out.append(
            not_supported("spec.scope", spec["scope"], allowed)
            if spec.get("scope")
            else required("spec.scope")
        )
    for key in ("plural", "singular", "kind", "listKind"):
        value = called.get(key, "")
        if not value:
            out.append(required(f"spec.names.{key}"))
        else:
            out += [invalid_value(f"spec.names.{key}", value, t) for t in names.label_1035(value.lower())]
    versions = spec.get("versions") or []
    if not versions:
        out.append(required("spec.versions"))
    elif sum(bool(v.get("storage")) for v in versions) != 1:
        text = "must have exactly one version marked as storage version"
        out.append(invalid_value("spec.versions", versions, text))
    for i, version in enumerate(versions):
        at = f"spec.versions[{i}]"
        out += [
            invalid_value(f"{at}.name", version.get("name", ""), t)
            for t in names.label_1035(version.get("name", ""))
        ]
        schema = (version.get("schema") or {}).get("openAPIV3Schema")
        if not schema:
            out.append(required(f"{at}.schema.openAPIV3Schema", "schemas are required"))
        else:
            out += _schema_errors(schema, f"{at}.schema.openAPIV3Schema", True)
    return out + _conversion_errors(spec) + _stored_errors(crd)


def _conversion_errors(spec: Obj) -> list[FieldError]:
    conversion, at = spec.get("conversion") or {}, "spec.conversion"
    strategy, webhook = conversion.get("strategy"), conversion.get("webhook")
    if strategy not in ("None", "Webhook"):
        return [not_supported(f"{at}.strategy", strategy or "", ["None", "Webhook"])]
    if strategy == "None":
        if webhook is None:
            return []
        text = "should not be set when strategy is not set to Webhook"
        return [forbidden_field(f"{at}.webhookClientConfig", text)]
    webhook = webhook or {}
    out: list[FieldError] = []
    if not webhook.get("clientConfig"):
        text = "required when strategy is set to Webhook"
        out.append(required(f"{at}.webhookClientConfig", text))
    else:
        out += client_errors(webhook["clientConfig"], f"{at}.webhookClientConfig")
    versions = webhook.get("conversionReviewVersions") or []
    if not versions:
        out.append(required(f"{at}.conversionReviewVersions"))
    elif not {"v1", "v1beta1"} & set(versions):
        text = "must include at least one of v1, v1beta1"
        out.append(invalid_value(f"{at}.conversionReviewVersions", versions, text))
    return out


def _stored_errors(crd: Obj) -> list[FieldError]:
    """A version in which objects may be stored must be there to read them."""
    stored = (crd.get("status") or {}).get("storedVersions") or []
    known = [v.get("name") for v in crd["spec"].get("versions") or []]
    return [
        invalid_value(f"status.storedVersions[{i}]", name, "must appear in spec.versions")
        for i, name in enumerate(stored)
        if name not in known
    ]


def _schema_errors(schema: Obj, at: str, root: bool = False) -> list[FieldError]:
    """Is the schema structural: does every value have a type?"""
    out: list[FieldError] = []
    free = schema.get("x-kubernetes-preserve-unknown-fields") or schema.get("x-kubernetes-int-or-string")
    kind = schema.get("type")
    if root and kind != "object":
        out.append(
            invalid_value(f"{at}.type", kind or "", "must be object at the root")
            if kind
            else required(f"{at}.type", "must not be empty at the root")
        )
    elif not kind and not free:
        out.append(required(f"{at}.type", "must not be empty for specified object fields"))
    if pattern := schema.get("pattern"):
        try:
            re.compile(pattern)
        except re.error as error:
            out.append(
                invalid_value(
                    f"{at}.pattern", pattern, f"must be a valid regular expression, but isn't: {error}"
                )
            )
    out += expression_errors(schema.get(_RULES) or [], f"{at}.{_RULES}", "rule", "messageExpression")
    for key, sub in (schema.get("properties") or {}).items():
        if root and key == "metadata":
            continue
        out += _schema_errors(sub, f"{at}.properties[{key}]")
    items: Any = schema.get("items")
    if kind == "array" and not items:
        out.append(required(f"{at}.items", "must be specified"))
    if isinstance(items, dict):
        out += _schema_errors(items, f"{at}.items")
    extra = schema.get("additionalProperties")
    if isinstance(extra, dict):
        out += _schema_errors(extra, f"{at}.additionalProperties")
    return out

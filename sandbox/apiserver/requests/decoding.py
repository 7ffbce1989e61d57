"""From the bytes of a request to an object of the right kind, or the sentence why not."""

from typing import Any

import msgspec
import yaml

from sandbox.apiserver.admission import structural
from sandbox.apiserver.admission.canonical import canonical
from sandbox.apiserver.machinery import protobuf
from sandbox.apiserver.machinery.apierrors import StatusError, bad_request, invalid, invalid_value
from sandbox.apiserver.machinery.jsonobject import Obj, copy, without_nulls
from sandbox.apiserver.machinery.resources import Registry, Resource
from sandbox.apiserver.requests import fieldvalidation, gojson

MAX_BODY_BYTES = 3 << 20
_SCHEME = "k8s.io/kubernetes/pkg/api/legacyscheme/scheme.go:30"
_LEAD = "couldn't get version/kind; json parse error: "
_YAML = ("application/yaml", "application/apply-patch+yaml")
_decode = msgspec.json.Decoder().decode


class Undecodable(StatusError):
    """A value of a wrong type; `why` is what the decoder says, the message says of what."""

    def __init__(self, lead: str, why: str) -> None:
        super().__init__(400, "BadRequest", lead + why)
        self.why = why


def parse(raw: bytes, content_type: str) -> Any:
    """JSON or YAML to data; a StatusError 400 when it is neither."""
    try:
        if content_type in _YAML and raw[:1] != b"{":
            return yaml.load(raw, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
        return _decode(raw)
    except (yaml.YAMLError, RecursionError) as error:
        raise bad_request(_LEAD + str(error)) from None
    except (msgspec.DecodeError, ValueError):
        raise bad_request(_LEAD + gojson.syntax_error(raw)) from None


def as_object(raw: bytes, content_type: str, what: str = "") -> Obj:
    """A request body that must be a JSON object."""
    value = protobuf.decode(raw) if content_type == protobuf.CONTENT_TYPE else parse(raw, content_type)
    if value is None:
        return {}  # a null leaves a Go value as it is
    if not isinstance(value, dict):
        raise bad_request(_LEAD + gojson.no_object(value))
    for key in ("kind", "apiVersion"):
        if not isinstance(value.get(key), str | None):
            raise bad_request(_LEAD + gojson.no_text(key, value[key]))
    return value


def checked(group: str, version: str, kind: str, obj: Obj) -> Obj:
    """An object of a kind that is not stored (a review, a Binding), once its types are right."""
    wrong = fieldvalidation.check(group, version, kind, obj)[1]
    if wrong:
        raise bad_request(f'{kind} in version "{version}" cannot be handled as a {kind}: {wrong}')
    out: Obj = without_nulls(obj)
    return out


class Ingest:
    """Turns decoded JSON into what a resource stores; collects what the client should be warned of."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    def check_kind(self, resource: Resource, obj: Obj) -> None:
        """Refuse an object of another kind or version than the path says."""
        kind, version = obj.get("kind") or "", obj.get("apiVersion") or ""
        if resource.custom:
            if not kind or not isinstance(kind, str):
                raise bad_request("Object 'Kind' is missing in the request body")
            if not version:
                raise bad_request("Object 'apiVersion' is missing in the request body")
            name = (
                (obj.get("metadata") or {}).get("name", "") if isinstance(obj.get("metadata"), dict) else ""
            )
            group = str(version).partition("/")[0] if "/" in str(version) else resource.group
            if kind != resource.kind:
                wrong = invalid_value("kind", kind, f"must be {resource.kind}")
                raise invalid(group, kind, name, [wrong])
            if version != resource.api_version:
                wrong = invalid_value("apiVersion", version, f"must be {resource.api_version}")
                raise invalid(group, kind, name, [wrong])
            return
        kind, version = kind or resource.kind, version or resource.api_version
        if (kind, version) == (resource.kind, resource.api_version):
            return
        short = str(version).rpartition("/")[2]
        lead = f'{kind} in version "{short}" cannot be handled as a {resource.kind}: '
        if self._registry.by_kind(str(version), str(kind)):
            internal = resource.group.partition(".")[0] or "core"
            why = f"converting ({short}.{kind}) to ({internal}.{resource.kind}): unknown conversion"
            raise bad_request(lead + why)
        raise bad_request(
            lead + f'no kind "{kind}" is registered for version "{version}" in scheme "{_SCHEME}"'
        )

    def check_declared(self, resource: Resource, config: Obj) -> None:
        """Refuse an applied configuration with fields that its schema does not have."""
        custom = resource.custom
        if custom:
            unknown, wrong = fieldvalidation.check(
                "", "v1", "ConfigMap", {"metadata": config.get("metadata")}
            )
            if not custom.preserve and not wrong:
                unknown += structural.prune(custom.schema, copy(config))
        else:
            unknown, wrong = fieldvalidation.check(resource.group, resource.version, resource.kind, config)
        if not unknown and not wrong:
            return
        meta = config.get("metadata")
        meta = meta if isinstance(meta, dict) else {}
        name = f"{meta.get('namespace', '')}/{meta.get('name', '')}"
        why = wrong or f".{unknown[0]}: field not declared in schema"
        what = f"{name}; {resource.api_version}, Kind={resource.kind}"
        raise bad_request(f"failed to create typed patch object ({what}): {why}")

    def normal(self, resource: Resource, obj: Obj, mode: str, warnings: list[str]) -> Obj:
        """Types checked, unknown fields treated as fieldValidation says, nulls dropped; as stored."""
        lead = f'{resource.kind} in version "{resource.version}" cannot be handled as a {resource.kind}: '
        custom = resource.custom
        if custom:
            meta = {"metadata": obj.get("metadata") or {}}
            unknown, wrong = fieldvalidation.check("", "v1", "ConfigMap", meta)
            meta = without_nulls(fieldvalidation.prune("", "v1", "ConfigMap", meta)) if not wrong else meta
            obj = {**obj, **meta}
            if not custom.preserve and not wrong:
                unknown += structural.prune(custom.schema, obj)
        else:
            unknown, wrong = fieldvalidation.check(resource.group, resource.version, resource.kind, obj)
            if not wrong:
                if unknown:
                    obj = fieldvalidation.prune(resource.group, resource.version, resource.kind, obj)
                obj = canonical(resource.group, resource.version, resource.kind, without_nulls(obj))
        if wrong:
            raise Undecodable(lead, wrong)
        if unknown and mode == "Strict":
            raise bad_request(lead + "strict decoding error: " + _unknown(unknown))
        if unknown and mode != "Ignore":
            warnings += [f'unknown field "{path}"' for path in unknown]
        if not isinstance(obj.get("metadata"), dict):
            obj["metadata"] = {}
        if custom:
            structural.default(custom.schema, obj)
        _drop_empty(obj["metadata"])
        if resource.inward:
            obj = resource.inward(obj)
            group, version, kind = resource.stored_as.split("/")
            _, wrong = fieldvalidation.check(group, version, kind, obj)
            if wrong:
                raise Undecodable(lead, wrong)
        return obj


def _unknown(paths: list[str]) -> str:
    return ", ".join(f'unknown field "{p}"' for p in paths)


def _drop_empty(meta: Obj) -> None:
    for key in list(meta):
        if meta[key] in ("", [], {}, None):
            del meta[key]


def unsupported(content_type: str) -> StatusError:
    """415 for a request body in a format that is not read."""
    message = (
        "the body of the request was in an unknown format - accepted media types include: "
        "application/json, application/yaml"
    )
    return StatusError(415, "UnsupportedMediaType", message, {} if not content_type else None)

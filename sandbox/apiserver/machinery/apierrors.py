"""Errors in the words of a kube-apiserver: `Status` bodies and field errors."""

import json
from dataclasses import dataclass
from typing import Any

from sandbox.apiserver.machinery.jsonobject import Obj


class StatusError(Exception):
    """An answer that is not a success; `body()` is what the client gets."""

    def __init__(
        self, code: int, reason: str, message: str, details: Obj | None = None, retry_after: int = 0
    ) -> None:
        super().__init__(message)
        self.code, self.reason, self.message, self.details = code, reason, message, details
        self.retry_after = retry_after
        self.warnings: list[str] = []  # sent along with it

    def body(self) -> Obj:
        """The Status object."""
        out: Obj = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure"}
        out["message"] = self.message
        if self.reason:
            out["reason"] = self.reason
        details = self.details
        if self.retry_after:
            details = {**(details or {}), "retryAfterSeconds": self.retry_after}
        if details is not None:
            out["details"] = details
        out["code"] = self.code
        return out


@dataclass(frozen=True, slots=True)
class FieldError:
    """One thing wrong with one field; `reason` is a CauseType such as FieldValueInvalid."""

    reason: str
    field: str
    message: str


def required(field: str, detail: str = "") -> FieldError:
    return FieldError("FieldValueRequired", field, "Required value" + (f": {detail}" if detail else ""))


def invalid_value(field: str, value: Any, detail: str) -> FieldError:
    return FieldError("FieldValueInvalid", field, f"Invalid value: {quote(value)}: {detail}")


def type_invalid(field: str, value: Any, detail: str) -> FieldError:
    return FieldError("FieldValueTypeInvalid", field, f"Invalid value: {quote(value)}: {detail}")


def not_supported(field: str, value: Any, allowed: list[str]) -> FieldError:
    words = ", ".join(json.dumps(a) for a in sorted(allowed))
    message = f"Unsupported value: {quote(value)}: supported values: {words}"
    return FieldError("FieldValueNotSupported", field, message)


def forbidden_field(field: str, detail: str) -> FieldError:
    return FieldError("FieldValueForbidden", field, f"Forbidden: {detail}")


def duplicate(field: str, value: Any) -> FieldError:
    return FieldError("FieldValueDuplicate", field, f"Duplicate value: {quote(value)}")


def too_long(field: str, limit: int) -> FieldError:
    return FieldError("FieldValueTooLong", field, f"Too long: may not be more than {limit} bytes")


def too_many(field: str, count: int, limit: int) -> FieldError:
    return FieldError("FieldValueTooMany", field, f"Too many: {count}: must have at most {limit} items")


def quote(value: Any) -> str:
    """A value as it stands in upstream's messages (Go's %q for text, JSON otherwise)."""
    if value is None:
        return "null"
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def qualified(name: str, group: str) -> str:
    """`pods`, `leases.coordination.k8s.io`."""
    return f"{name}.{group}" if group else name


def _details(name: str, group: str, kind: str, **more: Any) -> Obj:
    out: Obj = {}
    if name:
        out["name"] = name
    if group:
        out["group"] = group
    if kind:
        out["kind"] = kind
    return {**out, **more}


def not_found(group: str, resource: str, name: str) -> StatusError:
    message = f'{qualified(resource, group)} "{name}" not found'
    return StatusError(404, "NotFound", message, _details(name, group, resource))


def already_exists(group: str, resource: str, name: str, being_deleted: bool = False) -> StatusError:
    message = f'{qualified(resource, group)} "{name}" already exists'
    if being_deleted:
        message = f"object is being deleted: {message}"
    return StatusError(409, "AlreadyExists", message, _details(name, group, resource))


def conflict(group: str, resource: str, name: str, why: str = "") -> StatusError:
    why = why or "the object has been modified; please apply your changes to the latest version and try again"
    message = f'Operation cannot be fulfilled on {qualified(resource, group)} "{name}": {why}'
    return StatusError(409, "Conflict", message, _details(name, group, resource))


def invalid(group: str, kind: str, name: str, errors: list[FieldError]) -> StatusError:
    """422 with one cause per error; the message names each different one once."""
    texts = list(dict.fromkeys(f"{e.field}: {e.message}" for e in errors))
    text = texts[0] if len(texts) == 1 else f"[{', '.join(texts)}]"
    causes = [{"reason": e.reason, "message": e.message, "field": e.field} for e in errors]
    message = f'{qualified(kind, group)} "{name}" is invalid: {text}'
    return StatusError(422, "Invalid", message, _details(name, group, kind, causes=causes))


def bad_request(message: str) -> StatusError:
    return StatusError(400, "BadRequest", message)


def forbidden(group: str, resource: str, name: str, why: str, causes: list[Obj] | None = None) -> StatusError:
    subject = qualified(resource, group) + (f' "{name}"' if name else "")
    details = _details(name, group, resource)
    if causes:
        details["causes"] = causes
    return StatusError(403, "Forbidden", f"{subject} is forbidden: {why}", details)


def unauthorized() -> StatusError:
    return StatusError(401, "Unauthorized", "Unauthorized")


def no_such_resource() -> StatusError:
    return StatusError(404, "NotFound", "the server could not find the requested resource", {})


def method_not_allowed() -> StatusError:
    message = "the server does not allow this method on the requested resource"
    return StatusError(405, "MethodNotAllowed", message, {})


def expired(message: str) -> StatusError:
    return StatusError(410, "Expired", message)


def internal(message: str) -> StatusError:
    """A 500 without a reason, which is what a plain Go error becomes upstream."""
    return StatusError(500, "", message)


def too_large_version(wanted: int, current: int) -> StatusError:
    causes = [{"reason": "ResourceVersionTooLarge", "message": "Too large resource version"}]
    message = f"Timeout: Too large resource version: {wanted}, current: {current}"
    return StatusError(504, "Timeout", message, {"causes": causes}, retry_after=1)


def success(code: int = 0, details: Obj | None = None) -> Obj:
    """A Status that says Success."""
    out: Obj = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success"}
    if details:
        out["details"] = details
    if code:
        out["code"] = code
    return out

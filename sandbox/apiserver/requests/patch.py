"""The patch types but server-side apply: merge (RFC 7386), JSON (RFC 6902), strategic."""

from typing import Any

import jsonpatch
import jsonpointer

from sandbox.apiserver.machinery.apierrors import StatusError, bad_request
from sandbox.apiserver.machinery.jsonobject import Obj, copy
from sandbox.apiserver.requests import strategic

JSON = "application/json-patch+json"
MERGE = "application/merge-patch+json"
STRATEGIC = "application/strategic-merge-patch+json"
APPLY = "application/apply-patch+yaml"
APPLY_CBOR = "application/apply-patch+cbor"
_MAX_OPERATIONS = 10_000


def merge(target: Any, patch: Any) -> Any:
    """RFC 7386; neither argument is changed."""
    if not isinstance(patch, dict):
        return copy(patch)
    out = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            out.pop(key, None)
        else:
            out[key] = merge(out.get(key), value)
    return out


def _json(current: Obj, operations: Any) -> Obj:
    if not isinstance(operations, list) or not all(isinstance(o, dict) for o in operations):
        raise bad_request("json: cannot unmarshal object into Go value of type jsonpatch.Patch")
    if len(operations) > _MAX_OPERATIONS:
        message = (
            f"The allowed maximum operations in a JSON patch is {_MAX_OPERATIONS}, got {len(operations)}"
        )
        raise StatusError(413, "RequestEntityTooLarge", message, {})
    try:
        result = jsonpatch.JsonPatch(operations).apply(current)
    except jsonpatch.InvalidJsonPatch as error:
        raise bad_request(str(error)) from None
    except (jsonpatch.JsonPatchException, jsonpointer.JsonPointerException):
        message = "the server rejected our request due to an error in our request"
        raise StatusError(422, "Invalid", message, {}) from None
    except (TypeError, ValueError, KeyError, AttributeError) as error:
        raise bad_request(str(error)) from None
    if not isinstance(result, dict):
        raise bad_request("the patched object is not an object")
    return result


def apply(content_type: str, group: str, kind: str, current: Obj, patch: Any) -> Obj:
    """The patched object. `current` is the caller's own copy and may be changed."""
    if content_type == JSON:
        return _json(current, patch)
    if not isinstance(patch, dict):
        raise bad_request(
            "error decoding patch: json: cannot unmarshal array into Go value of type map[string]interface {}"
        )
    if content_type == MERGE:
        merged: Obj = merge(current, patch)
        return merged
    return strategic.merge(group, kind, current, patch)

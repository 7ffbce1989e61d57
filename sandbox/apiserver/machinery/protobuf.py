"""Request bodies in Kubernetes' protobuf encoding, which kubectl and client-go send for built-in kinds.

Answers are JSON: those clients accept both. The numbers of the fields are data (schemas/wire.json.gz).
"""

import base64
import gzip
import json
import re
import struct
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import msgspec

from sandbox.apiserver.machinery import schemas
from sandbox.apiserver.machinery.apierrors import bad_request
from sandbox.apiserver.machinery.jsonobject import Obj

CONTENT_TYPE = "application/vnd.kubernetes.protobuf"
_MAGIC = b"k8s\x00"
_META = "io.k8s.apimachinery.pkg.apis.meta.v1."
_MAX_DEPTH = 64
# What reading bytes that are no such message can run into.
_BROKEN = (ValueError, IndexError, KeyError, AttributeError, TypeError, OverflowError, OSError, struct.error)
# Types of FieldDescriptorProto.
_DOUBLE, _BOOL, _STRING, _MESSAGE, _BYTES = 1, 8, 9, 11, 12
# Go pointers, for which 0 and false are values; elsewhere they mean "not set", as "" always does.
_POINTERS = re.compile(
    "activeDeadlineSeconds|allocateLoadBalancerNodePorts|allowPrivilegeEscalation|"
    "automountServiceAccountToken|backoffLimit|blockOwnerDeletion|completions|controller|defaultMode|"
    "enableServiceLinks|expirationSeconds|fsGroup|gracePeriodSeconds|hostUsers|immutable|"
    "leaseDurationSeconds|leaseTransitions|maxUnavailable|minReplicas|mode|optional|orphanDependents|"
    "parallelism|port|preserveUnknownFields|priority|privileged|progressDeadlineSeconds|"
    "readOnlyRootFilesystem|ready|remainingItemCount|replicas|revisionHistoryLimit|runAsGroup|"
    "runAsNonRoot|runAsUser|serving|setHostnameAsFQDN|shareProcessNamespace|started|suspend|"
    "terminationGracePeriodSeconds|terminating|tolerationSeconds"
)


@cache
def _messages() -> dict[str, dict[str, list[Any]]]:
    data = Path(schemas.__file__).with_name("wire.json.gz").read_bytes()
    out: dict[str, dict[str, list[Any]]] = msgspec.json.decode(gzip.decompress(data))
    return out


def decode(data: bytes) -> Obj:
    """The object of a request body; StatusError 400 for broken bytes and for kinds that are not built in."""
    if not data.startswith(_MAGIC):
        raise bad_request(
            "provided data does not appear to be a protobuf message, expected prefix [107 56 115 0]"
        )
    try:
        envelope = _flat(data[len(_MAGIC) :])
        names = _flat(envelope.get(1, b""))
        api_version, kind = names.get(1, b"").decode(), names.get(2, b"").decode()
        group, _, version = api_version.rpartition("/")
        name = schemas.name_of(group, version, kind)
        if name is None and kind == "DeleteOptions":
            name = _META + "DeleteOptions"
        if name is None or name not in _messages():
            raise bad_request(f'no kind "{kind}" is registered for version "{api_version}" in protobuf')
        body = _message(envelope.get(2, b""), name, 0)
    except _BROKEN as error:
        raise bad_request(f"the body is not well-formed protobuf: {error}") from None
    return {"kind": kind, "apiVersion": api_version, **body}


def fields(data: bytes) -> Iterator[tuple[int, int, Any]]:
    """(field number, wire type, value) of one message; ValueError when it is cut short."""
    at = 0
    while at < len(data):
        tag, at = _varint(data, at)
        number, wire = tag >> 3, tag & 7
        if wire == 0:
            value, at = _varint(data, at)
            yield number, wire, value
            continue
        size, at = _varint(data, at) if wire == 2 else ({1: 8, 5: 4}.get(wire, -1), at)
        if size < 0 or at + size > len(data):
            raise ValueError("a field is cut short")
        yield number, wire, data[at : at + size]
        at += size


def _flat(data: bytes) -> dict[int, Any]:
    return {number: value for number, _, value in fields(data)}


def _varint(data: bytes, at: int) -> tuple[int, int]:
    out = shift = 0
    while True:
        byte = data[at]
        at += 1
        out |= (byte & 0x7F) << shift
        if byte < 0x80:
            return out, at
        shift += 7
        if shift > 63:
            raise ValueError("a number is too long")


def _signed(value: int) -> int:
    return value - (1 << 64) if value >> 63 else value


def _message(data: bytes, name: str, depth: int) -> Any:
    if depth > _MAX_DEPTH:
        raise ValueError("nested too deeply")
    if special := _SPECIAL.get(name):
        return special(_flat(data))
    if name.endswith(".ExtraValue"):
        return [value.decode() for _, _, value in fields(data)]
    known = _messages()[name]
    required = schemas.definitions().get(name, {}).get("required") or ()
    out: Obj = {}
    for number, _, raw in fields(data):
        field = known.get(str(number))
        if field is None:
            continue
        key, kind, shape, inner = field
        if shape == "map":
            pair = _flat(raw)
            value_kind, value_type = inner
            value = _value(pair.get(2, b""), value_kind, value_type, depth)
            out.setdefault(key, {})[pair.get(1, b"").decode()] = value
            continue
        value = _value(raw, kind, inner, depth)
        if shape == "list":
            out.setdefault(key, []).append(value)
        elif shape == "inline":
            out.update(value)
        elif _is_set(key, value, required):
            out[key] = value
    return out


def _is_set(key: str, value: Any, required: Any) -> bool:
    if key in required or value is None:
        return value is not None
    if value is False or (value == 0 and isinstance(value, int)):
        return _POINTERS.fullmatch(key) is not None
    return bool(value != "")


def _value(raw: Any, kind: int, inner: str, depth: int) -> Any:
    if kind == _MESSAGE:
        return _message(raw, inner, depth + 1)
    if kind == _STRING:
        return raw.decode()
    if kind == _BYTES:
        return base64.b64encode(raw).decode()
    if kind == _BOOL:
        return bool(raw)
    if kind == _DOUBLE:
        return struct.unpack("<d", raw)[0]
    return _signed(raw)


def _time(values: dict[int, Any]) -> str | None:
    seconds = _signed(values.get(1, 0))
    if not seconds and not values.get(2):
        return None
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _micro_time(values: dict[int, Any]) -> str | None:
    text = _time(values)
    return None if text is None else f"{text[:-1]}.{values.get(2, 0) // 1000:06d}Z"


def _raw_json(values: dict[int, Any]) -> Any:
    return json.loads(values[1]) if values.get(1) else None


def _int_or_string(values: dict[int, Any]) -> int | str:
    return str(values.get(3, b"").decode()) if values.get(1) else _signed(values.get(2, 0))


_SPECIAL: dict[str, Callable[[dict[int, Any]], Any]] = {
    _META + "Time": _time,
    _META + "MicroTime": _micro_time,
    _META + "FieldsV1": _raw_json,
    schemas.QUANTITY: lambda values: values.get(1, b"0").decode(),
    schemas.INT_OR_STRING: _int_or_string,
    "io.k8s.apimachinery.pkg.runtime.RawExtension": _raw_json,
}

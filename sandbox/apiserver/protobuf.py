"""Request bodies in Kubernetes' protobuf form, which kubectl's typed commands send.

Only reading, and only the kinds that kubectl and client-go's own helpers write that way; answers are JSON,
which those clients accept as well. Field numbers are those of the generated.proto files of
kubernetes/api and kubernetes/apimachinery.
"""

import base64
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from sandbox.apiserver.objects import Obj
from sandbox.apiserver.status import bad_request

CONTENT_TYPE = "application/vnd.kubernetes.protobuf"
_MAGIC = b"k8s\0"

# name:type; types are s text, i number, z number that 0 leaves out, b boolean, y bytes, t time, u time with
# fraction, p port (int or string), ms and my maps of text and bytes, else a message; * repeats.
_MESSAGES: dict[str, str] = {
    "ObjectMeta": "1 name:s 2 generateName:s 3 namespace:s 5 uid:s 6 resourceVersion:s 7 generation:z"
    " 8 creationTimestamp:t 9 deletionTimestamp:t 10 deletionGracePeriodSeconds:i 11 labels:ms"
    " 12 annotations:ms 13 ownerReferences:OwnerReference* 14 finalizers:s*",
    "OwnerReference": "1 kind:s 3 name:s 4 uid:s 5 apiVersion:s 6 controller:b 7 blockOwnerDeletion:b",
    "ObjectReference": "1 kind:s 2 namespace:s 3 name:s 4 uid:s 5 apiVersion:s 6 resourceVersion:s 7 fieldPath:s",
    "LocalObjectReference": "1 name:s",
    "LabelSelector": "1 matchLabels:ms",
    "Namespace": "1 metadata:ObjectMeta 2 spec:NamespaceSpec",
    "NamespaceSpec": "1 finalizers:s*",
    "ConfigMap": "1 metadata:ObjectMeta 2 data:ms 3 binaryData:my 4 immutable:b",
    "Secret": "1 metadata:ObjectMeta 2 data:my 3 type:s 4 stringData:ms 5 immutable:b",
    "ServiceAccount": "1 metadata:ObjectMeta 2 secrets:ObjectReference* 3 imagePullSecrets:LocalObjectReference*"
    " 4 automountServiceAccountToken:b",
    "Service": "1 metadata:ObjectMeta 2 spec:ServiceSpec",
    "ServiceSpec": "1 ports:ServicePort* 2 selector:ms 3 clusterIP:s 4 type:s 5 externalIPs:s*"
    " 7 sessionAffinity:s 8 loadBalancerIP:s 9 loadBalancerSourceRanges:s* 10 externalName:s"
    " 11 externalTrafficPolicy:s 13 publishNotReadyAddresses:b 17 ipFamilyPolicy:s 18 clusterIPs:s*"
    " 19 ipFamilies:s* 22 internalTrafficPolicy:s",
    "ServicePort": "1 name:s 2 protocol:s 3 port:z 4 targetPort:p 5 nodePort:z 6 appProtocol:s",
    "Role": "1 metadata:ObjectMeta 2 rules:PolicyRule*",
    "ClusterRole": "1 metadata:ObjectMeta 2 rules:PolicyRule* 3 aggregationRule:AggregationRule",
    "AggregationRule": "1 clusterRoleSelectors:LabelSelector*",
    "PolicyRule": "1 verbs:s* 2 apiGroups:s* 3 resources:s* 4 resourceNames:s* 5 nonResourceURLs:s*",
    "RoleBinding": "1 metadata:ObjectMeta 2 subjects:Subject* 3 roleRef:RoleRef",
    "ClusterRoleBinding": "1 metadata:ObjectMeta 2 subjects:Subject* 3 roleRef:RoleRef",
    "Subject": "1 kind:s 2 apiGroup:s 3 name:s 4 namespace:s",
    "RoleRef": "1 apiGroup:s 2 kind:s 3 name:s",
    "SelfSubjectReview": "1 metadata:ObjectMeta",
    "TokenReview": "1 metadata:ObjectMeta 2 spec:TokenReviewSpec",
    "TokenReviewSpec": "1 token:s 2 audiences:s*",
    "SelfSubjectAccessReview": "1 metadata:ObjectMeta 2 spec:AccessSpec",
    "SubjectAccessReview": "1 metadata:ObjectMeta 2 spec:AccessSpec",
    "LocalSubjectAccessReview": "1 metadata:ObjectMeta 2 spec:AccessSpec",
    "AccessSpec": "1 resourceAttributes:ResourceAttributes 2 nonResourceAttributes:NonResourceAttributes"
    " 3 user:s 4 groups:s* 6 uid:s",
    "ResourceAttributes": "1 namespace:s 2 verb:s 3 group:s 4 version:s 5 resource:s 6 subresource:s 7 name:s",
    "NonResourceAttributes": "1 path:s 2 verb:s",
    "SelfSubjectRulesReview": "1 metadata:ObjectMeta 2 spec:RulesSpec",
    "RulesSpec": "1 namespace:s",
    "TokenRequest": "1 metadata:ObjectMeta 2 spec:TokenRequestSpec",
    "TokenRequestSpec": "1 audiences:s* 3 boundObjectRef:BoundObjectReference 4 expirationSeconds:i",
    "BoundObjectReference": "1 kind:s 2 apiVersion:s 3 name:s 4 uid:s",
    "Eviction": "1 metadata:ObjectMeta 2 deleteOptions:DeleteOptions",
    "Binding": "1 metadata:ObjectMeta 2 target:ObjectReference",
    "DeleteOptions": "1 gracePeriodSeconds:i 2 preconditions:Preconditions 3 orphanDependents:b"
    " 4 propagationPolicy:s 5 dryRun:s*",
    "Preconditions": "1 uid:s 2 resourceVersion:s",
    "Lease": "1 metadata:ObjectMeta 2 spec:LeaseSpec",
    "LeaseSpec": "1 holderIdentity:s 2 leaseDurationSeconds:i 3 acquireTime:u 4 renewTime:u 5 leaseTransitions:i",
    "Event": "1 metadata:ObjectMeta 2 involvedObject:ObjectReference 3 reason:s 4 message:s 5 source:EventSource"
    " 6 firstTimestamp:t 7 lastTimestamp:t 8 count:z 9 type:s 10 eventTime:u 12 action:s"
    " 13 related:ObjectReference 14 reportingComponent:s 15 reportingInstance:s",
    "EventSource": "1 component:s 2 host:s",
}


def _fields(message: str) -> dict[int, tuple[str, str]]:
    words = _MESSAGES[message].split()
    return {
        int(number): (field.partition(":")[0], field.partition(":")[2])
        for number, field in zip(words[::2], words[1::2], strict=True)
    }


_TABLE = {message: _fields(message) for message in _MESSAGES}


def decode(raw: bytes) -> Obj:
    """The object of a protobuf body; StatusError 400 for other kinds and broken bytes."""
    if not raw.startswith(_MAGIC):
        raise bad_request(
            "provided data does not appear to be a protobuf message, expected prefix [107 56 115 0]"
        )
    try:
        envelope = dict(_walk(raw[len(_MAGIC) :]))
        names = dict(_walk(envelope.get(1, b"")))
        api_version, kind = names.get(1, b"").decode(), names.get(2, b"").decode()
        if kind not in _TABLE or (kind == "Event" and api_version != "v1"):
            raise bad_request(
                f'protobuf is not read for {kind} in version "{api_version}": send application/json instead'
            )
        return {"apiVersion": api_version, "kind": kind, **_message(kind, envelope.get(2, b""))}
    except (IndexError, ValueError, TypeError, AttributeError) as error:
        raise bad_request(f"the protobuf body cannot be read: {error}") from None


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7
        if shift > 63:
            raise ValueError("a number is too long")


def _walk(data: bytes) -> Iterator[tuple[int, Any]]:
    """(field number, integer or bytes) of a message."""
    at = 0
    while at < len(data):
        tag, at = _varint(data, at)
        wire = tag & 7
        if wire == 0:
            value, at = _varint(data, at)
            yield tag >> 3, value
        elif wire == 2:
            size, at = _varint(data, at)
            if at + size > len(data):
                raise ValueError("it ends too early")
            yield tag >> 3, data[at : at + size]
            at += size
        else:
            at += {1: 8, 5: 4}[wire] if wire in (1, 5) else len(data)


def _message(name: str, data: bytes) -> Obj:
    out: Obj = {}
    table = _TABLE[name]
    for number, value in _walk(data):
        if number not in table:
            continue
        field, kind = table[number]
        if kind.endswith("*"):
            item = value.decode() if kind == "s*" else _value(kind[:-1], value)
            out.setdefault(field, []).append(item)
        elif kind in ("ms", "my"):
            pair = dict(_walk(value))
            item = pair.get(2, b"")
            text = item.decode() if kind == "ms" else base64.b64encode(item).decode()
            out.setdefault(field, {})[pair.get(1, b"").decode()] = text
        elif (item := _value(kind, value)) is not None:
            out[field] = item
    return out


def _value(kind: str, value: Any) -> Any:
    """None leaves the field out: Go writes empty text and 0 for what was not set."""
    if kind == "s":
        return value.decode() or None
    if kind in ("i", "z"):
        number = value - (1 << 64) if value >> 63 else value
        return number if number or kind == "i" else None
    if kind == "b":
        return bool(value)
    if kind in ("t", "u"):
        parts = dict(_walk(value))
        if not parts.get(1):
            return None
        moment = datetime.fromtimestamp(parts[1], UTC)
        text = moment.strftime("%Y-%m-%dT%H:%M:%S")
        return text + (f".{parts.get(2, 0) // 1000:06d}Z" if kind == "u" else "Z")
    if kind == "p":
        parts = dict(_walk(value))
        return parts.get(3, b"").decode() if parts.get(1) else parts.get(2, 0) or None
    return _message(kind, value)

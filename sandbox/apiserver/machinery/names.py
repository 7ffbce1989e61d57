"""Names, labels and annotations: which are valid, and what upstream says when they are not."""

import ipaddress
import os
import re
from typing import Any

from sandbox.apiserver.machinery.apierrors import FieldError, invalid_value, required, type_invalid
from sandbox.apiserver.machinery.jsonobject import Obj

_SUFFIX = "bcdfghjklmnpqrstvwxz2456789"
_SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
_LABEL_1035 = re.compile(r"[a-z]([-a-z0-9]*[a-z0-9])?")
_QUALIFIED = re.compile(r"([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]")

SUBDOMAIN_TEXT = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must"
    " start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is"
    " '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
)
LABEL_TEXT = (
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and"
    " end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is"
    " '[a-z0-9]([-a-z0-9]*[a-z0-9])?')"
)
LABEL_1035_TEXT = (
    "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic"
    " character, and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for"
    " validation is '[a-z]([-a-z0-9]*[a-z0-9])?')"
)
QUALIFIED_TEXT = (
    "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an"
    " alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is"
    " '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"
)
LABEL_VALUE_TEXT = (
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must"
    " start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used"
    " for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')"
)
STANDARD_FINALIZERS = {"kubernetes", "orphan", "foregroundDeletion"}


def _longer(limit: int) -> str:
    return f"must be no more than {limit} bytes"


def subdomain(name: str) -> list[str]:
    """What is wrong with a DNS-1123 subdomain; empty when it is fine."""
    out = [_longer(253)] if len(name) > 253 else []
    return out if _SUBDOMAIN.fullmatch(name) else [*out, SUBDOMAIN_TEXT]


def suffix() -> str:
    """Five random characters, as a generated name ends in them (apimachinery/pkg/util/rand)."""
    return "".join(_SUFFIX[byte % len(_SUFFIX)] for byte in os.urandom(5))


def label_1123(name: str) -> list[str]:
    out = [_longer(63)] if len(name) > 63 else []
    return out if _LABEL.fullmatch(name) else [*out, LABEL_TEXT]


def label_1035(name: str) -> list[str]:
    out = [_longer(63)] if len(name) > 63 else []
    return out if _LABEL_1035.fullmatch(name) else [*out, LABEL_1035_TEXT]


def path_segment(name: str) -> list[str]:
    """RBAC names: anything that can stand in a URL path."""
    if name in (".", ".."):
        return [f"may not be '{name}'"]
    return [f"may not contain '{c}'" for c in "/%" if c in name]


def qualified_name(name: str) -> list[str]:
    """What is wrong with a label key, annotation key or finalizer."""
    prefix, slash, local = name.rpartition("/")
    if "/" in prefix:
        return ["a qualified name " + QUALIFIED_TEXT.removeprefix("name part ")]
    out: list[str] = []
    if slash:
        if not prefix:
            out.append("prefix part must be non-empty")
        else:
            out += [f"prefix part {text}" for text in subdomain(prefix)]
    if not local:
        out.append("name part must be non-empty")
    elif len(local) > 63:
        out.append("name part " + _longer(63))
    if not _QUALIFIED.fullmatch(local):
        out.append(QUALIFIED_TEXT)
    return out


def label_value(value: str) -> list[str]:
    out = [_longer(63)] if len(value) > 63 else []
    return out if not value or _QUALIFIED.fullmatch(value) else [*out, LABEL_VALUE_TEXT]


def label_errors(labels: Any, field: str) -> list[FieldError]:
    """Errors of a map of labels."""
    if not isinstance(labels, dict):
        return [type_invalid(field, labels, "must be a map of strings")]
    out: list[FieldError] = []
    for key, value in labels.items():
        out += [invalid_value(field, key, text) for text in qualified_name(key)]
        if not isinstance(value, str):
            out.append(type_invalid(field, value, "must be a string"))
        else:
            out += [invalid_value(field, value, text) for text in label_value(value)]
    return out


def metadata_errors(meta: Obj, namespaced: bool, check_name: Any) -> list[FieldError]:
    """Errors of ObjectMeta as a create sees them; `check_name` returns a list of texts."""
    out: list[FieldError] = []
    if prefix := meta.get("generateName"):
        # A generated name ends in random letters, so a trailing dash is fine.
        out += [
            invalid_value("metadata.generateName", prefix, t) for t in check_name(prefix.rstrip("-.") or "x")
        ]
    name = meta.get("name")
    if not name:
        out.append(required("metadata.name", "name or generateName is required"))
    else:
        out += [invalid_value("metadata.name", name, text) for text in check_name(name)]
    if namespaced:
        if not meta.get("namespace"):
            out.append(required("metadata.namespace"))
        else:
            bad = label_1123(meta["namespace"])
            out += [invalid_value("metadata.namespace", meta["namespace"], text) for text in bad]
    return out + common_metadata_errors(meta)


def common_metadata_errors(meta: Obj) -> list[FieldError]:
    """Errors of labels, annotations, owners and finalizers, which any write can bring."""
    out = label_errors(meta.get("labels") or {}, "metadata.labels")
    total = 0
    for key, value in (meta.get("annotations") or {}).items():
        out += [invalid_value("metadata.annotations", key, t) for t in qualified_name(key.lower())]
        total += len(key) + len(str(value))
    if total > 256 * 1024:
        out.append(
            FieldError(
                "FieldValueTooLong", "metadata.annotations", "Too long: may not be more than 262144 bytes"
            )
        )
    out += _owner_errors(meta.get("ownerReferences") or [])
    finalizers = meta.get("finalizers") or []
    for finalizer in finalizers:
        out += [invalid_value("metadata.finalizers", finalizer, t) for t in qualified_name(finalizer)]
    for index, finalizer in enumerate(finalizers):
        if "/" not in finalizer and finalizer not in STANDARD_FINALIZERS:
            text = "name is neither a standard finalizer name nor is it fully qualified"
            out.append(invalid_value(f"metadata.finalizers[{index}]", finalizer, text))
    if "orphan" in finalizers and "foregroundDeletion" in finalizers:
        text = "finalizer orphan and foregroundDeletion cannot be both set"
        out.append(invalid_value("metadata.finalizers", finalizers, text))
    return out


def _owner_errors(owners: list[Obj]) -> list[FieldError]:
    out: list[FieldError] = []
    controller = ""
    for index, owner in enumerate(owners):
        field = f"metadata.ownerReferences[{index}]"
        if not owner.get("apiVersion") or owner["apiVersion"].count("/") > 1:
            text = "version must not be empty"
            out.append(invalid_value(f"{field}.apiVersion", owner.get("apiVersion", ""), text))
        for key in ("kind", "name", "uid"):
            if not owner.get(key):
                out.append(invalid_value(f"{field}.{key}", owner.get(key, ""), f"{key} must not be empty"))
        if owner.get("controller"):
            if controller:
                text = (
                    f'Only one reference can have Controller set to true. Found "true" in references for '
                    f"{controller} and {owner.get('kind')}/{owner.get('name')}"
                )
                out.append(invalid_value("metadata.ownerReferences", owners, text))
            controller = f"{owner.get('kind')}/{owner.get('name')}"
    return out


def ip_errors(address: Any, field: str) -> list[FieldError]:
    """What is wrong with an IP address."""
    try:
        ipaddress.ip_address(address)
    except ValueError:
        text = "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"
        return [invalid_value(field, address, text)]
    return []

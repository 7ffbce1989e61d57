"""The list and watch formats of the API: lines, envelopes, pages."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Literal

import msgspec

from controller_runtime.kube.errors import ApiError, Status, api_error

# Longer lines are no watch events: etcd refuses objects of more than 1.5 MB.
LINE_LIMIT = 16 << 20  # bytes


class StreamError(Exception):
    """A watch that was answered and then broke. The text is for a person."""


class Envelope(msgspec.Struct, gc=False):
    """One line of a watch."""

    type: Literal["ADDED", "MODIFIED", "DELETED", "BOOKMARK", "ERROR"]
    object: msgspec.Raw


class _BookmarkMeta(msgspec.Struct, rename="camel"):
    resource_version: str = ""
    annotations: dict[str, str] | None = None


class Bookmark(msgspec.Struct):
    metadata: _BookmarkMeta

    @property
    def ends_initial_list(self) -> bool:
        return (self.metadata.annotations or {}).get("k8s.io/initial-events-end") == "true"


class _PageMeta(msgspec.Struct, rename="camel"):
    resource_version: str = ""
    token: str = msgspec.field(name="continue", default="")


class Page(msgspec.Struct):
    metadata: _PageMeta
    items: list[msgspec.Raw] | None = None


class _Minimum(msgspec.Struct, rename="camel"):
    name: str
    namespace: str = ""
    uid: str = ""
    resource_version: str = ""


class Identity(msgspec.Struct):
    """The least that an object must have to be told from others."""

    metadata: _Minimum


decode_envelope = msgspec.json.Decoder(Envelope).decode
decode_bookmark = msgspec.json.Decoder(Bookmark).decode
decode_page = msgspec.json.Decoder(Page).decode
require_json = msgspec.json.Decoder(msgspec.Raw).decode  # raises msgspec.DecodeError
decode_identity = msgspec.json.Decoder(Identity).decode


# How API servers begin the lines of a watch: encoding/json writes the fields of WatchEvent in this order.
_BEGINNINGS: tuple[tuple[bytes, Literal["ADDED", "MODIFIED", "DELETED"]], ...] = (
    (b'{"type":"MODIFIED","object":', "MODIFIED"),
    (b'{"type":"ADDED","object":', "ADDED"),
    (b'{"type":"DELETED","object":', "DELETED"),
)


def cut_envelope(line: bytes) -> Envelope:
    """``decode_envelope``, but that a usual line is cut, so that its object is parsed once and not twice.

    If that object then turns out to be no JSON, ``decode_envelope`` has to say what the line is.
    """
    if line.endswith(b"}"):
        for beginning, type_ in _BEGINNINGS:
            if line.startswith(beginning):
                return Envelope(type_, msgspec.Raw(line[len(beginning) : -1]))
    return decode_envelope(line)


def lines(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Whole lines without their ends, split on bytes, so that no character is cut.

    Raises StreamError when the stream ends inside a line, or one is longer than ``LINE_LIMIT``.
    """
    parts: list[bytes] = []
    size = 0
    for chunk in chunks:
        if b"\n" not in chunk:
            parts.append(chunk)
            size += len(chunk)
            if size > LINE_LIMIT:
                raise StreamError(f"a line of the watch is longer than {LINE_LIMIT >> 20} MiB")
            continue
        whole = chunk.split(b"\n")
        tail = whole.pop()
        if parts:
            parts.append(whole[0])
            whole[0] = b"".join(parts)
        parts, size = [tail] if tail else [], len(tail)
        yield from whole
    if parts and b"".join(parts).strip():
        raise StreamError("the watch broke off in the middle of a line")


def selection(label_selector: str, field_selector: str) -> dict[str, str]:
    """The part of a list's or watch's query that says which objects are meant."""
    named = (("labelSelector", label_selector), ("fieldSelector", field_selector))
    return {name: selector for name, selector in named if selector}


def stream_error(raw: msgspec.Raw) -> ApiError:
    """The exception for an event of type ERROR."""
    body = bytes(raw)
    try:
        code = msgspec.json.decode(body, type=Status).code
    except msgspec.MsgspecError:
        code = 0
    return api_error(code or 500, body)


def with_kind(raw: msgspec.Raw, api_version: str, kind: str) -> msgspec.Raw:
    """An item of a list with the apiVersion and kind that servers leave out there; a copy in any case."""
    data = bytes(raw)
    if b'"apiVersion"' in data[:400].split(b'"metadata"', 1)[0]:
        return msgspec.Raw(data)
    body = data.lstrip()[1:].lstrip()
    comma = b"" if body.startswith(b"}") else b","
    return msgspec.Raw(
        b'{"kind":"%s","apiVersion":"%s"%s' % (kind.encode(), api_version.encode(), comma) + body
    )

"""One line of a recording: an event as JSON without secrets. The first line says what the file is.

Lines are read by the names of their fields, and fields that a line lacks have their default. So a recording
of an older version stays readable as long as fields are added with defaults and none changes its meaning;
where that cannot be kept, VERSION grows and the old meaning is translated here.
"""

from __future__ import annotations

import re
from types import ModuleType
from typing import Any, Union

import msgspec

import controller.events
import controller_runtime.events
import why.events
from controller_runtime.events import BusEvent, ObjectChanged

VERSION = 1
MAGIC = "reconsole"

# What kubectl apply writes down about an object: all of it, so of a Secret its data.
LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
REDACTED = "REDACTED"

# Tokens by the words before them (RFC 6750, RFC 7617), and JSON Web Tokens by their look (RFC 7515).
_TOKENS = re.compile(
    rb"(?i:(authorization\W{1,8}(?:basic|bearer|negotiate)?\s*|bearer\s+)[\w+/=.~-]{8,})"
    rb"|eyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*"
)
# What such a text has in it, after a byte of it that is rare in objects and found 20 times as fast.
_HINTS = ((b"J", b"eyJ"), (b" ", b"earer "), (b"z", b"uthorization"), (b"Z", b"UTHORIZATION"))


class Header(msgspec.Struct, frozen=True, kw_only=True):
    """``at`` is when the file was begun, in Unix seconds; ``part`` counts the files of a recording from 1."""

    recording: str
    version: int
    program: str = ""
    at: float = 0.0
    part: int = 1


class Gap(BusEvent, frozen=True, tag="gap"):
    """So many events are missing here: the recorder was too slow, or could not write."""

    count: int


class NotARecording(Exception):
    """The text is a sentence for a person."""


def _events_of(*modules: ModuleType) -> tuple[type[BusEvent], ...]:
    found = [v for m in modules for v in vars(m).values() if isinstance(v, type) and issubclass(v, BusEvent)]
    return tuple(dict.fromkeys(v for v in found if v is not BusEvent))


EVENTS: tuple[type[BusEvent], ...] = (
    *_events_of(controller_runtime.events, controller.events, why.events),
    Gap,
)

_encoder = msgspec.json.Encoder()
_decoder: msgspec.json.Decoder[BusEvent] = msgspec.json.Decoder(Union[EVENTS])  # noqa: UP007
_header_decoder = msgspec.json.Decoder(Header)


def encode(event: BusEvent) -> bytes:
    """One line without its end. The data of Secrets and what looks like a token are not in it."""
    if isinstance(event, ObjectChanged):
        if event.ref.kind == "Secret" and event.ref.api_version == "v1":
            event = msgspec.structs.replace(event, raw=_without_data(event.raw))
        line = _encoder.encode(event)
        if b"\n" in line:  # a server that writes its JSON for people
            line = _encoder.encode(msgspec.json.decode(line))
    else:
        try:
            line = _encoder.encode(event)
        except UnicodeEncodeError:  # an error in the words of an operator may hold half a surrogate pair
            line = _encoder.encode(_with_utf8(msgspec.to_builtins(event)))
    return without_tokens(line)


def without_tokens(line: bytes) -> bytes:
    """The text with what looks like a token replaced."""
    if any(rare in line and hint in line for rare, hint in _HINTS):
        line = _TOKENS.sub(rb"\1" + REDACTED.encode(), line)
    return line


def _with_utf8(value: Any) -> Any:
    """Plain data whose texts can be encoded: what cannot is a question mark."""
    match value:
        case str():
            return value.encode(errors="replace").decode()
        case dict():
            return {_with_utf8(key): _with_utf8(part) for key, part in value.items()}
        case list() | tuple():
            return [_with_utf8(part) for part in value]
    return value


def encode_header(program: str, at: float, part: int = 1) -> bytes:
    return _encoder.encode(Header(recording=MAGIC, version=VERSION, program=program, at=at, part=part))


def decode(line: bytes) -> BusEvent:
    """The inverse of ``encode``. Raises msgspec.MsgspecError."""
    return _decoder.decode(line)


def decode_header(line: bytes) -> Header:
    """Raises NotARecording."""
    try:
        header = _header_decoder.decode(line)
    except msgspec.MsgspecError:
        raise NotARecording("its first line is no header of a recording") from None
    if header.recording != MAGIC:
        raise NotARecording(f"it is a recording of {header.recording!r}, not of {MAGIC}")
    if header.version > VERSION:
        raise NotARecording(
            f"it was written in version {header.version} of the format, this program reads up to {VERSION}: "
            "use a newer reconsole"
        )
    return header


def _without_data(raw: msgspec.Raw) -> msgspec.Raw:
    try:
        secret: Any = msgspec.json.decode(raw)
        for field in ("data", "stringData"):
            if field in secret:
                secret[field] = {key: REDACTED for key in secret[field] or ()}
        annotations = secret["metadata"].get("annotations") or {}
        if LAST_APPLIED in annotations:
            annotations[LAST_APPLIED] = REDACTED
        return msgspec.Raw(msgspec.json.encode(secret))
    except (msgspec.MsgspecError, KeyError, TypeError, AttributeError):
        return msgspec.Raw(b"{}")  # nobody knows where the secret is in it

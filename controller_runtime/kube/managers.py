"""Who changed an object last, by its managed fields."""

from __future__ import annotations

import msgspec


class _Entry(msgspec.Struct, frozen=True, rename="camel"):
    manager: str = ""
    time: str | None = None  # RFC 3339 in UTC, which sorts as text
    subresource: str | None = None


class _Metadata(msgspec.Struct, frozen=True, rename="camel"):
    managed_fields: list[_Entry] | None = None


class _Object(msgspec.Struct, frozen=True):
    metadata: _Metadata = _Metadata()


_decode = msgspec.json.Decoder(_Object).decode


def last_manager(raw: bytes | msgspec.Raw) -> str:
    """The field manager of the newest entry of ``metadata.managedFields``; "" when there is none.

    It is what the writer calls itself, as in kubectl-edit, not who it is. Costs a parse of the object: ask it
    for what a person looks at, not for every event.
    """
    try:
        entries = _decode(raw).metadata.managed_fields or []
    except msgspec.MsgspecError:
        return ""
    return max(entries, key=lambda e: e.time or "").manager if entries else ""

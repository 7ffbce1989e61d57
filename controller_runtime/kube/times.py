"""Times as the API writes them, from and to Unix seconds. Without a time they write the present one."""

from __future__ import annotations

import time
from datetime import UTC, datetime


def timestamp(at: float | None = None) -> str:
    """Whole seconds (meta/v1 Time), as in creationTimestamp."""
    return _utc(at).strftime("%Y-%m-%dT%H:%M:%SZ")


def micro_timestamp(at: float | None = None) -> str:
    """Microseconds (meta/v1 MicroTime), as in a Lease or an Event."""
    return _utc(at).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def milli_timestamp(at: float | None = None) -> str:
    """Milliseconds, as log lines have them."""
    return f"{micro_timestamp(at)[:-4]}Z"


def parse_time(text: str | None) -> float | None:
    """Unix seconds of a time in RFC 3339; None for what is none."""
    if not text:
        return None
    try:
        return datetime.fromisoformat(text).timestamp()
    except ValueError:
        return None


def _utc(at: float | None) -> datetime:
    return datetime.fromtimestamp(time.time() if at is None else at, UTC)

"""Times as the API writes them."""

from __future__ import annotations

from datetime import UTC, datetime


def now() -> str:
    """Whole seconds, as in creationTimestamp."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def now_micro() -> str:
    """Microseconds, as in a Lease or an event of events.k8s.io."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")

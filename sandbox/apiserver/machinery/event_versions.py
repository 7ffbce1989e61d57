"""Events have one storage and two forms: core/v1 is kept, events.k8s.io/v1 is translated."""

from sandbox.apiserver.machinery.jsonobject import Obj

_TO_V1 = {
    "involvedObject": "regarding",
    "message": "note",
    "source": "deprecatedSource",
    "firstTimestamp": "deprecatedFirstTimestamp",
    "lastTimestamp": "deprecatedLastTimestamp",
    "count": "deprecatedCount",
    "reportingComponent": "reportingController",
}
_FROM_V1 = {v: k for k, v in _TO_V1.items()}


def to_v1(obj: Obj) -> Obj:
    """core/v1 -> events.k8s.io/v1."""
    return {_TO_V1.get(k, k): v for k, v in obj.items() if not (k == "reportingInstance" and not v)}


def from_v1(obj: Obj) -> Obj:
    """events.k8s.io/v1 -> core/v1."""
    return {_FROM_V1.get(k, k): v for k, v in obj.items()}


def fill(obj: Obj) -> None:
    """The members that are written even when empty."""
    for key in ("involvedObject", "source"):
        obj.setdefault(key, {})
    for key in ("firstTimestamp", "lastTimestamp", "eventTime"):
        obj.setdefault(key, None)
    for key in ("reportingComponent", "reportingInstance"):
        obj.setdefault(key, "")

"""World: what is known of a cluster at one moment, to look things up in."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from controller_runtime.kube.resource import Ref
from controller_runtime.kube.times import parse_time

Obj = Mapping[str, Any]


@dataclass(frozen=True)
class World:
    """``logs``: the last lines of containers, by (namespace, pod, container). ``now`` is in Unix seconds.

    ``unseen`` says what could not be looked at, and why: nothing is concluded from its absence.
    """

    objects: tuple[Obj, ...]
    now: float
    logs: Mapping[tuple[str, str, str], str] = field(default_factory=dict)
    unseen: Mapping[str, str] = field(default_factory=dict)

    def get(self, kind: str, namespace: str, name: str) -> Obj | None:
        return next((o for o in self.of(kind, namespace) if o["metadata"]["name"] == name), None)

    def of(self, kind: str, namespace: str | None = None) -> Iterator[Obj]:
        """The objects of a kind; with ``namespace``, of that one ("" for what is in none)."""
        for obj in self.objects:
            if obj["kind"] == kind and (
                namespace is None or obj["metadata"].get("namespace", "") == namespace
            ):
                yield obj

    def lacks(self, kind: str, namespace: str, name: str) -> bool:
        """Whether it is certain that there is no such object."""
        return kind not in self.unseen and self.get(kind, namespace, name) is None

    def children(self, owner: Obj) -> list[Obj]:
        """The objects whose controller is ``owner``."""
        uid = owner["metadata"].get("uid")
        return [o for o in self.objects if any(r["uid"] == uid and r.get("controller") for r in owners(o))]

    def events(self, obj: Obj, *reasons: str) -> list[Obj]:
        """The Kubernetes Events about an object, the newest first; of these ``reasons`` if any are given."""
        uid = obj["metadata"].get("uid")
        found = [
            event
            for event in self.of("Event")
            if regarding(event).get("uid") == uid and (not reasons or event.get("reason") in reasons)
        ]
        return sorted(found, key=event_time, reverse=True)

    def age(self, timestamp: str | None) -> float:
        """Seconds since a timestamp; 0 when there is none."""
        at = parse_time(timestamp)
        return max(0.0, self.now - at) if at is not None else 0.0


def ref(obj: Obj) -> Ref:
    meta = obj["metadata"]
    return Ref(obj["kind"], meta.get("namespace", ""), meta["name"], meta.get("uid", ""), obj["apiVersion"])


def owners(obj: Obj) -> list[dict[str, Any]]:
    return list(obj["metadata"].get("ownerReferences") or ())


def regarding(event: Obj) -> Mapping[str, Any]:
    """What an Event is about, in either of its two APIs."""
    about: Mapping[str, Any] = event.get("regarding") or event.get("involvedObject") or {}
    return about


def note(event: Obj) -> str:
    return str(event.get("note") or event.get("message") or "")


def event_time(event: Obj) -> str:
    """When it was last seen."""
    series = event.get("series") or {}
    times = (
        series.get("lastObservedTime"), event.get("lastTimestamp"), event.get("deprecatedLastTimestamp"),
        event.get("eventTime"), event["metadata"].get("creationTimestamp"),
    )  # fmt: skip
    return next((str(time) for time in times if time), "")


def condition(obj: Obj, type_: str) -> Mapping[str, Any] | None:
    found = (obj.get("status") or {}).get("conditions") or ()
    return next((c for c in found if c.get("type") == type_), None)


def duration(seconds: float) -> str:
    """As kubectl shows ages: 45s, 12m, 3h, 2d."""
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60)):
        if seconds >= 2 * size or (unit == "d" and seconds >= size):
            return f"{seconds // size:.0f}{unit}"
    return f"{seconds:.0f}s"

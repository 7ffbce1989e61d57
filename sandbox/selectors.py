"""Selectors of labels and nodes, affinity and spreading, as pods state them."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

_REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"
_PREFERRED = "preferredDuringSchedulingIgnoredDuringExecution"


class Part(msgspec.Struct, rename="camel", gc=False, omit_defaults=True):
    """A part of an object: unknown fields are ignored, null where a value may be absent is None."""


class Requirement(Part):
    """Of a label selector, or of a term of node affinity."""

    key: str = ""
    operator: str = ""
    values: list[str] | None = None

    def matches(self, labels: Mapping[str, str]) -> bool:
        """As labels.Requirement of apimachinery does."""
        value, values = labels.get(self.key), self.values or []
        match self.operator:
            case "In":
                return value is not None and value in values
            case "NotIn":
                return value is None or value not in values
            case "Exists":
                return value is not None
            case "DoesNotExist":
                return value is None
        try:
            number, bound = int(value or ""), int(values[0])
        except (ValueError, IndexError):
            return False
        return number > bound if self.operator == "Gt" else number < bound


class LabelSelector(Part):
    match_labels: dict[str, str] | None = None
    match_expressions: list[Requirement] | None = None

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Whether it selects what has these labels; an empty one selects everything."""
        wanted = self.match_labels or {}
        return all(labels.get(name) == value for name, value in wanted.items()) and all(
            requirement.matches(labels) for requirement in self.match_expressions or ()
        )


class NodeTerm(Part):
    match_expressions: list[Requirement] | None = None
    match_fields: list[Requirement] | None = None

    def matches(self, name: str, labels: Mapping[str, str]) -> bool:
        """Whether it selects a node; an empty term selects none."""
        fields = {"metadata.name": name}
        return bool(self.match_expressions or self.match_fields) and (
            all(need.matches(labels) for need in self.match_expressions or ())
            and all(need.matches(fields) for need in self.match_fields or ())
        )


class NodeSelector(Part):
    terms: list[NodeTerm] = msgspec.field(default_factory=list, name="nodeSelectorTerms")


class PreferredNodes(Part):
    weight: int = 0
    preference: NodeTerm = msgspec.field(default_factory=NodeTerm)


class NodeAffinity(Part):
    required: NodeSelector | None = msgspec.field(default=None, name=_REQUIRED)
    preferred: list[PreferredNodes] | None = msgspec.field(default=None, name=_PREFERRED)


class PodTerm(Part):
    topology_key: str = ""
    label_selector: LabelSelector | None = None
    namespaces: list[str] | None = None
    namespace_selector: LabelSelector | None = None


class WeightedPods(Part):
    weight: int = 0
    term: PodTerm = msgspec.field(default_factory=PodTerm, name="podAffinityTerm")


class PodAffinity(Part):
    required: list[PodTerm] | None = msgspec.field(default=None, name=_REQUIRED)
    preferred: list[WeightedPods] | None = msgspec.field(default=None, name=_PREFERRED)


class Affinity(Part):
    node_affinity: NodeAffinity | None = None
    pod_affinity: PodAffinity | None = None
    pod_anti_affinity: PodAffinity | None = None


class SpreadConstraint(Part):
    topology_key: str = ""
    max_skew: int = 1
    when_unsatisfiable: str = "DoNotSchedule"
    label_selector: LabelSelector | None = None
    match_label_keys: list[str] | None = None

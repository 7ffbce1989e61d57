"""Whether a node can have a pod, and how gladly. Pure: labels, taints and figures in, words out.

The rules and words are those of kube-scheduler's filters (pkg/scheduler/framework/plugins).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal

from .apiobjects import Node, Pod, PodSpec, Taint, Toleration
from .quantities import number
from .selectors import PodTerm, SpreadConstraint

UNSCHEDULABLE = "node(s) were unschedulable"
AFFINITY = "node(s) didn't match Pod's node affinity/selector"
PORTS = "node(s) didn't have free ports for the requested pod ports"
SPREAD = "node(s) didn't match pod topology spread constraints"
SPREAD_LABEL = f"{SPREAD} (missing required label)"
POD_AFFINITY = "node(s) didn't match pod affinity rules"
ANTI_AFFINITY = "node(s) didn't match pod anti-affinity rules"
OTHERS_ANTI_AFFINITY = "node(s) didn't satisfy existing pods anti-affinity rules"
TAINT = "node(s) had untolerated taint"

Labels = Mapping[str, str]
Figures = dict[str, Decimal]


def tolerates(toleration: Toleration, key: str, value: str, effect: str) -> bool:
    """Whether a toleration matches a taint."""
    if toleration.effect not in ("", effect):
        return False
    if toleration.key not in ("", key) or (not toleration.key and toleration.operator != "Exists"):
        return False
    return toleration.operator == "Exists" or toleration.value == value


def untolerated(
    spec: PodSpec, node: Node, effects: Iterable[str] = ("NoSchedule", "NoExecute")
) -> Taint | None:
    """The first taint of a node that keeps a pod away; None when none does."""
    tolerations = spec.tolerations or ()
    for taint in node.spec.taints or ():
        if taint.effect in effects and not any(
            tolerates(t, taint.key, taint.value, taint.effect) for t in tolerations
        ):
            return taint
    return None


def affinity_allows(spec: PodSpec, node: Node) -> bool:
    """Node selector and required node affinity."""
    labels = node.metadata.labels
    if any(labels.get(name) != value for name, value in (spec.node_selector or {}).items()):
        return False
    affinity = spec.affinity.node_affinity if spec.affinity else None
    if affinity is None or affinity.required is None:
        return True
    return any(term.matches(node.metadata.name, labels) for term in affinity.required.terms)


def requests(spec: PodSpec) -> Figures:
    """What a pod asks for by resource, in cores and bytes; init containers run before the others."""
    found, sidecars, peak = Figures(), Figures(), Figures()
    for container in spec.init_containers or ():
        own = _requests(container.requests)
        if container.restart_policy == "Always":
            sidecars = added(sidecars, own)
            own = {}
        for name, value in added(sidecars, own).items():
            peak[name] = max(peak.get(name, Decimal(0)), value)
    for container in spec.containers:
        found = added(found, _requests(container.requests))
    found = added(found, sidecars)
    return found | {name: value for name, value in peak.items() if value > found.get(name, 0)}


def _requests(wanted: Labels | None) -> Figures:
    return {name: number(text) for name, text in (wanted or {}).items()}


def added(one: Figures, other: Figures, sign: int = 1) -> Figures:
    """The sum; or the difference."""
    return one | {name: one.get(name, Decimal(0)) + sign * value for name, value in other.items()}


def host_ports(spec: PodSpec) -> set[tuple[int, str]]:
    return {
        (port.host_port, port.protocol)
        for container in spec.containers
        for port in container.ports or ()
        if port.host_port
    }


def lacks(wanted: Figures, used: Figures, pods: int, allocatable: Labels) -> list[str]:
    """Why the figures do not fit (noderesources/fit.go), all of the reasons."""
    reasons = ["Too many pods"] if pods + 1 > number(allocatable.get("pods", "110")) else []
    for name, value in wanted.items():
        if value and value > number(allocatable.get(name, "0")) - used.get(name, 0):
            reasons.append(f"Insufficient {name}")
    return reasons


class Neighbours:
    """Pods and the names of their nodes, as affinity between pods and spreading look at them."""

    def __init__(
        self, pods: Iterable[tuple[Pod, str]], nodes: Mapping[str, Node], namespaces: Callable[[str], Labels]
    ) -> None:
        self._pods = list(pods)
        self._nodes = nodes
        self._namespaces = namespaces

    def _labels(self, name: str) -> Labels:
        return self._nodes[name].metadata.labels

    def _selects(self, term: PodTerm, owner: Pod, other: Pod) -> bool:
        """Whether a term of `owner` means `other`."""
        if term.label_selector is None or not term.label_selector.matches(other.metadata.labels):
            return False
        namespace = other.metadata.namespace
        if not term.namespaces and term.namespace_selector is None:
            return namespace == owner.metadata.namespace
        return namespace in (term.namespaces or ()) or (
            term.namespace_selector is not None
            and term.namespace_selector.matches(self._namespaces(namespace))
        )

    def domains(self, term: PodTerm, pod: Pod) -> Counter[str]:
        """How many pods a term of `pod` means, by value of its topology key."""
        found: Counter[str] = Counter()
        for other, node_name in self._pods:
            if self._selects(term, pod, other):
                value = self._labels(node_name).get(term.topology_key)
                if value is not None:
                    found[value] += 1
        return found

    def forbidden(self, pod: Pod) -> set[tuple[str, str]]:
        """Labels of nodes from which the anti-affinity of pods that are there keeps `pod` away."""
        found: set[tuple[str, str]] = set()
        for other, node_name in self._pods:
            anti = other.spec.affinity.pod_anti_affinity if other.spec.affinity else None
            for term in (anti and anti.required) or ():
                value = self._labels(node_name).get(term.topology_key)
                if value is not None and self._selects(term, other, pod):
                    found.add((term.topology_key, value))
        return found

    def spread(self, constraint: SpreadConstraint, pod: Pod) -> Counter[str]:
        """How many pods each domain has; domains are those of nodes that the pod may go to."""
        selector = constraint.label_selector
        same = {name: pod.metadata.labels.get(name) for name in constraint.match_label_keys or ()}
        found: Counter[str] = Counter()
        for node in self._nodes.values():
            value = node.metadata.labels.get(constraint.topology_key)
            if value is not None and affinity_allows(pod.spec, node):
                found[value] += 0
        for other, node_name in self._pods:
            if other.metadata.namespace != pod.metadata.namespace or other.metadata.deletion_timestamp:
                continue
            value = self._labels(node_name).get(constraint.topology_key)
            labels = other.metadata.labels
            if value is None or value not in found or selector is None or not selector.matches(labels):
                continue
            if all(labels.get(name) == wanted for name, wanted in same.items()):
                found[value] += 1
        return found


class Wishes:
    """What a pod asks of its neighbours, counted once for all nodes."""

    def __init__(self, pod: Pod, neighbours: Neighbours) -> None:
        self.pod = pod
        self.figures, self.ports = requests(pod.spec), host_ports(pod.spec)
        affinity = pod.spec.affinity
        near = affinity.pod_affinity if affinity else None
        far = affinity.pod_anti_affinity if affinity else None
        self._near = [(term, neighbours.domains(term, pod)) for term in (near and near.required) or ()]
        self._far = [(term, neighbours.domains(term, pod)) for term in (far and far.required) or ()]
        self._glad = [
            (sign * w.weight, w.term.topology_key, neighbours.domains(w.term, pod))
            for sign, side in ((1, near), (-1, far))
            for w in (side and side.preferred) or ()
        ]
        self._forbidden = neighbours.forbidden(pod)
        self._spread = [(c, neighbours.spread(c, pod)) for c in pod.spec.topology_spread_constraints or ()]
        # The first of a group that wants to be together may go anywhere.
        self._first = bool(self._near) and all(
            not counts
            and term.label_selector is not None
            and term.label_selector.matches(pod.metadata.labels)
            for term, counts in self._near
        )

    def refusal(self, labels: Labels) -> str:
        """Why a node with these labels cannot be; "" when it can."""
        for constraint, counts in self._spread:
            if constraint.when_unsatisfiable != "DoNotSchedule":
                continue
            value = labels.get(constraint.topology_key)
            if value is None:
                return SPREAD_LABEL
            selector = constraint.label_selector
            own = selector is not None and selector.matches(self.pod.metadata.labels)
            if counts[value] + own - min(counts.values(), default=0) > constraint.max_skew:
                return SPREAD
        for term, counts in self._near:
            value = labels.get(term.topology_key)
            if value is None or not (counts[value] or self._first):
                return POD_AFFINITY
        for term, counts in self._far:
            if counts[labels.get(term.topology_key, "")]:
                return ANTI_AFFINITY
        if any(labels.get(key) == value for key, value in self._forbidden):
            return OTHERS_ANTI_AFFINITY
        return ""

    def gladness(self, node: Node) -> int:
        """More is better: preferred affinities, spreading that need not be, taints that are only advice."""
        labels, score = node.metadata.labels, 0
        affinity = self.pod.spec.affinity.node_affinity if self.pod.spec.affinity else None
        for preferred in (affinity and affinity.preferred) or ():
            if preferred.preference.matches(node.metadata.name, labels):
                score += preferred.weight
        score += sum(weight * counts[labels.get(key, "")] for weight, key, counts in self._glad)
        for constraint, counts in self._spread:
            score -= counts[labels.get(constraint.topology_key, "")]
        return score - 100 * (untolerated(self.pod.spec, node, ("PreferNoSchedule",)) is not None)


def needs_neighbours(pod: Pod) -> bool:
    """Whether other pods matter for where it goes."""
    spec = pod.spec
    between = spec.affinity is not None and (spec.affinity.pod_affinity or spec.affinity.pod_anti_affinity)
    return bool(between or spec.topology_spread_constraints)

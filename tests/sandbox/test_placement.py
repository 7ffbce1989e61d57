"""Why a node can or cannot have a pod: the filters alone, and their words through the API."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from sandbox import placement
from sandbox.apiobjects import NODES, PODS, Node, Pod
from sandbox.quantities import number

from .nodeside import World, kubeconfig, node_world, world

__all__ = ["kubeconfig", "node_world", "world"]

ZONE = "topology.kubernetes.io/zone"


def pod(name: str, app: str = "web", **spec: Any) -> Pod:
    metadata = {"name": name, "namespace": "default", "labels": {"app": app}}
    return msgspec.convert({"metadata": metadata, "spec": {"containers": [{"name": "c"}], **spec}}, Pod)


def node(name: str, zone: str) -> Node:
    labels = {ZONE: zone, "kubernetes.io/hostname": name, "cores": "8"}
    return msgspec.convert({"metadata": {"name": name, "labels": labels}}, Node)


NODES_OF = {"a1": node("a1", "a"), "a2": node("a2", "a"), "b1": node("b1", "b")}


def refusals(new: Pod, *placed: tuple[Pod, str]) -> dict[str, str]:
    """Of each node that cannot have it."""
    wishes = placement.Wishes(new, placement.Neighbours(placed, NODES_OF, lambda _: {"team": "x"}))
    found = {name: wishes.refusal(one.metadata.labels) for name, one in NODES_OF.items()}
    return {name: why for name, why in found.items() if why}


def term(app: str, key: str = ZONE, **more: Any) -> dict[str, Any]:
    return {"topologyKey": key, "labelSelector": {"matchLabels": {"app": app}}, **more}


def required(kind: str, *terms: Any) -> dict[str, Any]:
    return {"affinity": {kind: {"requiredDuringSchedulingIgnoredDuringExecution": list(terms)}}}


def test_affinity_and_anti_affinity_between_pods() -> None:
    near, far = required("podAffinity", term("db")), required("podAntiAffinity", term("db"))
    db = pod("db-0", "db"), "a1"
    assert refusals(pod("x", **near), db) == {"b1": placement.POD_AFFINITY}
    assert set(refusals(pod("x", **near))) == {"a1", "a2", "b1"}
    assert not refusals(pod("x", "db", **near)), "the first of its group"
    assert refusals(pod("x", **far), db) == dict.fromkeys(("a1", "a2"), placement.ANTI_AFFINITY)
    shy = pod("shy", "db", **required("podAntiAffinity", term("web"))), "b1"
    assert refusals(pod("x"), shy) == {"b1": placement.OTHERS_ANTI_AFFINITY}
    elsewhere = required("podAntiAffinity", term("db", namespaces=["other"]))
    assert not refusals(pod("x", **elsewhere), db)
    by_labels = required("podAntiAffinity", term("db", namespaceSelector={"matchLabels": {"team": "x"}}))
    assert set(refusals(pod("x", **by_labels), db)) == {"a1", "a2"}


def test_spreading() -> None:
    selector = {"matchLabels": {"app": "web"}}
    constraint = {
        "maxSkew": 1, "topologyKey": ZONE, "whenUnsatisfiable": "DoNotSchedule", "labelSelector": selector,
    }  # fmt: skip
    new = pod("x", topologySpreadConstraints=[constraint])
    assert not refusals(new)
    assert refusals(new, (pod("1"), "a1")) == dict.fromkeys(("a1", "a2"), placement.SPREAD)
    assert not refusals(new, (pod("1"), "a1"), (pod("2"), "b1"))
    only = pod("x", topologySpreadConstraints=[constraint], nodeSelector={ZONE: "a"})
    assert refusals(only, (pod("1"), "a1")) == {}, "a zone it may not go to does not count"
    no_key = pod("x", topologySpreadConstraints=[constraint | {"topologyKey": "rack"}])
    assert set(refusals(no_key).values()) == {placement.SPREAD_LABEL}


@pytest.mark.parametrize(
    ("operator", "values", "fits"),
    [
        ("In", ["8", "16"], True), ("NotIn", ["8"], False), ("Exists", [], True), ("DoesNotExist", [], False),
        ("Gt", ["4"], True), ("Lt", ["8"], False),
    ],
)  # fmt: skip
def test_node_affinity(operator: str, values: list[str], fits: bool) -> None:
    need = {"key": "cores", "operator": operator, "values": values}
    terms = {"nodeSelectorTerms": [{}, {"matchExpressions": [need]}]}
    affinity = {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": terms}}
    assert placement.affinity_allows(pod("x", affinity=affinity).spec, NODES_OF["a1"]) is fits


def test_init_containers_count_as_their_peak() -> None:
    def asks(cpu: str, **more: Any) -> dict[str, Any]:
        return {"name": "c", "resources": {"requests": {"cpu": cpu}}, **more}

    init = [asks("100m", restartPolicy="Always"), asks("2")]
    found = placement.requests(pod("x", initContainers=init, containers=[asks("500m"), asks("1")]).spec)
    assert found == {"cpu": number("2100m")}


async def test_the_words_when_nothing_fits(node_world: World) -> None:
    taint = {"spec": {"taints": [{"key": "only", "value": "db", "effect": "NoSchedule"}]}}
    await node_world.client.patch(NODES.path("", "node-1"), taint)
    resources = {"requests": {"cpu": "1000", "memory": "1Ti"}}
    await node_world.pod("big", containers=[{"name": "main", "image": "x", "resources": resources}])
    message = (
        "0/2 nodes are available: 1 Insufficient cpu, 1 Insufficient memory, "
        "1 node(s) had untolerated taint {only: db}. preemption: 0/2 nodes are available: "
        "1 No preemption victims found for incoming pod, 1 Preemption is not helpful for scheduling."
    )
    assert (await node_world.event("FailedScheduling"))["message"] == message
    pending = await node_world.until(PODS, "big", lambda o: o["status"].get("conditions"))
    assert pending["status"]["conditions"][0]["message"] == message


@pytest.mark.parametrize("node_world", [{"nodes": 1}], indirect=True)
async def test_the_important_push_out_the_others(node_world: World) -> None:
    def asks(cpu: str) -> list[Any]:
        return [{"name": "main", "image": "x", "resources": {"requests": {"cpu": cpu}}}]

    name = f"important-{node_world.namespace}"
    head = {"apiVersion": "scheduling.k8s.io/v1", "kind": "PriorityClass", "metadata": {"name": name}}
    await node_world.client.create("/apis/scheduling.k8s.io/v1/priorityclasses", {**head, "value": 1000})
    await node_world.pod("small", containers=asks("10"))
    await node_world.pod("large", containers=asks("50"))
    for one in ("small", "large"):
        await node_world.running(one)
    await node_world.pod("boss", containers=asks("8"), priorityClassName=name)
    await node_world.running("boss")
    event = await node_world.event("Preempted")
    left = {p["metadata"]["name"] for p in await node_world.items(PODS)}
    assert event["involvedObject"]["name"] not in left
    assert len(left) == 2

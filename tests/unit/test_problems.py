"""Faults of operators that show over time: each broken operator is caught by name, and no healthy one."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller_runtime import Client, EventBus, Manager, load_configuration
from controller_runtime.events import LeaderStatus, ObjectChanged, QueueItem, QueueSnapshot, WatchStatus
from controller_runtime.kube.kinds import ConfigMap
from controller_runtime.kube.resource import Ref
from tests.cluster import eventually
from tests.runtime.sandboxed import running
from tests.unit.broken import BROKEN, HEALTHY, Operator, makes_again
from why.differences import decode_changed, differences
from why.problems.detection import READ, Problems
from why.problems.problem import QUIET, Problem


class Watcher:
    """Feeds what is published to the detectors."""

    def __init__(self, bus: EventBus) -> None:
        self._subscription = bus.subscribe("problems", of=READ, maxlen=100_000)
        self.problems = Problems()
        self.found: dict[str, Problem] = {}

    def look(self) -> dict[str, Problem]:
        for event in self._subscription.drain().events:
            for problem in self.problems.feed(event):
                self.found.setdefault(problem.about, problem)
        return self.found


@contextmanager
def operators(kubeconfig: Path, namespace: str, reconciles: dict[str, Any]) -> Iterator[Watcher]:
    bus = EventBus()
    watcher = Watcher(bus)
    client = Client(load_configuration(kubeconfig), bus=bus)
    manager = Manager(client, bus, namespaces=(namespace,))
    for name, reconcile in reconciles.items():
        Operator(manager, name, reconcile)
    admin = Client(load_configuration(kubeconfig))
    with running(manager):
        for name in reconciles:
            meta = {"name": name, "namespace": namespace, "labels": {"of": name}}
            admin.create({"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta})
        yield watcher
    for name in reconciles:
        admin.patch(ConfigMap, namespace, name, {"metadata": {"finalizers": None}})


def test_each_broken_operator_is_caught_by_name(kubeconfig: Path, namespace: str) -> None:
    expected = {f"{name} {namespace}/{name}": kind for name, (_, kind, _) in BROKEN.items()}
    faults = {name: fault for name, (fault, _, _) in BROKEN.items()}
    with operators(kubeconfig, namespace, faults) as watcher:
        eventually(lambda: watcher.look().keys() >= expected.keys(), 60)
        found = dict(watcher.look())
    assert {about: problem.kind for about, problem in found.items() if about in expected} == expected
    for name, (_, _, words) in BROKEN.items():
        assert words in found[f"{name} {namespace}/{name}"].says
    assert found.keys() == expected.keys()


def test_an_object_that_is_made_again_and_again(kubeconfig: Path, namespace: str) -> None:
    with operators(kubeconfig, namespace, {"makes-again": makes_again}) as watcher:
        found = eventually(lambda: watcher.look().get(f"ConfigMap {namespace}/child"), 30)
    assert found.kind == "made again and again"


def test_healthy_operators_raise_nothing(kubeconfig: Path, namespace: str) -> None:
    with operators(kubeconfig, namespace, HEALTHY) as watcher:
        admin = Client(load_configuration(kubeconfig))

        def settled() -> bool:
            maps = {m.metadata.name: m.data for m in admin.list(ConfigMap, namespace)}
            watcher.look()
            return maps["makes-many"].get("children") == "8" and maps["converges"].get("step") == "3"

        eventually(settled, 30)
        time.sleep(2.0)  # what must not happen cannot be awaited
        assert watcher.look() == {}


def changed(at: float, value: str, manager: str, version: int) -> ObjectChanged:
    """A ConfigMap whose value was set by a manager, as a watch shows it."""
    entry = {"manager": manager, "operation": "Update", "time": f"2026-01-01T00:00:{version:02}Z"}
    body = {
        "metadata": {"name": "a", "resourceVersion": str(version), "managedFields": [entry]},
        "data": {"k": value},
    }
    raw = msgspec.Raw(msgspec.json.encode(body))
    return ObjectChanged(
        at=at, seq=version, type="MODIFIED", ref=Ref("ConfigMap", "ns", "a", "u"), raw=raw,
        resource_version=str(version),
    )  # fmt: skip


def test_two_managers_that_set_one_field_in_turn_are_named_with_their_values() -> None:
    problems = Problems()
    begun: list[Problem] = []
    for turn in range(12):
        who, value = (("helm", "3"), ("hpa", "5"))[turn % 2]
        begun += problems.feed(changed(1000.0 + turn, value, who, turn + 1))
    (fight,) = begun
    assert fight.kind == "fight over a field"
    assert {"helm", "hpa", "data.k"} <= set(fight.says.replace(",", " ").split())
    assert "sets '3'" in fight.evidence
    assert problems.active[0].count > 1
    # It is over when nobody has seen it for a while, and stays in what has been.
    assert [p.kind for p in problems.expire(1000.0 + 12 + QUIET)] == ["fight over a field"]
    assert problems.active == []
    assert problems.past[0].about == fight.about


def test_one_manager_that_changes_its_mind_is_no_fight() -> None:
    problems = Problems()
    for turn in range(20):
        assert not list(problems.feed(changed(1000.0 + turn, str(turn % 2), "one", turn + 1)))


def test_watches_that_flap_leaders_that_change_and_queues_that_grow() -> None:
    problems = Problems()
    begun: list[Problem] = []
    for turn in range(6):
        for state in ("live", "reconnecting"):
            begun += problems.feed(
                WatchStatus(at=turn * 10.0, resource="pods", group="", kind="Pod", scope="", state=state,
                            since=0.0, message="reset")
            )  # fmt: skip
        begun += problems.feed(
            LeaderStatus(at=turn * 10.0, state="standby", holder=f"pod-{turn}", lease="ns/l")
        )
        items = tuple(QueueItem(f"k{n}") for n in range(60 * turn))
        begun += problems.feed(QueueSnapshot(at=turn * 10.0, controller="redis", items=items))
    assert sorted(p.kind for p in begun) == ["leaders that change", "queue that grows", "watch that flaps"]


@pytest.mark.parametrize("keys", [5_000])
def test_its_memory_is_bounded(keys: int) -> None:
    problems = Problems()
    for number in range(keys):
        for version in range(3):
            event = changed(float(number), "x", "m", version + 1)
            event = msgspec.structs.replace(event, ref=Ref("ConfigMap", "ns", f"a{number}", f"u{number}"))
            list(problems.feed(event))
    assert len(problems.fights) <= 4096


JSON = st.recursive(
    st.none() | st.integers(0, 3) | st.text("ab", max_size=1),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=8,
)
OBJECTS = st.dictionaries(st.sampled_from(["metadata", "spec", "status"]), JSON, max_size=3)


@given(OBJECTS, OBJECTS)
def test_differences_are_found_without_decoding_what_is_the_same(old: Any, new: Any) -> None:
    decoded = decode_changed(msgspec.json.encode(old), msgspec.json.encode(new))
    assert differences(*decoded) == differences(old, new)


def test_writes_of_nobody_in_particular_are_no_fight() -> None:
    problems = Problems()
    for turn in range(12):
        # Every other write falls into the second of the one before, and leaves its entry as it was.
        event = changed(1000.0 + turn, str(turn % 2), "one", turn + 1)
        same = changed(1000.0 + turn, str(turn % 2), "one", turn)
        event = msgspec.structs.replace(event, raw=same.raw) if turn % 2 else event
        assert not list(problems.feed(event))

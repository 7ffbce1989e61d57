from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from controller_runtime.events import ObjectChanged
from controller_runtime.kube.resource import Ref
from tui.kinds import registry
from tui.kinds.changes import brief
from tui.kinds.model import ObjectView

POD = Ref(kind="Pod", namespace="ns", name="p", uid="u")


def view(ref: Ref, raw: bytes) -> ObjectView:
    event = ObjectChanged(at=0.0, type="ADDED", ref=ref, resource_version="1", raw=msgspec.Raw(raw))
    return registry.view(event)


def pod(status: dict[str, Any], **metadata: Any) -> ObjectView:
    spec = {"containers": [{"image": "redis"}, {"image": "sidecar"}], "initContainers": [{}, {}]}
    return view(POD, json.dumps({"metadata": metadata, "spec": spec, "status": status}).encode())


def container(ready: bool = False, restarts: int = 0, **state: Any) -> dict[str, Any]:
    return {"ready": ready, "restartCount": restarts, "state": state}


@pytest.mark.parametrize(
    ("status", "metadata", "word", "health"),
    [
        ({"phase": "Pending"}, {}, "Pending", "busy"),
        (
            {"phase": "Pending", "containerStatuses": [container(waiting={"reason": "ContainerCreating"})]},
            {}, "ContainerCreating", "busy",
        ),
        (
            {"phase": "Running", "containerStatuses": [container(True, running={})] * 2},
            {}, "Running", "ok",
        ),
        (
            {"phase": "Running", "containerStatuses": [container(waiting={"reason": "CrashLoopBackOff"})]},
            {}, "CrashLoopBackOff", "bad",
        ),
        (
            {"phase": "Failed", "containerStatuses": [container(terminated={"exitCode": 3})]},
            {}, "ExitCode:3", "bad",
        ),
        (
            {"phase": "Failed", "containerStatuses": [container(terminated={"exitCode": 137, "signal": 9})]},
            {}, "Signal:9", "bad",
        ),
        ({"phase": "Failed", "reason": "Evicted"}, {}, "Evicted", "bad"),
        ({"phase": "Running"}, {"deletionTimestamp": "2026-01-01T00:00:00Z"}, "Terminating", "done"),
        ({"reason": "NodeLost"}, {"deletionTimestamp": "2026-01-01T00:00:00Z"}, "Unknown", "bad"),
        (
            {"phase": "Pending", "initContainerStatuses": [
                container(terminated={"exitCode": 0}), container(running={})]},
            {}, "Init:1/2", "busy",
        ),
        (
            {"phase": "Pending", "initContainerStatuses": [
                container(waiting={"reason": "ImagePullBackOff"})]},
            {}, "Init:ImagePullBackOff", "bad",
        ),
        (
            {"phase": "Running", "containerStatuses": [
                container(True, running={}), container(terminated={"reason": "Completed", "exitCode": 0})]},
            {}, "NotReady", "busy",
        ),
        ({}, {}, "Unknown", "bad"),
    ],
)  # fmt: skip
def test_status_words_are_kubectls(
    status: dict[str, Any], metadata: dict[str, Any], word: str, health: str
) -> None:
    o = pod(status, **metadata)
    assert (o.status, o.health) == (word, health)


def test_ready_and_restarts() -> None:
    o = pod({"phase": "Running", "containerStatuses": [container(True, 2, running={}), container(False, 3)]})
    assert (o.cells["ready"], o.cells["restarts"]) == ("1/2", "5")
    assert o.health == "busy"


def redis(conditions: list[dict[str, str]], **metadata: Any) -> ObjectView:
    o = {
        "metadata": {"generation": 2, **metadata},
        "spec": {"replicas": 3, "port": 8333},
        "status": {"observedGeneration": 2, "readyReplicas": 1, "conditions": conditions},
    }
    return view(Ref("Redis", "ns", "r", "u", "myapp.tangx.in/v1"), json.dumps(o).encode())


@pytest.mark.parametrize(
    ("conditions", "metadata", "word"),
    [
        ([{"type": "Ready", "status": "True"}], {}, "Ready"),
        ([{"type": "Ready", "status": "False", "reason": "Healing"}], {}, "Healing"),
        ([{"type": "Ready", "status": "False", "reason": "Scaling"}], {}, "Scaling"),
        ([{"type": "Ready", "status": "True"}], {"generation": 3}, "Scaling"),
        ([{"type": "Ready", "status": "False"}, {"type": "Degraded", "status": "True"}], {}, "Degraded"),
        ([], {}, "Pending"),
        ([], {"deletionTimestamp": "2026-01-01T00:00:00Z"}, "Terminating"),
    ],
)
def test_redis_words(conditions: list[dict[str, str]], metadata: dict[str, Any], word: str) -> None:
    assert redis(conditions, **metadata).status == word


@pytest.mark.parametrize("raw", [b"", b"[]", b'{"metadata": 3}', b'{"status": {"phase": []}}'])
def test_what_cannot_be_read_is_a_row_that_says_so(raw: bytes) -> None:
    assert view(POD, raw).status == "Unreadable"


def test_nulls_are_empty() -> None:
    raw = b'{"metadata":{"finalizers":null},"spec":{"containers":null},"status":{"conditions":null}}'
    assert view(POD, raw).cells["ready"] == "0/0"


def test_brief_tells_what_changed() -> None:
    before = pod({"phase": "Pending"})
    after = pod({"phase": "Running", "containerStatuses": [container(True, running={})], "podIP": "10.0.0.1"})
    assert brief(before, after) == "Pending→Running, ready 0/2→1/2, ip 10.0.0.1"
    ending = pod({"phase": "Pending"}, deletionTimestamp="2026-01-01T00:00:00Z")
    assert brief(before, ending) == "deleting"
    held = pod({"phase": "Pending"}, finalizers=["pods.myapp.tangx.in/r-0"])
    assert brief(before, held) == "+finalizer r-0"
    assert brief(held, before) == "−finalizer r-0"
    assert brief(before, pod({"phase": "Pending"}, labels={"a": "b"})) == "metadata.labels"
    assert brief(None, before) == ""


def test_a_paused_redis_says_so() -> None:
    ready = [{"type": "Ready", "status": "True"}]
    assert redis(ready, annotations={"myapp.tangx.in/paused": "true"}).status == "Paused"
    assert redis(ready, annotations={"myapp.tangx.in/paused": "false"}).status == "Ready"

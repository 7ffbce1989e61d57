"""The event recorder: series, retries, and that it never stands in anybody's way."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any, cast

import msgspec
import pytest

from controller_runtime.client.client import Client
from controller_runtime.kube.errors import ApiError, Forbidden, NotFound, TooManyRequests, Unreachable
from controller_runtime.kube.resource import Ref
from controller_runtime.manager.event_recorder import QUEUE_SIZE, EventBroadcaster, _Key
from tests.cluster import eventually
from tests.runtime.sandboxed import client

REF = Ref("Redis", "ns", "my-op-redis", "uid-1", "myapp.tangx.in/v1")
KEY = _Key("redis-controller", REF, "Normal", "ScaledUp", "Create")


class FakeApi:
    """Takes events down; raises what it is told to."""

    def __init__(self) -> None:
        self.transport = self
        self.calls: list[tuple[str, str, dict[str, Any]]] = []
        self.errors: list[Exception | None] = []
        self.gate = threading.Event()
        self.gate.set()

    def request(self, method: str, path: str, *, body: bytes, content_type: str = "") -> None:
        assert self.gate.wait(5)
        if self.errors and (error := self.errors.pop(0)) is not None:
            raise error
        self.calls.append((method, path, msgspec.json.decode(body)))


class World:
    def __init__(self) -> None:
        self.now = 1_700_000_000.0
        self.step = 0.0  # of the wall clock
        self.api = FakeApi()
        self.dropped = 0
        self.broadcaster = EventBroadcaster(
            cast(Client, self.api), dropped=self._drop, host="node-1", now=self.wall, rng=lambda: 0.0,
            clock=lambda: self.now,
        )  # fmt: skip

    def wall(self) -> float:
        return self.now + self.step

    def _drop(self) -> None:
        self.dropped += 1

    def happen(self, key: _Key = KEY, note: str = "Created a pod") -> None:
        self.broadcaster.handle(key, note, self.wall(), self.now)

    def counts(self) -> list[tuple[str, int]]:
        return [(method, body.get("series", {}).get("count", 1)) for method, _, body in self.api.calls]


def test_the_first_is_created_with_all_that_the_api_wants() -> None:
    world = World()
    world.happen()
    [(method, path, body)] = world.api.calls
    assert (method, path) == ("POST", "/apis/events.k8s.io/v1/namespaces/ns/events")
    assert body["metadata"]["name"].startswith("my-op-redis.")
    assert body["regarding"] == {
        "apiVersion": "myapp.tangx.in/v1",
        "kind": "Redis",
        "name": "my-op-redis",
        "namespace": "ns",
        "uid": "uid-1",
    }
    assert (body["reason"], body["action"], body["type"], body["note"]) == (
        "ScaledUp",
        "Create",
        "Normal",
        "Created a pod",
    )
    assert body["reportingController"] == "redis-controller"
    assert body["reportingInstance"] == "redis-controller-node-1"
    assert body["eventTime"] == "2023-11-14T22:13:20.000000Z"


def test_the_second_makes_a_series_and_later_ones_only_count() -> None:
    world = World()
    for _ in range(5):
        world.happen()
        world.now += 1
    assert world.counts() == [("POST", 1), ("PATCH", 2)]
    assert world.api.calls[1][1].endswith(world.api.calls[0][2]["metadata"]["name"])
    world.now += 1800
    world.broadcaster.tend()
    assert world.counts()[2:] == [("PATCH", 5)]
    world.happen()  # the series had ended
    assert world.counts()[3:] == [("POST", 1)]


def test_a_series_that_goes_on_is_refreshed() -> None:
    world = World()
    for _ in range(40):
        world.happen()
        world.now += 60
        world.broadcaster.tend()
    assert world.counts() == [("POST", 1), ("PATCH", 2), ("PATCH", 31)]


def test_what_differs_is_another_series() -> None:
    world = World()
    world.happen()
    world.happen(KEY._replace(reason="ScaledDown"))
    world.happen(KEY._replace(regarding=Ref("Redis", "ns", "other")))
    world.happen(note="Created another pod")
    assert world.counts() == [("POST", 1)] * 4
    assert world.api.calls[3][2]["note"] == "Created another pod"
    assert len({body["metadata"]["name"] for _, _, body in world.api.calls}) == 4


def test_cluster_scoped_objects_and_long_notes() -> None:
    world = World()
    world.happen(KEY._replace(regarding=Ref("Namespace", "", "one")), "é" * 2000)
    _, path, body = world.api.calls[0]
    assert path.endswith("/namespaces/default/events")
    assert "namespace" not in body["regarding"]
    assert len(body["note"].encode()) <= 1024


def test_an_unreachable_server_is_tried_again() -> None:
    world = World()
    world.api.errors = [Unreachable("connection refused"), Unreachable("connection refused")]
    world.happen()
    world.broadcaster.tend()
    assert world.api.calls == []
    for _ in range(2):
        world.now += 10
        world.broadcaster.tend()
    assert world.counts() == [("POST", 1)]
    assert world.dropped == 0


def test_a_wall_clock_that_is_set_back_delays_nothing() -> None:
    world = World()
    world.api.errors = [TooManyRequests(429, "TooManyRequests", "slow down", retry_after=15.0)]
    world.happen()
    world.step = -3600.0
    for expected in ([], [("POST", 1)]):
        world.now += 10
        world.broadcaster.tend()
        assert world.counts() == expected
    world.now += 360
    world.happen()
    assert world.counts() == [("POST", 1)] * 2, "the series had ended"


def test_what_has_no_utf_8_is_replaced_or_dropped_alone() -> None:
    world = World()
    world.happen(KEY._replace(reason="\ud800"))
    world.happen(note="half of it: \ud800")
    assert (world.dropped, world.counts()) == (1, [("POST", 1)])
    assert world.api.calls[0][2]["note"] == "half of it: ?"


def test_it_gives_up_in_the_end() -> None:
    world = World()
    world.api.errors = [Unreachable("connection refused")] * 20
    world.happen()
    for _ in range(20):
        world.now += 10
        world.broadcaster.tend()
    assert len(world.api.errors) == 20 - 12
    assert world.dropped == 1


def test_a_refusal_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    world = World()
    refusal: ApiError = Forbidden(403, "Forbidden", 'events is forbidden: User "op" cannot create')
    world.api.errors = [refusal] * 3
    for name in ("a", "b", "c"):
        world.happen(KEY._replace(regarding=Ref("Redis", "ns", name)))
    assert world.dropped == 3
    assert [r.message for r in caplog.records] == ["Unable to record an event"]


def test_an_event_that_has_expired_is_made_again() -> None:
    world = World()
    world.happen()
    first = world.api.calls[0][2]["metadata"]["name"]
    world.now += 1
    world.api.errors = [NotFound(404, "NotFound", "not found")]
    world.happen()
    assert world.counts() == [("POST", 1), ("POST", 2)]
    assert world.api.calls[1][2]["metadata"]["name"] != first


def test_a_full_queue_drops_and_never_blocks() -> None:
    world = World()
    world.api.gate.clear()
    recorder = world.broadcaster.recorder("c")
    world.broadcaster.start()
    recorder.event(REF, "Normal", "First", "Test", "")
    eventually(lambda: world.broadcaster._queue.empty())
    began = time.monotonic()
    for number in range(QUEUE_SIZE + 7):
        recorder.event(REF, "Normal", f"R{number}", "Test", "")
    assert time.monotonic() - began < 1
    assert world.dropped == 7
    world.api.gate.set()
    world.broadcaster.stop(5)
    assert len(world.api.calls) == QUEUE_SIZE + 1


@pytest.mark.cluster
def test_against_an_api_server(kubeconfig: Path, namespace: str) -> None:
    api = client(kubeconfig)
    dropped: list[None] = []
    broadcaster = EventBroadcaster(api, dropped=lambda: dropped.append(None))
    broadcaster.start()
    recorder = broadcaster.recorder("redis-controller")
    for _ in range(4):
        recorder.event(Ref("ConfigMap", namespace, "settings"), "Warning", "Odd", "Reconcile", "it is odd")
    broadcaster.stop(5)
    [event] = api.get_json(f"/apis/events.k8s.io/v1/namespaces/{namespace}/events")["items"]
    assert (event["reason"], event["note"], event["series"]["count"]) == ("Odd", "it is odd", 4)
    assert dropped == []


def test_series_are_bounded_and_what_was_never_written_counts_as_dropped(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("controller_runtime.manager.event_recorder.MAX_SERIES", 10)
    world = World()
    world.api.errors = [Unreachable("no answer")] * 30
    for number in range(30):
        world.happen(KEY._replace(reason=f"R{number}"))
    assert len(world.broadcaster._series) == 10
    assert world.dropped == 20
    world.now += 60
    world.broadcaster.tend()
    assert len(world.api.calls) == 10


def test_an_event_that_cannot_be_made_is_dropped_alone() -> None:
    world = World()
    world.api.errors = [RuntimeError("odd")]
    world.happen(KEY._replace(reason="One"))
    world.happen(KEY._replace(reason="Two"))
    assert world.dropped == 1
    assert [body["reason"] for _, _, body in world.api.calls] == ["Two"]

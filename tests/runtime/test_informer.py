"""The informer: what handlers are told, and when it counts as synced."""

from __future__ import annotations

import threading

import msgspec
import pytest

from controller_runtime.cache.informer import Informer
from controller_runtime.cache.store import RawCache
from controller_runtime.client.client import Client
from controller_runtime.events import ObjectChanged, Quarantined
from controller_runtime.kube.deltas import CreateEvent, DeleteEvent, Event, UpdateEvent
from controller_runtime.kube.kinds import Namespace, Pod
from tests.runtime.faultserver import Exchange, FaultServer, pod
from tests.runtime.harness import configuration, eventually, world


def test_create_update_delete() -> None:
    with world() as w:
        w.wait_for("live")
        assert w.informer.has_synced()
        assert [(e.obj.metadata.name, e.is_initial) for e in w.delivered if isinstance(e, CreateEvent)] == [
            ("a", True), ("b", True),
        ]  # fmt: skip
        w.delivered.clear()
        w.server.put("c")
        w.server.put("a", metadata={"labels": {"x": "y"}})
        w.server.delete("b")
        eventually(lambda: len(w.delivered) == 3)
        created, updated, deleted = w.delivered
        assert isinstance(created, CreateEvent)
        assert not created.is_initial
        assert isinstance(updated, UpdateEvent)
        assert (updated.old.metadata.labels, updated.new.metadata.labels) == ({}, {"x": "y"})
        assert isinstance(deleted, DeleteEvent)
        assert not deleted.state_unknown
        assert deleted.obj.metadata.resource_version == "105"  # the final state
        assert w.names() == ["a", "c"]


def test_the_bus_hears_before_the_handlers() -> None:
    heard: list[int] = []
    with world(start=False) as w:
        w.informer.add_handler(lambda e: heard.append(sum(isinstance(x, ObjectChanged) for x in w.drain())))
        w.informer.start()
        w.wait_for("live")
        assert heard == [1, 2]
        changes = [e for e in w.drain() if isinstance(e, ObjectChanged)]
        assert all(c.initial and c.type == "ADDED" for c in changes)
        assert b'"kind": "Pod"' in bytes(changes[0].raw)


def test_a_late_handler_gets_what_is_there() -> None:
    late: list[Event[Pod]] = []
    with world() as w:
        w.wait_for("live")
        registration = w.informer.add_handler(late.append)
        assert registration.has_synced()
        assert [(type(e), e.obj.metadata.name) for e in late] == [(CreateEvent, "a"), (CreateEvent, "b")]
        registration.remove()
        w.server.put("c")
        eventually(lambda: w.names() == ["a", "b", "c"])
        assert len(late) == 2


def test_a_handler_that_fails_stops_nobody(caplog: pytest.LogCaptureFixture) -> None:
    def broken(event: Event[Pod]) -> None:
        raise ValueError("my fault")

    with world(start=False) as w:
        w.informer.add_handler(broken)
        w.informer.add_handler(w.delivered.append)
        w.informer.start()
        w.wait_for("live")
        assert len(w.delivered) == 4
        assert "an event handler failed for default/a" in caplog.text


def test_unchanged_objects_are_no_news_after_a_new_list() -> None:
    with world() as w:
        w.wait_for("live")
        w.delivered.clear()
        w.clock.advance(5.0)
        with w.server.changed:
            w.server.put("c")
            w.server.forget_history()
        w.server.end_streams()
        eventually(lambda: w.names() == ["a", "b", "c"])
        eventually(lambda: w.status.state == "live")
        assert [(type(e), e.obj.metadata.name) for e in w.delivered] == [(CreateEvent, "c")]
        assert w.informer.reflectors[0].report.lists == {"first": 1, "expired": 1}


def test_a_server_that_lags_behind_takes_nothing_back() -> None:
    with world() as w:
        w.wait_for("live")
        w.server.put("a", metadata={"labels": {"x": "new"}})
        eventually(lambda: w.informer.list(labels={"x": "new"}))
        with w.server.changed:
            w.server.history.append((w.server.version + 1, "MODIFIED", pod("a", 101)))
            w.server.version += 1
            w.server.changed.notify_all()
        w.server.put("z")
        eventually(lambda: "z" in w.names())
        assert w.informer.list(labels={"x": "new"})


def test_paged_list_where_there_is_no_watch_list() -> None:
    def script(x: Exchange) -> None:
        if x.query.get("sendInitialEvents"):
            x.refuse(422, "Invalid", "sendInitialEvents is forbidden for watch")
        else:
            x.serve()

    with world(script, pods=(), start=False, rate=5) as w:  # one refused, three pages, one watch
        for number in range(1234):
            w.server.put(f"p{number}")
        w.informer.start()
        eventually(lambda: w.informer.has_synced() and w.status.state != "syncing")
        assert len(w.informer.list()) == 1234
        assert [r.verb for r in w.server.requests][:5] == ["watch", "list", "list", "list", "watch"]
        assert {r.query.get("limit") for r in w.server.requests if r.verb == "list"} == {"500"}
        assert w.server.requests[4].query["resourceVersion"] == str(w.server.version)
        raw = w.informer.raw("uid-p1233")
        assert raw is not None
        assert b'"kind":"Pod","apiVersion":"v1"' in bytes(raw)
        w.server.put("late")
        eventually(lambda: w.informer.get("default", "late"))
        w.wait_for("live")


def test_what_is_asked_of_the_server() -> None:
    with world(label_selector="app=x") as w:
        w.wait_for("live")
        w.clock.advance(400.0)
        w.server.end_streams()
        eventually(lambda: len(w.server.requests) == 2)
        first, second = (r.query for r in w.server.requests)
        assert first == {
            "watch": "true", "allowWatchBookmarks": "true", "timeoutSeconds": "450", "labelSelector": "app=x",
            "sendInitialEvents": "true", "resourceVersionMatch": "NotOlderThan",
        }  # fmt: skip
        assert second == {
            "watch": "true", "allowWatchBookmarks": "true", "timeoutSeconds": "450", "labelSelector": "app=x",
            "resourceVersion": "102",
        }  # fmt: skip


def test_bookmarks_move_the_resource_version() -> None:
    def script(x: Exchange) -> None:
        if x.query.get("sendInitialEvents"):
            x.initial()
            x.bookmark(900)
            x.server.clock.__self__.advance(5.0)  # type: ignore[attr-defined]
            x.finish()
        else:
            x.begin()
            x.follow(10**6)

    with world(script) as w:
        eventually(lambda: len(w.server.requests) == 2)
        assert w.server.requests[1].query["resourceVersion"] == "900"
        assert w.status.last_event is not None


def test_several_namespaces_feed_one_store() -> None:
    def script(x: Exchange) -> None:
        namespace = x.seen.path.split("/")[4]
        if namespace == "closed" and not granted.is_set():
            x.refuse(403, "Forbidden", f'cannot {x.verb} resource "pods" in the namespace "closed"')
            return
        own = {k: v for k, v in x.server.objects.items() if v["metadata"]["namespace"] == namespace}
        x.begin()
        for obj in own.values():
            x.event("ADDED", obj)
        x.bookmark(ends_list=True)
        x.follow(10**6)

    granted = threading.Event()
    with world(script, pods=(), namespaces=("open", "closed"), start=False, limit=30.0, rate=4) as w:
        w.server.put("a", namespace="open")
        w.server.put("b", namespace="closed")
        w.informer.start()
        eventually(lambda: w.names() == ["a"])
        w.run_to_limit()
        by_scope = {s.scope: s for s in w.informer.statuses()}
        assert (by_scope["open"].state, by_scope["closed"].state) == ("live", "forbidden")
        assert (by_scope["open"].objects, by_scope["closed"].objects) == (1, 0)
        assert not w.informer.has_synced()
        granted.set()
        w.let_go_on()
        assert w.informer.wait_for_sync(5.0)
        assert w.names() == ["a", "b"]


def test_cluster_scoped_kinds_have_one_scope() -> None:
    server = FaultServer().start()
    client = Client(configuration(server.url))
    informer = Informer(client, Namespace, namespaces=("a", "b"))
    assert [s.scope for s in informer.statuses()] == [""]
    server.stop()


def test_indexes_and_owners() -> None:
    reference = {"apiVersion": "v1", "kind": "X", "name": "x", "uid": "u1", "controller": True}
    owner = {"ownerReferences": [reference]}
    with world(pods=()) as w:
        w.informer.add_index("phase", lambda p: [p.status.phase])
        w.server.put("a", metadata=owner, status={"phase": "Running"})
        eventually(lambda: w.informer.by_owner("u1"))
        assert [p.metadata.name for p in w.informer.by_index("phase", "Running")] == ["a"]
        found = w.informer.by_owner("u1")[0].controller
        assert found is not None
        assert found.kind == "X"


def test_raw_bytes_are_shared_and_bounded() -> None:
    cache = RawCache(limit=1000)
    server = FaultServer().start()
    for number in range(50):
        server.put(f"p{number}")
    informer = Informer(Client(configuration(server.url)), Pod, raw_cache=cache)
    informer.start()
    assert informer.wait_for_sync(5.0)
    assert cache.size <= 1000
    assert informer.raw("uid-p0") is None
    assert informer.raw("uid-p49") is not None
    informer.stop()
    server.stop()


def test_what_can_no_longer_be_read_is_stale_and_not_deleted() -> None:
    with world() as w:
        w.wait_for("live")
        w.server.put("a", spec={"containers": "none"})  # version 103; 101 is what could be read
        eventually(lambda: w.informer.stale("default", "a") == "103")
        assert w.names() == ["a", "b"]
        assert not [e for e in w.delivered if isinstance(e, DeleteEvent)]
        shown = [e for e in w.drain() if isinstance(e, Quarantined)]
        assert [(e.name, e.stale_version) for e in shown] == [("a", "101")]
        assert w.informer.stale("default", "b") == ""
        w.server.put("a", spec={"containers": []})
        eventually(lambda: not w.informer.stale("default", "a"))
        assert w.delivered[-1].obj.metadata.resource_version == "104"


class WidePod(Pod, frozen=True):
    more: int = 0


def test_an_event_has_the_object_of_the_store_and_not_in_its_json() -> None:
    with world(decode_as=WidePod) as w:
        w.wait_for("live")
        w.server.put("a", more=3)
        w.server.put("b", more="what the controllers do not read")
        eventually(lambda: len(w.delivered) == 4)
        changes = {e.resource_version: e for e in w.drain() if isinstance(e, ObjectChanged)}
        a, b = changes["103"], changes["104"]
        assert a.decoded(Pod) is a.decoded(WidePod) is w.informer.get("default", "a")
        assert (a.decoded(WidePod).more, b.decoded(WidePod).more) == (3, 0)
        line = msgspec.json.encode(a)
        assert line == msgspec.json.encode(msgspec.structs.replace(a))
        again = msgspec.json.decode(line, type=ObjectChanged)
        assert again == a
        assert again.decoded(WidePod) == a.decoded(WidePod)
        assert again.size == a.size
        assert not [e for e in w.drain() if isinstance(e, Quarantined)]


def test_without_a_wider_class_no_more_is_decoded() -> None:
    with world() as w:
        w.wait_for("live")
        assert {type(pod) for pod in w.informer.list()} == {Pod}


def test_an_unreadable_successor_is_not_its_predecessor() -> None:
    with world() as w:
        w.wait_for("live")
        w.server.put("a", uid="another", spec={"containers": "none"})
        eventually(lambda: w.names() == ["b"])
        last = w.delivered[-1]
        assert isinstance(last, DeleteEvent)
        assert last.state_unknown
        assert w.informer.stale("default", "a") == ""


def test_a_reader_of_the_bus_that_stalled_is_given_what_the_store_has() -> None:
    with world(pods=()) as w:
        w.wait_for("live")
        slow = w.bus.subscribe("slow", maxlen=5)
        w.server.put("gone")
        eventually(lambda: len(slow))
        slow.drain()
        w.server.delete("gone")
        for number in range(30):
            w.server.put(f"pod-{number}")
        eventually(lambda: len(w.informer.list()) == 30)
        batch = slow.drain()
        names = {"gone"}
        for event in (*batch.states, *batch.events):
            if isinstance(event, ObjectChanged):
                assert msgspec.json.decode(event.raw)["kind"] == "Pod"
                (names.discard if event.type == "DELETED" else names.add)(event.ref.name)
        assert names == {f"pod-{number}" for number in range(30)}
        assert batch.dropped > 0

"""Every fault of an API server: how often it is asked, and what a person is told.

Time is virtual (see VirtualClock): one minute of fault takes milliseconds, and the rates are exact.
"""

from __future__ import annotations

import gc
import json
import logging
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from controller_runtime.events import Quarantined
from controller_runtime.kube.deltas import DeleteEvent
from controller_runtime.kube.rules import PolicyRule
from tests.runtime.certificates import server_context
from tests.runtime.faultserver import Exchange, pod, status
from tests.runtime.harness import World, eventually, world

SENTENCE = 'pods is forbidden: User "op" cannot {} resource "pods" in API group "" at the cluster scope'


def assert_patient(w: World, at_most: int) -> None:
    """At most ``at_most`` requests in a minute of fault; ``world`` looks at the rate."""
    w.run_to_limit()
    assert 2 <= len(w.server.requests) <= at_most


def forbid(*verbs: str) -> object:
    def script(x: Exchange) -> None:
        if x.verb in verbs:
            x.refuse(403, "Forbidden", SENTENCE.format(x.verb))
        else:
            x.serve()

    return script


def test_forbidden_list_and_watch(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "controller_runtime.cache.reflector")
    with world(forbid("list", "watch")) as w:  # type: ignore[arg-type]
        assert_patient(w, 24)
        told = w.status
        assert told.state == "forbidden"
        assert told.verb == "list"
        assert told.message == SENTENCE.format("list")
        assert told.missing_rule == PolicyRule(("",), ("pods",), ("list", "watch"))
        assert told.attempts >= 5
        assert told.next_try is not None
        assert told.next_try - told.at <= 10.0
        assert w.states() == ["starting", "forbidden"]
        assert not w.informer.has_synced()
        assert w.informer.is_failing()
        assert [r.getMessage() for r in caplog.records] == [
            f"cannot list pods in all namespaces (forbidden): {SENTENCE.format('list')}"
        ]
        w.server.script = Exchange.serve
        w.let_go_on()
        w.wait_for("live")
        assert w.names() == ["a", "b"]
        assert w.status.missing_rule is None
        assert w.status.attempts == 0
        assert w.states() == ["starting", "forbidden", "live"]
        eventually(lambda: "again after forbidden" in caplog.records[-1].getMessage())


def test_forbidden_watch_is_polled() -> None:
    with world(forbid("watch"), limit=60.0) as w:  # type: ignore[arg-type]
        w.run_to_limit()
        assert len(w.server.requests) <= 26
        assert w.states() == ["starting", "syncing", "polling"]
        assert w.status.verb == "watch"
        assert w.status.message == SENTENCE.format("watch")
        assert w.status.missing_rule == PolicyRule(("",), ("pods",), ("watch",))
        assert w.informer.has_synced()
        assert not w.informer.is_failing()
        assert w.status.objects == 2
        w.server.put("c")
        w.server.delete("a")
        w.let_go_on(20.0)
        eventually(lambda: w.names() == ["b", "c"])
        w.server.script = Exchange.serve
        w.let_go_on()
        w.wait_for("live")
        assert w.status.missing_rule is None


def test_revoked_while_watching_and_granted_again() -> None:
    with world() as w:
        w.wait_for("live")
        w.server.script = forbid("list", "watch")  # type: ignore[assignment]
        w.server.end_streams()
        w.run_to_limit()
        assert w.status.state == "forbidden"
        assert w.names() == ["a", "b"]
        w.server.script = Exchange.serve
        w.server.delete("b")
        w.let_go_on()
        w.wait_for("live")
        assert w.names() == ["a"]
        assert w.changes()[-1] == ("DELETED", "b")


def test_unauthorized_then_new_credentials() -> None:
    def script(x: Exchange) -> None:
        if len(x.server.requests) == 1:
            x.refuse(401, "Unauthorized", "Unauthorized")
        else:
            x.serve()

    with world(script, fields={"reload": replace}) as w:
        w.wait_for("live")
        assert len(w.server.requests) == 2
        assert "unauthorized" not in w.states()


def test_unauthorized_for_good() -> None:
    with world(lambda x: x.refuse(401, "Unauthorized", "Unauthorized")) as w:
        assert_patient(w, 30)  # credentials are fetched anew for each try, and the try is made again
        assert w.status.state == "unauthorized"
        assert w.status.message == "Unauthorized"
        assert w.states() == ["starting", "unauthorized"]


@pytest.mark.parametrize("retry_after", [None, 20])
def test_too_many_requests(retry_after: int | None) -> None:
    with world(lambda x: x.refuse(429, "TooManyRequests", "slow down", retry_after)) as w:
        assert_patient(w, 8)
        assert w.status.state == "reconnecting"
        assert w.status.message == "slow down"
        first = w.statuses()[1]
        assert first.next_try is not None
        assert first.next_try - first.at == pytest.approx(1.2 if retry_after is None else 20.0)


def test_the_time_that_a_server_names_is_kept_to_but_not_for_ever() -> None:
    """kubernetes' "storage is (re)initializing" is over in seconds."""

    def script(x: Exchange) -> None:
        answer = status(429, "TooManyRequests", "storage is (re)initializing")
        x.answer(429, json.dumps({**answer, "details": {"retryAfterSeconds": 1}}).encode())

    with world(script) as w:
        w.run_to_limit()
        assert w.clock.slept[:14] == pytest.approx([1.0] * 10 + [1.2, 2.4, 4.8, 9.6])
        w.server.script = Exchange.serve
        w.let_go_on()
        w.wait_for("live")


def test_server_errors() -> None:
    with world(lambda x: x.refuse(500, "InternalError", "etcdserver: no leader")) as w:
        assert_patient(w, 8)
        assert w.states() == ["starting", "reconnecting"]
        assert w.status.message == "etcdserver: no leader"
        assert w.clock.slept[:5] == pytest.approx([1.2, 2.4, 4.8, 9.6, 19.2])


def test_backoff_is_capped_at_half_a_minute() -> None:
    with world(lambda x: x.refuse(503, "ServiceUnavailable", "down"), limit=600.0) as w:
        w.run_to_limit()
        assert max(w.clock.slept) <= 30.0
        assert w.status.attempts >= 20


def test_unknown_kind() -> None:
    message = "the server could not find the requested resource"
    with world(lambda x: x.refuse(404, "NotFound", message)) as w:
        assert_patient(w, 24)
        assert w.status.message == f"the cluster does not know pods v1: {message}"


def test_expired_over_http_lists_again() -> None:
    with world(rate=3) as w:  # no fault before: one watch came to its end
        w.wait_for("live")
        w.clock.advance(5.0)
        with w.server.changed:
            w.server.delete("a")
            w.server.put("b", uid="another-b")
            w.server.put("c")
            w.server.forget_history()
        w.server.end_streams()
        eventually(lambda: w.names() == ["b", "c"])
        w.wait_for("live")
        gone = {e.obj.metadata.uid: e for e in w.delivered if isinstance(e, DeleteEvent)}
        assert set(gone) == {"uid-a", "uid-b"}
        assert all(e.state_unknown for e in gone.values())
        assert ("ADDED", "c") in w.changes()


def test_expired_after_an_outage_lists_at_once() -> None:
    with world(limit=7.0) as w:
        w.wait_for("live")
        w.clock.advance(5.0)
        w.server.script = lambda x: x.refuse(503, "ServiceUnavailable", "not now")
        w.server.end_streams()
        w.run_to_limit()
        with w.server.changed:
            w.server.put("c")
            w.server.forget_history()
        assert w.status.attempts == 2  # after three the version would be given up
        before = len(w.server.requests)
        w.server.script = Exchange.serve
        w.let_go_on()
        eventually(lambda: w.names() == ["a", "b", "c"])
        w.wait_for("live")
        expired, listed = w.server.requests[before:]
        assert (expired.query.get("resourceVersion"), listed.query.get("resourceVersion")) == ("102", None)
        assert listed.at - expired.at <= 1.0  # the rate gate's


def test_expired_in_the_stream_for_good() -> None:
    def script(x: Exchange) -> None:
        x.initial()
        x.event("ERROR", status(410, "Expired", "too old resource version: 1 (2)"))
        x.finish()

    with world(script) as w:
        assert_patient(w, 10)
        assert w.status.state == "expired"
        assert w.status.message == "too old resource version: 1 (2)"
        report = w.informer.reflectors[0].report
        assert (report.lists["first"], set(report.errors)) == (1, {("watch", "410")})
        assert report.lists["expired"] in (report.errors["watch", "410"], report.errors["watch", "410"] - 1)
        assert [c for c in w.changes() if c[0] == "ADDED"] == [("ADDED", "a"), ("ADDED", "b")]


def test_error_in_the_stream_for_good() -> None:
    def script(x: Exchange) -> None:
        if x.query.get("sendInitialEvents"):
            x.initial()
        else:
            x.begin()
        x.event("ERROR", status(500, "InternalError", "etcdserver: leader changed"))
        x.finish()

    with world(script) as w:
        assert_patient(w, 8)
        assert w.status.state == "reconnecting"
        assert w.status.message == "etcdserver: leader changed"
        assert w.names() == ["a", "b"]
        versions = [r.query.get("resourceVersion", "") for r in w.server.requests]
        assert versions[1] == "102"  # goes on from there
        assert "" in versions[2:]  # and gives the version up when that does not help
        report = w.informer.reflectors[0].report
        assert set(report.lists) == {"first", "failing"}
        assert set(report.errors) == {("watch", "500")}


def test_streams_that_end_at_once() -> None:
    def script(x: Exchange) -> None:
        if x.query.get("sendInitialEvents"):
            x.initial()
        else:
            x.begin()
        x.finish()

    with world(script) as w:
        assert_patient(w, 8)
        assert w.status.state == "reconnecting"
        assert w.status.message.startswith("very short watch: Unexpected watch close")
        assert set(w.informer.reflectors[0].report.errors) == {("watch", "<stream>")}


def test_connection_reset_at_once() -> None:
    def script(x: Exchange) -> None:
        x.handler.close_connection = True

    with world(script) as w:
        assert_patient(w, 8)
        assert w.status.state == "unreachable"
        assert "closed connection without response" in w.status.message
        assert set(w.informer.reflectors[0].report.errors) == {("watch", "<error>")}


def test_garbage_lines_do_not_stop_the_others() -> None:
    def script(x: Exchange) -> None:
        x.begin()
        x.chunk(b"\n  \nnot json\n")
        x.event("ADDED", pod("a", 101))
        x.chunk(b'{"type": 7}\n')
        x.event("SURPRISE", pod("b", 102))
        x.event("ADDED", pod("b", 102))
        x.bookmark(ends_list=True)
        x.follow(102)

    with world(script) as w:
        w.wait_for("live")
        assert w.names() == ["a", "b"]
        assert w.informer.reflectors[0].bad_lines == 3


def test_events_that_are_written_in_another_way() -> None:
    a, b, c = (json.dumps(pod(name, number)).encode() for number, name in enumerate("abc", 101))

    def script(x: Exchange) -> None:
        x.begin()
        x.chunk(b'{"type":"ADDED","object":%s,"extra":{"more":{}}}\n' % a)
        x.chunk(b' {"object" : %s, "type" : "ADDED"} \n' % b)
        x.chunk(b'{"type":"ADDED","object":  %s  }\r\n' % c)
        x.bookmark(ends_list=True)
        x.chunk(b'{"type":"MODIFIED","object":%s}\n' % json.dumps(pod("b", 104)).encode()[:-1])
        x.chunk(b'{"type":"DELETED","object":%s,"extra":[]}\n' % a)
        x.follow(105)

    with world(script) as w:
        w.wait_for("live")
        eventually(lambda: w.names() == ["b", "c"])
        assert w.informer.reflectors[0].bad_lines == 1
        assert w.changes() == [("ADDED", "a"), ("ADDED", "b"), ("ADDED", "c"), ("DELETED", "a")]


def test_nothing_but_garbage() -> None:
    def script(x: Exchange) -> None:
        x.begin()
        x.chunk(b"<html>" * 10 + b"\n")
        x.finish()

    with world(script) as w:
        assert_patient(w, 8)
        assert w.status.state == "reconnecting"
        assert w.statuses()[1].message == "the watch ended before its first list was complete"
        found = "it begins with '<html><html>"
        assert w.status.message.startswith(f"the server answered 200 with what is no list: {found}")


@pytest.mark.parametrize("cut", ["ended", "broken"])
def test_streams_that_are_cut_before_their_list_is_complete(cut: str) -> None:
    """kubernetes #140890: each watch ends after 3 s, and the first list takes longer."""

    def script(x: Exchange) -> None:
        if x.query.get("sendInitialEvents"):
            x.begin()
            x.event("ADDED", x.server.objects["a"])
            w.clock.advance(3.0)
            if cut == "ended":
                x.finish()
        else:
            x.serve()

    with world(script, start=False) as w:
        w.informer.start()
        w.wait_for("live")
        assert w.names() == ["a", "b"]
        assert [r.verb for r in w.server.requests] == ["watch", "watch", "watch", "list", "watch"]
        assert w.clock.now < 20.0


def test_pages_that_always_expire() -> None:
    """kubernetes #85272: the history is compacted faster than a page is asked for."""

    def script(x: Exchange) -> None:
        if x.query.get("sendInitialEvents"):
            x.refuse(422, "Invalid", "sendInitialEvents is forbidden")
        elif x.query.get("continue"):
            x.server.objects.pop("p0", None)  # it was on the first page
            x.refuse(410, "Expired", "The provided continue parameter is too old")
        else:
            x.serve()

    with world(script, pods=(), start=False, label_selector="app=x", rate=5) as w:
        for number in range(600):
            w.server.put(f"p{number}")
        w.informer.start()
        w.wait_for("live")
        assert len(w.names()) == 599
        assert ("DELETED", "p0") in w.changes()
        lists = [r.query for r in w.server.requests if r.verb == "list"]
        assert [q.get("limit") for q in lists] == ["500", "500", None]
        assert lists[-1] == {"labelSelector": "app=x"}


def test_half_a_line_is_not_taken_and_not_lost() -> None:
    def script(x: Exchange) -> None:
        if x.query.get("sendInitialEvents"):
            x.initial()
            line = json.dumps({"type": "ADDED", "object": pod("c", 103)}).encode()
            x.chunk(line[: len(line) // 2])
            x.finish()
            x.server.put("c")
        else:
            x.serve()

    with world(script) as w:
        eventually(lambda: w.names() == ["a", "b", "c"])
        assert "reconnecting" in w.states()
        assert "the watch broke off in the middle of a line" in [s.message for s in w.statuses()]
        assert w.informer.reflectors[0].bad_lines == 0


def test_characters_split_over_chunks() -> None:
    text = "Zürich – 東京 🚀"

    def script(x: Exchange) -> None:
        x.begin()
        event = {"type": "ADDED", "object": pod("a", 101, metadata={"annotations": {"city": text}})}
        for byte in json.dumps(event, ensure_ascii=False).encode() + b"\n":
            x.chunk(bytes([byte]))
        x.bookmark(ends_list=True)
        x.follow(102)

    with world(script, pods=()) as w:
        w.wait_for("live")
        found = w.informer.get("default", "a")
        assert found is not None
        assert found.metadata.annotations["city"] == text


def test_poison_is_set_aside_alone() -> None:
    with world(pods=("a",)) as w:
        w.wait_for("live")
        w.server.put("bad", spec={"containers": "none"})
        w.server.put("b")
        eventually(lambda: w.names() == ["a", "b"])
        told = [e for e in w.drain() if isinstance(e, Quarantined)]
        assert [(q.name, q.namespace, q.resource) for q in told] == [("bad", "default", "pods")]
        assert "array" in told[0].reason
        assert w.status.state == "live"
        w.server.put("bad", spec={"containers": []})
        eventually(lambda: w.names() == ["a", "b", "bad"])
        w.server.put("bad", spec={"containers": "none"})
        w.server.delete("bad")
        eventually(lambda: w.names() == ["a", "b"])
        assert len(w.server.requests) == 1


def test_poison_in_the_list_and_nulls() -> None:
    with world(pods=(), start=False) as w:
        w.server.put("bad", metadata={"labels": 7})
        w.server.put(
            "nulls", metadata={"labels": None, "finalizers": None}, spec=None, status={"conditions": None}
        )
        w.server.put("a")
        w.informer.start()
        w.wait_for("live")
        assert w.names() == ["a", "nulls"]
        assert len([e for e in w.drain() if isinstance(e, Quarantined)]) == 1


def test_silence_is_no_alarm_while_the_server_answers() -> None:
    def script(x: Exchange) -> None:
        if len(x.server.requests) == 1:
            x.initial()
            time.sleep(2.0)
        else:
            x.serve()

    with world(script, idle_timeout=0.2) as w:
        w.wait_for("live")
        w.clock.advance(5.0)
        w.server.put("c")  # the dead stream says nothing of it
        eventually(lambda: w.names() == ["a", "b", "c"])
        assert w.server.requests[1].query["resourceVersion"] == "102"
        assert w.states() == ["starting", "syncing", "live"]
        assert [s.message for s in w.statuses() if s.message] == []


def test_a_dead_peer_is_noticed() -> None:
    def script(x: Exchange) -> None:
        if len(x.server.requests) == 1:
            x.initial()
            time.sleep(1.0)

    with world(script, idle_timeout=0.2) as w:
        w.wait_for("live")
        w.clock.advance(5.0)
        w.server._http.shutdown()
        w.server._http.server_close()
        w.wait_for("unreachable")


def test_slow_first_byte() -> None:
    def script(x: Exchange) -> None:
        time.sleep(0.3)
        x.serve()

    with world(script) as w:
        w.wait_for("live")
        assert w.states() == ["starting", "syncing", "live"]
        assert len(w.server.requests) == 1


def test_server_without_bookmarks() -> None:
    """Silence is no sign of death there, so the watches are short: the server has to end them."""

    def script(x: Exchange) -> None:
        if x.query.get("sendInitialEvents"):
            x.refuse(422, "Invalid", "sendInitialEvents is forbidden")
        else:
            x.serve()

    with world(script, idle_timeout=0.15, rate=3) as w:  # one refused, one list, one watch
        w.wait_for("reconnecting")
        w.let_go_on()
        eventually(lambda: len([r for r in w.server.requests if r.verb == "watch"]) >= 3)
        first, second = [int(r.query["timeoutSeconds"]) for r in w.server.requests if r.verb == "watch"][1:3]
        assert 300 <= first < 600
        assert 60 <= second < 120
        w.server.put("c")
        eventually(lambda: w.names() == ["a", "b", "c"])
        w.wait_for("live")


def test_server_restart() -> None:
    with world(limit=30.0) as w:
        w.wait_for("live")
        w.clock.advance(5.0)
        w.server.stop()
        w.run_to_limit()
        assert "the connection was closed in the middle of an answer" in w.statuses()[3].message
        assert w.status.state == "unreachable"
        assert w.status.message == "Connection refused"
        assert w.names() == ["a", "b"]
        w.server.delete("a")
        w.server.start()
        w.let_go_on()
        eventually(lambda: w.names() == ["b"])
        w.wait_for("live")
        assert w.states() == ["starting", "syncing", "live", "reconnecting", "unreachable", "live"]


@pytest.mark.parametrize("ends", [True, False])
def test_a_server_that_was_restored_from_a_backup(ends: bool) -> None:
    """Its versions are lower than ours: it answers a resume with silence, and its objects look old."""

    def script(x: Exchange) -> None:
        if x.query.get("resourceVersion") == "104":
            x.begin()
            for _ in range(20):
                x.server.clock.__self__.advance(5.0)  # type: ignore[attr-defined]
                time.sleep(0.01)
            if ends:
                x.finish()
            else:
                time.sleep(2.0)  # until the client has had enough
        else:
            x.serve()

    with world(idle_timeout=0.5) as w:
        w.wait_for("live")
        w.server.put("a", metadata={"labels": {"x": "new"}})
        w.server.put("c")
        eventually(lambda: w.names() == ["a", "b", "c"])
        w.clock.advance(5.0)
        w.server.script = script
        w.server.stop()
        with w.server.changed:
            w.server.history.clear()
            w.server.version = 101
            w.server.objects = {"a": pod("a", 101), "d": pod("d", 100)}
        w.server.start()
        w.let_go_on()
        eventually(lambda: w.names() == ["a", "d"])
        assert w.informer.list(labels={"x": "new"}) == []
        assert w.informer.reflectors[0].report.lists["silent"] == 1
        w.wait_for("live")
        w.server.put("a", metadata={"labels": {"x": "newer"}})
        eventually(lambda: w.informer.list(labels={"x": "newer"}))
        assert ("DELETED", "c") in w.changes()


def test_certificates_rotated(tmp_path: Path) -> None:
    context, first = server_context(tmp_path, "first")
    authority = tmp_path / "ca.crt"
    authority.write_bytes(first.read_bytes())
    with world(tls=context, fields={"authority": str(authority)}, limit=30.0) as w:
        w.wait_for("live")
        w.clock.advance(5.0)
        w.server.stop()
        w.server.tls, second = server_context(tmp_path, "second")
        w.server.put("c")
        w.server.start()
        w.let_go_on(30.0)
        w.run_to_limit()
        assert w.status.state == "unreachable"
        assert "certificate verify failed" in w.status.message.lower()
        authority.write_bytes(second.read_bytes())
        w.let_go_on()
        w.wait_for("live")
        assert w.names() == ["a", "b", "c"]


def test_a_regular_end_is_no_fault() -> None:
    with world() as w:
        w.wait_for("live")
        for name in ("c", "d", "e"):
            w.clock.advance(400.0)
            w.server.end_streams()
            w.server.put(name)
            eventually(lambda name=name: name in w.names())  # type: ignore[misc]
        assert w.states() == ["starting", "syncing", "live"]
        assert [r.verb for r in w.server.requests] == ["watch"] * 4
        assert w.informer.reflectors[0].report.lists == {"first": 1}
        assert not w.informer.reflectors[0].report.errors


@pytest.mark.parametrize("when", ["idle stream", "no answer yet", "backing off"])
def test_stop_is_instant(when: str) -> None:
    released = threading.Event()

    def script(x: Exchange) -> None:
        if when == "no answer yet":
            released.wait(5)
        elif when == "backing off":
            x.refuse(500, "InternalError", "no")
        else:
            x.serve()

    with world(script, limit=0.5) as w:
        eventually(lambda: w.server.requests)
        if when != "no answer yet":
            eventually(lambda: w.status.state in ("live", "reconnecting"))
        time.sleep(0.02)
        started = time.monotonic()
        w.informer.stop()
        assert time.monotonic() - started < 0.5
        assert w.status.state == "stopped"
        released.set()


def test_a_server_too_old_to_begin_a_watch_with_a_list() -> None:
    """It ignores sendInitialEvents, so the bookmark that ends the list never comes."""

    def script(x: Exchange) -> None:
        if x.verb == "watch" and not x.query.get("resourceVersion"):
            x.begin()
            x.event("ADDED", pod("a", 101))
            x.bookmark()
            x.follow(102)
        else:
            x.serve()

    with world(script) as w:
        w.wait_for("live")
        assert w.names() == ["a", "b"]
        assert [r.verb for r in w.server.requests] == ["watch", "list", "watch"]
        assert w.states() == ["starting", "syncing", "reconnecting", "live"]


def test_deletes_while_the_first_list_comes() -> None:
    def script(x: Exchange) -> None:
        x.begin()
        x.event("ADDED", pod("a", 101))
        x.event("ADDED", pod("b", 102))
        x.event("DELETED", pod("a", 103))
        x.bookmark(103, ends_list=True)
        x.follow(103)

    with world(script) as w:
        w.wait_for("live")
        assert w.names() == ["b"]
        assert w.changes() == [("ADDED", "a"), ("ADDED", "b"), ("DELETED", "a")]


def test_bad_bookmarks_are_bad_lines() -> None:
    def script(x: Exchange) -> None:
        x.initial()
        x.event("BOOKMARK", {"metadata": 7})
        x.event("ADDED", pod("c", 103))
        x.follow(103)

    with world(script) as w:
        eventually(lambda: w.names() == ["a", "b", "c"])
        assert w.informer.reflectors[0].bad_lines == 1


def test_the_collector_is_left_as_it_was() -> None:
    assert gc.isenabled()
    with world(forbid("watch"), limit=30.0) as w:  # type: ignore[arg-type]
        eventually(w.informer.has_synced)
        assert gc.isenabled()
        frozen = gc.get_freeze_count()
        w.run_to_limit()
        assert gc.get_freeze_count() <= frozen  # lists that only refresh are not worth it

"""Watches: resuming, falling out of history, selections, bookmarks, pages."""

import http.client
import json
import time
from typing import Any

import pytest

from tests.sandbox.server import Api


def _secret(name: str, **labels: str) -> dict[str, Any]:
    return {"metadata": {"name": name, "labels": labels}}


def _types(events: list[dict[str, Any]]) -> list[tuple[str, str]]:
    return [(e["type"], e["object"]["metadata"].get("name", "")) for e in events]


def test_a_watch_resumes_after_the_revision_it_names(api: Api, namespace: str) -> None:
    path = f"/api/v1/namespaces/{namespace}/secrets"
    api.ok("POST", path, _secret("a"))
    version = api.ok("GET", path)["metadata"]["resourceVersion"]
    api.ok("POST", path, _secret("b"))
    api.ok("DELETE", f"{path}/a")
    events = api.watch(f"{path}?resourceVersion={version}")
    assert _types(events) == [("ADDED", "b"), ("DELETED", "a")]
    assert int(events[1]["object"]["metadata"]["resourceVersion"]) > int(version)


def test_a_compacted_revision_is_an_error_event(api: Api, namespace: str) -> None:
    path = f"/api/v1/namespaces/{namespace}/secrets"
    version = api.ok("POST", path, _secret("a"))["metadata"]["resourceVersion"]
    api.ok("POST", path, _secret("b"))
    page = api.ok("GET", f"{path}?limit=1")
    api.ok("POST", path, _secret("c"))
    api.ok("POST", "/debug/faults", {"compact": True})
    (event,) = api.watch(f"{path}?resourceVersion={version}")
    assert (event["type"], event["object"]["code"], event["object"]["reason"]) == ("ERROR", 410, "Expired")
    assert event["object"]["message"].startswith(f"too old resource version: {version} (")
    status, answer = api("GET", f"{path}?limit=1&continue={page['metadata']['continue']}")
    assert (status, answer["reason"]) == (410, "Expired")


def test_leaving_and_entering_a_selection(api: Api, namespace: str) -> None:
    path = f"/api/v1/namespaces/{namespace}/secrets"
    version = api.ok("POST", path, _secret("x", app="a"))["metadata"]["resourceVersion"]
    for value in ("b", "a"):
        api.patch(f"{path}/x", {"metadata": {"labels": {"app": value}}})
    events = api.watch(f"{path}?labelSelector=app%3Da&resourceVersion={version}")
    assert _types(events) == [("DELETED", "x"), ("ADDED", "x")]
    assert events[0]["object"]["metadata"]["labels"] == {"app": "a"}


def test_a_page_shows_the_state_of_the_first_one(api: Api, namespace: str) -> None:
    path = f"/api/v1/namespaces/{namespace}/secrets"
    for name in "abcd":
        api.ok("POST", path, _secret(name, app="a"))
    first = api.ok("GET", f"{path}?limit=2&labelSelector=app")
    api.ok("DELETE", f"{path}/c")
    api.ok("POST", path, _secret("cc", app="a"))
    second = api.ok("GET", f"{path}?limit=9&labelSelector=app&continue={first['metadata']['continue']}")
    assert [i["metadata"]["name"] for i in second["items"]] == ["c", "d"]
    assert second["metadata"]["resourceVersion"] == first["metadata"]["resourceVersion"]


def test_initial_events_end_in_a_bookmark(api: Api, namespace: str) -> None:
    path = f"/api/v1/namespaces/{namespace}/secrets"
    api.ok("POST", path, _secret("a"))
    wanted = "sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true"
    events = api.watch(f"{path}?{wanted}&labelSelector=!nothing")
    assert [e["type"] for e in events[-2:]] == ["BOOKMARK", "BOOKMARK"]
    assert events[-2]["object"]["metadata"]["annotations"] == {"k8s.io/initial-events-end": "true"}


def test_a_first_list_of_any_size_does_not_end_its_watch(api: Api, namespace: str) -> None:
    path = f"/api/v1/namespaces/{namespace}/secrets"
    for number in range(35):  # more than the 32 MiB that a client may be behind
        api.ok("POST", path, {"metadata": {"name": f"big-{number}"}, "stringData": {"x": "x" * 1_000_000}})
    wanted = "sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true"
    connection, answer = api.send("GET", f"{path}?watch=true&{wanted}")
    types = [json.loads(answer.readline())["type"] for _ in range(36)]
    assert types == ["ADDED"] * 35 + ["BOOKMARK"]
    api.ok("POST", path, {"metadata": {"name": "later"}})
    assert json.loads(answer.readline())["object"]["metadata"]["name"] == "later"
    connection.close()


def test_dropped_watches_end_and_refusals_pass(api: Api, namespace: str) -> None:
    path = f"/api/v1/namespaces/{namespace}/secrets"
    connection, answer = api.send("GET", f"{path}?watch=true")
    assert api.ok("POST", "/debug/faults", {"dropWatches": True})["dropped"] >= 1
    assert answer.read() == b""
    connection.close()
    api.ok("POST", "/debug/faults", {"status": 429, "retryAfter": 1, "resource": "secrets", "seconds": 30})
    status, body = api("GET", path)
    assert (status, body["reason"], body["details"]["retryAfterSeconds"]) == (429, "TooManyRequests", 1)
    assert api("POST", "/debug/faults", {"clear": True}, user="someone")[0] == 403
    api.ok("POST", "/debug/faults", {"clear": True})
    assert api("GET", path)[0] == 200


def test_a_restart_breaks_connections_and_may_forget(api: Api, namespace: str) -> None:
    path = f"/api/v1/namespaces/{namespace}/secrets"
    version = api.ok("POST", path, _secret("a"))["metadata"]["resourceVersion"]
    api.ok("POST", path, _secret("b"))
    connection, answer = api.send("GET", f"{path}?watch=true&resourceVersion={version}")
    assert answer.readline()
    api.ok("POST", "/debug/faults", {"restart": "keep"})
    with pytest.raises((OSError, http.client.HTTPException)):
        answer.read()
    connection.close()
    assert _types(api.watch(f"{path}?resourceVersion={version}")) == [("ADDED", "b")]
    api.ok("POST", "/debug/faults", {"restart": "forget"})
    time.sleep(0.2)
    (event,) = api.watch(f"{path}?resourceVersion={version}")
    assert event["object"]["reason"] == "Expired"
    assert api("POST", "/debug/faults", {"restart": "sometimes"})[0] == 400

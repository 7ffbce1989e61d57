"""Sends the recorded conversations of golden/*.json to a server and lists where it differs.

A step is a request and what a real kube-apiserver answered. `${step.path}` takes a value from an earlier
live answer; what differs on every run is replaced by a placeholder on both sides.
"""

import json
import re
import socket
import threading
import time
from typing import Any

from tests.sandbox.server import Api

_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")
_UID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_CHANGING = {"resourceVersion": "<rv>", "continue": "<continue>", "uid": "<uid>", "clusterIP": "<ip>"}


class _Watch(threading.Thread):
    def __init__(self, api: Api, step: dict[str, Any]) -> None:
        super().__init__(daemon=True)
        self.connection, self.answer = _send(api, step, 60)
        self.events: list[Any] = []
        self.closed = False
        self.start()

    def run(self) -> None:
        try:
            while line := self.answer.readline():
                self.events.append(json.loads(line))
        except (OSError, ValueError, AttributeError):
            pass
        self.closed = True

    def collect(self, step: dict[str, Any]) -> list[Any]:
        deadline = time.monotonic() + step.get("seconds", 5)
        while time.monotonic() < deadline and (
            len(self.events) < step.get("count", 1) or (step.get("closed") and not self.closed)
        ):
            time.sleep(0.02)
        time.sleep(0.15)
        if not self.closed and self.connection.sock is not None:
            self.connection.sock.shutdown(socket.SHUT_RDWR)
        return list(self.events)


def _send(api: Api, step: dict[str, Any], timeout: float = 30) -> Any:
    return api.send(
        step["method"],
        step["path"],
        step.get("body"),
        user=step.get("as", "admin"),
        headers=step.get("headers"),
        timeout=timeout,
    )


def _request(api: Api, step: dict[str, Any]) -> tuple[int, Any]:
    connection, answer = _send(api, step)
    raw = answer.read()
    connection.close()
    is_json = "json" in (answer.getheader("Content-Type") or "") and raw
    return answer.status, json.loads(raw) if is_json else raw.decode(errors="replace")


def _fill(node: Any, live: dict[str, Any]) -> Any:
    if isinstance(node, dict):
        return {k: _fill(v, live) for k, v in node.items()}
    if isinstance(node, list):
        return [_fill(v, live) for v in node]
    if isinstance(node, str):
        return re.sub(r"\$\{([^}]+)\}", lambda m: str(_lookup(live, m[1])), node)
    return node


def _lookup(live: Any, path: str) -> Any:
    for key in path.split("."):
        live = live[int(key)] if isinstance(live, list) else live[key]
    return live


def _normal(node: Any) -> Any:
    if isinstance(node, dict):
        out: dict[str, Any] = {}
        for key, value in node.items():
            if key == "managedFields":
                continue
            if key in _CHANGING and isinstance(value, str | int) and value not in ("", "None"):
                out[key] = _CHANGING[key]
            elif key == "clusterIPs" and value != ["None"]:
                out[key] = ["<ip>"] * len(value)
            else:
                out[key] = _normal(value)
        return out
    if isinstance(node, list):
        return [_normal(v) for v in node]
    return _UID.sub("<uid>", _TIME.sub("<time>", node)) if isinstance(node, str) else node


def _differences(want: Any, have: Any, subset: bool, path: str = "") -> list[str]:
    out: list[str] = []
    if isinstance(want, dict) and isinstance(have, dict):
        for key, value in want.items():
            if key not in have:
                out.append(f"{path}.{key}: missing")
            else:
                out += _differences(value, have[key], subset, f"{path}.{key}")
        if not subset:
            out += [f"{path}.{k}: unexpected {have[k]!r:.120}" for k in have if k not in want]
    elif isinstance(want, list) and isinstance(have, list):
        if subset and want and isinstance(want[0], dict) and "name" in want[0]:
            named = {i.get("name"): i for i in have if isinstance(i, dict)}
            for item in want:
                out += _differences(item, named.get(item["name"]), subset, f"{path}[{item['name']}]")
        elif len(want) != len(have):
            out.append(f"{path}: {len(have)} items, want {len(want)}")
        else:
            for index, (w, h) in enumerate(zip(want, have, strict=True)):
                out += _differences(w, h, subset, f"{path}[{index}]")
    elif want != have:
        out.append(f"{path}: {have!r:.200}, want {want!r:.200}")
    return out


def _pick(body: Any, paths: list[str]) -> dict[str, Any]:
    out: dict[str, Any] = {}
    for path in paths:
        *parents, last = path.split(".")
        source, target = body, out
        for key in parents:
            if not isinstance(source, dict) or key not in source:
                break
            source, target = source[key], target.setdefault(key, {})
        else:
            if isinstance(source, dict) and last in source:
                target[last] = source[last]
    return out


def _only_named(body: Any, names: set[str]) -> Any:
    if isinstance(body, dict):
        return {k: _only_named(v, names) for k, v in body.items()}
    if isinstance(body, list):
        kept = [v for v in body if not (isinstance(v, dict) and "name" in v and v["name"] not in names)]
        return [_only_named(v, names) for v in kept]
    return body


def _reduced(step: dict[str, Any], seen: Any) -> Any:
    if step.get("keep"):
        seen = _pick(seen, step["keep"])
    if step.get("keep_names"):
        seen = _only_named(seen, set(step["keep_names"]))
    if each := step.get("keep_each"):
        if isinstance(seen, dict) and "events" in seen:
            events = [{"type": e["type"], "object": _pick(e["object"], each)} for e in seen["events"]]
            return {"events": events}
        return {"items": [_pick(i, each) for i in seen.get("items", [])]}
    return seen


def _perform(api: Api, step: dict[str, Any], watches: dict[str, _Watch]) -> tuple[int, Any]:
    if "collect" in step:
        watch = watches[step["collect"]]
        events = {"events": watch.collect(step)}
        return watch.answer.status, {**events, "closed": watch.closed} if step.get("closed") else events
    if "eventually" in step:
        deadline = time.monotonic() + step.get("seconds", 15)
        while True:
            status, body = _request(api, step)
            if status == step["eventually"] or time.monotonic() > deadline:
                return status, body
            time.sleep(0.1)
    if "watch" in step:
        watches[step["watch"]] = _Watch(api, step)
        return watches[step["watch"]].answer.status, None
    return _request(api, step)


def replay(api: Api, steps: list[dict[str, Any]]) -> list[str]:
    """Every difference of a scenario, "" when there is none."""
    live: dict[str, Any] = {}
    watches: dict[str, _Watch] = {}
    out: list[str] = []
    for step in steps:
        if "sleep" in step:
            time.sleep(step["sleep"])
            continue
        request = _fill({k: v for k, v in step.items() if k not in ("status", "response")}, live)
        status, body = _perform(api, request, watches)
        live[step["id"]] = body
        found = [] if status == step["status"] else [f"status {status}, want {step['status']}"]
        if not step.get("ignore_body"):
            seen = _reduced(step, _normal(body))
            found += _differences(step["response"], seen, step.get("subset", False))
        out += [f"{step['id']}: {text}" for text in found]
    return out

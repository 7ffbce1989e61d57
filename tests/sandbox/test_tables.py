"""Server-side printing."""

import time
from typing import Any

import pytest

from sandbox.apiserver.admission.definitions import CustomVersion
from sandbox.apiserver.machinery.builtin import registry
from sandbox.apiserver.machinery.jsonobject import stamp
from sandbox.apiserver.machinery.resources import Resource
from sandbox.apiserver.printing import jsonpath, printers, tables

Json = dict[str, Any]
BUILT_IN = registry()


def pod(status: Json, spec: Json | None = None, **meta: Any) -> Json:
    base = {"containers": [{"name": "c"}], **(spec or {})}
    return {"metadata": {"name": "p", **meta}, "spec": base, "status": status}


def container(state: Json, ready: bool = False, restarts: int = 0, **more: Any) -> Json:
    return {"name": "c", "state": state, "ready": ready, "restartCount": restarts, **more}


@pytest.mark.parametrize(
    ("obj", "wanted"),
    [
        (pod({"phase": "Pending"}), ["0/1", "Pending", "0"]),
        (
            pod(
                {
                    "phase": "Pending",
                    "containerStatuses": [container({"waiting": {"reason": "ErrImagePull"}})],
                }
            ),
            ["0/1", "ErrImagePull", "0"],
        ),
        (
            pod({"phase": "Running", "containerStatuses": [container({"running": {}}, True, 2)]}),
            ["1/1", "Running", "2"],
        ),
        (
            pod({"phase": "Failed", "containerStatuses": [container({"terminated": {"exitCode": 3}})]}),
            ["0/1", "ExitCode:3", "0"],
        ),
        (
            pod({"phase": "Failed", "containerStatuses": [container({"terminated": {"signal": 9}})]}),
            ["0/1", "Signal:9", "0"],
        ),
        (pod({"phase": "Failed", "reason": "Evicted"}), ["0/1", "Evicted", "0"]),
        (pod({"phase": "Running"}, deletionTimestamp="2026-01-01T00:00:00Z"), ["0/1", "Terminating", "0"]),
        (
            pod(
                {"phase": "Pending", "initContainerStatuses": [{"name": "i", "state": {"running": {}}}]},
                {"initContainers": [{"name": "i"}]},
            ),
            ["0/1", "Init:0/1", "0"],
        ),
    ],
)
def test_words_of_a_pod(obj: Json, wanted: list[str]) -> None:
    assert printers.pod(obj)[1:4] == wanted


def test_restarts_say_when() -> None:
    ended = {"terminated": {"finishedAt": stamp(time.time() - 65)}}
    running = container({"running": {}}, True, 3, lastState=ended)
    assert printers.pod(pod({"phase": "Running", "containerStatuses": [running]}))[3] == "3 (65s ago)"


@pytest.mark.parametrize(
    ("seconds", "wanted"),
    [
        (-5, "<invalid>"),
        (0, "0s"),
        (119, "119s"),
        (120, "2m"),
        (599, "9m59s"),
        (600, "10m"),
        (3 * 3600, "3h"),
        (3 * 3600 + 60, "3h1m"),
        (47 * 3600, "47h"),
        (49 * 3600, "2d1h"),
        (9 * 86400, "9d"),
        (3 * 365 * 86400 + 86400, "3y1d"),
    ],
)
def test_ages(seconds: int, wanted: str) -> None:
    assert printers.human_duration(seconds) == wanted


def test_services() -> None:
    spec = {
        "type": "NodePort",
        "clusterIP": "10.0.0.1",
        "ports": [{"port": 80, "nodePort": 30080}, {"port": 53, "protocol": "UDP"}],
        "selector": {"b": "2", "a": "1"},
    }
    cells = printers.service({"metadata": {"name": "s"}, "spec": spec})
    assert cells[:5] == ["s", "NodePort", "10.0.0.1", "<none>", "80:30080/TCP,53/UDP"]
    assert cells[6] == "a=1,b=2"
    balanced = {"metadata": {"name": "s"}, "spec": {"type": "LoadBalancer"}}
    assert printers.service(balanced)[3] == "<pending>"


def test_both_forms_of_an_event() -> None:
    now = stamp(time.time())
    core = {
        "metadata": {"name": "e"},
        "involvedObject": {"kind": "Pod", "name": "p"},
        "message": "m ",
        "lastTimestamp": now,
        "source": {"component": "kubelet", "host": "n"},
    }
    new = {
        "metadata": {"name": "e"},
        "regarding": {"kind": "Pod", "name": "p"},
        "note": "m",
        "eventTime": now,
        "reportingController": "kubelet",
        "reportingInstance": "n",
    }
    for obj in (core, new):
        cells = printers.event(obj)
        assert cells[3:7] == ["pod/p", "", "kubelet, n", "m"]


def test_every_kind_has_as_many_cells_as_columns() -> None:
    obj = {"metadata": {"name": "x", "creationTimestamp": "2026-01-01T00:00:00Z"}}
    for resource in BUILT_IN:
        if resource.stored:
            table = tables.render(resource, [obj], {})
            assert len(table["rows"][0]["cells"]) == len(table["columnDefinitions"]), resource.kind
            assert all(column["description"] for column in table["columnDefinitions"])


def test_what_a_row_carries() -> None:
    pods = BUILT_IN.get("", "v1", "pods")
    assert pods
    obj = pod({"phase": "Succeeded"})
    row = tables.render(pods, [obj], {"resourceVersion": "7"})["rows"][0]
    assert row["object"]["kind"] == "PartialObjectMetadata"
    assert row["conditions"][0]["reason"] == "Succeeded"
    whole = tables.render(pods, [obj], {}, "Object")["rows"][0]["object"]
    assert (whole["kind"], whole["apiVersion"], whole["spec"]) == ("Pod", "v1", obj["spec"])
    assert tables.render(pods, [obj], {}, "None", headers=False)["columnDefinitions"] is None


def test_custom_columns() -> None:
    columns = [
        {"name": "Ready", "type": "string", "jsonPath": '.status.conditions[?(@.type=="Ready")].status'},
        {"name": "Count", "type": "integer", "jsonPath": ".spec.count"},
        {"name": "On", "type": "boolean", "jsonPath": ".spec.on"},
        {"name": "All", "type": "string", "jsonPath": ".spec.items[*]"},
        {"name": "Since", "type": "date", "jsonPath": ".metadata.creationTimestamp"},
    ]
    resource = Resource("g", "v1", "K", "ks", custom=CustomVersion({}, False, None, columns, False))
    obj = {
        "metadata": {"name": "n", "creationTimestamp": stamp(time.time() - 5)},
        "spec": {"count": 2.0, "on": True, "items": ["a", 1]},
        "status": {"conditions": [{"type": "Other", "status": "x"}, {"type": "Ready", "status": "True"}]},
    }
    row = tables.cells(resource, obj)
    assert row[:5] == ["n", "True", 2, True, "a 1"]
    assert row[5] in ("5s", "6s")
    assert tables.cells(resource, {"metadata": {"name": "n"}}) == ["n", None, None, None, None, None]


@pytest.mark.parametrize(
    ("path", "wanted"),
    [
        (".a.b", [1]),
        ("{.a.b}", [1]),
        (".a['b']", [1]),
        (".l[0].n", ["x"]),
        (".l[-1].n", ["y"]),
        (".l[*].n", ["x", "y"]),
        (".l[0:1].n", ["x"]),
        ("..n", ["x", "y"]),
        (".l[?(@.v>1)].n", ["y"]),
        (".l[?(@.v)].v", [1, 2]),
        (".l[?(@.n!='x')].v", [2]),
        (".a\\.b", ["dotted"]),
        (".nope.b", []),
        (".a[", []),
    ],
)
def test_jsonpath(path: str, wanted: list[Any]) -> None:
    obj = {"a": {"b": 1}, "l": [{"n": "x", "v": 1}, {"n": "y", "v": 2}], "a.b": "dotted"}
    assert jsonpath.find(obj, path) == wanted

"""The index of a recording: positions, states, marks, and damage."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import msgspec
import pytest

from controller.events import Heal
from controller_runtime.events import (
    ApiWrite,
    BusEvent,
    LeaderStatus,
    Log,
    ObjectChanged,
    ReconcileFinished,
    WatchStatus,
)
from controller_runtime.kube.resource import Ref
from recording.codec import encode, encode_header
from recording.files import create
from recording.index import Index
from recording.reader import Damage


def pod(name: str, version: int, type_: Any = "MODIFIED", at: float = 0.0) -> ObjectChanged:
    return ObjectChanged(
        at=at, type=type_, ref=Ref("Pod", "ns", name, f"uid-{name}"), resource_version=str(version),
        raw=msgspec.Raw(b'{"metadata":{"name":"x"}}'),
    )  # fmt: skip


def watch(state: Any, at: float = 0.0) -> WatchStatus:
    return WatchStatus(at=at, resource="pods", group="", kind="Pod", scope="", state=state, since=at)


def recording(path: Path, *events: BusEvent | bytes) -> Path:
    sink = create(path)
    for line in (encode_header("test", 100.0), *(e if isinstance(e, bytes) else encode(e) for e in events)):
        sink.write(line + b"\n")
    sink.close()
    return path


def never(damage: Damage) -> None:
    raise AssertionError(damage)


@pytest.mark.parametrize("name", ["a.jsonl", "a.jsonl.gz", "a.jsonl.zst"])
def test_events_are_found_by_number_and_by_time(tmp_path: Path, name: str) -> None:
    path = recording(
        tmp_path / name, *(Log(at=float(n), level="info", message=str(n)) for n in (1, 2, 5, 4, 7))
    )
    index = Index(path, never)
    assert len(index) == 5
    assert [e.message for n in range(5) if isinstance(e := index.event(n), Log)] == ["1", "2", "5", "4", "7"]
    assert list(index.times) == [1, 2, 5, 5, 7], "time does not go back"
    assert [index.at_time(at) for at in (0, 1, 4.5, 5, 99)] == [0, 1, 2, 4, 5]
    index.close()


def test_the_latest_states_before_a_position(tmp_path: Path) -> None:
    events = [
        pod("a", 1, "ADDED"), LeaderStatus(at=0.0, state="standby"), pod("b", 1, "ADDED"), pod("a", 2),
        Log(at=0.0, level="info", message=""), pod("b", 2, "DELETED"), LeaderStatus(at=0.0, state="leading"),
    ]  # fmt: skip
    index = Index(recording(tmp_path / "a.jsonl", *events), never)
    assert index.latest_states(5) == [1, 2, 3]
    assert index.latest_states(7) == [3, 5, 6]
    assert index.latest_states(0) == []


def test_marks_are_what_is_worth_jumping_to(tmp_path: Path) -> None:
    def finished(result: Literal["success", "error"]) -> ReconcileFinished:
        return ReconcileFinished(
            at=0.0, controller="c", key="k", id="1", number=1, duration=0.1, result=result
        )

    heal = Heal(at=0.0, namespace="ns", name="x", owner="ns/db", old_uid="u", stage="gone", requested=0.0)
    events = [
        watch("live"), watch("forbidden"), watch("forbidden"), finished("success"), finished("error"),
        ApiWrite(at=0.0, verb="create", ref=Ref("Pod", "ns", "x"), status=403),
        ApiWrite(at=0.0, verb="create", ref=Ref("Pod", "ns", "x"), status=201),
        heal, msgspec.structs.replace(heal, stage="ready"), watch("live"), watch("unreachable"),
    ]  # fmt: skip
    index = Index(recording(tmp_path / "a.jsonl", *events), never)
    assert index.marks == [(1, "fault"), (4, "error"), (5, "denial"), (8, "heal"), (10, "fault")]
    assert list(index.kinds) == [("", "Pod", "pods")]
    assert index.mark(2, None, forward=True) == 4
    assert index.mark(2, "fault", forward=True) == 10
    assert index.mark(11, "fault", forward=True) is None
    assert index.mark(9, None, forward=False) == 5, "the one just shown is not the one before"
    assert index.mark(1, None, forward=False) is None


def test_damaged_lines_are_left_out_and_named(tmp_path: Path) -> None:
    damaged: list[Damage] = []
    bad_field = b'{"event":"log","at":1,"level":7,"message":"x"}'
    unknown = b'{"event":"unknown","at":1}'
    path = recording(tmp_path / "a.jsonl", pod("a", 1), b'{"event":"ob', pod("b", 1), unknown, b"", bad_field)
    index = Index(path, damaged.append)
    assert [d.line for d in damaged] == [3, 5, 7]
    assert [e.ref.name for n in range(len(index)) if isinstance(e := index.event(n), ObjectChanged)] == [
        "a",
        "b",
    ]
    hidden = b'{"event":"log","at":1,"level":"loud","message":"x"}'
    index = Index(recording(tmp_path / "b.jsonl", hidden), damaged.append)
    assert index.event(0) is None
    assert damaged[-1].line == 2


def test_an_empty_recording_is_one(tmp_path: Path) -> None:
    index = Index(recording(tmp_path / "a.jsonl"), never)
    assert (len(index), index.at_time(1.0), index.latest_states(0)) == (0, 0, [])


def test_it_may_end_earlier(tmp_path: Path) -> None:
    path = recording(tmp_path / "a.jsonl", *(Log(at=float(n), level="info", message="") for n in range(10)))
    assert len(Index(path, never, until=4.0)) == 5

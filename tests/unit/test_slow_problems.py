"""Problems that take minutes to show, by the events that they leave; and what looks like them and is none."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from controller_runtime.events import (
    ApiWrite,
    BusEvent,
    ObjectChanged,
    QueueItem,
    QueueSnapshot,
    ReconcileFinished,
    ReconcileStarted,
)
from controller_runtime.kube.resource import Ref
from why.problems.detection import Problems
from why.problems.problem import Problem

FAILED = {
    "phase": "Failed",
    "containerStatuses": [{"name": "c", "state": {"terminated": {"exitCode": 1, "reason": "Error"}}}],
}


def begun(events: list[BusEvent]) -> list[Problem]:
    problems = Problems()
    return [problem for event in events for problem in problems.feed(event)]


def pod(
    at: float, type_: Literal["ADDED", "MODIFIED", "DELETED"], uid: str, status: Any = None, **meta: Any
) -> ObjectChanged:
    entry = {"manager": "redis", "time": "2026-01-01T00:00:00Z"}
    body = {"metadata": {"name": "a-0", "managedFields": [entry], **meta}, "status": status or {}}
    return ObjectChanged(
        at=at, type=type_, ref=Ref("Pod", "ns", "a-0", uid), resource_version="1",
        raw=msgspec.Raw(msgspec.json.encode(body)),
    )  # fmt: skip


def deleted_by(at: float, uid: str, **who: str) -> ApiWrite:
    return ApiWrite(at=at, verb="delete", ref=Ref("Pod", "ns", "a-0", uid), status=200, **who)  # type: ignore[arg-type]


def lives(count: int, seconds: float, *, status: Any = None, **who: str) -> list[BusEvent]:
    """Objects of one name, each with the same end."""
    events: list[BusEvent] = []
    for n in range(count):
        at = n * seconds
        events.append(pod(at, "ADDED", f"u{n}"))
        if status is not None:
            events.append(pod(at + 0.1, "MODIFIED", f"u{n}", status))
        terminating = {"deletionTimestamp": "2026-01-01T00:00:00Z"}
        events += [
            deleted_by(at + 0.2, f"u{n}", **who),
            pod(at + 0.3, "MODIFIED", f"u{n}", FAILED, **terminating),  # exit code 143, as it was asked to
            pod(at + 0.3, "DELETED", f"u{n}", FAILED, **terminating),
        ]
    return events


def test_what_the_operator_deletes_itself_is_made_again_and_again() -> None:
    (problem,) = begun(lives(8, 5.0, reconcile="r"))
    assert (problem.kind, problem.about) == ("made again and again", "Pod ns/a-0")
    assert "made by redis" in problem.says


def test_what_a_person_deletes_again_and_again_is_healed_and_no_problem() -> None:
    assert begun(lives(20, 1.0, action="delete-1")) == []
    assert begun(lives(20, 1.0)) == [], "with kubectl: nobody here has deleted it"


def test_what_is_replaced_now_and_then_is_no_problem() -> None:
    assert begun(lives(20, 30.0, reconcile="r")) == []


def test_a_pod_that_is_healed_and_fails_each_time_for_one_cause() -> None:
    (problem,) = begun(lives(6, 40.0, status=FAILED, reconcile="r"))
    assert problem.kind == "healed in vain"
    assert "fails each time: container c ended with exit code 1 (Error)" in problem.says
    other = [lives(1, 1.0, status={"phase": "Failed", "reason": f"Cause{n}"})[0:5] for n in range(6)]
    assert begun([event for life in other for event in life]) == [], "each time for another cause"


def rounds(key: str, at: float, duration: float, waited: float = 0.0) -> list[BusEvent]:
    id_ = f"{key}-{at}"
    return [
        ReconcileStarted(at=at, controller="c", key=key, id=id_, number=1, waited=waited),
        ReconcileFinished(
            at=at + duration, controller="c", key=key, id=id_, number=1, duration=duration, result="success"
        ),
    ]


def test_one_key_that_starves_the_others() -> None:
    events: list[BusEvent] = []
    for turn in range(5):
        events += rounds("ns/hog", turn * 10.0, 9.0)
        events += rounds(f"ns/small-{turn}", turn * 10.0 + 9.0, 0.5, waited=8.0)
    (problem,) = begun(events)
    assert (problem.kind, problem.about) == ("key that starves others", "c ns/hog")
    assert "95% of the time" in problem.says


def test_keys_that_share_the_time_starve_nobody() -> None:
    events: list[BusEvent] = []
    for turn in range(50):  # all wait, as there is much to do
        events += rounds(f"ns/k{turn % 7}", float(turn), 1.0, waited=6.0)
    events += [e for turn in range(20) for e in rounds("ns/alone", 100.0 + turn * 3, 3.0)]
    assert begun(events) == []


def test_an_operator_that_lives_and_does_nothing() -> None:
    problems = Problems()
    items = (QueueItem("ns/stuck", worker=0), QueueItem("ns/a"), QueueItem("ns/b"))
    list(problems.feed(rounds("ns/stuck", 1000.0, 1.0)[0]))
    list(problems.feed(QueueSnapshot(at=1001.0, controller="c", items=items)))
    assert list(problems.look(1030.0)) == []
    (problem,) = problems.look(1065.0)
    assert problem.kind == "standstill"
    assert "64 s while 2 keys wait" in problem.says
    assert problem.evidence == "at work for as long: ns/stuck"


def test_an_operator_that_has_nothing_to_do_stands_still_in_peace() -> None:
    problems = Problems()
    for event in rounds("ns/a", 1000.0, 1.0):
        list(problems.feed(event))
    waits = QueueItem("ns/a", ready_in=3600.0)
    list(problems.feed(QueueSnapshot(at=1002.0, controller="c", items=(waits,))))
    assert list(problems.look(9000.0)) == []

"""What the operator of this process knows of an object, in the words of a finding."""

from __future__ import annotations

from controller_runtime.events import ApiWrite, LeaderStatus, QueueItem, QueueSnapshot, WatchStatus
from controller_runtime.kube.resource import Ref
from why.explain import explain
from why.finding import Finding, Severity
from why.operator import Work, operator_findings
from why.problems.problem import Problem
from why.world import World

NOW = 1_000_000.0
REDIS = Ref("Redis", "default", "a", "u", "myapp.tangx.in/v1")


def said(**known: object) -> list[tuple[Severity, str, str]]:
    work = Work("redis", REDIS, NOW, **known)  # type: ignore[arg-type]
    return [(f.severity, f.says, f.evidence) for f in operator_findings(work)]


def queue(*items: QueueItem, age: float = 0.0) -> QueueSnapshot:
    return QueueSnapshot(at=NOW - age, controller="redis", items=items)


def test_nothing_is_said_while_all_goes_its_way() -> None:
    live = WatchStatus(
        at=NOW, resource="redis", group="myapp.tangx.in", kind="Redis", scope="", state="live", since=1.0
    )
    leads = LeaderStatus(at=NOW, state="leading", identity="me", holder="me")
    waits = QueueItem("default/a", ready_in=300.0)  # a requeue_after of a healthy operator
    assert said(queue=queue(waits), watches=(live,), leader=leads, heard=NOW - 900) == []
    assert said(queue=queue(QueueItem("default/a")), waiting=NOW - 0.1) == []


def test_a_key_that_waits_behind_others() -> None:
    others = [QueueItem(f"default/o{n}") for n in range(40)]
    items = [QueueItem("default/busy", worker=0), *others, QueueItem("default/a"), QueueItem("default/z")]
    assert said(queue=queue(*items), waiting=NOW - 12) == [
        ("warning", "its key waits 12s behind 40 others, 1 at work", "")
    ]


def test_failures_with_the_next_try() -> None:
    item = QueueItem("default/a", ready_in=25.0, failures=5, last_error="no such host")
    assert said(queue=queue(item, age=5.0)) == [
        ("broken", "its reconcile failed 5 times, next try in 20s", "no such host")
    ]


def test_refusals_the_lease_and_watches() -> None:
    write = ApiWrite(
        at=NOW, verb="create", ref=Ref("Service", "default", "a"), status=403, error="services is forbidden"
    )
    ((severity, says, evidence),) = said(refused=(write,))
    assert (severity, evidence) == ("broken", "services is forbidden")
    assert says == "the operator here (redis) was refused: create Service a"
    standby = LeaderStatus(at=NOW, state="standby", identity="me", holder="other", lease="ns/l")
    assert said(leader=standby) == [
        ("note", "the operator here (redis) is not the leader: other leads", "ns/l")
    ]
    lost = WatchStatus(
        at=NOW, resource="pods", group="", kind="Pod", scope="", state="forbidden", since=NOW, message="no"
    )
    assert said(watches=(lost,), heard=NOW - 180) == [
        ("broken", "the operator does not see pods: forbidden, last heard 3m ago", "no")
    ]


def test_problems_of_the_key_and_an_operator_that_ended() -> None:
    loop = Problem("reconcile loop", "redis default/a", "its own patch wakes it", 1.0, 2.0, 9, "status.seen")
    assert said(problems=(loop,)) == [("broken", "reconcile loop: its own patch wakes it", "status.seen")]
    assert said(ended="KeyError: 'x'", problems=(loop,)) == [
        ("broken", "the operator here (redis) has ended", "KeyError: 'x'")
    ]
    assert said(observes=True, problems=(loop,))[0][0] == "note"


def test_what_a_person_paused() -> None:
    ((severity, says, _),) = said(paused=True)
    assert severity == "note"
    assert says.startswith("the operator here (redis) is paused for it")


def test_the_operator_speaks_first_of_its_own_object_and_last_of_what_that_owns() -> None:
    told = {"type": "Ready", "status": "False", "reason": "Waiting"}
    redis = {
        "apiVersion": "myapp.tangx.in/v1", "kind": "Redis", "metadata": {"namespace": "default", "name": "a"},
        "status": {"conditions": [told]},
    }  # fmt: skip
    mine = Finding("broken", "it was refused", REDIS)
    of_owner = Finding("broken", "its owner's reconcile failed", Ref("Owner", "default", "o"))
    found = explain(redis, World((redis,), NOW), [of_owner, mine]).findings
    assert [f.says for f in found] == [
        "it was refused", "Ready is False: Waiting", "its owner's reconcile failed"
    ]  # fmt: skip

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from controller.events import Heal
from controller_runtime.events import ApiWrite, BusEvent, LeaderStatus, ReconcileFinished, ReconcileStarted
from controller_runtime.kube.deltas import Trigger
from controller_runtime.kube.resource import Ref
from recording.selection import Wanted, parse_object, parse_time

BEGAN = datetime(2026, 1, 31, 23, 50, tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("+90s", 90), ("+1.5", 1.5), ("+2m", 120), ("+1h", 3600), ("23:51", 60), ("23:50:02.5", 2.5),
        ("00:10", 1200), ("2026-01-31T23:50:10Z", 10), ("2026-02-01T00:50:10+01:00", 10),
    ],
)  # fmt: skip
def test_times(text: str, seconds: float) -> None:
    assert parse_time(text, BEGAN, lambda at: datetime.fromtimestamp(at, UTC)) == pytest.approx(
        BEGAN + seconds
    )


@pytest.mark.parametrize("text", ["noon", "25:00", "+5d", "2026-13-01", ""])
def test_what_is_no_time_is_said_with_examples(text: str) -> None:
    with pytest.raises(ValueError, match=r"write it as in \+5m"):
        parse_time(text, BEGAN)


def test_an_object_is_its_changes_writes_reconciles_and_heals() -> None:
    wanted = Wanted(object=parse_object("Pod/ns/db-0"))
    ref = Ref("Pod", "ns", "db-0")
    heal = Heal(at=0.0, namespace="ns", name="db-0", owner="ns/db", old_uid="u", stage="gone", requested=0.0)
    mine: list[BusEvent] = [
        ApiWrite(at=0.0, verb="create", ref=ref),
        heal,
        ReconcileStarted(
            at=0.0, controller="redis", key="ns/db", id="1", number=1, triggers=(Trigger("DELETED", ref),)
        ),
    ]
    done = ReconcileFinished(
        at=0.0,
        controller="redis",
        key="ns/db",
        id="1",
        number=1,
        duration=0.1,
        result="success",
        kind="Redis",
    )
    others: list[BusEvent] = [
        ApiWrite(at=0.0, verb="create", ref=Ref("Pod", "ns", "db-1")),
        ApiWrite(at=0.0, verb="create", ref=Ref("Service", "ns", "db-0")),
        LeaderStatus(at=0.0, state="leading"),
        done,
    ]
    assert all(map(wanted, mine))
    assert not any(map(wanted, others))
    of_owner = Wanted(object=parse_object("redis/ns/db"))
    assert of_owner(done)
    assert of_owner(heal)


@pytest.mark.parametrize("text", ["Pod", "Pod/", "/x", "Pod/a/b/c", "Pod//x"])
def test_what_is_no_object_is_said_with_examples(text: str) -> None:
    with pytest.raises(ValueError, match="Pod/default/web-0"):
        parse_object(text)

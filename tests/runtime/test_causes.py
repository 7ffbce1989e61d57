"""Numbers and causes: the way from a change to what it led to."""

from __future__ import annotations

from typing import Any

import msgspec

from controller_runtime.bus import EventBus
from controller_runtime.causes import REMEMBERED
from controller_runtime.events import ApiWrite, LeaderStatus, ObjectChanged
from controller_runtime.kube.resource import Ref


def change(version: str, type_: Any = "MODIFIED", *, uid: str = "u", **more: Any) -> ObjectChanged:
    fields: dict[str, Any] = {"at": 10.0, "raw": msgspec.Raw(b"{}"), **more}
    return ObjectChanged(type=type_, ref=Ref("Pod", "ns", "p", uid), resource_version=version, **fields)


def write(version: str, verb: Any = "patch", *, uid: str = "u", **more: Any) -> ApiWrite:
    """One that was asked for a second before it was answered."""
    fields: dict[str, Any] = {"at": 10.0, "status": 200, "duration": 1.0, **more}
    return ApiWrite(verb=verb, ref=Ref("Pod", "ns", "p", uid), resource_version=version, **fields)


def test_events_are_numbered_in_the_order_in_which_every_reader_gets_them() -> None:
    bus = EventBus()
    readers = [bus.subscribe("a"), bus.subscribe("b")]
    assert [bus.publish(LeaderStatus(at=0.0, state="leading")) for _ in range(3)] == [1, 2, 3]
    assert [[e.seq for e in r.drain().events] for r in readers] == [[1, 2, 3]] * 2


def test_a_watch_event_names_the_write_that_it_shows() -> None:
    bus = EventBus()
    wrote = bus.publish(write("7"))
    seen = change("7")
    other = change("8")
    bus.publish(seen)
    bus.publish(other)
    assert (seen.cause, other.cause) == (wrote, 0)


def test_a_write_whose_watch_event_was_faster_names_it() -> None:
    bus = EventBus()
    shown = bus.publish(change("7", at=9.5))
    late = write("7")
    bus.publish(late)
    assert late.shown_by == shown


def test_a_write_that_changed_nothing_is_not_shown_by_what_was_there_before() -> None:
    bus = EventBus()
    bus.publish(change("7", at=8.0))
    no_change = write("7", at=10.0)  # asked for at 9.0
    bus.publish(no_change)
    assert no_change.shown_by == 0


def test_a_delete_is_the_cause_of_the_deletion_timestamp_and_of_the_end() -> None:
    bus = EventBus()
    wrote = bus.publish(write("7", "delete"))
    terminating, gone = change("7"), change("9", "DELETED")
    bus.publish(terminating)
    bus.publish(gone)
    assert (terminating.cause, gone.cause) == (wrote, wrote)
    at_once = bus.publish(change("9", "DELETED", uid="v"))
    late = write("", "delete", uid="v")
    bus.publish(late)
    assert late.shown_by == at_once


def test_a_refused_write_and_a_list_cause_nothing() -> None:
    bus = EventBus()
    bus.publish(write("7", status=409))
    seen = change("7")
    bus.publish(seen)
    bus.publish(write("8"))
    listed = change("8", "ADDED", initial=True)
    bus.publish(listed)
    assert (seen.cause, listed.cause) == (0, 0)


def test_what_is_remembered_is_bounded_and_the_latest() -> None:
    bus = EventBus()
    wrote = [bus.publish(write(str(n))) for n in range(5 * REMEMBERED)]
    first, last = change("0"), change(str(5 * REMEMBERED - REMEMBERED))
    bus.publish(first)
    bus.publish(last)
    assert (first.cause, last.cause) == (0, wrote[4 * REMEMBERED])

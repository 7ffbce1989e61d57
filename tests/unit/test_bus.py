import itertools
import threading
import time
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller_runtime.bus import EventBus, Listing
from controller_runtime.events import BusEvent, LeaderStatus, Log, ObjectChanged, WatchStatus
from controller_runtime.kube.resource import Ref


def changed(uid: str, version: int, type_: Any = "MODIFIED") -> ObjectChanged:
    return ObjectChanged(
        at=float(version),
        type=type_,
        ref=Ref("Pod", "default", f"pod-{uid}", uid),
        resource_version=str(version),
        raw=msgspec.Raw(b'{"kind":"Pod"}'),
    )


def log(text: str) -> Log:
    return Log(at=0.0, level="info", message=text)


def test_every_subscriber_sees_everything_in_order() -> None:
    bus = EventBus()
    first, second = bus.subscribe("a"), bus.subscribe("b")
    for number in range(10):
        bus.publish(log(str(number)))
    assert [e.message for e in first.drain().events if isinstance(e, Log)] == [str(n) for n in range(10)]
    assert len(second.drain(limit=4).events) == 4
    assert len(second.drain().events) == 6


def test_a_subscription_sees_only_what_comes_after_it_and_nothing_after_close() -> None:
    bus = EventBus()
    bus.publish(log("before"))
    subscription = bus.subscribe("a")
    bus.publish(log("during"))
    subscription.close()
    bus.publish(log("after"))
    assert [e.message for e in subscription.drain().events if isinstance(e, Log)] == ["during"]


def test_overflow_drops_the_oldest_and_counts_it() -> None:
    bus = EventBus()
    subscription = bus.subscribe("slow", maxlen=3)
    for number in range(10):
        bus.publish(log(str(number)))
    batch = subscription.drain()
    assert [e.message for e in batch.events if isinstance(e, Log)] == ["7", "8", "9"]
    assert batch.dropped == subscription.dropped == 7
    assert subscription.drain().dropped == 0


def test_a_subscription_holds_at_least_one_event() -> None:
    with pytest.raises(ValueError, match="at least one"):
        EventBus().subscribe("none", maxlen=0)


class Pods:
    """A store whose changes are published, as an informer is, and a consumer that applies what it gets."""

    def __init__(self, maxlen: int, max_bytes: int) -> None:
        self.bus = EventBus()
        self.bus.add_store("pods", self.listing)
        self.subscription = self.bus.subscribe("slow", maxlen=maxlen, max_bytes=max_bytes)
        self.store: dict[str, ObjectChanged] = {}
        self.seen: dict[str, str] = {}
        self.versions = itertools.count(1)

    def listing(self) -> Listing:
        listed = [msgspec.structs.replace(e, type="ADDED", initial=True) for e in self.store.values()]
        return Listing("v1", "Pod", listed)

    def change(self, uid: str) -> None:
        event = changed(uid, next(self.versions), "MODIFIED" if uid in self.store else "ADDED")
        self.store[uid] = event
        self.bus.publish(event)

    def delete(self, uid: str) -> None:
        if self.store.pop(uid, None):
            self.bus.publish(changed(uid, next(self.versions), "DELETED"))

    def drain(self, limit: int | None = None) -> None:
        batch = self.subscription.drain(limit)
        for event in (*batch.states, *batch.events):
            assert isinstance(event, ObjectChanged)
            if event.type == "DELETED":
                self.seen.pop(event.ref.uid, None)
            else:
                self.seen[event.ref.uid] = event.resource_version

    def agrees(self) -> bool:
        return self.seen == {uid: e.resource_version for uid, e in self.store.items()}


@given(
    st.lists(
        st.one_of(
            st.tuples(st.just("change"), st.integers(0, 30)),
            st.tuples(st.just("delete"), st.integers(0, 30)),
            st.tuples(st.just("drain"), st.integers(0, 5)),
            st.tuples(st.just("drain"), st.none()),
        ),
        max_size=150,
    ),
    st.integers(1, 12),
    st.integers(1, 12),
)
def test_a_reader_ends_with_the_true_state_however_it_stalls_and_its_queue_stays_bounded(
    steps: list[tuple[str, int | None]], maxlen: int, large: int
) -> None:
    pods = Pods(maxlen, large * changed("1", 1).size)
    for step, argument in steps:
        if step == "drain":
            pods.drain(argument)
        else:
            getattr(pods, step)(str(argument))
        entries, held = pods.subscription.held
        assert entries <= 2 * maxlen
        assert held <= 2 * pods.subscription.max_bytes
    pods.drain()
    assert pods.agrees()


def test_a_reader_that_never_comes_costs_no_more_with_every_new_object() -> None:
    pods = Pods(maxlen=100, max_bytes=1 << 30)
    for number in range(5_000):
        pods.change(str(number))
        if number >= 10:
            pods.delete(str(number - 10))
    assert pods.subscription.held[0] <= 200
    pods.drain()
    assert pods.agrees()
    assert pods.subscription.dropped == 2 * 5_000 - 10 - 100


def test_what_went_while_the_reader_stalled_is_deleted_for_it() -> None:
    pods = Pods(maxlen=2, max_bytes=1 << 30)
    pods.change("stays")
    pods.change("goes")
    pods.drain()
    pods.delete("goes")
    for number in range(10):
        pods.change(f"new-{number}")
    batch = pods.subscription.drain()
    deletes = [e for e in batch.states if isinstance(e, ObjectChanged) and e.type == "DELETED"]
    assert [(e.ref.uid, e.state_unknown) for e in deletes] == [("goes", True)]
    assert "stays" not in {e.ref.uid for e in batch.states if isinstance(e, ObjectChanged)}, "it is known"


def test_the_store_of_a_new_session_takes_the_place_of_the_old_one() -> None:
    pods = Pods(maxlen=2, max_bytes=1 << 30)
    pods.change("old")
    pods.bus.add_store("pods", lambda: Listing("v1", "Pod", []))
    assert [listing.objects for listing in pods.bus.list_stores()] == [[]]


def test_few_states_outlive_many_objects() -> None:
    bus = EventBus()
    subscription = bus.subscribe("slow", maxlen=3)
    bus.publish(LeaderStatus(at=0.0, state="leading"))
    for number in range(100):
        bus.publish(changed(str(number), number))
    assert any(isinstance(e, LeaderStatus) for e in subscription.drain().states)


def test_large_events_are_bounded_by_bytes_but_one_is_always_taken() -> None:
    bus = EventBus()
    subscription = bus.subscribe("slow", max_bytes=2_000)
    bus.publish(Log(at=0.0, level="info", message="x" * 5_000))
    assert len(subscription) == 1
    bus.publish(log("small"))
    assert subscription.drain().dropped == 1


def test_publishing_from_many_threads_loses_nothing() -> None:
    bus = EventBus()
    subscription = bus.subscribe("a", maxlen=100_000)

    def publish() -> None:
        for _ in range(2_000):
            bus.publish(log("x"))

    threads = [threading.Thread(target=publish) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(subscription.drain().events) == 16_000


def test_wait_wakes_when_something_arrives_and_when_closed() -> None:
    bus = EventBus()
    subscription = bus.subscribe("a")
    assert subscription.wait(0.0) is False
    threading.Timer(0.02, bus.publish, [log("x")]).start()
    assert subscription.wait(5.0) is True
    subscription.drain()
    threading.Timer(0.02, subscription.close).start()
    started = time.monotonic()
    assert subscription.wait(5.0) is False
    assert time.monotonic() - started < 4.0


def test_a_subscription_of_some_types_gets_no_other() -> None:
    bus = EventBus()
    logs, watches, rest = (
        bus.subscribe("a", of=(Log,)),
        bus.subscribe("b", of=(WatchStatus,)),
        bus.subscribe("c"),
    )
    bus.publish(log("x"))
    assert [len(s.drain().events) for s in (logs, watches, rest)] == [1, 0, 1]
    late = bus.subscribe("late", of=(Log, WatchStatus))
    logs.close()
    bus.publish(log("y"))
    assert [len(s.drain().events) for s in (logs, watches, rest, late)] == [0, 0, 1, 1]


def test_who_lingers_gets_in_one_go_what_came_meanwhile(monkeypatch: pytest.MonkeyPatch) -> None:
    bus = EventBus()
    subscription = bus.subscribe("a")
    bus.publish(log("first"))
    lingered: list[float] = []

    def sleep(seconds: float) -> None:
        lingered.append(seconds)
        bus.publish(log("second"))

    monkeypatch.setattr("controller_runtime.bus.time.sleep", sleep)
    assert subscription.wait(0.0, linger=0.02)
    assert len(subscription.drain().events) == 2
    assert not subscription.wait(0.0, linger=0.02), "there is nothing to linger for"
    subscription.close()
    subscription.wait(linger=0.02)
    assert lingered == [0.02]


class BackupTaken(BusEvent, frozen=True, tag="backup_taken"):
    """As an operator of somebody else would publish it."""

    key: str

    @property
    def state_key(self) -> str:
        return self.key


def test_an_operator_publishes_events_of_its_own() -> None:
    bus = EventBus()
    subscription = bus.subscribe("a", maxlen=1)
    bus.publish(BackupTaken(at=0.0, key="ns/db"))
    bus.publish(log("next"))
    assert [(e.seq, e.key) for e in subscription.drain().states if isinstance(e, BackupTaken)] == [
        (1, "ns/db")
    ]

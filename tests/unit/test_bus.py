import threading
import time
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller_runtime.bus import EventBus
from controller_runtime.events import Event, Log, ObjectChanged, decode, encode, state_key
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


@given(
    st.lists(st.tuples(st.sampled_from("abcde"), st.integers(0, 20)), max_size=200),
    st.integers(1, 20),
    st.sets(st.integers(0, 200)),
)
def test_the_latest_state_survives_any_overflow(
    writes: list[tuple[str, int]], maxlen: int, drains: set[int]
) -> None:
    """However small the queue and whenever it is drained, the consumer ends with the true latest states."""
    bus = EventBus()
    subscription = bus.subscribe("slow", maxlen=maxlen)
    truth: dict[Any, Event] = {}
    seen: dict[Any, Event] = {}

    def drain() -> None:
        batch = subscription.drain()
        for event in (*batch.states, *batch.events):
            seen[state_key(event)] = event

    for step, (uid, version) in enumerate(writes):
        event = changed(uid, version)
        truth[state_key(event)] = event
        bus.publish(event)
        if step in drains:
            drain()
    drain()
    assert seen == truth


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


def test_events_travel_as_json_and_back() -> None:
    event = changed("u", 3, "DELETED")
    line = encode(event)
    assert b'"event":"object"' in line
    assert b"\n" not in line
    assert decode(line) == event

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from controller.events import ActionFinished
from controller_runtime.events import (
    ApiWrite,
    Log,
    ObjectChanged,
    Outcome,
    ReconcileFinished,
    ReconcileStarted,
)
from controller_runtime.kube.rules import to_yaml
from tests.tui.world import World
from tui import reducer
from tui.names import GroupKind, ObjectName
from tui.pump import Pump
from tui.source import Live
from tui.state import ConsoleState
from tui.stream import Line, Ring

POD = GroupKind("", "Pod")


def applied(world: World, state: ConsoleState | None = None) -> ConsoleState:
    state = state or ConsoleState()
    Pump(Live(world.subscription, world.clock), state, world.clock).drain(1e9)
    return state


def lines(state: ConsoleState) -> list[str]:
    return [f"{x.word} {x.subject} {x.detail} by {x.by}".strip() for x in state.stream]


def test_the_first_objects_are_not_news() -> None:
    world = World()
    world.settled()
    state = applied(world)
    assert [x.word for x in state.stream] == ["CONNECTED", "LEADER", "LISTED", "LISTED", "LISTED"]
    assert "LISTED 2 Pods" in " ".join(lines(state))
    assert set(state.objects[POD]) == {"uid-0", "uid-1"}


def test_the_story_says_who_did_what() -> None:
    world = World()
    world.settled()
    world.story()
    state = applied(world)
    news = lines(state)[5:]
    assert news[0] == "MODIFIED Pod my-op-redis-1 deleting by you"
    assert news[1] == "DELETED Pod my-op-redis-1  by you"
    assert news[2] == "RECONCILE my-op-redis #42 18 ms · 2 writes by"
    assert news[3] == "ADDED Pod my-op-redis-1  by reconcile #42"
    assert "HEALED Pod my-op-redis-1 in 1.24 s by" in news
    heal = state.heal_for(world.ref("Pod", "my-op-redis-1", "uid-2"))
    assert heal is not None
    assert heal.stage == "ready"
    assert state.heal_for(world.ref("Redis", "my-op-redis", "x")) == heal


def test_the_author_is_found_in_either_order() -> None:
    for write_first in (True, False):
        world = World()
        ref = world.ref("Pod", "a", "uid-a")
        write = ApiWrite(at=1, verb="create", ref=ref, reconcile="r", status=201, resource_version="101")
        world.bus.publish(ReconcileStarted(at=1, controller="redis", key="default/a", id="r", number=7))
        if write_first:
            world.bus.publish(write)
        assert world.pod("ADDED", "a", "uid-a") == "101"
        if not write_first:
            world.bus.publish(write)
        assert lines(applied(world))[-1] == "ADDED Pod a Running by reconcile #7"


def test_a_new_uid_under_an_old_name_is_another_object() -> None:
    world = World()
    world.pod("ADDED", "a", "uid-1")
    world.pod("ADDED", "a", "uid-2")
    world.pod("DELETED", "a", "uid-1")
    state = applied(world)
    assert list(state.objects[POD]) == ["uid-2"]
    named = state.named(ObjectName("", "Pod", "default", "a"))
    assert named is not None
    assert named.ref.uid == "uid-2"


def test_forbidden_is_shown_once_and_restored_once() -> None:
    world = World()
    world.connected()
    for attempt in (1, 2, 3):
        world.forbid(attempts=attempt)
        world.now += 10
    world.now += 11
    world.watch("Service", objects=3)
    state = applied(world)
    words = [x.word for x in state.stream]
    assert words.count("FORBIDDEN") == 1
    assert words.count("RESTORED") == 1
    assert "RESTORED Services after 41 s by" in lines(state)
    assert [n.message for n in state.notices] == ["RESTORED after 41 s"]
    assert not state.troubles


def test_a_refused_write_lasts_until_it_succeeds_or_is_not_wanted() -> None:
    world = World()
    for number in (1, 2, 3):
        world.refuse("default/a", number)
        world.now += 5
    world.refuse("default/b", 4)
    world.refuse("other/c", 5, "delete", "Service")
    state = applied(world)
    assert {(d.write.verb, d.write.ref.kind, d.count) for d in state.denials.values()} == {
        ("create", "Pod", 4), ("delete", "Service", 1),
    }  # fmt: skip
    world.reconciled("default/a", 6, "id-6")  # a has its pod from elsewhere; b still asks
    assert len(applied(world, state).denials) == 2
    world.refuse("default/b", 7, status=201)
    state = applied(world, state)
    assert [d.write.ref.kind for d in state.denials.values()] == ["Service"]
    assert "RESTORED create Pods in default after 15 s by" in lines(state)
    world.reconciled("other/c", 8, "id-8")
    assert not applied(world, state).denials


def test_only_a_write_that_was_answered_clears_a_denial() -> None:
    world = World()
    world.refuse("default/a", 1)
    ref = world.ref("Pod", "p", "")
    outcomes: tuple[tuple[Outcome, str], ...] = (
        ("unsent", "leader election lost"), ("unknown", "timed out"), ("unsent", ""),
    )  # fmt: skip
    for outcome, error in outcomes:
        world.bus.publish(ApiWrite(at=1, verb="create", ref=ref, outcome=outcome, error=error, reconcile="r"))
    state = applied(world)
    assert len(state.denials) == 1
    words = [x.word for x in state.stream]
    assert words[-3:] == ["NOT SENT", "NO ANSWER", "NOT SENT"]
    assert "RESTORED" not in words
    world.refuse("default/a", 2, status=201)
    assert not applied(world, state).denials


def test_a_watch_that_ended_in_good_order_is_no_news() -> None:
    world = World()
    world.watch("Pod", objects=1)
    world.watch("Pod", "reconnecting", attempts=0)
    world.watch("Pod", objects=1)
    assert [x.word for x in applied(world).stream] == ["LISTED"]


def test_faults() -> None:
    world = World()
    ref = world.ref("Pod", "a", "uid-a")
    world.bus.publish(
        ApiWrite(at=1, verb="create", ref=ref, status=403, error="pods is forbidden", reconcile="r")
    )
    world.bus.publish(
        ReconcileFinished(
            kind="Redis", at=1, controller="redis", key="default/a", id="r", number=3,
            duration=0.01, result="error",
            error="boom",
        )
    )  # fmt: skip
    world.bus.publish(Log(at=1, level="warning", message="slow"))
    world.bus.publish(Log(at=1, level="info", message="not shown"))
    world.bus.publish(ActionFinished(at=1, id="1", verb="delete", ref=ref, ok=False, message="refused"))
    state = applied(world)
    assert [x.word for x in state.stream] == ["REFUSED", "RECONCILE", "WARNING", "REFUSED"]
    assert all(x.fault for x in state.stream)
    assert state.notices[0].message == "refused"


def test_what_was_dropped_is_shown() -> None:
    world = World(maxlen=5)
    for i in range(10):
        world.pod("ADDED" if i == 0 else "MODIFIED", f"p-{i}", f"uid-{i}")
    state = applied(world)
    assert state.dropped == 5
    assert len(state.objects[POD]) == 10
    assert next(iter(state.stream)).word == "DROPPED"


def test_the_ring_keeps_the_newest_under_their_numbers() -> None:
    ring = Ring(100)
    for i in range(1000):
        ring.append(Line(i, "info", "", "", str(i)))
    assert 100 <= len(ring) <= 110
    assert ring.end == 1000
    last = ring.get(999)
    assert last is not None
    assert last.subject == "999"
    assert ring.get(ring.first - 1) is None


def test_the_rule_is_yaml() -> None:
    import yaml

    world = World()
    world.forbid()
    state = applied(world)
    rule = next(iter(state.watches.values())).missing_rule
    assert rule is not None
    assert yaml.safe_load(to_yaml([rule])) == [
        {"apiGroups": [""], "resources": ["services"], "verbs": ["list", "watch"]}
    ]


# An object's life: each number says what happens next to which of six pods.
lives = st.lists(st.tuples(st.integers(0, 5), st.sampled_from(["touch", "delete"])), max_size=60)


def publish(world: World, life: list[tuple[int, str]]) -> None:
    alive: dict[int, str] = {}
    count = 0
    for pod, what in life:
        if what == "delete":
            if pod in alive:
                world.pod("DELETED", f"p-{pod}", alive.pop(pod))
        elif pod in alive:
            world.pod("MODIFIED", f"p-{pod}", alive[pod], restarts=count)
        else:
            count += 1
            alive[pod] = f"uid-{pod}-{count}"
            world.pod("ADDED", f"p-{pod}", alive[pod])


def table(state: ConsoleState) -> dict[str, Any]:
    return {uid: (o.status, o.facts, o.raw) for uid, o in state.objects.get(POD, {}).items()}


@settings(max_examples=60, deadline=None)
@given(lives, st.integers(1, 20), st.integers(1, 30))
def test_splits_and_overflow_give_the_same_tables(
    life: list[tuple[int, str]], maxlen: int, every: int
) -> None:
    whole = World()
    publish(whole, life)
    expected = table(applied(whole))

    small = World(maxlen)
    subscription = small.subscription
    state = ConsoleState()
    all_events = World()
    publish(all_events, life)
    for index, event in enumerate(all_events.subscription.drain().events):
        assert isinstance(event, ObjectChanged)
        small.show(event)
        if index % every == 0:
            batch = subscription.drain(1 + index % 3)
            for old in batch.states:
                reducer.apply(state, old, news=False)
            for new in batch.events:
                reducer.apply(state, new)
    Pump(Live(subscription, small.clock), state, small.clock).drain(1e9)
    assert table(state) == expected

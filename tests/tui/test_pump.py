from __future__ import annotations

import itertools

from tests.tui.world import World
from tui.names import GroupKind
from tui.pump import CHUNK, Pump
from tui.source import Live
from tui.state import ConsoleState

POD = GroupKind("", "Pod")


def test_it_stops_when_the_time_is_used_up_and_goes_on_later() -> None:
    world = World()
    for i in range(500):
        world.pod("ADDED", f"p-{i}", f"uid-{i}")
    ticks = itertools.count()
    state = ConsoleState()
    pump = Pump(Live(world.subscription, world.clock), state, lambda: next(ticks) * 0.004)
    first = pump.drain()
    assert 0 < first <= CHUNK
    assert pump.backlog == 500 - first
    while pump.backlog:
        pump.drain()
    assert len(state.objects[POD]) == 500


def test_states_come_before_the_events_that_followed_them() -> None:
    world = World(maxlen=2)
    world.pod("ADDED", "a", "uid-a")
    world.pod("MODIFIED", "a", "uid-a", restarts=1)
    world.pod("MODIFIED", "a", "uid-a", restarts=2)
    world.pod("DELETED", "a", "uid-a")
    state = ConsoleState()
    Pump(Live(world.subscription, world.clock), state, world.clock).drain(1.0)
    assert state.objects[POD] == {}
    assert state.dropped == 2

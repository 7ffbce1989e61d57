"""The stream: who, what, when, and what belongs together."""

from __future__ import annotations

from controller_runtime.events import ApiWrite, Enqueued, ReconcileFinished, ReconcileStarted
from tests.tui.screen import Console, console
from tests.tui.world import World
from tui.state import ConsoleState
from tui.stream import Line, Ring
from tui.widgets.event_log import EventLog
from tui.widgets.event_row import delta, fine_time


def stream(c: Console) -> EventLog:
    return c.app.screen_stack[0].query_one(EventLog)


def caused(world: World) -> None:
    """A watch event, the key that it enqueued, the reconcile that took it, its write, and what shows that."""
    bus = world.bus
    ref = world.ref("Pod", "child", "uid-c")
    key = "default/my-op-redis"
    enqueued = bus.publish(Enqueued(at=world.now, cause=world.last, controller="redis", key=key))
    world.now += 0.002
    started = bus.publish(
        ReconcileStarted(
            at=world.now, cause=enqueued, id="c", number=7, waited=0.002, controller="redis", key=key
        )
    )
    bus.publish(
        ApiWrite(
            at=world.now, cause=started, verb="create", ref=ref, reconcile="c", status=201, duration=0.004,
            resource_version=world.next_version,
        )
    )  # fmt: skip
    world.pod("ADDED", "child", "uid-c", "Pending")
    bus.publish(
        ReconcileFinished(
            at=world.now + 0.01, cause=started, id="c", number=7, duration=0.01, result="success", writes=1,
            kind="Redis", group="myapp.tangx.in", controller="redis", key=key,
        )
    )  # fmt: skip


async def test_enter_goes_to_the_object_and_escape_back() -> None:
    async with console() as c:
        c.world.story()
        await c.show()
        await c.press("4", "k", "k")
        log = stream(c)
        assert not log.follow
        here = log.cursor
        assert here is not None
        await c.press("k", "enter")
        assert c.table("Pod").has_focus
        chosen = c.table("Pod").cursor_object
        assert chosen is not None
        assert chosen.ref.name == "my-op-redis-1"
        await c.press("escape")
        assert log.has_focus
        assert log.cursor == here - 1
        await c.press("g", "enter")
        await c.until(lambda: "this line is about no object" in c.flat)


async def test_the_whole_text_of_the_selected_line_is_below() -> None:
    async with console((80, 24)) as c:
        c.world.refuse("default/my-op-redis", 5)
        await c.show()
        await c.press("4", "k")
        assert 'cannot create resource "pods" in API group "" in the namespace "default"' in c.flat
        await c.press("2")
        assert "Pod default/my-op-redis-0 · timeline" in c.text


async def test_the_chain_of_a_line_is_lit() -> None:
    async with console() as c:
        c.world.redis("MODIFIED", ready=1)
        caused(c.world)
        c.world.pod("MODIFIED", "my-op-redis-0", "uid-0", restarts=1)
        await c.show()
        await c.press("4", "k", "k")
        log = stream(c)
        lit = [
            line.subject
            for n in range(c.app.state.stream.first, c.app.state.stream.end)
            if c.app.state.stream.seq(n) in log._lit and (line := c.app.state.stream.get(n)) is not None
        ]
        assert lit == ["Redis my-op-redis", "my-op-redis #7", "Pod child"]
        await c.press("j", "j")
        assert not log._lit


async def test_times_are_milliseconds_or_the_time_since_the_line_before() -> None:
    async with console() as c:
        c.world.now += 0.25
        c.world.pod("MODIFIED", "my-op-redis-0", "uid-0", restarts=1)
        text = await c.show()
        assert "14:13:20.250 ~ MODIFIED" in text
        assert "+250 ms ~ MODIFIED" in await c.press("4", "t")
    assert [delta(s) for s in (0.0, 0.018, 1.24, 300)] == ["+0 ms", "+18 ms", "+1.24 s", "+5 m"]
    assert fine_time(1.5).endswith(".500")


async def test_others_are_called_by_their_field_manager() -> None:
    async with console() as c:
        kubelet = {"manager": "kubelet", "operation": "Update", "time": "2026-01-01T00:00:00Z"}
        kubectl = {"manager": "kubectl-edit", "operation": "Update", "time": "2026-01-02T00:00:00Z"}
        c.world.pod("MODIFIED", "my-op-redis-0", "uid-0", managedFields=[kubelet])
        c.world.pod("MODIFIED", "my-op-redis-0", "uid-0", restarts=2, managedFields=[kubelet, kubectl])
        # Within the same second, the entry stays as it was.
        c.world.pod("MODIFIED", "my-op-redis-0", "uid-0", restarts=3, managedFields=[kubelet, kubectl])
        c.world.pod("DELETED", "my-op-redis-0", "uid-0", managedFields=[kubelet, kubectl])
        await c.show()
        said = [line.by for line in list(c.app.state.stream)[-4:]]
        assert said == ["kubelet", "kubectl-edit", "kubectl-edit", "someone else"]
        await c.press("4", "slash", *"by:kubectl", "enter")
        assert "Stream [4] · following · 2 " in c.text


async def test_a_line_that_becomes_a_fault_comes_through_the_filter() -> None:
    async with console() as c:
        await c.press("ctrl+z")
        c.world.refuse("default/my-op-redis", 9)
        text = await c.show()
        assert "✗ REFUSED" in text
        assert "✗ RECONCILE" in text


def test_a_hundred_thousand_lines_are_kept() -> None:
    ring = Ring()
    for i in range(150_000):
        ring.append(Line(i, "info", "", "WORD", str(i)), i)
    assert 100_000 <= len(ring) <= 110_000
    assert ring.seq(149_999) == 149_999
    assert ring.seq(ring.first - 1) == 0


def test_what_the_chains_remember_is_bounded() -> None:
    from tui.pump import Pump
    from tui.source import Live

    world = World(maxlen=100_000)
    state = ConsoleState()
    for _ in range(8000):
        world.pod("MODIFIED", "a", "uid-a")
        caused(world)
    Pump(Live(world.subscription, world.clock), state, world.clock).drain(1e9)
    assert len(state.chains) == 20_000


async def test_a_pod_gets_its_node_by_a_scheduler() -> None:
    async with console() as it:
        it.world.pod("ADDED", "waits", "u-w", "Pending", node="")
        await it.show()
        it.world.pod("MODIFIED", "waits", "u-w", "Pending", node="node-2")
        assert "by scheduler" in await it.show()

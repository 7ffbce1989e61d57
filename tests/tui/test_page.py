"""The page of an object: its family to jump in, conditions, containers, Events and what happened to it."""

from __future__ import annotations

from typing import Any

from controller_runtime.kube.resource import Ref
from tests.tui.screen import Console, console
from tests.tui.world import World, stamp
from tui.screens.page import Page

OWNERS = [
    {
        "apiVersion": "myapp.tangx.in/v1", "kind": "Redis", "name": "my-op-redis", "uid": "uid-my-op-redis",
        "controller": True,
    }
]  # fmt: skip


def owned(world: World) -> None:
    then = world.now - 251
    for number in (0, 1):
        world.pod("MODIFIED", f"my-op-redis-{number}", f"uid-{number}", ownerReferences=OWNERS, created=then)
    world.service("MODIFIED", ownerReferences=OWNERS, created=then)


def crashing(world: World) -> None:
    """Pod 1 fails again and again."""
    then = world.now - 251
    last = {
        "exitCode": 137, "reason": "OOMKilled", "startedAt": stamp(then), "finishedAt": stamp(world.now - 12),
    }  # fmt: skip
    waiting = {"reason": "CrashLoopBackOff", "message": "back-off 20s restarting failed container=redis"}
    body = {
        "spec": {"nodeName": "node-1", "containers": [{"name": "redis", "image": "redis:5-alpine"}]},
        "status": {
            "phase": "Running",
            "conditions": [
                {"type": "Ready", "status": "False", "reason": "ContainersNotReady",
                 "message": "containers with unready status: [redis]", "lastTransitionTime": stamp(then)},
                {"type": "PodScheduled", "status": "True"},
                {"type": "Progressing", "status": "False", "reason": "Settled"},
                {"type": "MemoryPressure", "status": "True"},
            ],
            "containerStatuses": [
                {"name": "redis", "ready": False, "restartCount": 3, "state": {"waiting": waiting},
                 "lastState": {"terminated": last}},
            ],
        },
    }  # fmt: skip
    world.send(
        "MODIFIED", world.ref("Pod", "my-op-redis-1", "uid-1"), body, ownerReferences=OWNERS, created=then
    )


def event(world: World, name: str, about: str, note: str, **more: Any) -> None:
    ref = Ref("Event", "default", name, f"uid-{name}", "events.k8s.io/v1")
    body = {
        "type": "Warning", "reason": "BackOff", "note": note, "regarding": {"kind": "Pod", "name": about},
        "deprecatedCount": 4, "deprecatedLastTimestamp": stamp(world.now - 20), **more,
    }  # fmt: skip
    world.send("ADDED", ref, body, initial=True)


async def opened(c: Console, *keys: str) -> str:
    text = await c.press(*keys)
    page = c.app.screen
    assert isinstance(page, Page)
    page.commit()
    await c.pilot.pause()
    return c.text or text


async def test_a_failing_pod_says_how_its_container_ended_and_what_kubernetes_says() -> None:
    async with console((120, 50)) as c:
        owned(c.world)
        crashing(c.world)
        event(c.world, "e1", "my-op-redis-1", "Back-off restarting \x1b[31mfailed container")
        event(c.world, "e2", "another", "not about it")
        await c.show()
        await opened(c, "j", "enter")
        for words in (
            "○ Progressing False Settled", "✗ MemoryPressure True", "● PodScheduled True",
            "✗ CrashLoopBackOff", "created 4m11s ago", "✗ Ready False ContainersNotReady",
            "containers with unready status: [redis]", "○ redis CrashLoopBackOff begun again 3 times",
            "back-off 20s restarting", "last run OOMKilled · exit code 137 · 12s ago, after 3m59s",
            "20s ! BackOff ×4", "Back-off restarting ␛[31mfailed", "restarts 0→3",
        ):  # fmt: skip
            assert words in c.flat, words
        assert "not about it" not in c.text
        assert c.actions.browsed == ["events.events.k8s.io"]
        await c.press("escape")
        assert len(c.app.screen_stack) == 1


async def test_enter_leads_through_the_family_and_esc_back() -> None:
    async with console((120, 40)) as c:
        owned(c.world)
        await c.show()
        text = await opened(c, "1", "d")
        assert "› └─ ● Pod my-op-redis-0" in text
        assert "└─ ● Service my-op-redis" in text
        assert "my-op-redis  Ready  4m11s  this one" in text
        text = await opened(c, "tab", "enter")
        assert "─ Pod default/my-op-redis-0" in text
        assert "my-op-redis-0  Running  4m11s  this one" in text
        text = await opened(c, "tab", "enter")
        assert "─ Redis default/my-op-redis" in text
        assert "Nothing leads from this line" in await opened(c, "enter")
        await c.press("y")
        assert not isinstance(c.app.screen, Page)
        await c.press("escape")
        assert "─ Pod default/my-op-redis-0" in await opened(c, "escape")
        assert "─ Redis default/my-op-redis" in await opened(c, "escape")
        await c.press("escape")
        assert len(c.app.screen_stack) == 1


async def test_what_is_deleted_stays_with_its_last_state_and_leads_to_its_successor() -> None:
    async with console((120, 50)) as c:
        owned(c.world)
        await c.show()
        await opened(c, "j", "enter")
        c.world.story()
        await c.show()
        text = await opened(c)
        assert "− Deleted 1s ago" in text
        assert "another Pod has this name now" in text
        assert "reconcile #42" in c.flat
        assert "Running" in await opened(c, "tab", "enter")
        assert "Deleted" not in (await opened(c)).split("What happened")[0]


async def test_an_unlisted_kind_shows_what_its_json_says_whatever_it_is() -> None:
    async with console((120, 50)) as c:
        ref = c.world.ref("Pod", "odd", "uid-odd")
        body: dict[str, Any] = {"spec": {"containers": "none"}, "status": {"conditions": 7}}
        c.world.send("ADDED", ref, body, annotations={"a": "b"})
        widget = Ref("Widget", "default", "w", "uid-w", "shop.io/v1")
        own = [{"apiVersion": "v1", "kind": "Pod", "name": "odd", "uid": "uid-odd"}]
        c.world.send(
            "ADDED", widget, {"spec": {"size": 3}, "data": {"k": "[red]v[/]"}}, ownerReferences=own,
        )  # fmt: skip
        await c.show()
        assert "cannot be read" in await opened(c, "G", "enter")
        text = await opened(c, "tab", "enter")
        assert "─ Widget default/w" in text
        assert "size: 3" in text
        assert "[red]v[/]" in text

"""The command line: any kind, found, shown with the server's columns, or said not to be there."""

from __future__ import annotations

from controller.events import Browsing, Printed
from controller_runtime.events import WatchStatus
from controller_runtime.kube.resource import Ref, Resource
from tests.tui.screen import console
from tests.tui.world import World
from tui.commands import Command, History, complete, parse

DEPLOYMENTS = Resource("apps", "v1", "Deployment", "deployments")


def deployment(world: World, name: str, ready: str) -> None:
    world.bus.publish(Printed(at=world.now, uid=f"uid-{name}", cells=(name, ready, "2", "2", "5m")))
    ref = Ref("Deployment", "default", name, f"uid-{name}", "apps/v1")
    world.send("ADDED", ref, {"spec": {"replicas": 2}}, initial=True)


async def test_a_kind_that_nobody_described_has_the_servers_columns_and_can_be_deleted() -> None:
    async with console() as c:
        await c.press("colon", *"deploy", "enter")
        assert c.actions.browsed == ["deployments"]
        columns = ("Name", "Ready", "Up-to-date", "Available", "Age")
        c.world.bus.publish(
            Browsing(at=c.world.now, name="deployments", resource=DEPLOYMENTS, columns=columns)
        )
        deployment(c.world, "web", "1/2")
        c.world.bus.publish(
            WatchStatus(
                at=c.world.now, resource="deployments", group="apps", kind="Deployment", scope="",
                state="live", since=c.world.now, objects=1,
            )
        )  # fmt: skip
        text = await c.show()
        assert "Deployments [2] · 1" in text
        for title in ("READY", "UP-TO-DATE", "AVAILABLE", "AGE"):
            assert title in text
        assert "1/2" in text
        await c.until(lambda: c.table("Deployment").has_focus)
        await c.press("ctrl+d")
        await c.until(lambda: "✓ yes" in c.text)
        await c.press("y")
        assert [(r.api_version, r.kind, r.name) for r in c.actions.deleted] == [
            ("apps/v1", "Deployment", "web")
        ]
        text = await c.press("colon", *"pods", "enter")
        assert "Pods [2] · 2" in text
        assert len(c.actions.browsed) == 1
        text = await c.press("colon", *"deployments", "enter")
        assert "Deployments [2] · 1" in text


async def test_what_the_server_does_not_serve_is_said() -> None:
    async with console() as c:
        await c.press("colon", *"bananas", "enter")
        c.world.bus.publish(Browsing(at=c.world.now, name="bananas", message="the server serves no bananas"))
        await c.show()
        await c.until(lambda: "the server serves no bananas" in c.flat)
        assert "Pods [2]" in c.text


async def test_commands_complete_filter_and_are_remembered() -> None:
    async with console() as c:
        await c.press("colon", *"po", "tab", "space", *"/s-1", "enter")
        assert c.table("Pod").order == ["uid-1"]
        await c.press("colon", "up", "enter")
        assert c.table("Pod").order == ["uid-1"]
        await c.press("colon", *"help", "enter")
        assert len(c.app.screen_stack) == 2
        await c.press("escape", "colon", "escape")
        assert c.table("Pod").has_focus
        await c.press("colon", *"q", "enter")
        assert "Quit?" in await c.show()


def test_what_can_be_typed() -> None:
    assert parse("svc") == Command("show", "services")
    assert parse(":po kube-system") == Command("show", "pods", "ns:kube-system")
    assert parse("pods app=x") == Command("show", "pods", "-l app=x")
    assert parse("widgets.example.com") == Command("show", "widgets.example.com")
    assert parse("q!") == Command("quit")
    assert parse(" ") == Command("")
    assert complete("dep") == "deployments"
    assert complete("zz") == ""
    history = History()
    for line in ("a", "b", "a"):
        history.add(line)
    assert [history.older(), history.older(), history.older(), history.newer()] == ["a", "b", None, "a"]

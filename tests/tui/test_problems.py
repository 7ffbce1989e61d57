"""The list of what goes wrong with operators, its count, and where it leads."""

from __future__ import annotations

from typing import Literal

from controller_runtime.events import ReconcileFinished
from tests.tui.screen import Console, console
from why.events import ProblemChanged
from why.problems.problem import Problem

SAYS = "its own patch of Redis default/my-op-redis/status wakes it again and again, 40 a minute"


def tell(
    c: Console, state: Literal["began", "seen", "ended"], count: int = 1,
    about: str = "redis default/my-op-redis", kind: str = "reconcile loop",
) -> None:  # fmt: skip
    now = c.world.now
    problem = Problem(
        kind, about, SAYS, since=now - 30, last=now, count=count, evidence="status.seen: 1 → 2\x1b[31m",
        remedy="compare before writing",
    )  # fmt: skip
    c.world.bus.publish(ProblemChanged(at=now, state=state, problem=problem))


def reconciled(c: Console) -> None:
    c.world.bus.publish(
        ReconcileFinished(
            at=c.world.now, controller="redis", key="default/my-op-redis", id="r", number=1, duration=0.1,
            result="success", kind="Redis", group="myapp.tangx.in",
        )
    )  # fmt: skip


async def test_problems_are_counted_listed_and_lead_to_the_object() -> None:
    async with console() as c:
        reconciled(c)
        assert "problem" not in await c.show()
        tell(c, "began")
        tell(c, "began", about="ConfigMap default/child", kind="made again and again")
        text = await c.show()
        assert "! 2 problems" in text.splitlines()[0]
        assert "PROBLEM" in text, "the stream says that it has begun"
        tell(c, "seen", 12)
        await c.press("2", "colon", *"problems", "enter")
        await c.until(lambda: "2 problems" in c.text.splitlines()[0] and "12×" in c.text)
        for words in (
            "! reconcile loop redis default/my-op-redis 12× · since",
            "wakes it again and again, 40 a minute",
            "status.seen: 1 → 2␛[31m",
            "→ compare before writing",
        ):
            assert words in c.flat
        if "ConfigMap" in str(c.app.screen.query_one("#problems").target):  # type: ignore[attr-defined]
            await c.press("j")
        await c.press("enter")
        assert c.app.screen.focused is c.table("Redis")


async def test_what_is_over_stands_below_and_the_stream_says_so() -> None:
    async with console() as c:
        reconciled(c)
        tell(c, "began")
        tell(c, "ended", 12)
        text = await c.show()
        assert "! 1 problem" not in text
        assert "reconcile loop is over after 30s" in text
        await c.press("colon", *"problems", "enter")
        await c.until(lambda: "Nothing is wrong" in c.text)
        assert "· reconcile loop redis default/my-op-redis" in c.flat.partition("Over")[2]


async def test_faults_only_says_that_there_are_problems_too() -> None:
    async with console() as c:
        tell(c, "began")
        await c.show()
        assert "! 1 problem of operators: :problems shows" in await c.press("ctrl+z")


async def test_a_problem_of_no_object_says_so() -> None:
    async with console() as c:
        tell(c, "began", about="pods", kind="watch that flaps")
        await c.press("colon", *"problems", "enter")
        await c.until(lambda: "watch that flaps" in c.text)
        assert "Not available here: it is about no object" in await c.press("enter")

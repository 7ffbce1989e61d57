"""X: why the selected object is as it is, and where one goes from there."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from controller_runtime.events import QueueItem, QueueSnapshot, ReconcileFinished
from controller_runtime.kube.resource import Ref
from tests.tui.screen import Console, console
from tests.tui.world import World
from tui.screens.explain import Explain
from why.events import Explained
from why.finding import Explanation, Finding


class FakeQuestions:
    """Answers each question with what the test has put there."""

    def __init__(self, world: World) -> None:
        self.asked: list[tuple[Ref | str, str, Sequence[Finding]]] = []
        self.answer: Explanation | None = None
        self.message = ""
        self._world = world

    def explain(self, what: Ref | str, namespace: str = "", more: Sequence[Finding] = ()) -> str:
        self.asked.append((what, namespace, more))
        id_ = f"explain-{len(self.asked)}"
        answer = Explained(at=self._world.now, id=id_, explanation=self.answer, message=self.message)
        self._world.bus.publish(answer)
        return id_


def questions(c: Console) -> FakeQuestions:
    found = FakeQuestions(c.world)
    assert c.app._main is not None
    c.app._main.questions = found
    pod, service = c.world.ref("Pod", "my-op-redis-0", "uid-0"), c.world.ref("Service", "my-op-redis", "s")
    found.answer = Explanation(
        pod, "Pod my-op-redis-0: container redis cannot pull its image",
        (
            Finding("broken", "container redis cannot pull its image", pod, "not found\x1b[31m: nothing",
                    "2026-09-21T14:10:00Z", "events", remedy="correct the image"),
            Finding("note", "its Service has no endpoints", service, inferred=True),
        ),
        ("Secret: secrets is forbidden",),
    )  # fmt: skip
    return found


async def opened(c: Console, *keys: str) -> Explain:
    await c.press(*keys)
    await c.until(lambda: isinstance(c.app.screen, Explain) and c.app.screen._explanation is not None)
    await c.show()
    assert isinstance(c.app.screen, Explain)
    return c.app.screen


async def test_the_explanation_of_what_is_selected() -> None:
    async with console() as c:
        asked = questions(c).asked
        await opened(c, "2", "X")
        assert asked[0][0] == c.world.ref("Pod", "my-op-redis-0", "uid-0")
        for words in (
            "Why · Pod default/my-op-redis-0",
            "✗ Pod my-op-redis-0: container redis cannot pull its image",
            "not found␛[31m: nothing",
            "→ correct the image",
            "its Service has no endpoints inferred",
            "? Secret: secrets is forbidden",
        ):
            assert words in c.flat
        # It is asked for anew while it is open, and the newer answer is shown.
        c.world.now += 3
        await c.until(lambda: len(asked) > 1)
        await c.press("escape")
        assert len(c.app.screen_stack) == 1


async def test_enter_leads_to_the_object_behind_it() -> None:
    async with console() as c:
        questions(c)
        await opened(c, "2", "X")
        await c.press("j", "enter")
        selected = c.table("Service").selected
        assert selected is not None
        assert selected.name == "my-op-redis"
        assert c.app.screen.focused is c.table("Service")


async def test_events_and_logs() -> None:
    async with console() as c:
        questions(c)
        await opened(c, "2", "X")
        await c.press("E")
        assert c.actions.browsed == ["events.events.k8s.io"]
        await opened(c, "X")
        assert "Logs · Pod default/my-op-redis-0" in await c.press("l")


async def test_a_kind_without_a_table_is_opened_and_the_cursor_follows() -> None:
    async with console() as c:
        found = questions(c)
        node = Ref("Node", "", "n1", "n", "v1")
        found.answer = Explanation(node, "Node n1: Ready is False", (Finding("broken", "not ready", node),))
        await opened(c, "colon", *"why node/n1", "enter")
        assert found.asked[0][:2] == ("node/n1", "default")
        await c.press("enter")
        assert c.actions.browsed == ["node"]
        c.world.now += 6
        assert "Node n1 is not in the table" in await c.show()


async def test_what_the_operator_knows_is_asked_along() -> None:
    async with console() as c:
        asked = questions(c).asked
        done = ReconcileFinished(
            at=c.world.now, controller="redis", key="default/my-op-redis", id="r", number=1, duration=0.1,
            result="error", kind="Redis", group="myapp.tangx.in",
        )  # fmt: skip
        c.world.bus.publish(done)
        item = QueueItem("default/my-op-redis", ready_in=20.0, failures=5, last_error="no quota")
        c.world.bus.publish(QueueSnapshot(at=c.world.now, controller="redis", items=(item,)))
        await c.show()
        await opened(c, "1", "X")
        (more,) = asked[0][2]
        assert more.says == "its reconcile failed 5 times, next try in 20s"
        assert more.evidence == "no quota"


async def test_an_answer_that_is_none_says_why() -> None:
    async with console() as c:
        found = questions(c)
        found.answer, found.message = None, "the server serves no 'nonsense'"
        await c.press("colon", *"why nonsense/x", "enter")
        await c.until(lambda: "serves no 'nonsense'" in c.text)
        await c.press("c")
        assert "Not available here" in await c.show()


async def test_without_a_cluster_it_says_so() -> None:
    async with console() as c:
        assert "Not available here: there is no cluster to ask" in await c.press("X")


async def test_a_bundle_is_written_with_the_timeline(tmp_path: Path) -> None:
    made: list[tuple[Ref, list[str], bool]] = []

    def write(ref: Ref, timeline: Sequence[str], anonymize: bool) -> Path:
        made.append((ref, list(timeline), anonymize))
        return tmp_path / "a.md"

    async with console() as c:
        assert "Not available here" in await c.press("2", "colon", *"bundle", "enter")
        assert c.app._main is not None
        c.app._main.bundle = write
        c.world.pod("MODIFIED", "my-op-redis-0", "uid-0", "Failed")
        await c.show()
        await c.press("2", "colon", *"bundle --anonymize", "enter")
        await c.until(lambda: made)
        (ref, timeline, anonymize) = made[0]
        assert (ref.name, anonymize) == ("my-op-redis-0", True)
        assert any("MODIFIED" in line for line in timeline)
        await c.until(lambda: "The bundle is written" in c.text)

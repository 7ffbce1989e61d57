"""The heal board and the operator's insides."""

from __future__ import annotations

from controller.events import Heal
from controller_runtime.events import QueueItem, QueueSnapshot
from tests.tui.screen import console
from tui.views.heals import quantile


def heal(now: float, number: int, seconds: float, by: str, kind: str = "Pod", *, over: bool = True) -> Heal:
    begun = now - seconds
    return Heal(
        at=now, namespace="default", name=f"x-{number}", owner="default/my-op-redis", old_uid=f"old-{number}",
        stage="ready" if over else "gone", requested=begun, gone=begun + seconds / 4, by=by, kind=kind,
        created=begun + seconds / 2 if over else None, ready=now if over else None,
    )  # fmt: skip


async def test_heals_have_bars_and_figures_by_kind_and_deleter() -> None:
    async with console() as c:
        assert "Nothing has been deleted yet" in await c.press("colon", *"heals", "enter")
        for number, seconds in enumerate((0.5, 1.0, 4.0)):
            c.world.bus.publish(heal(c.world.now, number, seconds, "you" if number else ""))
        c.world.bus.publish(heal(c.world.now, 8, 0.25, "", "Service"))
        c.world.bus.publish(heal(c.world.now, 9, 2.0, "you", over=False))
        await c.show()
        await c.until(lambda: "MEDIAN" in c.text)
        for words in (
            "all 4 500 ms 4.00 s 4.00 s",
            "Pod 3 1.00 s",
            "Service 1 250 ms",
            "deleted by you 2 1.00 s",
        ):
            assert words in c.flat
        bars = {
            w: line.count("█") for line in c.text.splitlines() for w in ("x-0", "x-2", "x-9") if w in line
        }
        assert bars["x-2"] > 7 * bars["x-0"] > 0
        assert "2.00 s …" in c.text
        await c.press("escape")
        assert len(c.app.screen_stack) == 1


async def test_watches_controllers_and_queues() -> None:
    async with console(denied=True) as c:
        c.world.reconcile(41)
        c.world.story()
        items = (
            QueueItem("default/a", worker=1),
            QueueItem("default/b", ready_in=5.0, failures=3, last_error="pods is forbidden"),
            QueueItem("default/c"),
        )
        c.world.bus.publish(QueueSnapshot(at=c.world.now, controller="redis", items=items))
        await c.show()
        text = await c.press("colon", *"watches", "enter")
        assert "redis.myapp.tangx.in" in text
        assert "forbidden" in text
        await c.press("escape")
        text = await c.press("colon", *"controllers", "enter")
        assert "18 ms" in text
        assert "leading" in text
        await c.press("escape")
        text = await c.press("colon", *"queue", "enter")
        assert "worker 1" in text
        assert "again in 5.0 s" in text
        assert "pods is forbidden" in text
        assert "waiting" in text


def test_quantiles() -> None:
    values = [float(v) for v in range(1, 101)]
    assert [quantile(values, p) for p in (0.5, 0.95, 1.0)] == [50.0, 95.0, 100.0]
    assert quantile([7.0], 0.5) == 7.0

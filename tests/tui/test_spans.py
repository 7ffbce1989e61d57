"""Cause and effect as bars to scale."""

from __future__ import annotations

from controller.events import Heal
from tests.tui.screen import console
from tests.tui.test_stream import caused
from tui.views.spans import Span, bar_rows


def text(rows: list[list[tuple[str, str]]]) -> list[str]:
    return ["".join(piece for piece, _ in row) for row in rows]


def test_bars_are_to_scale_and_at_their_place() -> None:
    rows = text(bar_rows([Span("a", 0, 1, "ok"), Span("b", 1, 4, "ok"), Span("c", 4, None, "ok")], 70, 8.0))
    bars = [row[16:] for row in rows]
    counts = [bar.count("█") for bar in bars]
    assert counts[1] in range(counts[0] * 3 - 3, counts[0] * 3 + 4)
    assert counts[2] in range(counts[0] * 4 - 4, counts[0] * 4 + 5)
    assert bars[1].index("█") >= counts[0]
    assert bars[2].index("█") >= counts[0] + counts[1]
    assert "1.00 s" in rows[0]
    assert "4.00 s …" in rows[2]
    assert all(len(row) <= 70 for row in rows)
    assert bar_rows([], 70, 0.0) == []
    assert all(any(c in "▏▎▍▌▋▊▉█" for c in row) for row in text(bar_rows([Span("x", 5, 5, "ok")], 40, 5.0)))


async def test_a_heal_is_drawn_from_the_delete_to_ready() -> None:
    async with console((120, 44)) as c:
        await c.press("j")
        c.world.story()
        shown = await c.show()
        steps = [line[2:].split()[0] for line in shown.splitlines() if "█" in line and "ev/s" not in line]
        assert steps == ["deleting", "reconcile", "created", "starting"]
        assert "until ready" in shown
        assert "792 ms" in shown


async def test_earlier_chains_of_an_object_can_be_paged() -> None:
    async with console((120, 44)) as c:
        await c.press("j")
        for number, seconds in enumerate((3.0, 2.0, 1.0)):
            at = c.world.now + number * 10
            c.world.bus.publish(
                Heal(
                    at=at, namespace="default", name="my-op-redis-1", owner="default/my-op-redis",
                    old_uid=f"old-{number}", stage="ready", requested=at - seconds, gone=at - seconds + 0.1,
                    created=at - 0.5, ready=at,
                )
            )  # fmt: skip
        shown = await c.show()
        assert "heal 3 of 3" in shown
        assert "healed in 1.00 s" in shown
        assert "healed in 3.00 s" in await c.press("left_square_bracket", "left_square_bracket")
        await c.press("left_square_bracket")
        await c.until(lambda: "no earlier heal" in c.text)
        assert "healed in 2.00 s" in await c.press("right_square_bracket")


async def test_the_chain_of_a_line_of_the_stream_is_drawn() -> None:
    async with console((120, 44)) as c:
        c.world.redis("MODIFIED", ready=1)
        caused(c.world)
        await c.show()
        shown = await c.press("4", "k")
        assert "reconcile #7" in shown
        assert "queued" in shown
        assert "create" in shown

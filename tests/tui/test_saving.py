"""ctrl+s writes what has the focus to a file that nobody else may read, and says where."""

from __future__ import annotations

import csv
import json
import stat
from pathlib import Path

from tests.tui.screen import Console, console
from tui import saving


async def saved(c: Console, tmp_path: Path, ending: str) -> Path:
    await c.press("ctrl+s")
    await c.app.workers.wait_for_complete()
    await c.until(lambda: "Saved" in c.text)
    return found(tmp_path, ending)


def found(tmp_path: Path, ending: str) -> Path:
    (path,) = tmp_path.glob(f"*{ending}")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    return path


async def test_a_table_as_csv_as_it_is_filtered(tmp_path: Path) -> None:
    async with console() as c:
        c.app.state.log_file = str(tmp_path / "log")
        c.world.pod("ADDED", '=cmd,"x', "uid-9")
        await c.press("2", "slash", *"!redis-0", "enter")
        rows = list(csv.reader((await saved(c, tmp_path, ".csv")).open(newline="")))
    assert rows[0][:3] == ["NAMESPACE", "NAME", "READY"]
    assert [row[1] for row in rows[1:]] == ["'=cmd,\"x", "my-op-redis-1"]


async def test_the_stream_as_json_lines(tmp_path: Path) -> None:
    async with console() as c:
        c.app.state.log_file = str(tmp_path / "log")
        c.world.story()
        await c.press("4")
        text = (await saved(c, tmp_path, ".jsonl")).read_text()
    lines = [json.loads(line) for line in text.splitlines()]
    assert len(lines) == len(c.app.state.stream)
    gone = next(line for line in lines if line["event"] == "DELETED")
    assert (gone["kind"], gone["name"], gone["by"]) == ("Pod", "my-op-redis-1", "you")


async def test_another_screen_as_a_picture(tmp_path: Path) -> None:
    async with console() as c:
        c.app.state.log_file = str(tmp_path / "log")
        await c.press("question_mark")
        assert (await saved(c, tmp_path, ".svg")).read_text().startswith("<svg")


async def test_where_nothing_can_be_written_is_said() -> None:
    async with console() as c:
        c.app.state.log_file = "/proc/none/log"
        await c.press("2", "ctrl+s")
        await c.app.workers.wait_for_complete()
        await c.until(lambda: "/proc/none: No such file" in c.flat)


async def test_commands_change_what_is_selected() -> None:
    async with console() as c:
        await c.press("1", "colon", *"scale", "space", "7", "enter")
        await c.press("enter")
        assert c.actions.changed == [("scale", "my-op-redis", "uid-my-op-redis", 7)]
        await c.press("2", "colon", *"label", "space", *"tier=gold", "space", *"old-", "enter")
        await c.press("enter")
        assert c.actions.changed[-1][0] == "label"
        assert c.actions.changed[-1][3] == {"tier": "gold", "old": None}


def test_no_file_is_written_over(tmp_path: Path) -> None:
    paths = {saving.write(tmp_path, "a/b", ".csv", "x", 0.0) for _ in range(3)}
    assert {p.name for p in paths} == {f"a_b-19700101T000000Z{n}.csv" for n in ("", "-1", "-2")}

"""Screen recordings: what is written is what is played, and nothing but drawing reaches a terminal."""

from __future__ import annotations

import io
import json
import random
from itertools import pairwise
from pathlib import Path

import pyte
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconsole.cli import main
from reconsole.demo.cast import CastWriter, event, header
from reconsole.demo.play import Cast, Filter, play
from reconsole.demo.tape import Tape
from reconsole.options import Failure


def _cast(*events: str) -> Cast:
    return Cast(io.StringIO("\n".join([header((20, 3), title="t", at=0), *events]) + "\n"), "f.cast")


def test_a_terminal_that_plays_it_shows_every_screen() -> None:
    random.seed(1)
    screens = [
        [f"\x1b[3{random.randint(1, 6)}m{c * 20}\x1b[0m" for c in random.choices("ab", k=3)] for _ in range(9)
    ]
    written: list[str] = []
    writer = CastWriter(written.append, (20, 3), title="t", at=7.0)
    writer.chapter(0.0, "One")
    for at, lines in enumerate(screens):
        writer.show(float(at), lines)
    writer.end(10.0)
    assert json.loads(written[0]) | {"env": 0} == {
        "version": 2, "width": 20, "height": 3, "timestamp": 7, "title": "t", "env": 0,
    }  # fmt: skip
    assert json.loads(written[2]) == [0.0, "m", "One"]

    screen = pyte.Screen(20, 3)
    stream = pyte.Stream(screen)
    shown: dict[float, list[str]] = {}
    now = 0.0

    class Out(io.StringIO):
        def write(self, text: str) -> int:
            stream.feed(text)
            shown[now] = list(screen.display)
            return len(text)

    def wait(seconds: float) -> str:
        nonlocal now
        now += seconds * 2
        return ""

    play(Cast(io.StringIO("\n".join(written)), "f"), Out(), wait, speed=2.0)
    assert [shown[at] for at in sorted(shown)][:9] == [
        [line[5:25] for line in lines] for n, lines in enumerate(screens) if n == 0 or lines != screens[n - 1]
    ]
    assert now == 10.0


def test_keys_pause_and_leave() -> None:
    asked: list[float] = []
    answers = iter([" ", "x", "q"])

    def wait(seconds: float) -> str:
        asked.append(seconds)
        return next(answers)

    out = io.StringIO()
    play(_cast(*(event(at, "o", str(at)) for at in (0.0, 1.0, 99.0))), out, wait, speed=1.0)
    assert asked == [1.0, float("inf"), 10.0], "nobody waits longer than ten seconds"
    assert out.getvalue() == "0.01.0"


HOSTILE = (
    "\x1b]0;title\x07", "\x1b]52;c;cm0gLXJm\x1b\\", "\x1bP$q\x1b\\", "\x1b[6n", "\x1b[c", "\x1b[?1000h",
    "\x1b[?1049l", "\x1bc", "\x1b(0", "\x9b31m", "\x07", "\x1b[8;1;1t", "\x1b[>1u", "\x1b[4;2m\x1b]8;;x\x07",
)  # fmt: skip


@given(st.lists(st.sampled_from([*HOSTILE, "\x1b[31m", "\x1b[2;3H", "ok", "\x1b[?2026h", "\r\n"])), st.data())
def test_nothing_else_gets_through_however_it_is_cut(pieces: list[str], data: st.DataObject) -> None:
    whole = "".join(pieces)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(whole)), max_size=4)))
    shown = Filter()
    ends = [0, *cuts, len(whole)]
    got = "".join(shown(whole[a:b]) for a, b in pairwise(ends))
    for drawing in ("\x1b[31m", "\x1b[4;2m", "\x1b[2;3H", "\x1b[?2026h", "\r", "\n"):
        got = got.replace(drawing, "")
    assert got.isprintable(), got


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "is no screen recording"),
        ("[" * 100_000, "is no screen recording"),
        ('{"version": 3}', "is an asciicast of version 3"),
        ('{"version": 2, "width": 10}', "does not say how large"),
    ],
)
def test_another_file_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, words: str
) -> None:
    path = tmp_path / "a.cast"
    path.write_text(text)
    assert main(["play", str(path)]) == 1
    assert words in capsys.readouterr().err


def test_a_damaged_line_is_named_and_a_cut_one_is_the_end() -> None:
    with pytest.raises(Failure, match=r"f\.cast:3: it is no event"):
        list(_cast(event(0, "o", "a"), "what", event(1, "o", "b")).moments())
    cut = Cast(io.StringIO(header((1, 1), title="", at=0) + '\n[0, "o", "a"]\n[1, "o'), "f")
    assert [m.data for m in cut.moments()] == ["a"]


def test_the_tape_of_a_live_session_is_a_cast_for_its_owner(tmp_path: Path) -> None:
    path = tmp_path / "a.cast"
    now = 5.0
    tape = Tape(path, lambda: now)
    now = 6.5
    tape.keep("\x1b[2Jhä")
    tape.close()
    tape.keep("after")
    assert path.stat().st_mode & 0o777 == 0o600
    with path.open() as file:
        assert list(Cast(file, "a").moments()) == [(1.5, "o", "\x1b[2Jhä")]
    with pytest.raises(Failure, match="cannot record the screen to"):
        Tape(tmp_path / "none" / "a.cast")

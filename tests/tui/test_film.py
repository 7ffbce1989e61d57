"""A recorded story as pictures: the same every time, with its keys and its captions."""

from __future__ import annotations

from pathlib import Path

import pytest

from controller.events import ActionFinished, Caption, Deed
from controller_runtime.kube.resource import Ref
from reconsole.demo.command import STORY
from reconsole.demo.filming import RECORDED, Film, film
from reconsole.demo.script import read_script
from reconsole.options import Failure
from recording.reader import read
from tests.tui.test_replay import write
from tests.tui.world import World


def _world() -> World:
    """A pod is deleted with the console's keys; two seconds between the steps."""
    world = World()
    world.settled()
    world.pod("ADDED", "a", "uid-a")
    told = [
        Caption(at=0, chapter="One", number=1, of=2, text="A pod."),
        Deed(at=0, key="2"),
        Deed(at=0, key="ctrl+d"),
        ActionFinished(at=0, id="action-1", verb="check", ref=Ref("Pod", "default", "a"), ok=True),
        Caption(at=0, chapter="Two", number=2, of=2, text="It may be deleted."),
        Deed(at=0, key="y"),
        Deed(at=0, command="kubectl get pods", ok=False, answer="\x1b[31mno"),
    ]
    for event in told:
        world.now += 2
        world.bus.publish(
            type(event)(**{**{f: getattr(event, f) for f in event.__struct_fields__}, "at": world.now})
        )
    return world


def _text(lines: object) -> str:
    return "\n".join("".join(segment.text for segment in line) for line in lines)  # type: ignore[attr-defined]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Film]:
    path = write(_world(), tmp_path_factory.mktemp("film") / "story.jsonl")
    return path, film(path, "t")


def test_it_shows_what_was_told_and_pressed(made: tuple[Path, Film]) -> None:
    shot = made[1]
    assert [(s.number, s.scene, s.file_name) for s in shot.scenes] == [
        (1, 1, "1.1-one.svg"),
        (2, 1, "2.1-two.svg"),
    ]
    assert "A pod." in _text(shot.scenes[0].lines)
    assert "✓ yes" in _text(shot.scenes[0].lines), "the dialog that ctrl+d opens, with the recorded answer"
    end = _text(shot.scenes[1].lines)
    assert "Delete Pod?" not in end
    assert "kubectl get pods  ✗ ␛[31mno" in end
    assert shot.seconds == 17.1
    assert [line.split('"')[3] for line in shot.cast if '"m"' in line] == ["One", "Two"]


def test_twice_is_the_same_byte_for_byte(made: tuple[Path, Film], monkeypatch: pytest.MonkeyPatch) -> None:
    path, first = made
    monkeypatch.setenv("TZ", "Pacific/Auckland")
    assert film(path, "t").cast == first.cast


def test_a_file_without_a_story_is_said_to_have_none(tmp_path: Path) -> None:
    world = World()
    world.settled()
    with pytest.raises(Failure, match="no story is told in"):
        film(write(world, tmp_path / "a.jsonl"), "t")


def test_the_recording_that_is_shipped_is_of_the_story_as_it_is() -> None:
    story = read_script(STORY)
    told = [e for _, e in read(RECORDED, lambda damage: None) if isinstance(e, Caption)]
    assert [(e.chapter, e.text) for e in told] == [
        (chapter.chapter, " ".join(scene.caption.split()))
        for chapter in story.chapters
        for scene in chapter.scenes
    ], "record it anew: reconsole demo --no-ui --events reconsole/demo/story.jsonl.gz"

"""Scripts of demos: what is wrong with one is said with its line; what it says is done, in its order."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any, cast

import pytest

from controller.events import Caption, Deed
from controller_runtime.bus import EventBus
from controller_runtime.events import BusEvent
from reconsole.cli import main
from reconsole.demo.command import STORY, Show, Wish
from reconsole.demo.director import Director, Failed
from reconsole.demo.hands import Answer, Hands
from reconsole.demo.script import Step, read_script
from reconsole.options import Failure, Options

HEAD = "title: t\nchapters:\n- chapter: One thing\n  scenes:\n  - caption: c\n"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("title: [", ":1: it is no YAML"),
        ("title: t\nchapters: []", ": it has no chapters"),
        ("title: t\nchapters:\n- chapter: a\n  scenes: []", ": the chapter 'a' has no scenes"),
        (f"{HEAD}    until: 3", ":6: expected text, got a number"),
        (f"{HEAD}    unti: x", ":5: it contains unknown key `unti`"),
        (f"{HEAD}    do:\n    - keys: [a]\n    - sing: la", ":8: it contains unknown key `sing`"),
        (f"{HEAD}    do:\n    - {{keys: [a], type: b}}", ":7: a step has one of keys, type, "),
        (f"{HEAD}    do:\n    - delete: my-op-redis", ":7: 'my-op-redis' names no object"),
        (f"{HEAD}    do:\n    - scale: redis/a", ":7: scale goes with replicas"),
        (f"{HEAD}    do:\n    - apply: {{kind: Pod}}", ":7: apply needs an object"),
    ],
)
def test_what_is_wrong_with_a_script_is_said_with_its_line(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "s.yaml"
    path.write_text(text)
    with pytest.raises(Failure) as failed:
        read_script(path)
    assert str(failed.value).startswith(f"{path}{words}")


def test_chapters_are_found_by_number_and_by_word() -> None:
    story = read_script(STORY)
    assert story.number_of("2") == story.number_of("pod") == 2
    assert story.number_of("refused") == 5
    with pytest.raises(Failure, match="there is no chapter 'nowhere'; there are: 1 A Redis is applied; 2"):
        story.number_of("nowhere")


class Stage:
    def __init__(self) -> None:
        self.pressed: list[str] = []

    async def press(self, key: str) -> None:
        self.pressed.append(key)

    def text(self) -> str:
        return "│ pod   is │\n│ ready    │" if self.pressed else ""


class Yes(Hands):
    def __init__(self, answers: dict[str, Answer]) -> None:
        self.answers = answers

    def do(self, step: Step) -> Answer:
        return self.answers.get(step.delete or "", Answer(True, "done"))


def _play(tmp_path: Path, steps: str, **answers: Answer) -> tuple[Stage, list[BusEvent]]:
    path = tmp_path / "s.yaml"
    path.write_text(f"{HEAD}    do:\n{steps}")
    stage, said = Stage(), list[BusEvent]()
    hands = Yes({f"pod/{name}": answer for name, answer in answers.items()})
    director = Director(read_script(path), said.append, lambda: hands, lambda: 0.0, speed=1000, patience=0.01)
    asyncio.run(director.play(stage))
    return stage, said


def test_a_scene_is_its_caption_then_its_deeds_with_their_answers(tmp_path: Path) -> None:
    steps = (
        "    - {type: 'a b'}\n    - {until: pod is ready}\n"
        "    - {delete: pod/a, refused: true}\n    - {scale: redis/r, replicas: 2, namespace: n}\n"
    )
    stage, said = _play(tmp_path, steps, a=Answer(False, "pods is forbidden"))
    assert stage.pressed == ["a", "space", "b"]
    assert said[0] == Caption(at=0.0, chapter="One thing", number=1, of=1, text="c")
    assert said[-4:] == [
        Deed(at=0.0, command="kubectl delete pod/a"),
        Deed(at=0.0, command="kubectl delete pod/a", ok=False, answer="pods is forbidden"),
        Deed(at=0.0, command="kubectl scale redis/r --replicas 2 -n n"),
        Deed(at=0.0, command="kubectl scale redis/r --replicas 2 -n n", answer="done"),
    ]


def test_it_can_be_played_again(tmp_path: Path) -> None:
    path = tmp_path / "s.yaml"
    path.write_text(f"{HEAD}    do:\n    - delete: pod/a")
    asked: list[Hands] = []

    def hands() -> Hands:
        asked.append(Yes({}))
        return asked[-1]

    said: list[BusEvent] = []
    director = Director(read_script(path), said.append, hands, lambda: 0.0, speed=1000)

    async def twice() -> None:
        await director.play(Stage())
        await director.play(Stage())

    asyncio.run(twice())
    assert (len(asked), len(said)) == (1, 6), "there is one connection, and it is told but once"


@pytest.mark.parametrize(
    ("steps", "words"),
    [
        ("    - until: nothing", "'nothing' did not come on the screen in 0.01 s"),
        ("    - delete: pod/a", "kubectl delete pod/a: no such pod"),
        ("    - {delete: pod/b, refused: true}", "kubectl delete pod/b: it was not refused"),
    ],
)
def test_the_step_that_failed_is_named(tmp_path: Path, steps: str, words: str) -> None:
    with pytest.raises(Failed) as failed:
        _play(tmp_path, steps, a=Answer(False, "no such pod"))
    assert str(failed.value) == f"chapter 1 (One thing), scene 1: {words}"


def test_a_script_that_cannot_be_ends_with_a_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "s.yaml"
    path.write_text(HEAD.replace("caption: c", "hold: 1"))
    assert main(["demo", "--check", "--script", str(path)]) == 1
    assert capsys.readouterr().err == f"error: {path}:5: there is no required key `caption`\n"


async def test_leaving_does_not_wait_for_a_connection(tmp_path: Path) -> None:
    options = Options(
        kubeconfig=None, context=None, embedded=True, namespaces=(), impersonate=None, sandbox_dir=tmp_path,
        ui=True, output="text", read_only=False, observe=False, metrics_bind_address="0",
        health_probe_bind_address="0", leader_elect=False,
    )  # fmt: skip
    show = Show(options, Wish(read_script(STORY)), headless=True)
    play = cast(Any, show.make(EventBus())).keywords["play"]
    story = asyncio.create_task(play(Stage()))
    await asyncio.sleep(0.05)
    story.cancel()
    async with asyncio.timeout(3.0):
        await asyncio.get_running_loop().shutdown_default_executor()

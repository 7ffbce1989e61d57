"""Editing in $EDITOR: what was changed is asked of the API, and nothing that was written is lost."""

from __future__ import annotations

import stat
import sys
from contextlib import nullcontext
from pathlib import Path

import pytest

from tests.tui.screen import Console, console
from tui import edits
from tui.screens.editing import editor

TEXT = "apiVersion: v1\nkind: Pod\nmetadata: {name: a, uid: u}\nspec: {a: 1, b: [1, 2], c: {d: 1, e: 2}}\n"


class Editor:
    """A program that does to the file what each of ``steps`` says, one at a time, and notes what it saw."""

    def __init__(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *steps: str) -> None:
        self._seen = tmp_path / "seen"
        self._seen.mkdir()
        script = tmp_path / "editor.py"
        script.write_text(
            "import pathlib, sys\n"
            f"seen, steps = pathlib.Path({str(self._seen)!r}), {steps!r}\n"
            "path, number = pathlib.Path(sys.argv[1]), len(list(seen.iterdir()))\n"
            "text = path.read_text()\n"
            "(seen / f'{number}').write_text(f'{path}\\n{path.stat().st_mode}\\n{text}')\n"
            "exec(steps[number])\n"
        )
        monkeypatch.setenv("KUBE_EDITOR", f"{sys.executable} {script}")

    def saw(self, number: int) -> str:
        return (self._seen / str(number)).read_text()

    @property
    def path(self) -> Path:
        return Path(self.saw(0).splitlines()[0])


SCALE = "path.write_text(text.replace('replicas: 2', 'replicas: 3', 1))"
NOTHING = "pass"


async def edit(c: Console) -> None:
    c.app.suspend = nullcontext  # type: ignore[method-assign,assignment]  # there is no terminal to give away
    await c.press("1", "e")
    await c.app.workers.wait_for_complete()
    await c.show()


async def test_what_was_changed_is_asked_and_no_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    it = Editor(tmp_path, monkeypatch, SCALE)
    async with console() as c:
        await edit(c)
        patch = {"spec": {"replicas": 3}}
        assert c.actions.changed == [("edit", "my-op-redis", "uid-my-op-redis", patch)]
    assert stat.S_IMODE(int(it.saw(0).splitlines()[1])) == 0o600
    assert not it.path.exists()


async def test_a_refusal_stands_beside_the_text_and_nothing_is_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = "path.write_text(text + ' : [')"
    it = Editor(tmp_path, monkeypatch, SCALE, broken, NOTHING)
    async with console() as c:
        c.actions.refusals = ["spec.replicas: must be even"]
        await edit(c)
        assert len(c.actions.changed) == 1
        await c.until(lambda: "Your text is in" in c.flat)
    assert "# spec.replicas: must be even" in it.saw(1)
    assert "replicas: 3" in it.saw(1)
    assert "not YAML" in it.saw(2)
    assert "must be even" not in it.saw(2)
    assert "replicas: 3" in it.path.read_text()
    it.path.unlink()


async def test_without_a_change_or_an_editor_nothing_is_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    it = Editor(tmp_path, monkeypatch, NOTHING, "sys.exit(3)")
    async with console() as c:
        await edit(c)
        assert "Nothing was changed" in c.flat
        await edit(c)
        assert "ended with 3" in c.flat
        monkeypatch.setenv("KUBE_EDITOR", str(tmp_path / "none"))
        await edit(c)
        assert "did not start" in c.flat
        assert c.actions.changed == []
    assert not it.path.exists()


def test_the_difference_is_a_merge_patch() -> None:
    after = TEXT.replace("a: 1,", "a: 5, n: {x: 1},").replace("[1, 2]", "[2]").replace(", e: 2", "")
    assert edits.difference(TEXT, after) == {"spec": {"a": 5, "b": [2], "c": {"e": None}, "n": {"x": 1}}}
    assert edits.difference(TEXT, TEXT + "\n# a comment\n") == {}


@pytest.mark.parametrize(
    ("after", "words"),
    [
        (TEXT.replace("name: a", "name: b"), "metadata.name cannot be changed"),
        (TEXT.replace("Pod", "Service"), "kind cannot be changed"),
        ("", "not one object"),
        ("a: [", "not YAML"),
    ],
)
def test_what_no_patch_can_do_is_said(after: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        edits.difference(TEXT, after)


def test_which_editor() -> None:
    assert editor({"EDITOR": "code --wait", "VISUAL": ""}) == ["code", "--wait"]
    assert editor({"EDITOR": "a", "KUBE_EDITOR": "b"}) == ["b"]
    assert editor({"EDITOR": "'"})[0] in ("vi", "notepad")

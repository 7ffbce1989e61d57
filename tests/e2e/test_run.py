"""``reconsole run``: somebody's operator, by file or by module and function."""

from __future__ import annotations

from pathlib import Path

import pytest

from reconsole.operators import load_operator
from reconsole.options import Failure
from tests.cluster import eventually
from tests.e2e.conftest import Headless

EXAMPLE = Path(__file__).parents[2] / "examples" / "copy_configmap.py"


def test_an_operator_runs_on_the_embedded_cluster(tmp_path: Path) -> None:
    run = Headless(tmp_path, "run", str(EXAMPLE), "--sandbox-dir", str(tmp_path))
    try:
        eventually(lambda: run.find(type="RECONCILE", controller="configmap") or run.process.poll(), 30)
        assert run.find(type="RECONCILE", controller="configmap", result="success"), run.log
        assert not run.find(type="RECONCILE", controller="redis")
    finally:
        assert run.stop() == 0


def test_its_kinds_are_those_that_the_file_names() -> None:
    by_file = load_operator(str(EXAMPLE))
    assert [kind.resource.kind for kind in by_file.kinds] == ["ConfigMap", "Namespace"]
    assert [k.resource.kind for k in load_operator("examples.copy_configmap:setup").kinds] == [
        "ConfigMap",
        "Namespace",
    ]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (None, "no such file"),
        ("x = 1", r"has no function setup\(manager\): add one"),
        ("def setup(", "cannot load .*SyntaxError"),
        ("1 / 0", "cannot load .*ZeroDivisionError"),
    ],
)
def test_what_cannot_be_loaded_is_said_in_a_sentence(tmp_path: Path, text: str | None, sentence: str) -> None:
    path = tmp_path / "operator_under_test.py"
    if text is not None:
        path.write_text(text)
    with pytest.raises(Failure, match=sentence):
        load_operator(str(path))

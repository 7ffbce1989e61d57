"""The operator of docs/runtime.md does what the page says, and so does the test of it that stands there."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from controller_runtime import NotFound
from reconsole.operators import load_operator
from tests.cluster import eventually

GUIDE = (Path(__file__).parents[2] / "docs/runtime.md").read_text()
CODE = re.findall(r"```python\n(.*?)```", GUIDE, re.DOTALL)


@pytest.fixture
def greet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The file that a reader would make of the page."""
    monkeypatch.setattr(sys, "path", list(sys.path))
    (tmp_path / "greet.py").write_text(next(code for code in CODE if "def setup(" in code))
    yield tmp_path / "greet.py"
    sys.modules.pop("greet", None)


def until(condition: Callable[[], bool]) -> None:
    def holds() -> bool:
        try:
            return condition()
        except NotFound:
            return False

    eventually(holds)


def test_its_operator_can_be_loaded_and_tested(greet: Path) -> None:
    (definition,) = load_operator(str(greet)).definitions()
    assert definition["metadata"]["name"] == "greetings.hello.example.com"
    place = {"until": until}
    exec(next(code for code in CODE if "FakeClient(Greeting" in code), place)
    place["test_a_greeting_gets_its_config_map"]()  # type: ignore[call-arg]

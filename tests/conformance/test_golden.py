"""What a real kube-apiserver 1.36.2 answered, the sandbox answers too."""

import json
from pathlib import Path

import pytest

from tests.conformance.replayer import replay
from tests.sandbox.server import Api

SCENARIOS = sorted(Path(__file__).with_name("golden").glob("*.json"))


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda path: path.stem)
def test_scenario(api: Api, scenario: Path) -> None:
    assert not replay(api, json.loads(scenario.read_text())["steps"])

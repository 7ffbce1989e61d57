"""The library is a wheel of its own: in an empty environment it has all that it needs."""

from __future__ import annotations

import importlib.metadata
import shutil
import subprocess
import sys
import venv
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from controller_runtime import Client
from tests.examples import EXAMPLES, SCENARIOS, install

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of an environment with the library's wheel and what its metadata asks for, no more."""
    folder = tmp_path_factory.mktemp("dist")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(build, cwd=ROOT / "controller_runtime", check=True, capture_output=True)
    (wheel,) = folder.glob("*.whl")
    venv.create(folder / "env", symlinks=True)
    (packages,) = (folder / "env").glob("lib/python*/site-packages")
    shutil.unpack_archive(wheel, packages, "zip")
    (metadata,) = importlib.metadata.distributions(path=[str(packages)])
    wanted = _needed(metadata)
    assert not wanted & {"textual", "aiohttp", "common-expression-language", "rich"}
    for name in _closure(wanted):
        _copy(importlib.metadata.distribution(name), packages)
    return folder / "env" / "bin" / "python"


def _needed(distribution: importlib.metadata.Distribution) -> set[str]:
    """What it asks for here, without extras."""
    asked = map(Requirement, distribution.requires or ())
    return {r.name.lower() for r in asked if r.marker is None or r.marker.evaluate({"extra": ""})}


def _closure(names: set[str]) -> set[str]:
    """These distributions and all that they ask for."""
    found: set[str] = set()
    while names - found:
        name = (names - found).pop()
        found.add(name)
        names |= _needed(importlib.metadata.distribution(name))
    return found


def _copy(distribution: importlib.metadata.Distribution, packages: Path) -> None:
    for file in distribution.files or ():
        if ".." not in file.parts:
            target = packages / file
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(str(file.locate()), target)


@pytest.mark.parametrize("example", SCENARIOS)
def test_an_example_runs_there(
    example: str, python: Path, admin: Client, kubeconfig: Path, namespace: str, tmp_path: Path
) -> None:
    install(admin, example)
    with (tmp_path / "said").open("wb") as said:
        process = subprocess.Popen([python, EXAMPLES / example, kubeconfig], cwd=tmp_path, stderr=said)
    try:
        SCENARIOS[example](admin, namespace, tmp_path)
        assert process.poll() is None, (tmp_path / "said").read_text()
    finally:
        process.terminate()
        process.wait(10)

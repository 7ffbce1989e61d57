"""The library is a wheel of its own: in an empty environment it has all that it needs."""

from __future__ import annotations

import importlib.metadata
import shutil
import subprocess
import sys
import venv
from collections.abc import Iterator
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from controller_runtime import Client, NotFound
from controller_runtime.kube.kinds import ConfigMap, Namespace
from tests.cluster import eventually
from tests.conftest import a_namespace

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
    wanted = {_name(text) for text in metadata.requires or ()}
    assert not wanted & {"textual", "aiohttp", "common-expression-language", "rich"}
    for name in _closure(wanted):
        _copy(importlib.metadata.distribution(name), packages)
    return folder / "env" / "bin" / "python"


def _name(requirement: str) -> str:
    return Requirement(requirement).name.lower()


def _closure(names: set[str]) -> set[str]:
    """These distributions and what they ask for here, without extras."""
    found: set[str] = set()
    while names - found:
        name = (names - found).pop()
        found.add(name)
        for text in importlib.metadata.distribution(name).requires or ():
            marker = Requirement(text).marker
            if marker is None or marker.evaluate({"extra": ""}):
                names.add(_name(text))
    return found


def _copy(distribution: importlib.metadata.Distribution, packages: Path) -> None:
    for file in distribution.files or ():
        if ".." not in file.parts:
            target = packages / file
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(str(file.locate()), target)


@pytest.fixture
def example(python: Path, kubeconfig: Path, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[None]:
    """An example runs there, against the API server of the tests."""
    source = ROOT / "examples" / request.param
    with (tmp_path / "said").open("wb") as said:
        process = subprocess.Popen([python, source, kubeconfig], cwd=tmp_path, stderr=said)
        yield
        assert process.poll() is None, (tmp_path / "said").read_text()
        process.terminate()
        process.wait(10)


@pytest.mark.parametrize("example", ["copy_configmap.py"], indirect=True)
@pytest.mark.usefixtures("example")
def test_the_copier(admin: Client, namespace: str) -> None:
    admin.patch(Namespace, "", namespace, {"metadata": {"labels": {"copy/here": "true"}}})
    with a_namespace(admin) as source:
        meta = {"name": "settings", "namespace": source, "labels": {"copy/me": "true"}}
        admin.create({"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta, "data": {"a": "1"}})
        eventually(lambda: _data(admin, namespace, "settings") == {"a": "1"})


def _data(admin: Client, namespace: str, name: str) -> object:
    try:
        return admin.get(ConfigMap, namespace, name).data
    except NotFound:
        return None

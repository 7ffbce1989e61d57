"""Fixtures for pytest.

In ``conftest.py``: ``pytest_plugins = ["controller_runtime.envtest.pytest_plugin"]``
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from controller_runtime.envtest.environment import Environment
from controller_runtime.kube.kinds import Namespace


@pytest.fixture(scope="session")
def envtest_crds() -> Sequence[Path]:
    """The CRDs of ``envtest``, as files or folders: none. Override it in ``conftest.py``."""
    return ()


@pytest.fixture(scope="session")
def envtest(envtest_crds: Sequence[Path]) -> Iterator[Environment]:
    """One API server for the whole run. A test that wants its own uses ``with Environment() as one:``."""
    with Environment(crds=envtest_crds) as environment:
        yield environment


@pytest.fixture(scope="session")
def _numbers() -> Callable[[], int]:
    return itertools.count(1).__next__


@pytest.fixture
def envtest_namespace(envtest: Environment, _numbers: Callable[[], int]) -> Iterator[str]:
    """A namespace of this test's own in ``envtest``; its end is asked for when the test is over."""
    name, client = f"envtest-{_numbers()}", envtest.client()
    client.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    yield name
    client.delete(Namespace, "", name)

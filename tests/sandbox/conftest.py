"""One bare server for all API tests of a worker; each test makes its own namespace."""

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.sandbox.server import Api, bare_server

_numbers = itertools.count()


@pytest.fixture(scope="session")
def bare_kubeconfig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with bare_server(tmp_path_factory.mktemp("bare")) as kubeconfig:
        yield kubeconfig


@pytest.fixture
def api(bare_kubeconfig: Path) -> Api:
    return Api(bare_kubeconfig)


@pytest.fixture
def namespace(api: Api) -> str:
    name = f"t{next(_numbers)}"
    api.ok("POST", "/api/v1/namespaces", {"metadata": {"name": name}})
    return name

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from controller.runtime.errors import ApiError
from controller.runtime.kinds import Namespace
from tests.runtime.sandboxed import api_server, client


@pytest.fixture(scope="session")
def kubeconfig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """An API server for all integration tests of the runtime: the one given, or a bare embedded one."""
    if given := os.environ.get("RECONSOLE_TEST_KUBECONFIG"):
        yield Path(given)
        return
    with api_server(tmp_path_factory.mktemp("cluster")) as path:
        yield path


@pytest.fixture
def namespace(kubeconfig: Path) -> Iterator[str]:
    """A namespace of this test's own, gone afterwards with all that is in it."""
    name = f"runtime-{uuid.uuid4().hex[:8]}"
    api = client(kubeconfig)
    api.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    yield name
    with suppress(ApiError):
        api.delete(Namespace, "", name)

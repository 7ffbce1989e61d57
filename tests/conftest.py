"""What all tests share: repeatable properties, and an API server for those that need one.

Property tests try the same examples every time, so that a run needs no luck. To look for new ones:
``make test ARGS=--hypothesis-profile=search``. What that finds becomes an ``@example``.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from hypothesis import settings

from controller_runtime.client.client import Client
from controller_runtime.client.config import load_configuration
from controller_runtime.kube.errors import AlreadyExists, NotFound
from controller_runtime.kube.kinds import Namespace
from reconsole.embedded import EmbeddedCluster
from tests.cluster import eventually
from tests.players import controllers, playing

settings.register_profile("repeatable", derandomize=True)
settings.register_profile("search", derandomize=False)
settings.load_profile("repeatable")


@pytest.fixture(scope="session")
def kubeconfig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """An API server: the one that RECONSOLE_TEST_KUBECONFIG names, or a bare embedded one."""
    if given := os.environ.get("RECONSOLE_TEST_KUBECONFIG"):
        with _complete(Path(given)):
            yield Path(given)
        return
    with EmbeddedCluster(tmp_path_factory.mktemp("bare"), extra=["--bare"]) as cluster:
        yield cluster.ready().kubeconfig


@contextmanager
def _complete(kubeconfig: Path) -> Iterator[None]:
    """An API server all by itself has nobody who ends namespaces. Where somebody does, this is there too."""
    try:
        Client(load_configuration(kubeconfig)).get_json("/api/v1/namespaces/default/serviceaccounts/default")
    except NotFound:
        with playing(kubeconfig, "controllers", controllers):
            yield
    else:
        yield


@pytest.fixture(scope="session")
def admin(kubeconfig: Path) -> Client:
    return Client(load_configuration(kubeconfig))


@pytest.fixture
def namespace(admin: Client) -> Iterator[str]:
    """A namespace of this test's own, gone afterwards with all that is in it."""
    with a_namespace(admin) as name:
        yield name


@contextmanager
def a_namespace(admin: Client) -> Iterator[str]:
    """The same for the length of a ``with`` block."""
    name = f"reconsole-test-{uuid.uuid4().hex[:8]}"
    admin.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    with suppress(AlreadyExists):  # admission may ask for it, and not every server has who makes it
        accounts = f"/api/v1/namespaces/{name}/serviceaccounts"
        admin.post(accounts, {"metadata": {"name": "default", "namespace": name}})
    yield name
    with suppress(NotFound):  # a test may have ended it
        admin.delete(Namespace, "", name)
    eventually(lambda: is_gone(admin, name), 60)


def is_gone(admin: Client, name: str) -> bool:
    """Whether there is no such namespace any more."""
    try:
        admin.get(Namespace, "", name)
    except NotFound:
        return True
    return False

"""The example operator of docs/runtime.md, against the embedded API server."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from controller_runtime.bus import EventBus
from controller_runtime.client.client import Client
from controller_runtime.events import ApiWrite, ReconcileFinished, ReconcileStarted
from controller_runtime.kube.errors import NotFound
from controller_runtime.kube.kinds import ConfigMap, Namespace
from controller_runtime.manager.manager import Manager
from examples.copy_configmap import Copier
from tests.cluster import eventually
from tests.runtime.sandboxed import Recording, client, running


@pytest.fixture
def cluster(kubeconfig: Path) -> Iterator[tuple[Client, Recording]]:
    """The operator runs, beside a client that is not its own."""
    bus = EventBus()
    recording = Recording(bus)
    manager = Manager(client(kubeconfig, bus), bus)
    Copier(manager)
    with running(manager):
        yield client(kubeconfig), recording


def configmap(namespace: str, data: str) -> dict[str, Any]:
    metadata = {"name": "settings", "namespace": namespace, "labels": {"copy/me": "true"}}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"value": data}}


@contextmanager
def target(api: Client, name: str, labels: dict[str, str]) -> Iterator[str]:
    api.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}})
    yield name
    api.delete(Namespace, "", name)


def data(cluster: Client, namespace: str, name: str) -> str:
    try:
        return cluster.get(ConfigMap, namespace, name).data["value"]
    except NotFound:
        return ""


def test_it_is_short() -> None:
    text = Path(__file__).parents[2].joinpath("examples/copy_configmap.py").read_text()
    assert len(text.splitlines()) < 70


@pytest.mark.cluster
def test_copies_follow_their_source(cluster: tuple[Client, Recording], namespace: str) -> None:
    api, recording = cluster
    with (
        target(api, f"{namespace}-one", {"copy/here": "true"}) as one,
        target(api, f"{namespace}-two", {}) as two,
    ):
        api.create(configmap(namespace, "a"))
        eventually(lambda: data(api, one, "settings") == "a")
        assert data(api, two, "settings") == ""

        api.patch(Namespace, "", two, {"metadata": {"labels": {"copy/here": "true"}}})
        eventually(lambda: data(api, two, "settings") == "a")

        api.patch(ConfigMap, namespace, "settings", {"data": {"value": "b"}})
        eventually(lambda: data(api, one, "settings") == "b" and data(api, two, "settings") == "b")

        api.patch(ConfigMap, one, "settings", {"data": {"value": "edited"}})
        eventually(lambda: data(api, one, "settings") == "b")
        api.delete(ConfigMap, one, "settings")
        eventually(lambda: data(api, one, "settings") == "b")

        api.delete(ConfigMap, namespace, "settings")
        eventually(lambda: data(api, one, "settings") == "" and data(api, two, "settings") == "")

    finished = recording.of(ReconcileFinished)
    assert {f.result for f in finished} == {"success"}
    # Every write has its reconcile, and every reconcile its cause.
    started = {s.id: s for s in recording.of(ReconcileStarted)}
    writes = recording.of(ApiWrite)
    assert len(writes) == 8
    assert all(started[w.reconcile].triggers for w in writes)
    assert [f.writes for f in finished if f.writes] == [
        sum(w.reconcile == f.id for w in writes) for f in finished if f.writes
    ]

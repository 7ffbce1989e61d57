"""Questions are answered on the bus, by what a real API server says."""

from __future__ import annotations

from concurrent.futures import Future
from pathlib import Path

import pytest

from controller_runtime import Client, EventBus, load_configuration
from controller_runtime.kube.kinds import Pod, Service
from controller_runtime.kube.resource import Ref
from controller_runtime.threads import Threads
from tests.cluster import eventually
from why.asker import Asker
from why.events import Explained
from why.finding import Finding


class Answers:
    def __init__(self, kubeconfig: Path) -> None:
        self.client = Client(load_configuration(kubeconfig))
        connected: Future[Client] = Future()
        connected.set_result(self.client)
        bus = EventBus()
        self._subscription = bus.subscribe("answers", maxlen=100)
        self.asker = Asker(connected, bus, Threads(bus))

    def to(self, id_: str) -> Explained:
        def arrived() -> Explained | None:
            events = self._subscription.drain().events
            return next((e for e in events if isinstance(e, Explained) and e.id == id_), None)

        return eventually(arrived, 10)


@pytest.fixture
def answers(kubeconfig: Path) -> Answers:
    return Answers(kubeconfig)


def test_an_object_and_words_for_it(answers: Answers, namespace: str) -> None:
    service = {
        "apiVersion": "v1", "kind": "Service", "metadata": {"name": "web", "namespace": namespace},
        "spec": {"selector": {"app": "wbe"}, "ports": [{"port": 80}]},
    }  # fmt: skip
    pod = {
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": "web", "namespace": namespace, "labels": {"app": "web"}},
        "spec": {"containers": [{"name": "c", "image": "nginx:1"}]},
    }  # fmt: skip
    answers.client.create(service)
    answers.client.create(pod)
    ref = Ref("Service", namespace, "web")
    mine = Finding("note", "something of my own", ref)
    found = answers.to(answers.asker.explain(ref, more=[mine])).explanation
    assert found is not None
    assert "app=wbe" in found.sentence
    assert mine in found.findings
    by_words = answers.to(answers.asker.explain("svc/web", namespace)).explanation
    assert by_words is not None
    assert by_words.sentence == found.sentence
    there = answers.to(answers.asker.explain(f"service/{namespace}/web", "elsewhere")).explanation
    assert there is not None
    answers.client.delete(Service, namespace, "web")
    answers.client.delete(Pod, namespace, "web")


def test_what_is_not_there_is_said_in_a_sentence(answers: Answers) -> None:
    for words, message in (
        ("nonsense/x", "the server serves no 'nonsense': see kubectl api-resources"),
        ("pod", "'pod' names no object: write KIND/NAME, as in pod/my-op-redis-0"),
        ("pod/nobody", 'pods "nobody" not found'),
    ):
        answer = answers.to(answers.asker.explain(words))
        assert (answer.explanation, answer.message) == (None, message)

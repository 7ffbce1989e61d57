"""What a person changes through the gate, against an API server and the operator."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future

import pytest

from controller.actions import Actions
from controller.api import Redis
from controller.events import ActionFinished
from controller_runtime.client.client import Client
from controller_runtime.kube.kinds import Pod, Service
from controller_runtime.kube.resource import Ref
from tests.cluster import eventually
from tests.integration.conftest import Operator
from tests.integration.test_operator import is_settled, ready, redis

pytestmark = pytest.mark.cluster


class Person:
    def __init__(self, client: Client, operator: Operator) -> None:
        connection: Future[Client] = Future()
        connection.set_result(client)
        self.actions = Actions(connection, operator.bus)
        self._operator = operator

    def said(self, id_: str) -> ActionFinished:
        """What became of an action."""

        def end() -> ActionFinished | None:
            ends = (e for e in self._operator.events() if isinstance(e, ActionFinished))
            return next((e for e in ends if e.id == id_), None)

        return eventually(end)


def settled(admin: Client, namespace: str, replicas: int) -> bool:
    return is_settled(admin, namespace) and len(ready(admin, namespace)) == replicas


@pytest.fixture
def person(admin: Client, operator: Operator) -> Iterator[Person]:
    it = Person(admin, operator)
    yield it
    it.actions.close()


def test_scale_restart_pause_label_and_edit(admin: Client, namespace: str, person: Person) -> None:
    admin.create(redis(namespace, replicas=2))
    eventually(lambda: settled(admin, namespace, 2))
    ref = admin.get(Redis, namespace, "db").ref
    before = {p.metadata.uid for p in admin.list(Pod, namespace)}

    assert person.said(person.actions.scale(ref, 3)).message == "Redis db is scaled from 2 to 3"
    eventually(lambda: settled(admin, namespace, 3))

    assert person.said(person.actions.restart(ref)).ok
    eventually(lambda: not before & set(ready(admin, namespace).values()), 30)
    eventually(lambda: settled(admin, namespace, 3))

    assert person.said(person.actions.pause(ref)).ok
    eventually(lambda: admin.get(Redis, namespace, "db").status.conditions[0].reason == "Paused")
    admin.delete(Pod, namespace, "db-2", grace_period=0)
    eventually(lambda: admin.get(Redis, namespace, "db").status.ready_replicas == 2)
    assert len(admin.list(Pod, namespace)) == 2
    assert person.said(person.actions.resume(ref)).ok
    eventually(lambda: settled(admin, namespace, 3))

    assert person.said(person.actions.label(ref, {"tier": "gold"})).ok
    assert person.said(person.actions.annotate(ref, {"note": "a", "gone": None})).ok
    person.said(person.actions.edit(ref, {"metadata": {"labels": {"tier": None}}, "spec": {"replicas": 1}}))
    now = admin.get(Redis, namespace, "db")
    assert (now.metadata.labels, now.metadata.annotations["note"], now.spec.replicas) == ({}, "a", 1)
    refused = person.said(person.actions.edit(ref, {"spec": {"port": 3}}))
    assert not refused.ok
    assert "spec.port" in refused.message


def test_what_cannot_be_done_is_said(admin: Client, namespace: str, person: Person) -> None:
    admin.create(redis(namespace, replicas=1))
    eventually(lambda: settled(admin, namespace, 1))
    ref = admin.get(Redis, namespace, "db").ref
    older = Ref(ref.kind, ref.namespace, ref.name, "another-uid", ref.api_version)
    assert "a newer one has its name" in person.said(person.actions.scale(older, 3)).message
    assert "another-uid" in person.said(person.actions.label(older, {"a": "b"})).message
    service = admin.get(Service, namespace, "db").ref
    assert "services cannot be scaled" in person.said(person.actions.scale(service, 3)).message
    assert "nobody restarts services" in person.said(person.actions.restart(service)).message
    assert "not known to pause" in person.said(person.actions.pause(service)).message
    assert admin.get(Redis, namespace, "db").spec.replicas == 1
    eventually(lambda: person.actions.allowed("scale", ref).allowed)

"""Every action ends with a result on the bus."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, cast

import pytest

from controller.actions import Actions
from controller.events import ActionFinished
from controller_runtime.bus import EventBus
from controller_runtime.client.client import Client
from controller_runtime.kube.errors import Conflict, Forbidden, NoKindMatch, Unreachable
from controller_runtime.kube.kinds import Pod
from controller_runtime.kube.resource import Ref, Resource
from controller_runtime.kube.rules import PolicyRule
from tests.runtime.harness import eventually
from tests.runtime.sandboxed import Recording

POD = Ref("Pod", "default", "a", "uid-a", Pod.resource.api_version)
RBAC = 'pods "a" is forbidden: User "me" cannot delete resource "pods" in API group "" in the namespace "x"'
QUOTA = 'pods "a" is forbidden: exceeded quota: q'


class Deleting:
    """A client whose delete does what the test wants."""

    def __init__(self, result: BaseException | None) -> None:
        self._result = result

    def resource_of(self, ref: Ref) -> Resource:
        if ref.kind == "Foo":
            raise NoKindMatch("no matches for kind 'Foo' in version 'example.com/v1'")
        return Pod.resource

    def delete(self, *_: Any, **__: Any) -> None:
        if self._result is not None:
            raise self._result


def finished(
    run: Callable[[Actions], str], client: Future[Client], *, read_only: bool = False
) -> ActionFinished:
    bus = EventBus()
    recording = Recording(bus)
    id_ = run(Actions(client, bus, read_only=read_only))
    eventually(lambda: recording.of(ActionFinished))
    (end,) = recording.of(ActionFinished)
    assert end.id == id_
    return end


def connected(result: BaseException | None = None) -> Future[Client]:
    client: Future[Client] = Future()
    client.set_result(cast(Client, Deleting(result)))
    return client


@pytest.mark.parametrize(
    ("raised", "words"),
    [
        (Conflict(409, "Conflict", "the UID differs"), "the UID differs"),
        (Unreachable("Connection refused"), "Connection refused"),
        (
            Unreachable("timed out", sent=True),
            "timed out: the request was sent and may have been carried out",
        ),
        (KeyError("status"), "status"),
        (SystemExit(), "SystemExit"),
    ],
)
def test_whatever_an_action_raises_is_its_result(raised: BaseException, words: str) -> None:
    end = finished(lambda actions: actions.delete(POD), connected(raised))
    assert (end.ok, end.message, end.missing_rule) == (False, words, None)


def test_only_a_refusal_by_rbac_names_a_rule() -> None:
    rule = PolicyRule(("",), ("pods",), ("delete",))
    for message, expected in ((RBAC, rule), (QUOTA, None)):
        end = finished(lambda actions: actions.delete(POD), connected(Forbidden(403, "Forbidden", message)))
        assert (end.ok, end.message, end.missing_rule) == (False, message, expected)


def test_a_kind_that_nobody_knows() -> None:
    unknown = Ref("Foo", "default", "a", "", "example.com/v1")
    for run in (lambda actions: actions.delete(unknown), lambda actions: actions.check("get", unknown)):
        assert "no matches for kind 'Foo'" in finished(run, connected()).message


def test_an_action_without_a_connection_or_on_a_closed_console_ends_too() -> None:
    failed: Future[Client] = Future()
    failed.cancel()
    assert "no connection" in finished(lambda actions: actions.delete(POD), failed).message

    def and_close(actions: Actions) -> str:
        id_ = actions.delete(POD)
        actions.close()
        return id_

    assert "closed" in finished(and_close, Future()).message

    def after_close(actions: Actions) -> str:
        actions.close()
        return actions.delete(POD)

    assert "closed" in finished(after_close, connected()).message
    assert "read-only" in finished(lambda actions: actions.delete(POD), connected(), read_only=True).message
    assert finished(lambda actions: actions.delete(POD), connected()).ok


def test_rights_are_taken_away_on_the_embedded_cluster_alone() -> None:
    revoked = finished(lambda actions: actions.revoke("me", "services"), connected())
    assert (revoked.ok, revoked.message) == (
        False, ":revoke is for the embedded cluster, and this is a real one; kubectl edit the role of me",
    )  # fmt: skip
    assert (
        "for the embedded cluster" in finished(lambda a: a.grant("me", "services", []), connected()).message
    )
    refused = finished(lambda a: a.apply([{"kind": "Role", "apiVersion": "v1", "metadata": {"name": "r"}}]),
                       connected(), read_only=True)  # fmt: skip
    assert "read-only" in refused.message

"""What the operator may do, asked of an API server, as its rights come and go."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from controller.actions import Actions
from controller.events import ActionFinished, PermissionsReviewed, Right
from controller.reviews import Reviewer
from controller_runtime.bus import EventBus
from controller_runtime.client.client import Client
from controller_runtime.client.config import load_configuration
from controller_runtime.events import WatchStatus
from controller_runtime.kube.bindings import granting
from controller_runtime.kube.kinds import ConfigMap, Service
from controller_runtime.kube.markers import Marker
from controller_runtime.kube.permissions import Permission
from controller_runtime.kube.rules import PolicyRule
from controller_runtime.manager.manager import Manager
from tests.cluster import eventually
from tests.integration.conftest import call
from tests.runtime.sandboxed import Recording, running

RBAC = "/apis/rbac.authorization.k8s.io/v1"
SERVICES = PolicyRule(("",), ("services",), ("list", "watch"))
MAPS = PolicyRule(("",), ("configmaps",), ("list", "watch"))


class Scene:
    """Somebody with a ClusterRole, who watches services and config maps; and a reviewer."""

    def __init__(self, admin: Client, kubeconfig: Path, namespace: str) -> None:
        self.admin = admin
        self.user = f"op-{namespace}"
        bus = EventBus()
        self.seen = Recording(bus)
        self.manager = Manager(Client(load_configuration(kubeconfig, impersonate=self.user), bus=bus), bus)
        for kind in (Service, ConfigMap):
            self.manager.informer(kind)
        self.stop = threading.Event()
        self.reviewer = Reviewer(self.manager, admin, [Marker(SERVICES), Marker(MAPS)], self.stop)
        client: Future[Client] = Future()
        client.set_result(Client(load_configuration(kubeconfig), bus=bus))
        self.actions = Actions(client, bus, embedded=True)

    def give(self, *rules: PolicyRule) -> None:
        role, binding = granting(self.user, SERVICES)
        for document in (role, binding):
            document["metadata"] = {"name": self.user}
        binding["roleRef"]["name"] = self.user
        self.admin.apply({**role, "rules": [rule.to_dict() for rule in rules]}, "test", force=True)
        self.admin.apply(binding, "test", force=True)

    def rights(self, role: str = "controller") -> dict[Permission, Right]:
        found = [e for e in self.seen.of(PermissionsReviewed) if e.role == role]
        return {right.permission: right for right in found[-1].rights} if found else {}

    def may(self, verb: str, resource: str, role: str = "controller") -> bool | None:
        right = self.rights(role).get(Permission(verb, "", resource))
        return right.allowed if right else None

    def state(self, resource: str) -> str:
        return next((e.state for e in reversed(self.seen.of(WatchStatus)) if e.resource == resource), "")

    def finished(self, action: str) -> ActionFinished:
        return eventually(lambda: next((e for e in self.seen.of(ActionFinished) if e.id == action), None))


@contextmanager
def scene(admin: Client, kubeconfig: Path, namespace: str) -> Iterator[Scene]:
    it = Scene(admin, kubeconfig, namespace)
    it.give(SERVICES, MAPS)
    try:
        with running(it.manager):
            thread = it.reviewer.start()
            yield it
            it.stop.set()
            thread.join(10)
    finally:
        it.stop.set()
        for plural in ("clusterroles", "clusterrolebindings"):
            for item in admin.get_json(f"{RBAC}/{plural}")["items"]:
                if it.user in item["metadata"]["name"]:
                    call(admin, "DELETE", f"{RBAC}/{plural}/{item['metadata']['name']}")


def test_a_right_that_is_taken_away_shows_while_its_watch_is_open(
    admin: Client, kubeconfig: Path, namespace: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("controller.reviews.PROBE_EVERY", 0.2)
    with scene(admin, kubeconfig, namespace) as it:
        eventually(lambda: it.may("watch", "services") and it.state("services") == "live")
        eventually(lambda: it.may("list", "services", "person"))
        it.give(PolicyRule(("",), ("services",), ("list",)), MAPS)
        eventually(lambda: it.may("watch", "services") is False)
        assert it.may("list", "services")
        assert it.state("services") == "live"
        right = it.rights()[Permission("watch", "", "services")]
        assert f"gives ClusterRole {it.user}, with list on services and not watch" in right.almost[0]
        it.reviewer.review_as("nobody")
        eventually(lambda: it.may("list", "services", "subject") is False)
        it.give(SERVICES, MAPS)
        eventually(lambda: it.may("watch", "services"))


def test_revoked_refused_and_granted_again(admin: Client, kubeconfig: Path, namespace: str) -> None:
    with scene(admin, kubeconfig, namespace) as it:
        eventually(lambda: it.may("watch", "services") and it.state("services") == "live")
        by_group = it.finished(it.actions.revoke("admin", "services"))
        assert "bound to admin names services; if it has" in by_group.message
        done = it.finished(it.actions.revoke(it.user, "services"))
        assert done.message == f"services taken out of ClusterRole {it.user}, and the watches cut"
        eventually(lambda: it.state("services") == "forbidden" and it.may("list", "services") is False)
        eventually(lambda: it.state("configmaps") == "live" and it.may("list", "configmaps"))
        assert it.finished(it.actions.grant(it.user, "services", [SERVICES])).ok
        # The next try would have been later: who grants lets it try at once.
        eventually(lambda: it.state("services") == "live" and it.may("list", "services"), 5)
        rules: Any = admin.get_json(f"{RBAC}/clusterroles/{it.user}")["rules"]
        assert rules == [PolicyRule(("",), ("configmaps", "services"), ("list", "watch")).to_dict()]


def test_the_rule_of_a_card_is_applied(admin: Client, kubeconfig: Path, namespace: str) -> None:
    with scene(admin, kubeconfig, namespace) as it:
        it.give(MAPS)
        eventually(lambda: it.may("list", "services") is False)
        documents = granting(it.user, SERVICES)
        done = it.finished(it.actions.apply(documents))
        assert (done.ok, done.message[:11]) == (True, "ClusterRole")
        eventually(lambda: it.may("list", "services") and it.state("services") == "live")
        # What was added so goes again as a whole.
        it.give(SERVICES, MAPS)
        assert it.finished(it.actions.revoke(it.user, "services")).ok
        eventually(lambda: it.state("services") == "forbidden")
        names = [r["metadata"]["name"] for r in admin.get_json(f"{RBAC}/clusterroles")["items"]]
        assert documents[0]["metadata"]["name"] not in names

"""Asks the API server what the operator may do of what it needs, again and again, and publishes it."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Literal

from controller.events import ActionFinished, PermissionsReviewed, Right
from controller.rights import Policy, read_policy
from controller_runtime.bus import LINGER, EventBus
from controller_runtime.client.client import Client
from controller_runtime.client.permissions import review
from controller_runtime.events import ApiWrite, BusEvent, WatchStatus
from controller_runtime.kube.bindings import nearly
from controller_runtime.kube.errors import ApiError, Unreachable
from controller_runtime.kube.markers import Marker
from controller_runtime.kube.permissions import Permission, permissions
from controller_runtime.kube.rules import PolicyRule
from controller_runtime.manager.manager import Manager
from controller_runtime.threads import SupervisedThread

log = logging.getLogger("controller.reviews")

EVERY = 120.0  # seconds between two reviews of everything, when nothing calls for one
# A server authorizes requests, not streams: a watch that is open goes on when the right to it is taken away,
# and ends with its next reconnect. So of open watches we ask, one question for each.
PROBE_EVERY = 3.0  # seconds
SETTLE = 0.3  # seconds after a denial, for the others that come with it
TIMEOUT = 10.0  # seconds, for each question

Role = Literal["controller", "person", "subject"]


class Reviewer:
    """``start`` runs it until ``stop`` is set. The other methods may be called on any thread, and return at
    once; what comes of them is published as ``PermissionsReviewed``.

    ``markers`` say what is needed; what is refused though none asks for it is asked for too.
    """

    def __init__(
        self,
        manager: Manager,
        person: Client,
        markers: Iterable[Marker],
        stop: threading.Event,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._manager = manager
        self._bus: EventBus = manager.bus
        self._person = person.with_timeout(TIMEOUT)
        self._own = manager.client.with_timeout(TIMEOUT)
        self._needed = dict.fromkeys(permissions(markers, manager.namespaces))
        self._undeclared: dict[Permission, None] = {}
        self._stop = stop
        self._clock = clock
        self._names: dict[Role, str] = {}
        self._last: dict[Role, PermissionsReviewed] = {}
        self._denied: set[tuple[str, ...]] = set()
        self._wishes: deque[Callable[[], None]] = deque()
        self._due = 0.0
        self._probe_due = 0.0

    def start(self) -> SupervisedThread:
        return self._manager.threads.start("permissions", self._run, done=self._stop.is_set)

    def review(self) -> None:
        """Ask everything anew."""
        self._wishes.append(lambda: self._review_all(anew=True))

    def review_as(self, user: str) -> None:
        """Ask what ``user`` may do of it, by impersonation with the person's credentials."""
        self._wishes.append(lambda: self._review_subject(user))

    def retry(self) -> None:
        """Let what was refused or failed try again at once."""
        self._manager.retry_now()
        self._wishes.append(lambda: self._review_all(anew=True))

    def _run(self) -> None:
        subscription = self._bus.subscribe("permissions", of=(WatchStatus, ApiWrite, ActionFinished))
        try:
            while not self._stop.is_set():
                subscription.wait(0.25, linger=LINGER)
                batch = subscription.drain()
                for event in (*batch.states, *batch.events):
                    self._hear(event)
                while self._wishes:
                    self._wishes.popleft()()
                now = self._clock()
                if now >= self._due:
                    self._review_all()
                elif now >= self._probe_due:
                    self._probe()
        finally:
            subscription.close()

    # When to ask

    def _hear(self, event: BusEvent) -> None:
        """A denial that begins or ends, or a change of the rights, calls for a review."""
        match event:
            case WatchStatus():
                is_denied = event.state == "forbidden"
                if is_denied and event.missing_rule is not None:
                    self._note(event.missing_rule, event.scope)
                self._mark(("watch", *event.key), is_denied)
            case ApiWrite(outcome="answered") if event.reconcile:
                if event.missing_rule is not None:
                    self._note(event.missing_rule, event.ref.namespace)
                ref = event.ref
                key = (event.verb, ref.api_version, ref.kind, ref.namespace, event.subresource)
                self._mark(key, event.missing_rule is not None)
            case ActionFinished(ok=True, verb="apply" | "grant" | "revoke"):
                self.retry()

    def _mark(self, key: tuple[str, ...], is_denied: bool) -> None:
        if (key in self._denied) == is_denied:
            return
        (self._denied.add if is_denied else self._denied.discard)(key)
        self._due = min(self._due, self._clock() + SETTLE)

    def _note(self, rule: PolicyRule, namespace: str) -> None:
        """Needed it is, whatever the markers say."""
        for cell in permissions([Marker(rule)], (namespace,) if namespace else ()):
            if cell not in self._needed and cell._replace(namespace="") not in self._needed:
                self._undeclared[cell] = None

    def _probe(self) -> None:
        """Whether the watches that are open would be allowed again."""
        self._probe_due = self._clock() + PROBE_EVERY
        last = self._last.get("controller")
        known = {right.permission: right.allowed for right in last.rights} if last else {}
        for informer in self._manager.informers():
            for status in informer.statuses():
                cell = Permission("watch", status.group, status.resource, status.scope)
                if status.state != "live" or cell not in known:
                    continue
                try:
                    if review(self._own, cell).allowed != known[cell]:
                        self._due = 0.0
                except (ApiError, Unreachable):
                    return  # the watch will show it

    # Asking

    def _review_all(self, *, anew: bool = False) -> None:
        """``anew`` publishes what is as it was, too: somebody wants to see that it was asked."""
        self._due = self._clock() + EVERY
        self._probe_due = self._clock() + PROBE_EVERY
        self._review("controller", self._own, anew=anew)
        if self._names.get("person") != self._names.get("controller"):
            self._review("person", self._person, anew=anew)
        if (subject := self._last.get("subject")) is not None:
            self._review_subject(subject.identity)

    def _review_subject(self, user: str) -> None:
        configuration = replace(
            self._person.transport.configuration, impersonate=user, impersonation=(), reload=None
        )
        client = Client(configuration, timeout=TIMEOUT)
        try:
            self._names["subject"] = user
            self._review("subject", client, anew=True)
        finally:
            client.transport.close()

    def _review(self, role: Role, client: Client, *, anew: bool) -> None:
        before = self._last.get(role)
        rights, message = before.rights if before else (), ""
        try:
            if not self._names.get(role):
                self._names[role] = client.identity()
            if role == "person" and self._names["person"] == self._names.get("controller"):
                return
            rights = self._rights(role, client)
        except (ApiError, Unreachable) as error:
            message = str(error)
            if role == "subject":
                rights = ()
        event = PermissionsReviewed(
            at=self._manager.now(), role=role, identity=self._names.get(role, ""), rights=rights,
            message=message,
        )  # fmt: skip
        self._last[role] = event
        if anew or before is None or (before.rights, before.message) != (rights, message):
            self._bus.publish(event)

    def _rights(self, role: Role, client: Client) -> tuple[Right, ...]:
        verdicts = [review(client, cell) for cell in (*self._needed, *self._undeclared)]
        policy: Policy | str | None = None
        found = []
        for cell, allowed, reason in verdicts:
            almost: tuple[str, ...] = ()
            if not allowed and role != "person":
                policy = policy or self._policy()
                almost = self._almost(self._names[role], cell, policy)
            found.append(Right(cell, allowed, reason, almost, declared=cell in self._needed))
        return tuple(found)

    def _policy(self) -> Policy | str:
        try:
            return read_policy(self._person)
        except (ApiError, Unreachable) as error:
            return str(error)

    @staticmethod
    def _almost(identity: str, cell: Permission, policy: Policy | str) -> tuple[str, ...]:
        if isinstance(policy, str):
            return (f"roles and bindings cannot be read: {policy}",)
        return tuple(nearly(identity, cell, policy.roles, policy.bindings))

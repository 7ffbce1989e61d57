"""What a person may do to the cluster. Every write that the console asks for goes through here.

Calls return at once with the id of the action; what became of it arrives on the bus.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

from controller_runtime.bus import EventBus
from controller_runtime.client.client import Client, acting
from controller_runtime.events import ActionFinished, ActionStarted, ActionVerb
from controller_runtime.kube.errors import ApiError, Unreachable
from controller_runtime.kube.object import resource_of
from controller_runtime.kube.resource import Ref
from controller_runtime.kube.rules import PolicyRule


class Actions:
    """The one gate: read-only is decided here, and refusals are told in the server's words.

    ``client`` resolves when the connection is made; until then actions wait for it.
    """

    def __init__(
        self,
        client: Future[Client],
        bus: EventBus,
        *,
        read_only: bool = False,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.read_only = read_only
        self._client = client
        self._bus = bus
        self._clock = clock
        self._ids = itertools.count(1)
        self._pool = ThreadPoolExecutor(max_workers=4, thread_name_prefix="action")

    def delete(self, ref: Ref, *, grace_period: int | None = None, propagation: str = "Background") -> str:
        """Delete the object with the uid of ``ref``; one that took its name since is left alone.

        ``grace_period`` is in seconds; None is the object's own.
        """

        def run() -> str:
            self._client.result().delete(
                resource_of(ref), ref.namespace, ref.name,
                uid=ref.uid or None, grace_period=grace_period, propagation=propagation,
            )  # fmt: skip
            return f"{ref.kind} {ref.name} is being deleted"

        return self._submit("delete", ref, run, writes=True)

    def check(self, verb: str, ref: Ref) -> str:
        """Ask the API server whether the person may ``verb`` the object (a SelfSubjectAccessReview)."""
        resource = resource_of(ref)

        def run() -> str:
            allowed, reason = self._client.result().can_i(verb, resource, ref.namespace, ref.name)
            if not allowed:
                where = f" in the namespace {ref.namespace}" if ref.namespace else ""
                raise _Denied(reason or f"you may not {verb} {resource.plural}{where}", verb)
            return f"you may {verb} it"

        return self._submit("check", ref, run, writes=False)

    def close(self) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _submit(self, verb: ActionVerb, ref: Ref, run: Callable[[], str], *, writes: bool) -> str:
        id_ = f"action-{next(self._ids)}"
        self._bus.publish(ActionStarted(at=self._clock(), id=id_, verb=verb, ref=ref))
        if writes and self.read_only:
            self._finish(
                id_, verb, ref, False, "this console is read-only: start it without --read-only to write"
            )
            return id_

        def work() -> None:
            try:
                with acting(id_):
                    message = run()
            except _Denied as denied:
                self._finish(id_, verb, ref, False, str(denied), _rule(ref, denied.verb))
            except (ApiError, Unreachable) as error:
                denied_rule = _rule(ref, verb) if getattr(error, "status", 0) == 403 else None
                self._finish(id_, verb, ref, False, str(error), denied_rule)
            else:
                self._finish(id_, verb, ref, True, message)

        self._pool.submit(work)
        return id_

    def _finish(
        self, id_: str, verb: ActionVerb, ref: Ref, ok: bool, message: str, rule: PolicyRule | None = None
    ) -> None:
        self._bus.publish(
            ActionFinished(
                at=self._clock(),
                id=id_,
                verb=verb,
                ref=ref,
                ok=ok,
                message=message,
                missing_rule=rule,
            )
        )


class _Denied(Exception):
    def __init__(self, message: str, verb: str) -> None:
        super().__init__(message)
        self.verb = verb


def _rule(ref: Ref, verb: str) -> PolicyRule:
    resource = resource_of(ref)
    return PolicyRule(api_groups=(resource.group,), resources=(resource.plural,), verbs=(verb,))

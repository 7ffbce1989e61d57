"""What a person may do to the cluster. Every write that the console asks for goes through here.

Calls return at once with the id of the action; what became of it arrives on the bus, whatever it was.
"""

from __future__ import annotations

import itertools
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from controller import changes, rights
from controller.access import NEEDS, Access
from controller.browse import Browser
from controller.events import ActionFinished, ActionStarted, ActionVerb
from controller.logfeed import Feed, LogOptions
from controller.podlogs import PodLogs
from controller.verdict import Verdict
from controller_runtime.bus import EventBus
from controller_runtime.client.client import Client
from controller_runtime.client.context import acting
from controller_runtime.kube.errors import ApiError, NoKindMatch, Unreachable
from controller_runtime.kube.resource import Ref
from controller_runtime.kube.rules import PolicyRule, missing_rule

if TYPE_CHECKING:
    from controller.reviews import Reviewer

log = logging.getLogger("controller.actions")

READ_ONLY = "this console is read-only: start it without --read-only to write"
_CLOSING = "the console was closed before this was done"


class Actions:
    """The one gate: read-only is decided here, and refusals are published in the server's words.

    ``client`` resolves when the connection is made; until then actions wait for it.
    """

    def __init__(
        self,
        client: Future[Client],
        bus: EventBus,
        *,
        read_only: bool = False,
        browser: Browser | None = None,
        logs: PodLogs | None = None,
        embedded: bool = False,
        reviewer: Callable[[], Reviewer | None] = lambda: None,
        definitions: Callable[[], Sequence[dict[str, Any]]] = tuple,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """``embedded``: the cluster is our own, where rights may be taken away to see what becomes of it.

        ``reviewer`` answers who asks what is allowed, once somebody does; ``definitions`` the CRDs of the
        operator.
        """
        self.read_only = read_only
        self._embedded = embedded
        self._reviewer = reviewer
        self._definitions = definitions
        self._client = client
        self._browser = browser
        self._logs = logs
        self._bus = bus
        self._clock = clock
        self._is_closed = False
        self._ids = itertools.count(1)
        self._pool = ThreadPoolExecutor(max_workers=4, thread_name_prefix="action")
        self._access = Access(lambda: self._client, self._pool, time.monotonic)

    def use(self, client: Future[Client]) -> None:
        """Act through this client from now on: the cluster is another one."""
        self._client = client
        self._access.forget()
        if self._browser is not None:
            self._browser.use(client)
        if self._logs is not None:
            self._logs.use(client)

    def browse(self, name: str) -> None:
        """Show a kind by any of its names, as long as the console runs; what is found is published."""
        if self._browser is not None:
            self._browser.open(name)

    def logs(self, options: LogOptions) -> Feed:
        """Lines of the containers that the feed is given to follow; they are neither published nor kept."""
        return self._logs.open(options) if self._logs is not None else Feed(lambda feed, source: None)

    def delete(self, ref: Ref, *, grace_period: int | None = None, propagation: str = "Background") -> str:
        """Delete the object with the uid of ``ref``; one that took its name since is left alone.

        ``grace_period`` is in seconds; None is the object's own.
        """

        def run() -> str:
            client = self._client.result()
            resource = client.resource_of(ref)
            try:
                client.delete(
                    resource, ref.namespace, ref.name,
                    uid=ref.uid or None, grace_period=grace_period, propagation=propagation,
                )  # fmt: skip
            except ApiError as error:
                raise _Refused(error.message, missing_rule(error, resource)) from error
            return f"{ref.kind} {ref.name} is being deleted"

        return self._submit("delete", ref, run, writes=True)

    def allowed(self, verb: ActionVerb, ref: Ref) -> Verdict:
        """Whether the person may ``verb`` the object, as far as is known now; what is not is found out."""
        if self.read_only:
            return Verdict(False, READ_ONLY)
        return self._access.ask(verb, ref)

    def scale(self, ref: Ref, replicas: int) -> str:
        return self._change("scale", ref, partial(changes.scale, ref=ref, replicas=replicas))

    def restart(self, ref: Ref) -> str:
        """New pods, one after the other."""
        now = datetime.fromtimestamp(self._clock(), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        return self._change("restart", ref, partial(changes.restart, ref=ref, now=now))

    def pause(self, ref: Ref) -> str:
        """Let the operator leave the object alone."""
        return self._change("pause", ref, partial(changes.pause, ref=ref, paused=True))

    def resume(self, ref: Ref) -> str:
        return self._change("resume", ref, partial(changes.pause, ref=ref, paused=False))

    def label(self, ref: Ref, values: Mapping[str, str | None]) -> str:
        """None takes a label away."""
        return self._change("label", ref, partial(changes.mark, ref=ref, what="labels", values=values))

    def annotate(self, ref: Ref, values: Mapping[str, str | None]) -> str:
        return self._change(
            "annotate", ref, partial(changes.mark, ref=ref, what="annotations", values=values)
        )

    def edit(self, ref: Ref, patch: Mapping[str, Any]) -> str:
        """``patch`` is a JSON merge patch of what was edited."""
        return self._change("edit", ref, partial(changes.amend, ref=ref, patch=patch))

    def _change(self, verb: ActionVerb, ref: Ref, change: Callable[[Client], str]) -> str:
        def run() -> str:
            client = self._client.result()
            try:
                return change(client)
            except ApiError as error:
                rule = missing_rule(error, client.resource_of(ref), subresource=NEEDS[verb][1])
                raise _Refused(error.message, rule) from error

        return self._submit(verb, ref, run, writes=True)

    def check(self, verb: str, ref: Ref) -> str:
        """Ask the API server whether the person may ``verb`` the object (a SelfSubjectAccessReview)."""

        def run() -> str:
            client = self._client.result()
            resource = client.resource_of(ref)
            allowed, reason = client.can_i(verb, resource, ref.namespace, ref.name)
            if not allowed:
                where = f" in the namespace {ref.namespace}" if ref.namespace else ""
                rule = PolicyRule((resource.group,), (resource.plural,), (verb,))
                raise _Refused(reason or f"you may not {verb} {resource.plural}{where}", rule)
            return f"you may {verb} it"

        return self._submit("check", ref, run, writes=False)

    def apply(self, documents: Sequence[dict[str, Any]]) -> str:
        """Server-side apply these objects (JSON data), one after the other."""
        meta, kind = documents[0]["metadata"], documents[0]["kind"]
        ref = Ref(kind, meta.get("namespace", ""), meta["name"], "", documents[0]["apiVersion"])
        return self._submit("apply", ref, lambda: rights.apply(self._client.result(), documents), writes=True)

    def definitions(self, group: str, resource: str) -> list[dict[str, Any]]:
        """The definition of a kind of the operator's, to be applied; none when nobody here has it."""
        name = f"{resource}.{group}"
        return [d for d in self._definitions() if d["metadata"]["name"] == name]

    def revoke(self, identity: str, resource: str) -> str:
        """Take a resource out of the roles of ``identity``, on the embedded cluster alone."""

        def run() -> str:
            self._refuse_elsewhere("revoke", f"kubectl edit the role of {identity}")
            return rights.revoke(self._client.result(), identity, resource)

        return self._submit("revoke", Ref("permissions", "", resource), run, writes=True)

    def grant(self, identity: str, resource: str, rules: Sequence[PolicyRule]) -> str:
        """Give ``identity`` what it needs of a resource, on the embedded cluster alone."""

        def run() -> str:
            self._refuse_elsewhere("grant", "a on the card of a missing permission adds it, after a question")
            return rights.grant(self._client.result(), identity, rules)

        return self._submit("grant", Ref("permissions", "", resource), run, writes=True)

    def review(self, user: str = "") -> bool:
        """Ask anew what the operator may do, or what ``user`` may; False when there is nobody to ask yet."""
        reviewer = self._reviewer()
        if reviewer is not None:
            reviewer.review_as(user) if user else reviewer.review()
        return reviewer is not None

    def retry(self) -> bool:
        """Let what was refused or failed try again at once; False when nothing runs."""
        reviewer = self._reviewer()
        if reviewer is not None:
            reviewer.retry()
        return reviewer is not None

    def _refuse_elsewhere(self, what: str, instead: str) -> None:
        if not self._embedded:
            raise rights.NotPossible(
                f":{what} is for the embedded cluster, and this is a real one; {instead}"
            )

    def close(self) -> None:
        """Begin nothing more. Actions that wait for their turn, or for the connection, end at once."""
        self._is_closed = True
        self._client.cancel()
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _submit(self, verb: ActionVerb, ref: Ref, run: Callable[[], str], *, writes: bool) -> str:
        id_ = f"action-{next(self._ids)}"
        asked = ActionStarted(at=self._clock(), id=id_, verb=verb, ref=ref)
        self._bus.publish(asked)
        if writes and self.read_only:
            self._publish(asked, False, READ_ONLY)
            return id_

        def work() -> str:
            with acting(id_, asked.seq):
                return run()

        try:
            future = self._pool.submit(work)
        except RuntimeError:  # after close()
            self._publish(asked, False, _CLOSING)
        else:
            future.add_done_callback(lambda done: self._finish(asked, done))
        return id_

    def _finish(self, asked: ActionStarted, done: Future[str]) -> None:
        """Publish what became of it: also when it was cancelled, or raised what nobody thought of."""
        rule: PolicyRule | None = None
        try:
            self._publish(asked, True, done.result())
            return
        except _Refused as refused:
            message, rule = str(refused), refused.rule
            self._access.forget()
        except (ApiError, NoKindMatch, rights.NotPossible) as error:
            message = str(error)
        except Unreachable as error:
            message = (
                f"{error}: the request was sent and may have been carried out" if error.sent else str(error)
            )
        except CancelledError:
            message = (
                _CLOSING if done.cancelled() or self._is_closed else "there is no connection to the cluster"
            )
        except BaseException as error:
            what = f"{asked.verb} {asked.ref.kind} {asked.ref.name}"
            log.error("Could not %s", what, exc_info=error, extra={"ref": asked.ref})
            message = str(error.args[0]) if error.args else type(error).__name__
        self._publish(asked, False, message, rule)

    def _publish(self, asked: ActionStarted, ok: bool, message: str, rule: PolicyRule | None = None) -> None:
        self._bus.publish(
            ActionFinished(
                at=self._clock(),
                cause=asked.seq,
                id=asked.id,
                verb=asked.verb,
                ref=asked.ref,
                ok=ok,
                message=message,
                missing_rule=rule,
            )
        )


class _Refused(Exception):
    """``rule``: what would have allowed it, when it is RBAC that refused."""

    def __init__(self, message: str, rule: PolicyRule | None) -> None:
        super().__init__(message)
        self.rule = rule

"""Reports what a turn found: in the status, in an Event, in the log, and to the worker that counts it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime

from controller.api import Redis
from controller.conditions import Problem, as_json, status, without_words
from controller.plan import Plan
from controller.refusals import REFUSED, Refusal
from controller.said import Said
from controller_runtime.client.cancel import Cancelled
from controller_runtime.client.client import Client
from controller_runtime.controller.reconcile import ReconcileError
from controller_runtime.kube.errors import ApiError, Conflict, NotFound, Unreachable
from controller_runtime.manager.event_recorder import EventRecorder

log = logging.getLogger("controller")


class Reporter:
    def __init__(
        self, client: Client, recorder: EventRecorder, said: Said, now: Callable[[], datetime]
    ) -> None:
        self._client = client
        self._recorder = recorder
        self._said = said
        self._now = now

    def forget(self, uid: str) -> None:
        self._said.forget(uid)

    def report(
        self,
        redis: Redis,
        steps: Plan | None,
        problem: Problem | None,
        blind: Problem | None = None,
        refusals: Sequence[Refusal] = (),
        *,
        leads: bool = True,
    ) -> bool:
        """Write the status if it differs, and say a new problem once. The arguments are those of ``status``.
        Returns whether the status was as it should be.

        Raises ReconcileError from what was refused, the status itself included, and for a problem that is a
        failure; Cancelled when this process stops.
        """
        errors = [refusal.error for refusal in refusals]
        for error in errors:
            if isinstance(error, Cancelled):
                raise error  # nobody has refused anything
        if errors and isinstance(errors[0], Conflict) and self._said.is_passing(redis):
            raise ReconcileError(refusals[0].problem.message) from errors[0]
        is_said = False
        failed = bool(refusals or blind or (problem and problem.is_failure))
        if problem is not None:
            problem = self._say(redis, problem, failed=failed)
        try:
            is_said = self._write_status(redis, steps, problem, blind, leads=leads)
        except Cancelled:
            raise
        except REFUSED as error:
            errors.append(error)
            if not failed:
                problem = self._say(
                    redis, Refusal("the status cannot be written", error).problem, failed=True
                )
        if problem is not None and (errors or failed):
            raise ReconcileError(problem.message) from _most_patient(errors)
        if problem is None:
            self._said.over(redis)
        return is_said

    def _say(self, redis: Redis, problem: Problem, *, failed: bool) -> Problem:
        """An Event for a problem that is new, and a line of log unless the worker will write one."""
        problem, is_new = self._said.settle(redis, problem)
        if is_new:
            self._recorder.event(redis.ref, "Warning", problem.reason, "Reconcile", problem.message)
            if not failed:
                log.warning("Redis %s: %s", redis.key, problem.message, extra={"ref": redis.ref})
        return problem

    def _write_status(
        self, redis: Redis, steps: Plan | None, problem: Problem | None, blind: Problem | None, *, leads: bool
    ) -> bool:
        """Whether there was nothing to write."""
        now = self._now().strftime("%Y-%m-%dT%H:%M:%SZ")
        wanted = status(redis, steps, problem, now, blind=blind, leads=leads)
        before = as_json(redis)
        if wanted == before:
            return True
        is_reworded = problem is not None and problem.gist and without_words(wanted) == without_words(before)
        if is_reworded and not self._said.may_reword(redis):
            return False
        with suppress(NotFound):  # it is gone, and its event is on the way
            namespace, name = redis.metadata.namespace, redis.metadata.name
            self._client.patch(Redis, namespace, name, {"status": wanted}, subresource="status")
            self._said.wrote(redis)
        return False


def _most_patient(errors: Sequence[ApiError | Unreachable]) -> ApiError | Unreachable | None:
    """The one whose server wants to be left alone for longest; the first where none does."""
    return max(errors, key=lambda error: getattr(error, "retry_after", None) or 0.0, default=None)

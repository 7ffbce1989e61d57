"""One worker: takes a key, reconciles it, and decides when it is to come back."""

from __future__ import annotations

import inspect
import logging
import threading
from dataclasses import dataclass
from types import UnionType
from typing import TYPE_CHECKING, Literal, TypeGuard

from controller_runtime.client.context import (
    ReconcileCancelled,
    ReconcileContext,
    ReconcileTimeout,
    current_reconcile,
)
from controller_runtime.controller.reconcile import ReconcileError, Result, TerminalError
from controller_runtime.events import ReconcileFinished, ReconcileStarted, trace
from controller_runtime.kube.errors import ApiError
from controller_runtime.kube.resource import Request

if TYPE_CHECKING:
    from controller_runtime.controller.controller import Controller

log = logging.getLogger("controller_runtime.controller.worker")
# A key is held no longer than this however long a server, or a proxy before it, asks to be left alone.
ASKED_CAP = 300.0  # seconds


class WrongResult(TypeError):
    """A reconcile returned what is neither a Result nor None."""


@dataclass(frozen=True, slots=True)
class Outcome:
    result: Literal["success", "requeue_after", "error", "terminal_error", "timeout"]
    requeue_after: float = 0.0
    priority: int | None = None
    error: BaseException | None = None


class Worker:
    def __init__(self, controller: Controller, number: int) -> None:
        self._controller = controller
        self._number = number
        self._since: float | None = None  # when it took the key that it is at

    def run(self) -> None:
        """Work until the queue is shut down. A key that it dies of is tried again like any other error."""
        queue, clock = self._controller.queue, self._controller.clock
        while (taken := queue.get(worker=self._number)) is not None:
            request, priority = taken
            self._since = clock()
            try:
                self._process(request, priority)
            except BaseException as error:
                queue.add_rate_limited(
                    request, priority=priority, error=f"the worker died: {type(error).__name__}"
                )
                raise
            finally:
                self._since = None
                queue.done(request)

    def busy_for(self) -> float:
        """Seconds since it took the key that it is at, less what its controller allows a reconcile."""
        since = self._since
        allowed = self._controller.options.reconcile_timeout or 0.0
        return 0.0 if since is None else self._controller.clock() - since - allowed

    def _process(self, request: Request, priority: int) -> None:
        controller = self._controller
        if (wait := controller.held(request) or controller.own_writes.park(request)) > 0:
            controller.queue.add_after(request, wait, priority=priority)
            return
        context = controller.new_context(request)
        started = controller.clock()
        triggers, cause = controller.take_causes(request)
        context.seq = controller.manager.bus.publish(
            ReconcileStarted(
                at=controller.manager.now(), cause=cause, controller=controller.name, key=request.key,
                id=context.id, number=context.number, triggers=triggers,
                attempt=controller.queue.num_requeues(request) + 1, waited=controller.queue.waited(request),
            )
        )  # fmt: skip
        controller.metrics.active.inc()
        try:
            outcome = self._reconcile(context)
        finally:
            controller.metrics.active.dec()
        duration = controller.clock() - started
        controller.own_writes.record(request, context.writes)
        error = "" if outcome.error is None else describe(outcome.error)
        # Published before the key is queued again, so that on the bus its reconciles do not overlap.
        finished = controller.manager.bus.publish(
            ReconcileFinished(
                at=controller.manager.now(), cause=context.seq, controller=controller.name, key=request.key,
                id=context.id, number=context.number, duration=duration, result=outcome.result, error=error,
                requeue_after=outcome.requeue_after, writes=len(context.writes),
                kind=controller.resource.kind if controller.resource else "",
                group=controller.resource.group if controller.resource else "",
                traceback=trace(outcome.error) if _is_surprise(outcome.error) else "",
            )
        )  # fmt: skip
        self._count(outcome, duration)
        if outcome.error is not None:
            self._log(context, outcome.error)
        if outcome.result in ("error", "timeout", "requeue_after"):
            controller.expect(request, finished)
        self._requeue(request, priority if outcome.priority is None else outcome.priority, outcome, error)

    def _reconcile(self, context: ReconcileContext) -> Outcome:
        token = current_reconcile.set(context)
        try:
            result = _checked(self._controller.reconciler.reconcile(context.request))
        except TerminalError as error:
            return Outcome("terminal_error", error=error)
        except ReconcileTimeout as error:
            return Outcome("timeout", error=error)
        except BaseException as error:
            # Also what would end the thread: a worker must outlive its reconciler.
            late = context.remaining() == 0.0 and not isinstance(error, ReconcileCancelled)
            return Outcome("timeout" if late else "error", error=error)
        finally:
            current_reconcile.reset(token)
        if result.requeue_after > 0:
            return Outcome("requeue_after", result.requeue_after, result.priority)
        return Outcome("success", priority=result.priority)

    def _requeue(self, request: Request, priority: int, outcome: Outcome, error: str) -> None:
        queue = self._controller.queue
        if outcome.result in ("error", "timeout"):
            if outcome.error is not None and (asked := _asked(outcome.error)) > 0:
                self._controller.hold(request, asked)
            queue.add_rate_limited(request, priority=priority, error=error)
            return
        queue.forget(request)
        if outcome.result == "requeue_after":
            queue.add_after(request, outcome.requeue_after, priority=priority)

    def _count(self, outcome: Outcome, duration: float) -> None:
        metrics = self._controller.metrics
        metrics.time.observe(duration)
        if outcome.error is None:
            metrics.count("requeue_after" if outcome.result == "requeue_after" else "success")
            return
        metrics.count("error")
        metrics.errors.inc()
        if outcome.result == "terminal_error":
            metrics.terminal_errors.inc()
        if outcome.result == "timeout":
            metrics.timeouts.inc()
        if not isinstance(outcome.error, Exception):
            metrics.panics.inc()

    def _log(self, context: ReconcileContext, error: BaseException) -> None:
        request, words = context.request, describe(error)
        if isinstance(error, ReconcileError) and self._controller.queue.last_error(request) == words:
            return
        fields: dict[str, object] = {"namespace": request.namespace, "name": request.name}
        if self._controller.resource is not None:
            # As controller-runtime does it: the kind is the key of the object's own field.
            fields = {self._controller.resource.kind: dict(fields), **fields}
        fields |= {"reconcileID": context.id, "error": words}
        if context.in_flight.closed:
            log.info("Reconcile cut short", extra=self._controller.fields(**fields))
            return
        log.error(
            "Reconciler error",
            exc_info=error if _is_surprise(error) else None,
            extra=self._controller.fields(**fields),
        )


def _is_surprise(error: BaseException | None) -> TypeGuard[BaseException]:
    """Whether where it was raised is of interest: its words alone do not say what is wrong."""
    known = (TerminalError, ReconcileError, ReconcileCancelled, WrongResult)
    return error is not None and not isinstance(error, known)


def _checked(answer: object) -> Result:
    """The Result that a reconcile returned, an empty one for None. Raises WrongResult for all else.

    Of a wrong value only the type is named, since the value may hold a secret.
    """
    if answer is None:
        return Result()
    if inspect.iscoroutine(answer):
        answer.close()  # else Python warns that it was never awaited
        raise WrongResult(
            "reconcile returned a coroutine, a Result or None is wanted: make it a plain def and call "
            "asyncio.run() inside for what has to be awaited"
        )
    if not isinstance(answer, Result):
        raise WrongResult(
            f"reconcile returned {_shown(answer)}, a Result or None is wanted: return "
            "Result(requeue_after=seconds) to come back later, raise an exception to be "
            "tried again, return None when all is done"
        )
    after, priority = answer.requeue_after, answer.priority
    # A longer wait than this no lock can keep; NaN is not within it either.
    if not _is_number(after, int | float) or not after <= threading.TIMEOUT_MAX:
        raise WrongResult(
            f"reconcile returned a Result whose requeue_after is {_shown(after)}, a number of seconds up to "
            f"{threading.TIMEOUT_MAX:.0f} is wanted"
        )
    if priority is not None and not _is_number(priority, int):
        raise WrongResult(
            f"reconcile returned a Result whose priority is {_shown(priority)}, an int or None is wanted"
        )
    return answer


def _is_number(value: object, kind: type | UnionType) -> bool:
    return isinstance(value, kind) and not isinstance(value, bool)


def _shown(value: object) -> str:
    return str(value) if isinstance(value, int | float) else f"a value of type {type(value).__name__}"


def _asked(error: BaseException) -> float:
    """The seconds that a server wants to be left alone (Retry-After), at most ASKED_CAP; 0 for none."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ApiError):
            return min(cause.retry_after or 0.0, ASKED_CAP)
        cause = cause.__cause__
    return 0.0


def describe(error: BaseException) -> str:
    """The error in one line: its own words, or its type when it has none."""
    if isinstance(error, TerminalError):
        cause = error.__cause__
        return f"terminal error: {_words(error) or (describe(cause) if cause else 'no reason given')}"
    return _words(error) or type(error).__name__


def _words(error: BaseException) -> str:
    try:
        return str(error)
    except Exception:  # somebody's __str__ is broken, which must not end the worker
        return ""

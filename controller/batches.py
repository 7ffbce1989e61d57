"""Many requests in batches that begin small, as a ReplicaSet makes its pods, and within a time."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextvars import copy_context
from dataclasses import dataclass
from typing import Generic, TypeVar

from controller_runtime.kube.errors import ApiError, Unreachable

T = TypeVar("T")
R = TypeVar("R")

# At most so many in one call. Source: BurstReplicas in kubernetes pkg/controller/replicaset/replica_set.go;
# slowStartBatch there begins with one and doubles.
BURST = 500
# A call begins nothing after this time, so that the other keys of the queue have their turn.
BUDGET = 0.5  # seconds
AT_ONCE = 8  # requests under way


@dataclass(frozen=True, slots=True)
class Batched(Generic[R]):
    """What ``done`` gave, the refusal that ended it, and whether anything is left to do."""

    done: tuple[R, ...]
    error: ApiError | Unreachable | None
    is_partial: bool


class Batches:
    """Thread-safe: one for all workers."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic, budget: float = BUDGET) -> None:
        self._clock = clock
        self._budget = budget
        self._pool = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="redis-batch")

    def run(self, items: Iterable[T], do: Callable[[T], R]) -> Batched[R]:
        """``do`` each, in batches of 1, 2, 4 and so on; the batch with a refusal in it is the last one.

        So what is refused is asked for once, or by chance as often as it was granted before. Raises what
        ``do`` raises besides ApiError and Unreachable.
        """
        left = list(items)
        deadline = self._clock() + self._budget
        done: list[R] = []
        size, room = 1, BURST
        while left and room and (not done or self._clock() < deadline):
            batch, left = left[: min(size, room)], left[min(size, room) :]
            room -= len(batch)
            results, late, error = self._batch(batch, do, deadline)
            done += results
            left = late + left
            if error is not None:
                return Batched(tuple(done), error, True)
            size *= 2
        return Batched(tuple(done), None, bool(left))

    def _batch(
        self, batch: Sequence[T], do: Callable[[T], R], deadline: float
    ) -> tuple[list[R], list[T], ApiError | Unreachable | None]:
        """The results, what there was no time for, and the first refusal."""
        if len(batch) == 1:
            try:
                return [do(batch[0])], [], None
            except (ApiError, Unreachable) as error:
                return [], [], error
        late: list[T] = []

        def one(item: T) -> tuple[R] | tuple[()] | ApiError | Unreachable:
            if self._clock() >= deadline:
                late.append(item)
                return ()
            try:
                return (do(item),)
            except (ApiError, Unreachable) as error:
                return error

        # The reconcile that a request belongs to is found in the thread's context.
        futures = [self._pool.submit(copy_context().run, one, item) for item in batch]
        wait(futures)  # also when one raises: no request may outlive its reconcile
        results: list[R] = []
        refusal: ApiError | Unreachable | None = None
        for future in futures:
            answer = future.result()
            if isinstance(answer, tuple):
                results += answer
            else:
                refusal = refusal or answer
        return results, late, refusal

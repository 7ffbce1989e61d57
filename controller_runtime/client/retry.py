"""Trying again what somebody else's write was in the way of."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from controller_runtime.kube.errors import Conflict

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Retries:
    """``steps`` tries; ``delay`` seconds after the first, times ``factor`` after each further one.

    Each wait is longer by a random part of up to ``jitter`` of itself (apimachinery pkg/util/wait, Backoff).
    """

    steps: int
    delay: float
    factor: float = 1.0
    jitter: float = 0.1


# client-go util/retry/util.go. The first is for several clients that change the same object now and then, the
# second for an object that somebody writes all the time.
DEFAULT_RETRY = Retries(steps=5, delay=0.01)
DEFAULT_BACKOFF = Retries(steps=4, delay=0.01, factor=5.0)


def retry_on_conflict(
    change: Callable[[], T],
    retries: Retries = DEFAULT_RETRY,
    *,
    sleep: Callable[[float], object] = time.sleep,
    rng: Callable[[], float] = random.random,
) -> T:
    """What ``change`` answers, which is called again while it raises Conflict; the last Conflict is raised.

    ``change`` must read the object anew each time (from the server: a store may be behind)::

        retry_on_conflict(lambda: client.update(scaled(client.get(Redis, namespace, name))))
    """
    delay = retries.delay
    for _ in range(retries.steps - 1):
        try:
            return change()
        except Conflict:
            sleep(delay * (1 + retries.jitter * rng()))
            delay *= retries.factor
    return change()

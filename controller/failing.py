"""How soon pods that fail are made again: a back-off for each Redis."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from controller.api import Redis
from controller.conditions import Problem
from controller_runtime.kube.kinds import Pod

# The first failure is answered at once, the second after FIRST, then twice as long each time. A pod that is
# ready for STAYS_UP has nothing to do with the failures before it. After DaemonSet's back-off for failed
# pods (kubernetes pkg/controller/daemon/daemon_controller.go), which goes from one second to 15 minutes.
FIRST = 1.0  # seconds
LONGEST = 300.0  # seconds
STAYS_UP = 10.0  # seconds


@dataclass(slots=True)
class _Failing:
    generation: int
    failures: int = 0  # in a row
    not_before: float = 0.0
    seen: set[str] = field(default_factory=set)  # uids of pods that failed and are still there
    names: dict[str, str] = field(default_factory=dict)  # pods that failed and are not ready again: why
    ready_since: dict[str, float] = field(default_factory=dict)  # by uid


class PodBackoff:
    """Thread-safe. ``clock`` is monotonic and in seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._redises: dict[str, _Failing] = {}  # by uid

    def observe(self, redis: Redis, failed: Iterable[Pod], owned: Iterable[Pod]) -> float:
        """Seconds until the failed pods may be made again, 0 for now.

        Another spec is a new beginning.
        """
        now, generation = self._clock(), redis.metadata.generation
        failed = tuple(failed)
        with self._lock:
            state = self._redises.get(redis.metadata.uid)
            if state is None or state.generation != generation:
                if not failed and state is None:
                    return 0.0
                state = self._redises[redis.metadata.uid] = _Failing(generation)
            new = [pod for pod in failed if pod.metadata.uid not in state.seen]
            for pod in new:
                up_since = state.ready_since.get(pod.metadata.uid)
                if up_since is not None and now - up_since >= STAYS_UP:
                    state.failures = 0
                state.names[pod.metadata.name] = _why(pod)
            if new and now >= state.not_before:
                state.not_before = now + _delay(state.failures)
                state.failures += 1
            state.seen = {pod.metadata.uid for pod in failed}
            ready = {p.metadata.uid: p.metadata.name for p in owned if p.is_ready and not p.is_terminating}
            state.ready_since = {uid: state.ready_since.get(uid, now) for uid in ready} | {
                uid: since for uid, since in state.ready_since.items() if uid in state.seen
            }
            for name in ready.values():
                state.names.pop(name, None)
            return max(0.0, state.not_before - now) if state.names else 0.0

    def held(self, redis: Redis) -> tuple[str, ...]:
        """The names of the pods that failed and are not ready again."""
        with self._lock:
            state = self._redises.get(redis.metadata.uid)
            return tuple(sorted(state.names)) if state else ()

    def problem(self, redis: Redis) -> Problem | None:
        with self._lock:
            state = self._redises.get(redis.metadata.uid)
            if state is None or not state.names:
                return None
            words = "; ".join(f"pod {name} failed: {why}" for name, why in sorted(state.names.items()))
            return Problem("PodFailed", f"{words}. It is made again, ever less often while it fails")

    def forget(self, uid: str) -> None:
        with self._lock:
            self._redises.pop(uid, None)


def _delay(failures: int) -> float:
    return 0.0 if failures == 0 else min(FIRST * 2.0 ** min(failures - 1, 16), LONGEST)


def _why(pod: Pod) -> str:
    """In the words of whoever ended it: the kubelet, an eviction."""
    reason, message = pod.status.reason or pod.status.phase, pod.status.message
    return f"{reason}: {message}" if message else reason

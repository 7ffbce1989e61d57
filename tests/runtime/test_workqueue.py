"""The workqueue against a plain oracle under virtual time, and its rules one by one."""

from __future__ import annotations

import threading

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from controller_runtime.controller.workqueue import ExponentialLimiter, PriorityQueue
from controller_runtime.kube.resource import Request
from controller_runtime.manager.metrics import Metrics
from tests.cluster import eventually

A, B, C = Request("default", "a"), Request("default", "b"), Request("", "c")


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Oracle:
    """What the queue is to do, in the slowest way. A key: [priority, order, ready_at or None]."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.waiting: dict[Request, list[float | None]] = {}
        self.processing: set[Request] = set()
        self.failures: dict[Request, int] = {}
        self.order = 0

    def count(self) -> int:
        self.order += 1
        return self.order

    def ripen(self) -> None:
        due = [(item[2], key) for key, item in self.waiting.items() if item[2] is not None]
        for _, key in sorted((at, key) for at, key in due if at is not None and at <= self.clock.now):
            self.waiting[key][1:] = [self.count(), None]

    def add(self, key: Request, delay: float, priority: int) -> None:
        at = self.clock.now + delay if delay > 0 else None
        if key not in self.waiting:
            self.waiting[key] = [priority, self.count(), at]
            return
        item = self.waiting[key]
        old = list(item)
        item[0] = max(priority, item[0] or 0)
        if item[2] is not None and (at is None or at < item[2]):
            item[2] = at
        if item != old:
            item[1] = self.count()

    def add_rate_limited(self, key: Request, priority: int) -> None:
        failures = self.failures.get(key, 0)
        self.failures[key] = failures + 1
        self.add(key, min(0.005 * 2**failures, 1000.0), priority)

    def get(self) -> tuple[Request, int] | None:
        self.ripen()
        ready = [
            (-(item[0] or 0), item[1], key)
            for key, item in self.waiting.items()
            if item[2] is None and key not in self.processing
        ]
        if not ready:
            return None
        priority, _, key = min(ready)
        del self.waiting[key]
        self.processing.add(key)
        return key, int(-priority)


keys = st.sampled_from([Request("ns", name) for name in "abcdef"])
priorities = st.sampled_from([-100, 0, 0, 5])
delays = st.sampled_from([-1.0, 0.0, 0.001, 0.01, 0.5, 3.0, 100.0])


class QueueMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.clock = Clock()
        self.oracle = Oracle(self.clock)
        self.queue = PriorityQueue(clock=self.clock)

    @rule(key=keys, priority=priorities)
    def add(self, key: Request, priority: int) -> None:
        self.queue.add(key, priority=priority)
        self.oracle.add(key, 0, priority)

    @rule(key=keys, delay=delays, priority=priorities)
    def add_after(self, key: Request, delay: float, priority: int) -> None:
        self.queue.add_after(key, delay, priority=priority)
        self.oracle.add(key, delay, priority)

    @rule(key=keys, priority=priorities)
    def add_rate_limited(self, key: Request, priority: int) -> None:
        self.queue.add_rate_limited(key, priority=priority)
        self.oracle.add_rate_limited(key, priority)

    @rule(key=keys)
    def forget(self, key: Request) -> None:
        self.queue.forget(key)
        self.oracle.failures.pop(key, None)

    @rule()
    def get(self) -> None:
        assert self.queue.get(timeout=0) == self.oracle.get()

    @precondition(lambda self: self.oracle.processing)
    @rule(data=st.data())
    def done(self, data: st.DataObject) -> None:
        key = data.draw(st.sampled_from(sorted(self.oracle.processing)))
        self.queue.done(key)
        self.oracle.processing.discard(key)

    @rule(seconds=st.sampled_from([0.0005, 0.004, 0.1, 2.0, 60.0, 2000.0]))
    def wait(self, seconds: float) -> None:
        self.clock.now += seconds

    @invariant()
    def counts_are_equal(self) -> None:
        assert len(self.queue) == len(self.oracle.waiting)
        for name in "abcdef":
            key = Request("ns", name)
            assert self.queue.num_requeues(key) == self.oracle.failures.get(key, 0)

    @invariant()
    def snapshot_shows_it(self) -> None:
        self.oracle.ripen()
        rows = {row.key: row for row in self.queue.snapshot()}
        assert len(rows) == len(self.queue.snapshot())
        assert rows.keys() == {k.key for k in self.oracle.waiting.keys() | self.oracle.processing}
        assert {k for k, row in rows.items() if row.worker is not None} == {
            k.key for k in self.oracle.processing
        }
        for key, item in self.oracle.waiting.items():
            if key not in self.oracle.processing:
                expected = 0.0 if item[2] is None else item[2] - self.clock.now
                assert (rows[key.key].priority, rows[key.key].ready_in) == (item[0], expected)


TestQueue = QueueMachine.TestCase
TestQueue.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)


def test_the_limiter_doubles_up_to_its_cap() -> None:
    limiter = ExponentialLimiter()
    delays = [limiter.when(A) for _ in range(40)]
    assert delays[:8] == [0.005, 0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64]
    assert delays[17] == 655.36
    assert set(delays[18:]) == {1000.0}
    assert limiter.num_requeues(A) == 40
    limiter.forget(A)
    assert (limiter.when(A), limiter.when(B)) == (0.005, 0.005)


def test_a_key_is_never_handed_out_twice_at_once() -> None:
    queue = PriorityQueue()
    queue.add(A)
    assert queue.get(timeout=0) == (A, 0)
    queue.add(A)
    assert queue.get(timeout=0) is None
    queue.done(A)
    assert queue.get(timeout=0) == (A, 0)


def test_a_low_priority_waits_and_a_raised_one_does_not() -> None:
    queue = PriorityQueue()
    queue.add(A, priority=-100)
    queue.add(B, priority=-100)
    queue.add(C)
    queue.add(B)
    assert [queue.get(timeout=0) for _ in range(3)] == [(C, 0), (B, 0), (A, -100)]


def test_a_blocked_get_wakes_when_a_delay_is_over_and_at_the_end() -> None:
    queue = PriorityQueue()
    queue.add_after(A, 0.02)
    assert queue.get() == (A, 0)
    taken: list[object] = []
    thread = threading.Thread(target=lambda: taken.append(queue.get()))
    thread.start()
    queue.add_after(B, 3600)
    queue.shutdown()
    thread.join(5)
    assert taken == [None]


def test_who_waited_for_a_delay_hands_the_waiting_on() -> None:
    queue = PriorityQueue()
    taken: dict[Request, int] = {}

    def work(number: int) -> None:
        while (got := queue.get(worker=number)) is not None:
            taken[got[0]] = number  # and it is never done with it
            queue.wait_for_shutdown(5.0)

    workers = [threading.Thread(target=work, args=(n,)) for n in range(3)]
    for worker in workers:
        worker.start()
    later, sooner, now = (Request("ns", name) for name in ("later", "sooner", "now"))
    queue.add_after(later, 0.3)
    queue.add_after(sooner, 0.1)
    queue.add(now)
    eventually(lambda: len(taken) == 3, 2.0)
    assert len(set(taken.values())) == 3
    queue.shutdown()
    for worker in workers:
        worker.join(1.0)


def test_timers_that_events_overtake_leave_nothing_behind() -> None:
    clock = Clock()
    queue = PriorityQueue(clock=clock)
    queue.add_after(B, 7200.0)
    for _ in range(5000):
        queue.add(A)
        assert queue.get(0) == (A, 0)
        queue.add_after(A, 3600.0)
        queue.done(A)
        clock.now += 0.1
    assert len(queue._delayed) < 100
    clock.now += 3600.0
    assert queue.get(0) == (A, 0)
    assert queue.get(0) is None
    clock.now += 3600.0
    assert queue.get(0) == (B, 0)


def test_shutdown_does_not_drain() -> None:
    queue = PriorityQueue()
    queue.add(A)
    queue.shutdown()
    queue.add(B)
    queue.add_rate_limited(C)
    assert queue.get(timeout=0) is None
    assert len(queue) == 1


def test_the_snapshot_tells_of_failures_in_order() -> None:
    clock = Clock()
    queue = PriorityQueue(clock=clock)
    queue.add(A)
    assert queue.get(timeout=0, worker=3) == (A, 0)
    queue.add_rate_limited(B, error="no route to host")
    queue.add(C, priority=-100)
    rows = queue.snapshot()
    assert [(r.key, r.worker, r.priority) for r in rows] == [
        ("default/a", 3, 0),
        ("c", None, -100),
        ("default/b", None, 0),
    ]
    assert (rows[2].failures, rows[2].last_error) == (1, "no route to host")
    assert abs(rows[2].ready_in - 0.005) < 1e-9
    assert [r.key for r in queue.snapshot(2)] == ["default/a", "c"]
    queue.forget(B)
    assert queue.snapshot()[2].last_error == ""


def test_its_metrics() -> None:
    clock = Clock()
    metrics = Metrics(clock=clock)
    queue = PriorityQueue(clock=clock, observer=metrics.queue("redis"))
    labels = {"name": "redis", "controller": "redis"}

    def value(name: str, **more: str) -> float | None:
        return metrics.registry.get_sample_value(name, {**labels, **more})

    assert value("workqueue_depth", priority="0") == 0
    queue.add(A, priority=-100)
    queue.add_after(B, 5)
    assert value("workqueue_depth", priority="-100") == 1
    assert value("workqueue_adds_total") == 1
    assert value("workqueue_retries_total") == 1
    queue.add(A)
    assert (value("workqueue_depth", priority="-100"), value("workqueue_depth", priority="0")) == (0, 1)
    clock.now += 0.5
    queue.get(timeout=0)
    assert value("workqueue_queue_duration_seconds_sum") == 0.5
    clock.now += 2
    assert value("workqueue_unfinished_work_seconds") == 2
    assert value("workqueue_longest_running_processor_seconds") == 2
    queue.done(A)
    assert value("workqueue_work_duration_seconds_sum") == 2
    assert value("workqueue_unfinished_work_seconds") == 0
    for priority in range(40):
        queue.add(Request("x", str(priority)), priority=priority)
    assert value("workqueue_depth", priority="exceeded_cardinality_limit") == 40 - 24

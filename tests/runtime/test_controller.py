"""The controller loop: workers, retries, causes, own writes, and what it waits for before it starts."""

from __future__ import annotations

import gc
import logging
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import pytest

from controller_runtime.bus import EventBus
from controller_runtime.cache.sources import Informer
from controller_runtime.client.context import ReconcileCancelled, Write, current_reconcile
from controller_runtime.controller.builder import Builder, new_controller_managed_by
from controller_runtime.controller.controller import Controller
from controller_runtime.controller.handlers import EnqueueRequestForObject, Funcs
from controller_runtime.controller.ownwrites import OwnWrites
from controller_runtime.controller.predicates import generation_changed
from controller_runtime.controller.reconcile import ReconcileError, Result, TerminalError
from controller_runtime.controller.worker import Worker
from controller_runtime.controller.workqueue import LOW_PRIORITY
from controller_runtime.events import Enqueued, QueueSnapshot, ReconcileFinished, ReconcileStarted, ThreadDied
from controller_runtime.kube.deltas import CreateEvent, DeleteEvent, Event, GenericEvent, UpdateEvent
from controller_runtime.kube.errors import TooManyRequests
from controller_runtime.kube.resource import Request
from controller_runtime.manager.manager import Manager
from controller_runtime.threads import DEATH_SHOWN, STUCK_AFTER
from tests.cluster import eventually
from tests.runtime.fakes import ManualSource, Reconciling, configmap, manager
from tests.runtime.harness import world
from tests.runtime.sandboxed import Recording, running

KEY = Request("ns", "a")


class World:
    """One controller on one manual source, running."""

    def __init__(self, reconcile: Callable[[Request], Result | None], **options: Any) -> None:
        self.bus = EventBus()
        self.recording = Recording(self.bus)
        self.manager: Manager = manager(self.bus)
        self.source = ManualSource()
        self.reconciler = Reconciling(reconcile)
        self.controller: Controller = (
            new_controller_managed_by(self.manager)
            .named("test")
            .watches(self.source, EnqueueRequestForObject())
            .with_options(**options)
            .complete(self.reconciler)
        )

    def __enter__(self) -> World:
        self._running = running(self.manager)
        self._running.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._running.__exit__(None, None, None)

    def send(self, event: Event[Any]) -> None:
        self.source.deliver(event)

    def finished(self, count: int) -> list[ReconcileFinished]:
        """Wait for that many reconciles to end."""
        return eventually(
            lambda: f if len(f := self.recording.of(ReconcileFinished)) >= count else [], seconds=5
        )

    def metric(self, name: str, **labels: str) -> float | None:
        full = f"controller_runtime_{name}"
        return self.manager.metrics.registry.get_sample_value(full, {"controller": "test", **labels})


def test_an_event_becomes_a_reconcile_that_names_its_causes() -> None:
    gate = threading.Event()

    def reconcile(request: Request) -> None:
        assert gate.wait(5)

    with World(reconcile) as world:
        world.send(CreateEvent(configmap("a"), seq=101))
        eventually(lambda: world.reconciler.requests)
        world.send(UpdateEvent(configmap("a"), configmap("a", version="2"), seq=102))
        world.send(DeleteEvent(configmap("a", version="3"), seq=103))
        gate.set()
        world.finished(2)
    started = world.recording.of(ReconcileStarted)
    assert [[(t.type, t.resource_version) for t in s.triggers] for s in started] == [
        [("ADDED", "1")],
        [("MODIFIED", "2"), ("DELETED", "3")],
    ]
    finished = world.recording.of(ReconcileFinished)
    assert [(f.id, f.number, f.result) for f in finished] == [(s.id, s.number, "success") for s in started]
    assert [s.number for s in started] == [1, 2]
    enqueued = world.recording.of(Enqueued)
    assert [e.key for e in enqueued] == ["ns/a"] * 3
    assert [e.cause for e in enqueued] == [101, 102, 103], "the watch events"
    assert [s.cause for s in started] == [enqueued[0].seq, enqueued[1].seq], "the first to ask"
    assert [f.cause for f in finished] == [s.seq for s in started]
    assert world.metric("reconcile_total", result="success") == 2
    assert world.metric("reconcile_time_seconds_count") == 2


def test_errors_are_retried_with_growing_delays_and_logged(caplog: pytest.LogCaptureFixture) -> None:
    left = [OSError("disk full"), OSError("disk full"), OSError("disk full")]

    def reconcile(request: Request) -> None:
        if left:
            raise left.pop()

    with caplog.at_level(logging.ERROR), World(reconcile) as world:
        world.send(CreateEvent(configmap("a")))
        finished = world.finished(4)
        eventually(lambda: world.controller.queue.num_requeues(KEY) == 0)
    assert [(f.result, f.error) for f in finished] == [("error", "disk full")] * 3 + [("success", "")]
    assert [s.attempt for s in world.recording.of(ReconcileStarted)] == [1, 2, 3, 4]
    assert [s.cause for s in world.recording.of(ReconcileStarted)][1:] == [f.seq for f in finished[:3]]
    starts = [s.at for s in world.recording.of(ReconcileStarted)]
    ends = [f.at for f in finished]
    gaps = [start - end for start, end in zip(starts[1:], ends, strict=False)]
    assert all(gap >= delay - 0.001 for gap, delay in zip(gaps, (0.005, 0.01, 0.02), strict=True))
    records = [r for r in caplog.records if r.message == "Reconciler error"]
    fields: dict[str, Any] = records[0].__dict__["fields"]
    assert {k: fields[k] for k in ("controller", "namespace", "name", "error")} == {
        "controller": "test",
        "namespace": "ns",
        "name": "a",
        "error": "disk full",
    }
    assert fields["reconcileID"] == finished[0].id
    assert world.metric("reconcile_errors_total") == 3
    assert world.metric("reconcile_total", result="error") == 3


def test_a_failure_in_words_is_logged_once_until_the_words_change(caplog: pytest.LogCaptureFixture) -> None:
    left = ["no right", "no quota", "no quota", "no quota"]

    def reconcile(request: Request) -> None:
        if left:
            raise ReconcileError(left.pop()) from OSError("the cause")

    with caplog.at_level(logging.ERROR), World(reconcile, max_retry_delay=0.01) as world:
        world.send(CreateEvent(configmap("a")))
        finished = world.finished(5)
    assert [f.result for f in finished] == ["error"] * 4 + ["success"]
    gaps = [s.at - f.at for s, f in zip(world.recording.of(ReconcileStarted)[1:], finished, strict=False)]
    assert max(gaps) < 1
    logged = [r for r in caplog.records if r.message == "Reconciler error"]
    assert [r.__dict__["fields"]["error"] for r in logged] == ["no quota", "no right"]
    assert not any(r.exc_info for r in logged)


def test_a_server_that_names_a_time_is_left_alone_until_then_whatever_happens() -> None:
    left = [TooManyRequests(429, "TooManyRequests", "slow down", retry_after=0.4)]

    def reconcile(request: Request) -> None:
        if left:
            raise ReconcileError("slow down") from left.pop()

    with World(reconcile) as world:
        world.send(CreateEvent(configmap("a")))
        world.finished(1)
        world.send(UpdateEvent(configmap("a"), configmap("a", version="2")))
        world.finished(2)
    first, second = world.recording.of(ReconcileStarted)
    assert second.at - first.at >= 0.4
    assert world.metric("reconcile_total", result="requeue_after") == 0


def test_an_error_without_words_is_named_and_ends_no_worker() -> None:
    class Broken(Exception):
        def __str__(self) -> str:
            raise ValueError("no words")

    errors: list[BaseException] = [Broken(), TerminalError()]
    errors[1].__cause__ = Broken()

    def reconcile(_: Request) -> None:
        raise errors.pop(0)

    with World(reconcile) as w:
        w.send(GenericEvent(configmap("a")))
        assert [e.error for e in w.finished(2)] == ["Broken", "terminal error: Broken"]
        assert w.recording.of(ThreadDied) == []


def test_a_terminal_error_is_not_retried() -> None:
    def reconcile(request: Request) -> None:
        raise TerminalError("the spec can never work")

    with World(reconcile) as world:
        world.send(CreateEvent(configmap("a")))
        [finished] = world.finished(1)
        world.send(CreateEvent(configmap("b")))
        world.finished(2)
        assert world.controller.queue.num_requeues(KEY) == 0
        assert len(world.controller.queue) == 0
    assert (finished.result, finished.error) == ("terminal_error", "terminal error: the spec can never work")
    assert world.metric("terminal_reconcile_errors_total") == 2


def test_what_would_end_a_thread_does_not_end_a_worker() -> None:
    left: list[BaseException] = [SystemExit(3)]

    def reconcile(request: Request) -> None:
        if left:
            raise left.pop()

    with World(reconcile) as world:
        world.send(CreateEvent(configmap("a")))
        assert [f.result for f in world.finished(2)] == ["error", "success"]
    assert world.metric("reconcile_panics_total") == 1


async def _coroutine() -> None: ...


@pytest.mark.filterwarnings("error::pytest.PytestUnraisableExceptionWarning", "error::RuntimeWarning")
@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (lambda: True, "reconcile returned True, a Result or None is wanted"),
        (lambda: 0, "reconcile returned 0, a Result or None is wanted"),
        (lambda: "hunter2", "reconcile returned a value of type str, a Result or None is wanted"),
        (_coroutine, "reconcile returned a coroutine, a Result or None is wanted: make it a plain def"),
        (lambda: Result(timedelta(1)), "requeue_after is a value of type timedelta, a number of seconds"),  # type: ignore[arg-type]
        (lambda: Result(float("inf")), "requeue_after is inf, a number of seconds up to"),
        (lambda: Result(1, priority="high"), "priority is a value of type str, an int or None is wanted"),  # type: ignore[arg-type]
    ],
)
def test_a_wrong_return_value_is_an_error_of_its_key_alone(wrong: Callable[[], Any], words: str) -> None:
    answers: list[Callable[[], Any]] = [wrong]
    with World(lambda _: answers.pop()() if answers else None) as world:
        world.send(CreateEvent(configmap("a")))
        first, second = world.finished(2)
        assert world.manager.healthz("", {}).status == 200
    assert (first.result, second.result, second.key) == ("error", "success", "ns/a")
    assert words in first.error
    gc.collect()  # a coroutine that was left open warns here


@pytest.mark.parametrize("error", [RuntimeError("broken"), SystemExit(3)])
def test_a_worker_that_dies_is_restarted_logged_and_seen_in_healthz(
    error: BaseException, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("controller_runtime.threads.RESTART_DELAY", 0.01)
    world = World(lambda _: None)
    observe, left = world.controller.metrics.time.observe, [error]

    def broken(duration: float) -> None:
        if left:
            raise left.pop()
        observe(duration)

    monkeypatch.setattr(world.controller.metrics, "time", SimpleNamespace(observe=broken))
    with caplog.at_level(logging.ERROR), world:
        eventually(lambda: world.manager.healthz("/test-0", {}).status == 200)
        world.send(CreateEvent(configmap("a")))
        assert [f.result for f in world.finished(2)] == ["success", "success"]  # the key was not lost
        page = world.manager.healthz("/test-0", {})
        assert (page.status, world.manager.healthz("", {}).status) == (500, 500)
        assert b"it died 0 s ago and is begun again: " in page.body
        eventually(lambda: world.controller.queue.num_requeues(KEY) == 0)
        world.manager.threads.clock = lambda: time.monotonic() + DEATH_SHOWN
        assert world.manager.healthz("", {}).status == 200
    [record] = [r for r in caplog.records if r.message == "Thread died and is restarted"]
    assert record.exc_info is not None
    assert record.exc_info[1] is error


def test_a_worker_that_leaves_early_is_begun_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("controller_runtime.threads.RESTART_DELAY", 0.01)
    run, early = Worker.run, [1]
    monkeypatch.setattr(Worker, "run", lambda self: early.pop() if early else run(self))
    with World(lambda _: None) as world:
        world.send(CreateEvent(configmap("a")))
        world.finished(1)
        assert b"it returned though it is still needed" in world.manager.healthz("/test-0", {}).body
    assert world.manager.healthz("", {}).status == 200  # stopped: none is wanted any more


def test_a_worker_that_is_stuck_is_seen_in_healthz() -> None:
    gate = threading.Event()

    def reconcile(request: Request) -> None:
        gate.wait(5)

    with World(reconcile, reconcile_timeout=60.0) as world:
        world.send(CreateEvent(configmap("a")))
        eventually(lambda: world.reconciler.requests)
        clock = world.controller.clock
        world.controller.clock = lambda: clock() + STUCK_AFTER + 59
        assert world.manager.healthz("", {}).status == 200
        world.controller.clock = lambda: clock() + STUCK_AFTER + 62
        assert b"[-]test-0 failed: it has been stuck for 302 s\n" in world.manager.healthz("", {}).body
        world.controller.clock = clock
        gate.set()


def test_requeue_after() -> None:
    answers = [Result(requeue_after=0.03), None]
    with World(lambda _: answers.pop(0)) as world:
        world.send(CreateEvent(configmap("a")))
        first, second = world.finished(2)
    assert (first.result, first.requeue_after, second.result) == ("requeue_after", 0.03, "success")
    assert second.at - first.at >= 0.03
    assert [s.attempt for s in world.recording.of(ReconcileStarted)] == [1, 1]
    assert world.metric("reconcile_total", result="requeue_after") == 1


def test_a_timer_is_set_anew_by_each_reconcile_and_ended_by_one_that_names_none() -> None:
    results = iter([Result(requeue_after=30.0), Result(requeue_after=0.2), None])

    with World(lambda _: next(results)) as w:
        w.send(GenericEvent(configmap("a")))
        w.finished(1)
        w.send(GenericEvent(configmap("a")))  # does not wait for the timer, and takes its place
        ends = [e.at for e in w.finished(3)]
        assert ends[2] - ends[1] >= 0.2
        assert len(w.controller.queue) == 0, "no timer is left"


def test_every_object_comes_again_after_the_resync_period() -> None:
    with world(pods=("a", "b")) as fault:
        bus = EventBus()
        recording = Recording(bus)
        mgr = manager(bus)
        source = Informer(fault.informer)
        changed: Funcs[Any] = Funcs(update=lambda event, queue: queue.add(Request("ns", "never")))
        reconciler = Reconciling()
        controller = (
            new_controller_managed_by(mgr)
            .named("test")
            .watches(source, EnqueueRequestForObject())
            .watches(source, changed, generation_changed)
            .with_options(resync_period=0.2)
            .complete(reconciler)
        )
        with running(mgr):
            eventually(lambda: len(reconciler.requests) >= 6, seconds=5)
        enqueued = recording.of(Enqueued)
        assert {e.key for e in enqueued} == {"default/a", "default/b"}
        again = [e for e in enqueued if e.trigger is not None and e.trigger.type == "RESYNC"]
        assert len(again) >= 4
        assert {e.priority for e in again} == {LOW_PRIORITY}
    assert controller.options.resync_period == 0.2
    periods = Controller("x", Reconciling(), manager(), rng=iter([0.0, 0.5, 1.0]).__next__)
    assert [periods._next_resync() for _ in range(3)] == pytest.approx([32400.0, 36000.0, 39600.0])


def test_one_key_never_runs_twice_at_once_and_keys_run_side_by_side() -> None:
    lock = threading.Lock()
    running_now: list[Request] = []
    most = 0
    together = threading.Barrier(3, timeout=5)

    def reconcile(request: Request) -> None:
        nonlocal most
        with lock:
            assert request not in running_now
            running_now.append(request)
            most = max(most, len(running_now))
        if request.name.startswith("first"):
            together.wait()
        time.sleep(0.001)
        with lock:
            running_now.remove(request)

    with World(reconcile, max_concurrent_reconciles=3) as world:
        for name in ("first-1", "first-2", "first-3"):
            world.send(CreateEvent(configmap(name)))
        world.finished(3)
        for number in range(60):
            world.send(GenericEvent(configmap(f"k{number % 4}")))
            if number % 7 == 0:
                time.sleep(0.002)
        eventually(lambda: len(world.controller.queue) == 0 and not running_now)
    assert most == 3
    assert {f.result for f in world.recording.of(ReconcileFinished)} == {"success"}


def test_the_deadline_stops_the_next_request_to_the_api_server() -> None:
    calls = 0

    def reconcile(request: Request) -> None:
        nonlocal calls
        calls += 1
        context = current_reconcile.get()
        assert context is not None
        context.check()
        if calls == 1:
            assert (context.remaining() or 0) <= 0.02
            time.sleep(0.03)
            context.check()  # what the client does before each request

    with World(reconcile, reconcile_timeout=0.02) as world:
        world.send(CreateEvent(configmap("a")))
        first, second = world.finished(2)
    assert (first.result, first.error) == ("timeout", "reconcile of ns/a ran out of time")
    assert second.result == "success"
    assert world.metric("reconcile_timeouts_total") == 1


def test_after_a_lost_election_nothing_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    lost = ""
    monkeypatch.setattr(Manager, "leadership_lost", property(lambda self: lost))

    def reconcile(request: Request) -> None:
        nonlocal lost
        lost = "leader election lost"
        context = current_reconcile.get()
        assert context is not None
        with pytest.raises(ReconcileCancelled, match="leader election lost"):
            context.check()
        raise TerminalError

    with World(reconcile) as world:
        world.send(CreateEvent(configmap("a")))
        world.finished(1)


def test_an_event_that_a_handler_could_not_take_comes_again(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("controller_runtime.controller.redelivery.DELAY", 0.01)
    left: list[BaseException] = [SystemExit(3), OSError("no answer")]

    def mapped(event: CreateEvent[Any], queue: Any) -> None:
        if event.obj.metadata.name == "bad":
            raise KeyError("always")
        if left:
            raise left.pop()
        queue.add(KEY)

    mgr, source, reconciler = manager(), ManualSource(), Reconciling()
    new_controller_managed_by(mgr).named("test").watches(source, Funcs(create=mapped)).complete(reconciler)
    with caplog.at_level(logging.ERROR), running(mgr):
        source.deliver(CreateEvent(configmap("bad")))
        source.deliver(CreateEvent(configmap("a")))
        eventually(lambda: reconciler.requests == [KEY])
        eventually(lambda: [r for r in caplog.records if "the event is lost" in r.message])
    words = [r.message for r in caplog.records]
    assert words.count("Event handler failed") == 2
    [lost] = [r for r in caplog.records if "the event is lost" in r.message]
    assert (lost.fields["object"], lost.fields["error"]) == ("ns/bad", "KeyError: 'always'")  # type: ignore[attr-defined]


def test_a_broken_handler_harms_nobody_else(caplog: pytest.LogCaptureFixture) -> None:
    def broken(event: object, queue: object) -> None:
        raise KeyError("oops")

    bus = EventBus()
    recording = Recording(bus)
    mgr, source = manager(bus), ManualSource()
    builder = (
        new_controller_managed_by(mgr).named("test").watches(source, Funcs(create=broken, update=_enqueue))
    )
    builder.complete(Reconciling())
    with running(mgr):
        source.deliver(CreateEvent(configmap("a")))
        source.deliver(UpdateEvent(configmap("a"), configmap("a", version="2")))
        eventually(lambda: recording.of(ReconcileFinished))
    assert "Event handler failed" in caplog.text


def _enqueue(event: UpdateEvent[Any], queue: Any) -> None:
    queue.add(Request("ns", event.new.metadata.name))


def _wait(gate: threading.Event) -> None:
    assert gate.wait(5)


def test_initial_objects_have_low_priority_also_through_user_handlers() -> None:
    gate = threading.Event()
    bus = EventBus()
    recording = Recording(bus)
    mgr, source = manager(bus), ManualSource()
    handler: Funcs[Any] = Funcs(create=lambda e, q: q.add(Request("ns", e.obj.metadata.name)))
    reconciler = Reconciling(lambda _: _wait(gate))
    new_controller_managed_by(mgr).named("test").watches(source, handler).complete(reconciler)
    with running(mgr):
        source.deliver(CreateEvent(configmap("first")))
        eventually(lambda: reconciler.requests)
        source.deliver(CreateEvent(configmap("old"), is_initial=True))
        source.deliver(CreateEvent(configmap("new")))
        gate.set()
        eventually(lambda: len(reconciler.requests) == 3)
    assert [r.name for r in reconciler.requests] == ["first", "new", "old"]
    assert [(e.key, e.priority) for e in recording.of(Enqueued)] == [
        ("ns/first", 0),
        ("ns/old", -100),
        ("ns/new", 0),
    ]


def _two_sources(builder: Builder, primary: ManualSource, other: ManualSource) -> Reconciling:
    """A controller whose first watch is the primary one, as ``for_`` makes it."""
    from dataclasses import replace

    reconciler = Reconciling()
    handler = EnqueueRequestForObject()
    controller = builder.named("test").watches(primary, handler).watches(other, handler).build(reconciler)
    controller.watches = (replace(controller.watches[0], primary=True), controller.watches[1])
    controller.manager.add(controller)
    return reconciler


def test_workers_wait_for_the_primary_kind_and_only_once_for_others() -> None:
    mgr = manager()
    primary, other = ManualSource("primary", synced=False), ManualSource("other", synced=False)
    reconciler = _two_sources(new_controller_managed_by(mgr), primary, other)
    with running(mgr):
        primary.deliver(CreateEvent(configmap("a")))
        primary.failed = other.failed = True  # the primary kind is waited for all the same
        time.sleep(0.05)
        assert reconciler.requests == []
        primary.synced = True
        eventually(lambda: reconciler.requests == [Request("ns", "a")])
        other.deliver(CreateEvent(configmap("b"), is_initial=True))
        eventually(lambda: len(reconciler.requests) == 2)


def test_an_other_kind_that_still_tries_for_the_first_time_is_waited_for() -> None:
    mgr = manager()
    primary, other = ManualSource("primary"), ManualSource("other", synced=False)
    reconciler = _two_sources(new_controller_managed_by(mgr), primary, other)
    with running(mgr):
        primary.deliver(CreateEvent(configmap("a")))
        time.sleep(0.05)
        assert reconciler.requests == []
        other.failed = True
        eventually(lambda: reconciler.requests)


def test_a_primary_kind_that_is_missing_is_asked_for_ever_less_often() -> None:
    mgr = manager()
    primary = ManualSource("primary", synced=False)
    asked: list[float] = []
    answer = primary.has_synced
    primary.has_synced = lambda: asked.append(time.monotonic()) or answer()  # type: ignore[method-assign, func-returns-value]
    reconciler = _two_sources(new_controller_managed_by(mgr), primary, ManualSource("other"))
    with running(mgr):
        primary.deliver(CreateEvent(configmap("a")))
        time.sleep(0.4)
        assert 2 <= len(asked) <= 15
        primary.synced = True
        eventually(lambda: reconciler.requests)


def test_stopping_waits_for_the_reconcile_that_runs_and_leaves_the_rest() -> None:
    gate, entered = threading.Event(), threading.Event()

    def reconcile(request: Request) -> None:
        entered.set()
        assert gate.wait(5)

    world = World(reconcile)
    with world:
        world.send(CreateEvent(configmap("a")))
        world.send(CreateEvent(configmap("b")))
        assert entered.wait(5)
        threading.Timer(0.05, gate.set).start()
    assert [r.name for r in world.reconciler.requests] == ["a"]
    assert [f.key for f in world.recording.of(ReconcileFinished)] == ["ns/a"]


def test_snapshots_show_the_queue_at_most_twice_a_second() -> None:
    gate = threading.Event()
    with World(lambda _: _wait(gate)) as world:
        for number in range(50):
            world.send(CreateEvent(configmap(f"k{number}")))
        eventually(
            lambda: any(
                len(s.items) == 50 and sum(i.worker == 0 for i in s.items) == 1
                for s in world.recording.of(QueueSnapshot)
            )
        )
        gate.set()
        eventually(lambda: world.recording.of(QueueSnapshot)[-1].items == ())
    snapshots = world.recording.of(QueueSnapshot)
    assert all(later.at - earlier.at >= 0.49 for earlier, later in pairwise(snapshots))


# Read your own writes


class FakeStore:
    def __init__(self) -> None:
        self.objects: dict[str, Any] = {}
        self.live = True

    def get(self, namespace: str, name: str) -> Any:
        return self.objects.get(name)

    def is_live(self) -> bool:
        return self.live


def _write(verb: Any, version: str, name: str = "child") -> Write:
    return Write(verb, configmap(name).resource, "ns", name, f"uid-{name}", version)


class OwnWorld:
    def __init__(self) -> None:
        self.now = 100.0
        self.store = FakeStore()
        self.resumed: list[Request] = []
        resource = configmap("x").resource
        self.own = OwnWrites({resource: self.store}, self.resumed.append, clock=lambda: self.now)

    def show(self, event: Event[Any]) -> None:
        gone = isinstance(event, DeleteEvent)
        self.store.objects[event.obj.metadata.name] = None if gone else event.obj
        self.own.observe(event)


def test_a_key_waits_for_its_own_write() -> None:
    world = OwnWorld()
    world.own.record(KEY, [_write("create", "7")])
    assert world.own.park(Request("ns", "other")) == 0
    assert world.own.park(KEY) == 5.0
    world.show(CreateEvent(configmap("unrelated", version="6")))
    assert world.resumed == []
    world.show(CreateEvent(configmap("child", version="7")))
    assert world.resumed == [KEY]
    assert world.own.park(KEY) == 0


def test_namespaces_that_come_and_go_are_not_remembered_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("controller_runtime.controller.ownwrites.MOST_NAMESPACES", 3)
    writes = OwnWrites({}, lambda _: None)
    for number in range(10):
        writes.observe(CreateEvent(configmap("a", namespace=f"ns-{number}", version="7")))
    assert len(writes._progress) <= 3


def test_the_store_may_be_faster_than_the_answer() -> None:
    world = OwnWorld()
    world.show(CreateEvent(configmap("child", version="9")))
    world.own.record(KEY, [_write("patch", "9"), _write("patch", "7", "gone-again")])
    assert world.own.park(KEY) == 0


def test_a_delete_is_shown_when_the_object_is_gone_terminating_or_another() -> None:
    for shown in (
        DeleteEvent(configmap("child", version="9")),
        UpdateEvent(
            configmap("child"), configmap("child", version="9", deletion_timestamp="2026-01-01T00:00:00Z")
        ),
    ):
        world = OwnWorld()
        world.show(CreateEvent(configmap("child")))
        world.own.record(KEY, [_write("delete", "1")])
        assert world.own.park(KEY) == 5.0
        world.show(shown)
        assert world.resumed == [KEY]


def test_the_wait_is_bounded_and_a_blind_watch_is_not_waited_for() -> None:
    world = OwnWorld()
    world.own.record(KEY, [_write("create", "7")])
    world.now += 2
    assert world.own.park(KEY) == 3.0
    world.now += 3
    assert world.own.park(KEY) == 0
    world.own.record(KEY, [_write("create", "8")])
    world.store.live = False
    assert world.own.park(KEY) == 0


def test_all_writes_are_waited_for_and_those_to_unwatched_kinds_are_not() -> None:
    from controller_runtime.kube.kinds import Pod

    world = OwnWorld()
    unwatched = Write("create", Pod.resource, "ns", "p", "u", "8")
    world.own.record(KEY, [_write("create", "7", "one"), unwatched, _write("create", "9", "two")])
    assert world.own.park(KEY) > 0
    world.show(CreateEvent(configmap("one", version="7")))
    assert world.resumed == []
    world.show(CreateEvent(configmap("two", version="9")))
    assert world.resumed == [KEY]


def test_managers_one_after_another_on_one_bus_number_no_two_reconciles_alike() -> None:
    numbers = []
    with World(lambda request: None) as first:
        numbers.append(first.controller.new_context(KEY).number)
    again: Controller = (
        new_controller_managed_by(manager(first.bus))
        .named("again")
        .watches(ManualSource(), EnqueueRequestForObject())
        .build(Reconciling(lambda request: None))
    )
    numbers.append(again.new_context(KEY).number)
    assert numbers == [1, 2]

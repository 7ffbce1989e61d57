"""Threads that die are begun again or stop what needs them, and it is said."""

from __future__ import annotations

import ast
import ctypes
import logging
import threading
from pathlib import Path
from typing import cast

import pytest

from controller_runtime import threads as module
from controller_runtime.bus import EventBus
from controller_runtime.client.client import Client
from controller_runtime.controller.builder import new_controller_managed_by
from controller_runtime.controller.handlers import EnqueueRequestForObject
from controller_runtime.events import ThreadDied
from controller_runtime.kube.deltas import CreateEvent
from controller_runtime.manager.leaderelection import LeaderElectionConfig
from controller_runtime.manager.manager import Manager
from controller_runtime.threads import Threads
from tests.cluster import eventually
from tests.runtime.fakes import ManualSource, Reconciling, configmap, manager
from tests.runtime.harness import world
from tests.runtime.sandboxed import Recording, running
from tests.runtime.test_leaderelection import LeaseServer
from tests.runtime.test_manager import LeaseClient

ROOT = Path(__file__).resolve().parent.parent.parent


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "RESTART_DELAY", 0.01)


@pytest.mark.parametrize("error", [ValueError("broken"), SystemExit(1), None])
def test_one_that_ends_too_soon_is_said_and_begun_again(
    error: BaseException | None, caplog: pytest.LogCaptureFixture
) -> None:
    bus = EventBus()
    recording, threads, stop, again = Recording(bus), Threads(bus), threading.Event(), threading.Event()
    first = True

    def run() -> None:
        nonlocal first
        if first:
            first = False
            if error is not None:
                raise error
            return
        again.set()
        stop.wait()

    with caplog.at_level(logging.ERROR):
        thread = threads.start("the one", run, done=stop.is_set)
        assert again.wait(2)
    words = (
        f"{type(error).__name__}: {error}" if error else "RuntimeError: it returned though it is still needed"
    )
    assert threads.checks()["the-one"]() == f"it died 0 s ago and is begun again: {words}"
    [died] = recording.of(ThreadDied)
    assert (died.name, died.error, died.restart_in) == ("the one", words, 0.01)
    assert words in died.traceback
    assert [r.message for r in caplog.records] == ["Thread died and is restarted"]
    stop.set()
    thread.join(2)
    assert threads.checks() == {}


def test_one_that_others_need_stops_them_and_stays_in_the_health_check() -> None:
    threads, errors = Threads(), list[BaseException]()

    def run() -> None:
        raise OSError("disk full")

    threads.start("vital", run, on_death=errors.append).join(2)
    assert [str(error) for error in errors] == ["disk full"]
    assert threads.checks()["vital"]() == "it ended: OSError: disk full"


def test_deaths_in_a_row_are_ever_further_apart() -> None:
    bus = EventBus()
    recording, stop = Recording(bus), threading.Event()

    def run() -> None:
        raise OSError("again")

    Threads(bus).start("t", run, done=stop.is_set)
    delays = eventually(
        lambda: d if len(d := [e.restart_in for e in recording.of(ThreadDied)]) >= 3 else None
    )
    stop.set()
    assert delays[:3] == [0.01, 0.02, 0.04]


def test_of_one_name_all_are_checked() -> None:
    threads, stop = Threads(), threading.Event()
    for _ in range(3):
        threads.start("twin", stop.wait, done=stop.is_set)
    assert sorted(threads.checks()) == ["twin", "twin-2", "twin-3"]
    stop.set()


def test_a_reflector_that_dies_goes_on_and_its_store_catches_up() -> None:
    with world(start=False) as made:
        [reflector] = made.informer.reflectors
        original, left = reflector._round, [SystemExit(3)]

        def round_() -> None:
            if left:
                raise left.pop()
            original()

        reflector._round = round_  # type: ignore[method-assign]
        made.informer.start()
        eventually(lambda: made.names() == ["a", "b"])
        assert [e.name for e in made.drain() if isinstance(e, ThreadDied)] == ["reflector-pods"]


def test_a_handler_that_would_end_the_thread_of_the_informer_does_not() -> None:
    with world(start=False) as made:

        def leave(event: object) -> None:
            raise SystemExit(1)

        made.informer.add_handler(leave)
        after = list[object]()
        made.informer.add_handler(after.append)
        made.informer.start()
        eventually(lambda: len(after) == 2)
        assert not [e for e in made.drain() if isinstance(e, ThreadDied)]
        assert all(isinstance(event, CreateEvent) for event in after)


def test_every_thread_of_a_manager_is_listed_by_healthz() -> None:
    mgr = manager(health_probe_bind_address="127.0.0.1:0")
    started = threading.Event()

    class Idle:
        name = "idle"

        def start(self, stop: threading.Event) -> None:
            started.set()
            stop.wait()

    mgr.add(Idle())
    with running(mgr):
        assert started.wait(2)
        for checks in (mgr.healthz, mgr.readyz):
            body = checks("", {"verbose": [""]}).body.decode()
            for name in ("ping", "leader-idle", "event-recorder", f"http-{mgr.servers[0].port}"):
                assert f"[+]{name} ok\n" in body


def test_threads_are_started_in_one_place_only() -> None:
    found = []
    for room in ("controller_runtime", "controller", "reconsole", "recording", "tui"):
        for path in (ROOT / room).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Call) and ast.unparse(node.func).endswith(("Thread", "Timer")):
                    found.append(path.relative_to(ROOT).as_posix())
    assert set(found) <= {"controller_runtime/threads.py"}, found


def test_a_manager_whose_threads_have_all_died_once_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each is made to raise at whatever it does next."""
    monkeypatch.setattr(module, "DEATH_SHOWN", 0.0)
    server, bus = LeaseServer(), EventBus()
    recording = Recording(bus)
    election = LeaderElectionConfig("op", "ns", "one", retry_period=0.05)
    mgr = Manager(
        cast(Client, LeaseClient(server, "one")), bus,
        leader_election=election, health_probe_bind_address="127.0.0.1:0",
    )  # fmt: skip
    source, reconciler = ManualSource(), Reconciling()
    new_controller_managed_by(mgr).named("test").watches(source, EnqueueRequestForObject()).complete(
        reconciler
    )
    needed = {"leader-test", "stop"}  # whose end is that of the manager
    with running(mgr):
        source.deliver(CreateEvent(configmap("a")))
        eventually(lambda: reconciler.requests)
        for name, thread in list(mgr.threads._threads.items()):
            if name not in needed:
                ident = ctypes.c_ulong(thread.thread.ident or 0)
                ctypes.pythonapi.PyThreadState_SetAsyncExc(ident, ctypes.py_object(SystemExit))
        source.deliver(CreateEvent(configmap("b")))  # which wakes the worker
        mgr.event_recorder("x").event(configmap("b").ref, "Normal", "Reason", "Action", "")
        died = {"test-0", "leader-election", "event-recorder", f"http-{mgr.servers[0].port}"}
        eventually(lambda: died <= {event.name for event in recording.of(ThreadDied)}, 10)
        eventually(lambda: {r.name for r in reconciler.requests} == {"a", "b"}, 5)
        renewed = server.spec["renewTime"]
        eventually(lambda: server.spec["renewTime"] > renewed, 5)
        assert mgr.healthz("", {}).status == 200
        assert not mgr.leadership_lost

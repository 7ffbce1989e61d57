"""One session after another in one process."""

from __future__ import annotations

import threading
from pathlib import Path

import msgspec
import pytest
from msgspec.structs import force_setattr

from controller.events import Connection
from controller.heal import HealTracker
from controller_runtime.bus import EventBus
from controller_runtime.events import BusEvent, ObjectChanged, WatchStatus
from controller_runtime.kube.errors import Unreachable
from controller_runtime.threads import Threads
from reconsole.options import Options
from reconsole.session import Session
from tests.cluster import eventually
from tui.kinds.registry import view


class Stay:
    def __init__(self, directory: Path, *namespaces: str, embedded: bool = True) -> None:
        bus = EventBus()
        self.subscription = bus.subscribe("test")
        self.seen: list[BusEvent] = []
        options = Options(
            kubeconfig=None if embedded else directory / "kubeconfig", context=None, embedded=embedded,
            namespaces=namespaces, impersonate=None, sandbox_dir=directory, ui=True, output="text",
            read_only=False, observe=False, metrics_bind_address="0", health_probe_bind_address="0",
            leader_elect=False,
        )  # fmt: skip
        self.session = Session(options, bus, Threads(bus))

    def events(self) -> list[BusEvent]:
        self.seen += self.subscription.drain().events
        return self.seen

    def until_live(self) -> None:
        def live() -> bool:
            states = {e.kind: e.state for e in self.events() if isinstance(e, WatchStatus)}
            return {"Redis", "Pod", "Service"} <= {k for k, state in states.items() if state == "live"}

        eventually(live, 40)

    def assert_decoded_once(self) -> None:
        """The rows and heals of the console come out the same when the JSON of the objects is taken away."""
        changes = [e for e in self.events() if isinstance(e, ObjectChanged)]
        tracker, hollow = HealTracker(), HealTracker()
        for event in changes:
            row, heals = view(event), tracker.observe(event)
            raw, nothing = event.raw, msgspec.Raw(b"")
            force_setattr(event, "raw", nothing)
            assert view(event) == msgspec.structs.replace(row, raw=b"")
            assert hollow.observe(event) == heals
            force_setattr(event, "raw", raw)
        assert {e.ref.kind for e in changes} == {"Redis", "Pod", "Service"}


def test_one_is_left_and_another_begun(tmp_path: Path) -> None:
    before = set(threading.enumerate())
    home = Stay(tmp_path)
    home.session.start()
    home.session.start()
    home.until_live()
    eventually(lambda: [e for e in home.events() if isinstance(e, ObjectChanged) and e.ref.kind == "Pod"], 40)

    home.assert_decoded_once()

    away = Stay(tmp_path, "kube-system", embedded=False)
    away.session.start()
    away.until_live()
    assert {e.ref.namespace for e in away.events() if isinstance(e, ObjectChanged)} <= {"kube-system"}
    assert away.session.close()
    assert away.session.close(), "once more does nothing"

    again = Stay(tmp_path, "default", embedded=False)
    again.session.start()
    again.until_live()
    connected = [e for e in again.events() if isinstance(e, Connection) and e.state == "connected"]
    assert {e.namespaces for e in connected} == {("default",)}
    person = again.session.person.result(0)
    assert again.session.close()
    assert home.session.close()
    with pytest.raises(Unreachable):
        person.version()
    eventually(lambda: set(threading.enumerate()) <= before)


def test_one_that_was_never_begun_is_closed_all_the_same(tmp_path: Path) -> None:
    stay = Stay(tmp_path)
    assert stay.session.close()
    assert stay.session.close()

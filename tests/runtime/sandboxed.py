"""What tests of the runtime's upper half share."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from controller_runtime.bus import EventBus
from controller_runtime.client.client import Client
from controller_runtime.client.config import load_configuration
from controller_runtime.events import BusEvent
from controller_runtime.manager.manager import Manager

E = TypeVar("E")


class Recording:
    """Everything that was published, to look through while it goes on."""

    def __init__(self, bus: EventBus) -> None:
        self._subscription = bus.subscribe("test", maxlen=100_000)
        self._events: list[BusEvent] = []

    def events(self) -> list[BusEvent]:
        self._events += self._subscription.drain().events
        return list(self._events)

    def of(self, kind: type[E]) -> list[E]:
        return [event for event in self.events() if isinstance(event, kind)]


def client(kubeconfig: Path, bus: EventBus | None = None) -> Client:
    return Client(load_configuration(kubeconfig), bus=bus)


@contextmanager
def running(manager: Manager) -> Iterator[threading.Event]:
    """Run it on a thread until the end of the block; what it raised is raised here."""
    stop = threading.Event()
    errors: list[BaseException] = []

    def run() -> None:
        try:
            manager.start(stop)
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        yield stop
    finally:
        stop.set()
        thread.join(10)
        assert not thread.is_alive(), "the manager did not stop"
    if errors:
        raise errors[0]

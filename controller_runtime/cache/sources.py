"""Sources: where the events of a controller come from."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Generic, Protocol, TypeVar

from controller_runtime.cache import informer as informers
from controller_runtime.kube.deltas import Event, GenericEvent
from controller_runtime.kube.object import KubeObject
from controller_runtime.kube.resource import Resource
from controller_runtime.threads import Threads

K = TypeVar("K", bound=KubeObject)
Produced = TypeVar("Produced", bound=KubeObject, covariant=True)
Deliver = Callable[[Event[K]], None]

# Events that a channel holds before send() blocks. Source: controller-runtime pkg/source/source.go.
CHANNEL_BUFFER = 1024


class Informers(Protocol):
    """Where a source finds its informer: the manager."""

    @property
    def threads(self) -> Threads: ...
    def informer(
        self, kind: type[K], *, label_selector: str = "", field_selector: str = ""
    ) -> informers.Informer[K]: ...


class Feed(Protocol):
    """A source that has been started."""

    def has_synced(self) -> bool:
        """Everything that was there at the start has been delivered."""

    def has_settled(self) -> bool:
        """Synced, or its first attempt has failed: there is no use in waiting any longer."""


class Source(Protocol[Produced]):
    """``start`` must not block; events go to ``deliver`` until ``stop`` is set."""

    @property
    def name(self) -> str: ...
    def start(self, manager: Informers, deliver: Deliver[Produced], stop: threading.Event) -> Feed: ...


@dataclass(frozen=True, slots=True)
class Kind(Generic[K]):
    """The objects of one kind, or those that selectors name, through the manager's shared informer.

    Selectors are as for kubectl, and the server's: what they leave out costs nothing here.
    """

    kind: type[K]
    label_selector: str = ""
    field_selector: str = ""

    @property
    def name(self) -> str:
        return f"kind source: {self.kind.__name__}"

    @property
    def resource(self) -> Resource:
        return self.kind.resource

    def start(self, manager: Informers, deliver: Deliver[K], stop: threading.Event) -> InformerFeed[K]:
        labels, fields = self.label_selector, self.field_selector
        informer = manager.informer(self.kind, label_selector=labels, field_selector=fields)
        return InformerFeed(informer, deliver, shows_all=not (labels or fields))


@dataclass(frozen=True, slots=True)
class Informer(Generic[K]):
    """The objects of an informer that you made yourself and gave to the manager with ``add``."""

    informer: informers.Informer[K]

    @property
    def name(self) -> str:
        return f"informer source: {self.informer.kind.__name__}"

    def start(self, manager: Informers, deliver: Deliver[K], stop: threading.Event) -> InformerFeed[K]:
        return InformerFeed(self.informer, deliver, shows_all=False)


class InformerFeed(Generic[K]):
    """``shows_all``: whether every object of the kind is known to be in the informer's view."""

    def __init__(self, informer: informers.Informer[K], deliver: Deliver[K], *, shows_all: bool) -> None:
        self.informer = informer
        self.shows_all = shows_all
        self._registration = informer.add_handler(deliver)

    def has_synced(self) -> bool:
        return self._registration.has_synced()

    def has_settled(self) -> bool:
        return self.has_synced() or not any(
            s.state in ("starting", "syncing") for s in self.informer.statuses()
        )

    def resync(self) -> None:
        """Deliver every object once more, as an update that changes nothing."""
        self._registration.resync()

    # As ownwrites.Shown

    def get(self, namespace: str, name: str) -> K | None:
        return self.informer.get(namespace, name)

    def is_live(self) -> bool:
        return self.has_synced() and all(status.state == "live" for status in self.informer.statuses())


class Channel(Generic[K]):
    """Events from outside the cluster. One channel feeds one controller.

    ``buffer`` is in events; when it is full ``send`` blocks.
    """

    def __init__(self, name: str = "channel source", *, buffer: int = CHANNEL_BUFFER) -> None:
        self.name = name
        self._events: queue.Queue[GenericEvent[K]] = queue.Queue(buffer)

    def send(self, obj: K, *, timeout: float | None = None) -> None:
        """Deliver a GenericEvent of ``obj``. Raises queue.Full after ``timeout`` seconds (None: wait)."""
        self._events.put(GenericEvent(obj), timeout=timeout)

    def start(self, manager: Informers, deliver: Deliver[K], stop: threading.Event) -> Channel[K]:
        manager.threads.start(self.name, partial(self._run, deliver, stop), done=stop.is_set)
        return self

    def _run(self, deliver: Deliver[K], stop: threading.Event) -> None:
        while not stop.is_set():
            try:
                event = self._events.get(timeout=0.2)
            except queue.Empty:  # look at stop
                continue
            deliver(event)

    def has_synced(self) -> bool:
        return True

    def has_settled(self) -> bool:
        return True

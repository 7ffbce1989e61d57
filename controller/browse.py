"""Any kind that the server serves, for a person to look at: listed and watched as a Table."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import CancelledError, Future
from typing import Any

import msgspec

from controller.events import Browsing, Printed
from controller_runtime.bus import EventBus
from controller_runtime.client.cancel import Cancel
from controller_runtime.client.client import Client
from controller_runtime.events import ChangeType, ObjectChanged, WatchState, WatchStatus
from controller_runtime.kube.errors import ApiError, Unreachable
from controller_runtime.kube.remedies import remedy
from controller_runtime.kube.resource import Ref, Resource
from controller_runtime.kube.rules import missing_rule
from controller_runtime.kube.wire import lines
from controller_runtime.threads import Threads

TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io"
IDLE = 330.0  # seconds; the server ends a watch after 300
AGAIN = (1.0, 2.0, 5.0, 10.0, 30.0)  # seconds between tries that fail
MOST = 12  # kinds at once

_TYPES: dict[str, ChangeType] = {"ADDED": "ADDED", "MODIFIED": "MODIFIED", "DELETED": "DELETED"}
_STATES: dict[int, WatchState] = {401: "unauthorized", 403: "forbidden"}


class _Column(msgspec.Struct, frozen=True):
    name: str
    priority: int = 0


class _Metadata(msgspec.Struct, frozen=True, rename="camel"):
    name: str = ""
    namespace: str = ""
    uid: str = ""
    resource_version: str = ""
    creation_timestamp: str | None = None


class _Object(msgspec.Struct, frozen=True):
    metadata: _Metadata = _Metadata()


class _Row(msgspec.Struct, frozen=True):
    cells: tuple[Any, ...] = ()
    object: msgspec.Raw = msgspec.Raw(b"{}")


class _Table(msgspec.Struct, frozen=True, rename="camel"):
    metadata: _Metadata = _Metadata()
    column_definitions: tuple[_Column, ...] = ()
    rows: tuple[_Row, ...] = ()


class _Event(msgspec.Struct, frozen=True):
    type: str
    object: msgspec.Raw


_decode_table = msgspec.json.Decoder(_Table).decode
_decode_event = msgspec.json.Decoder(_Event).decode
_decode_object = msgspec.json.Decoder(_Object).decode


class _Wish:
    """One kind that is looked at, until it is over."""

    def __init__(self) -> None:
        self.cancel = Cancel()
        self.over = threading.Event()

    def end(self) -> None:
        self.over.set()
        self.cancel.set()


class Browser:
    """``open`` returns at once; what is found is published: ``Browsing``, ``Printed``, ``ObjectChanged``.

    ``client`` is the person's: nothing is shown that they may not read.
    """

    def __init__(
        self, client: Future[Client], bus: EventBus, threads: Threads, clock: Callable[[], float] = time.time
    ) -> None:
        self._client = client
        self._bus = bus
        self._threads = threads
        self._clock = clock
        self._lock = threading.Lock()
        self._open: dict[tuple[str, str], _Wish] = {}

    def open(self, name: str) -> None:
        """Find the kind by its plural, singular or kind, with or without its group (``deployments.apps``)."""
        self._threads.start(f"browse-{name}", lambda: self._browse(name))

    def use(self, client: Future[Client]) -> None:
        """Look through this client from now on: the cluster is another one."""
        self.close()
        self._client = client

    def close(self) -> None:
        with self._lock:
            wishes, self._open = list(self._open.values()), {}
        for wish in wishes:
            wish.end()

    def _browse(self, name: str) -> None:
        try:
            client = self._client.result()
            resource = find(client, name)
        except (ApiError, Unreachable, CancelledError) as error:
            self._answer(name, str(error) or "there is no connection")
            return
        if resource is None:
            self._answer(name, f"the server serves no {name}")
            return
        key, wish = (resource.group, resource.kind), _Wish()
        with self._lock:
            if key in self._open:
                return
            if len(self._open) >= MOST:
                self._open.pop(next(iter(self._open))).end()
            self._open[key] = wish
        failures = 0
        while not wish.over.is_set():
            try:
                self._watch(client, resource, name, wish.cancel)
                failures = 0
            except (ApiError, Unreachable, msgspec.MsgspecError) as error:
                failures += 1
                if wish.over.is_set():
                    return
                wait = AGAIN[min(failures, len(AGAIN)) - 1]
                self._report(resource, error, failures, wait)
                wish.over.wait(wait)

    def _answer(self, name: str, message: str) -> None:
        self._bus.publish(Browsing(at=self._clock(), name=name, message=message))

    def _watch(self, client: Client, resource: Resource, name: str, cancel: Cancel) -> None:
        path = resource.path()
        what = "Metadata" if _is_secret(resource) else "Object"
        query: dict[str, str | int | bool] = {"includeObject": what}
        answer = client.transport.request("GET", path, query, accept=TABLE, cancel=cancel)
        table = _decode_table(answer.body)
        columns = tuple(c.name for c in table.column_definitions)
        self._bus.publish(Browsing(at=self._clock(), name=name, resource=resource, columns=columns))
        for row in table.rows:
            self._publish(resource, row, "ADDED", initial=True)
        self._status(resource, "live", objects=len(table.rows))
        query |= {"watch": True, "resourceVersion": table.metadata.resource_version}
        stream = client.transport.stream(path, query, idle_timeout=IDLE, accept=TABLE, cancel=cancel)
        try:
            for line in lines(stream):
                event = _decode_event(line)
                if event.type not in _TYPES:
                    if event.type == "ERROR":  # expired: list again
                        return
                    continue
                for row in _decode_table(event.object).rows:
                    self._publish(resource, row, event.type)
        finally:
            stream.close()

    def _publish(self, resource: Resource, row: _Row, type_: str, *, initial: bool = False) -> None:
        meta = _decode_object(row.object).metadata
        ref = Ref(resource.kind, meta.namespace, meta.name, meta.uid, resource.api_version)
        at = self._clock()
        raw = bytes(row.object)
        if _is_secret(resource):  # an annotation may repeat its values
            names = {"name": meta.name, "namespace": meta.namespace, "uid": meta.uid}
            times = {"resourceVersion": meta.resource_version, "creationTimestamp": meta.creation_timestamp}
            raw = msgspec.json.encode({"apiVersion": "v1", "kind": "Secret", "metadata": {**names, **times}})
        cells = tuple("" if cell is None else str(cell) for cell in row.cells)
        self._bus.publish(Printed(at=at, uid=meta.uid, cells=cells))
        self._bus.publish(
            ObjectChanged(
                at=at, type=_TYPES[type_], ref=ref, resource_version=meta.resource_version,
                raw=msgspec.Raw(raw), initial=initial,
            )
        )  # fmt: skip

    def _status(self, resource: Resource, state: WatchState, **more: Any) -> None:
        at = self._clock()
        self._bus.publish(
            WatchStatus(
                at=at, resource=resource.plural, group=resource.group, kind=resource.kind, scope="",
                state=state, since=at, last_event=at, **{"verb": "watch", **more},
            )
        )  # fmt: skip

    def _report(self, resource: Resource, error: Exception, failures: int, wait: float) -> None:
        state: WatchState = "unreachable"
        rule = None
        if isinstance(error, ApiError):
            state = _STATES.get(error.status, "reconnecting")
            rule = missing_rule(error, resource, "list", "watch")
        host = self._client.result().host
        self._status(
            resource, state, verb="list", attempts=failures, next_try=self._clock() + wait,
            message=str(error), missing_rule=rule, status=getattr(error, "status", 0),
            remedy=remedy(host, error),
        )  # fmt: skip


def _is_secret(resource: Resource) -> bool:
    """Of these only the names are read: their values are never published, recorded or shown."""
    return (resource.group, resource.kind) == ("", "Secret")


def find(client: Client, name: str) -> Resource | None:
    """The resource that a person means; None when the server serves none. Raises ApiError, Unreachable."""
    wanted, _, group = name.lower().partition(".")
    groups = client.mapper.groups()
    for candidate in [g for g in groups if g.startswith(group)] if group else groups:
        for version in client.mapper.versions(candidate):
            for resource in client.mapper.resources(candidate, version):
                kind = resource.kind.lower()
                if wanted in (resource.plural, kind, f"{kind}s"):
                    return resource
    return None

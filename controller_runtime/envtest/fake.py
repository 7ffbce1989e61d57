"""FakeClient: a client whose API server is a store in memory, for tests of reconcilers without any
process.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any
from urllib.parse import unquote

import msgspec

from controller_runtime.bus import EventBus
from controller_runtime.client.cancel import Cancel, Cancelled
from controller_runtime.client.client import PATCH_TYPES, Client
from controller_runtime.client.config import Configuration
from controller_runtime.client.objects import APPLY
from controller_runtime.client.transport import REQUEST_TIMEOUT, Answer, Query, Stream, Transport
from controller_runtime.envtest.memory import Body, Memory, Place, merged, patched, refusal
from controller_runtime.kube.encode import as_json
from controller_runtime.kube.errors import ApiError, NotFound
from controller_runtime.kube.object import KubeObject, kind_of

_REVIEWS = ("/apis/authentication.k8s.io/", "/apis/authorization.k8s.io/")

Reactor = Callable[[str, Place], None]


class FakeClient(Client):
    """A Client of nobody, as controller-runtime's fake client; with a Manager it runs controllers, too.

    ``objects`` are there from the start, with their uid and status. It keeps to an API server's rules on
    names, versions, conflicts, generations, finalizers, preconditions and selectors, and the status is a
    subresource of every kind. It knows nothing of a kind's schema and defaults, of RBAC and admission, of
    field ownership (``apply`` merges) and of strategic merge patches (refused), and nobody collects garbage:
    for these use ``Environment``.
    """

    def __init__(
        self,
        *objects: KubeObject | Body,
        bus: EventBus | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        super().__init__(Configuration("http://fake"), bus=bus, clock=clock)
        self.memory = Memory(clock)
        self.reactors: list[Reactor] = []
        self.transport = _FakeTransport(self.memory, self.reactors)
        for obj in objects:
            body = as_json(obj) if isinstance(obj, KubeObject) else obj
            kind = type(obj) if isinstance(obj, KubeObject) else kind_of(obj["apiVersion"], obj["kind"])
            resource, meta = kind.resource, body["metadata"]
            place = Place.of(resource.path(meta.get("namespace", "")))
            body = {**body, "metadata": {k: v for k, v in meta.items() if k != "resourceVersion"}}
            self.memory.create(place, body, as_is=True)

    def fail(self, verb: str, plural: str, error: BaseException, *, times: int = 1) -> None:
        """Answer the next ``times`` such requests with ``error``: an ApiError, or Unreachable.

        ``verb`` is get, list, watch, create, update, patch or delete; ``plural`` as in ``pods/status``, "*"
        is all.
        """
        left = [error] * times

        def react(asked: str, place: Place) -> None:
            name = f"{place.plural}/{place.subresource}" if place.subresource else place.plural
            if left and asked == verb and plural in ("*", name):
                raise left.pop()

        self.reactors.append(react)


class _FakeTransport(Transport):
    def __init__(self, memory: Memory, reactors: list[Reactor]) -> None:
        super().__init__(Configuration("http://fake"))
        self._memory = memory
        self._reactors = reactors

    def request(
        self,
        method: str,
        path: str,
        query: Query = (),
        *,
        body: bytes | None = None,
        content_type: str = "application/json",
        accept: str = "application/json",
        timeout: float = REQUEST_TIMEOUT,
        cancel: Cancel | None = None,
        before: Callable[[], None] | None = None,
    ) -> Answer:
        if before is not None:
            before()
        if cancel is not None and cancel.is_set:
            raise Cancelled("cancelled")
        started, status = time.monotonic(), 0
        try:
            answer = self._answer(method, path, _pairs(query), body, content_type)
            status = answer.status
            return answer
        except ApiError as error:
            status = error.status
            raise
        finally:
            self._observe(method, path, status, started)

    def stream(
        self,
        path: str,
        query: Query = (),
        *,
        idle_timeout: float,
        accept: str = "application/json",
        cancel: Cancel | None = None,
        before: Callable[[], None] | None = None,
    ) -> Stream:
        if before is not None:
            before()
        place = Place.of(unquote(path))
        self._react("watch", place)
        return _FakeStream(self._memory, place, _pairs(query), cancel)

    def _react(self, verb: str, place: Place) -> None:
        for reactor in list(self._reactors):
            reactor(verb, place)

    def _answer(
        self, method: str, path: str, query: Mapping[str, str], body: bytes | None, content_type: str
    ) -> Answer:
        memory, given = self._memory, msgspec.json.decode(body) if body else {}
        if path == "/version":
            return _answer(200, {"gitVersion": "v0.0.0-fake"})
        if path.startswith(_REVIEWS):
            return _answer(201, {"status": {"allowed": True, "userInfo": {"username": "fake"}}})
        place = Place.of(unquote(path))
        self._react(_verb(method, place), place)
        match method:
            case "GET" if place.name:
                return _answer(200, memory.get(place))
            case "GET":
                return _answer(200, memory.list(place, query))
            case "POST":
                return _answer(201, memory.create(place, given))
            case "PUT":
                return _answer(200, memory.update(place, given))
            case "DELETE":
                return _answer(200, memory.delete(place, given))
        if content_type == APPLY:
            return self._apply(place, given)
        if content_type == PATCH_TYPES["strategic"]:
            raise refusal(
                "UnsupportedMediaType", "the fake client knows no strategic merge patch: use envtest"
            )
        change: Callable[[Any, Any], Any] = patched if content_type == PATCH_TYPES["json"] else merged
        return _answer(200, memory.patch(place, lambda target: change(target, given)))

    def _apply(self, place: Place, given: Body) -> Answer:
        try:
            return _answer(200, self._memory.patch(place, lambda target: merged(target, given)))
        except NotFound:
            if place.subresource:
                raise
            return _answer(201, self._memory.create(place._replace(name=""), given))


class _FakeStream(Stream):
    def __init__(self, memory: Memory, place: Place, query: Mapping[str, str], cancel: Cancel | None) -> None:
        self._memory = memory
        self._is_closed = False
        self._cancelled = cancel
        self._events = memory.watch(place, query, self._is_over)
        if cancel is not None:
            cancel.attach(self)

    def __iter__(self) -> Iterator[bytes]:
        for event in self._events:
            yield msgspec.json.encode(event) + b"\n"
        if self._cancelled is not None and self._cancelled.is_set:
            raise Cancelled("cancelled", sent=True)

    def close(self) -> None:
        self._is_closed = True
        self._memory.wake()

    def shut_for(self, cancel: Cancel) -> None:
        """As a connection does, for Cancel."""
        self._memory.wake()

    def _is_over(self) -> bool:
        return self._is_closed or (self._cancelled is not None and self._cancelled.is_set)


def _verb(method: str, place: Place) -> str:
    if method == "GET":
        return "get" if place.name else "list"
    return {"POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}[method]


def _pairs(query: Query) -> dict[str, str]:
    pairs = query.items() if isinstance(query, Mapping) else query
    return {name: str(value).lower() if isinstance(value, bool) else str(value) for name, value in pairs}


def _answer(status: int, body: Body) -> Answer:
    return Answer(status, {}, msgspec.json.encode(body))

"""A typed client: reads are decoded into kinds, writes are published on the bus."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from contextvars import ContextVar
from typing import Any, Literal, TypeVar, overload

import msgspec

from controller_runtime.bus import EventBus
from controller_runtime.client.config import Configuration
from controller_runtime.client.context import Write, current_reconcile
from controller_runtime.client.transport import REQUEST_TIMEOUT, Answer, Query, Transport
from controller_runtime.events import ApiWrite, Outcome
from controller_runtime.kube.errors import ApiError, Unreachable, unexpected_answer
from controller_runtime.kube.object import Decoder, KubeObject, ObjectMeta, kind_of
from controller_runtime.kube.resource import Ref, Resource
from controller_runtime.kube.rules import PolicyRule, missing_rule

K = TypeVar("K", bound=KubeObject)
T = TypeVar("T")
Verb = Literal["create", "update", "patch", "delete"]

PAGE_SIZE = 500  # client-go tools/pager/pager.go

PATCH_TYPES = {
    "json": "application/json-patch+json",  # RFC 6902
    "merge": "application/merge-patch+json",  # RFC 7386
    "strategic": "application/strategic-merge-patch+json",
}

_action: ContextVar[tuple[str, int]] = ContextVar("action", default=("", 0))


@contextmanager
def acting(action: str, cause: int = 0) -> Iterator[None]:
    """Mark the writes inside as asked for by a person's action with this id, whose event has that number."""
    token = _action.set((action, cause))
    try:
        yield
    finally:
        _action.reset(token)


class _Item(msgspec.Struct):
    metadata: ObjectMeta = ObjectMeta()


class _ListMeta(msgspec.Struct, frozen=True):
    token: str = msgspec.field(name="continue", default="")


class _List(msgspec.Struct):
    metadata: _ListMeta = _ListMeta()
    items: list[msgspec.Raw] | None = None


_decode_item = msgspec.json.Decoder(_Item).decode
_decode_list = msgspec.json.Decoder(_List).decode


class Client:
    """Thread-safe. Every method raises ApiError (see ``errors``) or Unreachable.

    ``timeout`` is in seconds, for each request.
    """

    def __init__(
        self,
        configuration: Configuration,
        *,
        bus: EventBus | None = None,
        clock: Callable[[], float] = time.time,
        timeout: float = REQUEST_TIMEOUT,
    ) -> None:
        self.transport = Transport(configuration)
        self._bus = bus
        self._clock = clock
        self._timeout = timeout

    def with_timeout(self, seconds: float) -> Client:
        """The same client, on the same connections, that waits for ``seconds`` at most."""
        other = copy.copy(self)
        other._timeout = seconds
        return other

    @property
    def host(self) -> str:
        return self.transport.host

    # Reading

    def get(self, kind: type[K], namespace: str, name: str) -> K:
        """The object as the server has it now. Raises NotFound."""
        answer = self._ask("GET", kind.resource.path(namespace, name))
        return _read(answer, Decoder(kind).decode, kind.resource.kind)

    def list(
        self, kind: type[K], namespace: str = "", *, label_selector: str = "", field_selector: str = ""
    ) -> list[K]:
        """All objects of a kind, in one namespace or in all of them ("")."""
        query: dict[str, str] = {"limit": str(PAGE_SIZE)}
        if field_selector:
            query["fieldSelector"] = field_selector
        if label_selector:
            query["labelSelector"] = label_selector
        decode = Decoder(kind).decode
        found: list[K] = []

        def page_of(body: bytes) -> _List:
            page = _decode_list(body)
            found.extend(decode(item) for item in page.items or ())
            return page

        while True:
            answer = self._ask("GET", kind.resource.path(namespace), query=query)
            page = _read(answer, page_of, f"list of {kind.resource.plural}")
            if not page.metadata.token:
                return found
            query["continue"] = page.metadata.token

    def get_json(self, path: str, query: Mapping[str, str] | None = None) -> Any:
        """Any path, as plain JSON."""
        return _read(self._ask("GET", path, query=query), msgspec.json.decode, "JSON")

    def version(self) -> str:
        """The server's version, as in v1.36.2."""
        return str(self.get_json("/version").get("gitVersion", ""))

    def identity(self) -> str:
        """The user name that the server knows us by; "" when it does not say."""
        body = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
        try:
            answer = self._post("/apis/authentication.k8s.io/v1/selfsubjectreviews", body)
        except (ApiError, Unreachable):
            return ""
        return str(answer["status"]["userInfo"].get("username", ""))

    def can_i(self, verb: str, resource: Resource, namespace: str = "", name: str = "") -> tuple[bool, str]:
        """Whether we may, and the server's reason (a SelfSubjectAccessReview)."""
        attributes = {"verb": verb, "group": resource.group, "resource": resource.plural}
        attributes |= {k: v for k, v in (("namespace", namespace), ("name", name)) if v}
        body = {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SelfSubjectAccessReview",
            "spec": {"resourceAttributes": attributes},
        }
        status = self._post("/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", body)["status"]
        return bool(status.get("allowed")), str(status.get("reason", ""))

    # Writing

    @overload
    def create(self, obj: dict[str, Any]) -> Any: ...
    @overload
    def create(self, obj: dict[str, Any], kind: type[K]) -> K: ...
    def create(self, obj: dict[str, Any], kind: type[Any] | None = None) -> Any:
        """Create an object given as JSON data. Raises AlreadyExists.

        Without ``kind`` the class is the one that declares the object's apiVersion and kind.
        """
        meta = obj["metadata"]
        kind = kind or kind_of(obj["apiVersion"], obj["kind"])
        path = kind.resource.path(meta.get("namespace", ""))
        return self._write("create", kind, "POST", path, meta.get("namespace", ""), meta.get("name", ""), obj)

    @overload
    def update(self, obj: dict[str, Any]) -> Any: ...
    @overload
    def update(self, obj: dict[str, Any], kind: type[K]) -> K: ...
    def update(self, obj: dict[str, Any], kind: type[Any] | None = None) -> Any:
        """Replace an object. With a resourceVersion in its metadata it raises Conflict when that is old."""
        meta = obj["metadata"]
        kind = kind or kind_of(obj["apiVersion"], obj["kind"])
        path = kind.resource.path(meta.get("namespace", ""), meta["name"])
        return self._write("update", kind, "PUT", path, meta.get("namespace", ""), meta["name"], obj)

    def patch(
        self,
        kind: type[K],
        namespace: str,
        name: str,
        body: Any,
        *,
        type: Literal["merge", "json", "strategic"] = "merge",
        subresource: str = "",
    ) -> K:
        path = kind.resource.path(namespace, name, subresource)
        return self._write(
            "patch", kind, "PATCH", path, namespace, name, body,
            content_type=PATCH_TYPES[type], subresource=subresource,
        )  # fmt: skip

    def delete(
        self,
        resource: Resource | type[KubeObject],
        namespace: str,
        name: str,
        *,
        uid: str | None = None,
        resource_version: str | None = None,
        grace_period: int | None = None,
        propagation: str | None = None,
    ) -> None:
        """Ask for a deletion. With ``uid`` another object of that name is left alone (Conflict).

        ``grace_period`` is in seconds; ``propagation`` is Background, Foreground or Orphan.
        """
        if not isinstance(resource, Resource):
            resource = resource.resource
        options: dict[str, Any] = {"apiVersion": "v1", "kind": "DeleteOptions"}
        conditions = {k: v for k, v in (("uid", uid), ("resourceVersion", resource_version)) if v}
        if conditions:
            options["preconditions"] = conditions
        if grace_period is not None:
            options["gracePeriodSeconds"] = grace_period
        if propagation is not None:
            options["propagationPolicy"] = propagation
        path = resource.path(namespace, name)
        self._send("delete", resource, "DELETE", path, Ref(
            resource.kind, namespace, name, uid or "", resource.api_version
        ), options)  # fmt: skip

    def _write(
        self,
        verb: Verb,
        kind: type[K],
        method: str,
        path: str,
        namespace: str,
        name: str,
        body: Any,
        *,
        content_type: str = "application/json",
        subresource: str = "",
    ) -> K:
        ref = Ref(kind.resource.kind, namespace, name, "", kind.resource.api_version)
        answer = self._send(verb, kind.resource, method, path, ref, body, content_type, subresource)
        return _read(answer, Decoder(kind).decode, kind.resource.kind)

    def _send(
        self,
        verb: Verb,
        resource: Resource,
        method: str,
        path: str,
        ref: Ref,
        body: Any,
        content_type: str = "application/json",
        subresource: str = "",
    ) -> Answer:
        """Write, publish what became of it, and note what the next run of this reconcile has to see first."""
        started = time.monotonic()
        context = current_reconcile.get()
        outcome: Outcome = "unsent"
        status, error, meta = 0, "", ObjectMeta()
        rule: PolicyRule | None = None
        try:
            data, timeout = msgspec.json.encode(body), self._time_left()
            outcome = "unknown"  # whatever ends the next line, unless it knows better
            answer = self._through(method, path, body=data, content_type=content_type, timeout=timeout)
            outcome, status = "answered", answer.status
            meta = _read(answer, _decode_metadata, "Kubernetes object")
            ref = Ref(ref.kind, ref.namespace, meta.name or ref.name, meta.uid or ref.uid, ref.api_version)
            if context is not None:
                context.wrote(Write(verb, resource, ref.namespace, ref.name, ref.uid, meta.resource_version))
            return answer
        except ApiError as failure:
            outcome, status, error = "answered", failure.status, failure.message
            rule = missing_rule(failure, resource, subresource=subresource)
            raise
        except Unreachable as failure:
            outcome, error = "unknown" if failure.sent else "unsent", str(failure)
            raise
        except BaseException as failure:
            error = str(failure) or type(failure).__name__
            raise
        finally:
            if self._bus is not None:
                action, asked = _action.get()
                self._bus.publish(
                    ApiWrite(
                        at=self._clock(), cause=context.seq if context else asked, verb=verb, ref=ref,
                        reconcile=context.id if context else "", action=action, subresource=subresource,
                        resource_version=meta.resource_version, outcome=outcome, status=status,
                        duration=time.monotonic() - started, error=error, missing_rule=rule,
                    )
                )  # fmt: skip

    def post(self, path: str, body: Any) -> Any:
        """POST plain JSON to any path, unpublished: reviews, and Events of the recorder."""
        return self._post(path, body)

    def _post(self, path: str, body: Any) -> Any:
        return _read(self._ask("POST", path, body=msgspec.json.encode(body)), msgspec.json.decode, "JSON")

    def get_raw(self, resource: Resource, namespace: str, name: str) -> bytes:
        """The object's JSON as the server has it now. Raises NotFound."""
        return self._ask("GET", resource.path(namespace, name)).body

    def _ask(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: bytes | None = None,
        content_type: str = "application/json",
    ) -> Answer:
        return self._through(
            method, path, query or (), body=body, content_type=content_type, timeout=self._time_left()
        )

    def _through(
        self,
        method: str,
        path: str,
        query: Query = (),
        *,
        body: bytes | None,
        content_type: str,
        timeout: float,
    ) -> Answer:
        """To the server; what a reconcile asks can be ended by its manager."""
        context = current_reconcile.get()
        with nullcontext() if context is None else context.in_flight.request() as cancel:
            return self.transport.request(
                method, path, query, body=body, content_type=content_type, timeout=timeout, cancel=cancel
            )

    def _time_left(self) -> float:
        """The seconds that the next request may take. Raises ReconcileCancelled when none may be made."""
        context = current_reconcile.get()
        if context is None:
            return self._timeout
        context.check()
        remaining = context.remaining()
        return self._timeout if remaining is None else max(0.1, min(self._timeout, remaining))


def _read(answer: Answer, decode: Callable[[bytes], T], kind: str) -> T:
    """The decoded body. Raises UnexpectedAnswer when it is no ``kind``."""
    try:
        return decode(answer.body)
    except (msgspec.MsgspecError, RecursionError) as error:
        raise unexpected_answer(answer.status, answer.body, kind, error) from error


def _decode_metadata(raw: bytes) -> ObjectMeta:
    """Of the object in an answer; a delete may be answered with a Status, which has none to speak of."""
    try:
        return _decode_item(raw).metadata
    except msgspec.ValidationError:
        return ObjectMeta()

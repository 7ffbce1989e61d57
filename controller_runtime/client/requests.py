"""Requests to one API server: how long they may take, what they answer, and what is published of a write."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from typing import Any, Literal, Self, TypeVar

import msgspec

from controller_runtime.bus import EventBus
from controller_runtime.client.config import Configuration
from controller_runtime.client.context import Write, current_action, current_reconcile
from controller_runtime.client.transport import REQUEST_TIMEOUT, Answer, Query, Transport
from controller_runtime.events import ApiWrite, Outcome
from controller_runtime.kube.errors import ApiError, Unreachable, unexpected_answer
from controller_runtime.kube.object import ObjectMeta
from controller_runtime.kube.remedies import remedy
from controller_runtime.kube.resource import Ref, Resource
from controller_runtime.kube.rules import PolicyRule, missing_rule

T = TypeVar("T")
Verb = Literal["create", "update", "patch", "delete"]

_METHODS = {"create": "POST", "update": "PUT", "patch": "PATCH", "delete": "DELETE"}


class _Item(msgspec.Struct):
    metadata: ObjectMeta = ObjectMeta()


class _Version(msgspec.Struct, rename="camel"):
    git_version: str = ""


class _UserInfo(msgspec.Struct, frozen=True):
    username: str = ""


class _SelfStatus(msgspec.Struct, frozen=True, rename="camel"):
    user_info: _UserInfo = _UserInfo()


class _SelfSubjectReview(msgspec.Struct):
    status: _SelfStatus = _SelfStatus()


class _AccessStatus(msgspec.Struct):
    allowed: bool
    reason: str = ""


class _SelfSubjectAccessReview(msgspec.Struct):
    status: _AccessStatus


_decode_item = msgspec.json.Decoder(_Item).decode
_decode_version = msgspec.json.Decoder(_Version).decode
_decode_self = msgspec.json.Decoder(_SelfSubjectReview).decode
_decode_access = msgspec.json.Decoder(_SelfSubjectAccessReview).decode


class Requests:
    """Thread-safe. Every method raises ApiError (see ``errors``) or Unreachable.

    ``timeout`` is in seconds, for each request; in a reconcile that has a deadline it is what is left until
    then. Writes are published on ``bus``. ``clock`` is the wall clock, in Unix seconds.
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

    def with_timeout(self, seconds: float) -> Self:
        """The same client, on the same connections, that waits for ``seconds`` at most."""
        other = copy.copy(self)
        other._timeout = seconds
        return other

    @property
    def host(self) -> str:
        """The server's URL."""
        return self.transport.host

    # What has no object

    def get_json(self, path: str, query: Mapping[str, str] | None = None) -> Any:
        """Any path, as plain JSON."""
        return read(self._ask("GET", path, query or ()), msgspec.json.decode, "JSON")

    def post(self, path: str, body: Any) -> Any:
        """POST plain JSON to any path, and publish nothing: reviews, and Events of the recorder."""
        return read(self._ask("POST", path, body=encode(body)), msgspec.json.decode, "JSON")

    def version(self) -> str:
        """The server's version, as in v1.36.2."""
        return read(self._ask("GET", "/version"), _decode_version, "version of Kubernetes").git_version

    def identity(self) -> str:
        """The user name that the server knows us by; "" when it does not say."""
        body = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
        try:
            answer = self._ask("POST", "/apis/authentication.k8s.io/v1/selfsubjectreviews", body=encode(body))
            return read(answer, _decode_self, "SelfSubjectReview").status.user_info.username
        except (ApiError, Unreachable):
            return ""

    def can_i(
        self, verb: str, resource: Resource, namespace: str = "", name: str = "", *, subresource: str = ""
    ) -> tuple[bool, str]:
        """Whether we may, and the server's reason (a SelfSubjectAccessReview).

        Raises UnexpectedAnswer when the server does not say.
        """
        attributes = {"verb": verb, "group": resource.group, "resource": resource.plural}
        more = (("namespace", namespace), ("name", name), ("subresource", subresource))
        attributes |= {k: v for k, v in more if v}
        body = {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SelfSubjectAccessReview",
            "spec": {"resourceAttributes": attributes},
        }
        answer = self._ask(
            "POST", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", body=encode(body)
        )
        status = read(answer, _decode_access, "SelfSubjectAccessReview").status
        return status.allowed, status.reason

    # What the client is made of

    def _ask(self, method: str, path: str, query: Query = (), *, body: bytes | None = None) -> Answer:
        return self._through(method, path, query, body=body, timeout=self._time_left())

    def _through(
        self,
        method: str,
        path: str,
        query: Query = (),
        *,
        body: bytes | None,
        content_type: str = "application/json",
        timeout: float,
    ) -> Answer:
        """To the server; what a reconcile asks can be ended by its manager."""
        context = current_reconcile.get()
        with nullcontext() if context is None else context.in_flight.request() as cancel:
            return self.transport.request(
                method, path, query, body=body, content_type=content_type, timeout=timeout, cancel=cancel
            )

    def _send(
        self,
        verb: Verb,
        resource: Resource,
        ref: Ref,
        body: Any,
        *,
        subresource: str = "",
        query: Query = (),
        content_type: str = "application/json",
    ) -> Answer:
        """Write, publish what became of it, and note what the next run of this reconcile has to see first."""
        started = time.monotonic()
        context = current_reconcile.get()
        outcome: Outcome = "unsent"
        status, error, meta = 0, "", ObjectMeta()
        rule: PolicyRule | None = None
        todo = ""
        try:
            is_new = verb == "create" and not subresource
            path = path_among(resource, ref) if is_new else path_to(resource, ref, subresource)
            data, timeout = encode(body), self._time_left()
            outcome = "unknown"  # whatever ends the next line, unless it knows better
            answer = self._through(
                _METHODS[verb], path, query, body=data, content_type=content_type, timeout=timeout
            )
            outcome, status = "answered", answer.status
            meta = read(answer, _decode_metadata, "Kubernetes object")
            ref = Ref(ref.kind, ref.namespace, meta.name or ref.name, meta.uid or ref.uid, ref.api_version)
            if context is not None:
                context.wrote(Write(verb, resource, ref.namespace, ref.name, ref.uid, meta.resource_version))
            return answer
        except ApiError as failure:
            outcome, status, error = "answered", failure.status, failure.message
            rule = missing_rule(failure, resource, subresource=subresource)
            todo = remedy(self.host, failure)
            raise
        except Unreachable as failure:
            outcome, error = "unknown" if failure.sent else "unsent", str(failure)
            todo = remedy(self.host, failure)
            raise
        except BaseException as failure:
            error = str(failure) or type(failure).__name__
            raise
        finally:
            if self._bus is not None:
                action, asked = current_action.get()
                self._bus.publish(
                    ApiWrite(
                        at=self._clock(), cause=context.seq if context else asked, verb=verb, ref=ref,
                        reconcile=context.id if context else "", action=action, subresource=subresource,
                        resource_version=meta.resource_version, outcome=outcome, status=status,
                        duration=time.monotonic() - started, error=error, missing_rule=rule, remedy=todo,
                    )
                )  # fmt: skip

    def _time_left(self) -> float:
        """The seconds that the next request may take. Raises ReconcileCancelled when none may be made."""
        context = current_reconcile.get()
        if context is None:
            return self._timeout
        context.check()
        remaining = context.remaining()
        return self._timeout if remaining is None else max(0.1, min(self._timeout, remaining))


def read(answer: Answer, decode: Callable[[bytes], T], kind: str) -> T:
    """The decoded body. Raises UnexpectedAnswer when it is no ``kind``."""
    try:
        return decode(answer.body)
    except (msgspec.MsgspecError, RecursionError) as error:
        raise unexpected_answer(answer.status, answer.body, kind, error) from error


def encode(body: Any) -> bytes:
    """JSON. Raises TypeError or ValueError for what has none."""
    return msgspec.json.encode(body, enc_hook=_encode_mapping)


def path_among(resource: Resource, ref: Ref) -> str:
    """The path of the objects of that kind and namespace. Raises ValueError without a namespace."""
    if resource.namespaced and not ref.namespace:
        raise ValueError(f"the namespace of a {ref.kind} may not be empty")
    return resource.path(ref.namespace)


def path_to(resource: Resource, ref: Ref, subresource: str = "") -> str:
    """The path of one object. Raises ValueError without a name, for that is the path of all of them."""
    if not ref.name:
        raise ValueError(f"the name of a {ref.kind} may not be empty")
    path_among(resource, ref)
    return resource.path(ref.namespace, ref.name, subresource)


def _encode_mapping(value: Any) -> Any:
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"a value of type {type(value).__name__} has no JSON")


def _decode_metadata(raw: bytes) -> ObjectMeta:
    """Of the object in an answer; a delete may be answered with a Status, which has none to speak of."""
    try:
        return _decode_item(raw).metadata
    except msgspec.ValidationError:
        return ObjectMeta()

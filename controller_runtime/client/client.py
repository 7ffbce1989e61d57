"""A typed client: reads are decoded into kinds, writes are told on the bus."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Literal, TypeVar, overload

import msgspec

from controller_runtime.bus import EventBus
from controller_runtime.client.config import Configuration
from controller_runtime.client.context import Write, current_reconcile
from controller_runtime.client.transport import REQUEST_TIMEOUT, Transport
from controller_runtime.events import ApiWrite
from controller_runtime.kube.errors import ApiError, Unreachable
from controller_runtime.kube.object import Decoder, KubeObject, ObjectMeta, kind_of
from controller_runtime.kube.resource import Ref, Resource
from controller_runtime.kube.rules import PolicyRule

K = TypeVar("K", bound=KubeObject)
Verb = Literal["create", "update", "patch", "delete"]

PAGE_SIZE = 500  # client-go tools/pager/pager.go

PATCH_TYPES = {
    "json": "application/json-patch+json",  # RFC 6902
    "merge": "application/merge-patch+json",  # RFC 7386
    "strategic": "application/strategic-merge-patch+json",
}

_action: ContextVar[str] = ContextVar("action", default="")


@contextmanager
def acting(action: str) -> Iterator[None]:
    """Mark the writes inside as asked for by a person's action with this id."""
    token = _action.set(action)
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
        _, raw = self._ask("GET", kind.resource.path(namespace, name))
        return Decoder(kind).decode(raw)

    def list(self, kind: type[K], namespace: str = "", *, label_selector: str = "") -> list[K]:
        """All objects of a kind, in one namespace or in all of them ("")."""
        query: dict[str, str] = {"limit": str(PAGE_SIZE)}
        if label_selector:
            query["labelSelector"] = label_selector
        decoder, found = Decoder(kind), []
        while True:
            page = msgspec.json.decode(
                self._ask("GET", kind.resource.path(namespace), query=query)[1], type=_List
            )
            found += [decoder.decode(item) for item in page.items or ()]
            if not page.metadata.token:
                return found
            query["continue"] = page.metadata.token

    def get_json(self, path: str, query: Mapping[str, str] | None = None) -> Any:
        """Any path, as plain JSON."""
        return msgspec.json.decode(self._ask("GET", path, query=query)[1])

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
        raw = self._send(verb, kind.resource, method, path, ref, body, content_type, subresource)
        return Decoder(kind).decode(raw)

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
    ) -> bytes:
        """Write, tell the bus, and tell the current reconcile what its next run has to see first."""
        started = self._clock()
        status, error, raw = 0, "", b""
        rule: PolicyRule | None = None
        try:
            status, raw = self._ask(method, path, body=msgspec.json.encode(body), content_type=content_type)
        except ApiError as failure:
            status, error = failure.status, failure.message
            rule = _missing_rule(failure, verb, resource, subresource)
            raise
        except Unreachable as failure:
            error = str(failure)
            raise
        finally:
            meta = _metadata(raw) if not error else ObjectMeta()
            ref = Ref(ref.kind, ref.namespace, meta.name or ref.name, meta.uid or ref.uid, ref.api_version)
            context = current_reconcile.get()
            if context is not None and not error and status:
                context.wrote(Write(verb, resource, ref.namespace, ref.name, ref.uid, meta.resource_version))
            if self._bus is not None:
                now = self._clock()
                self._bus.publish(
                    ApiWrite(
                        at=now, verb=verb, ref=ref, reconcile=context.id if context else "",
                        action=_action.get(), subresource=subresource,
                        resource_version=meta.resource_version, status=status,
                        duration=now - started, error=error, missing_rule=rule,
                    )
                )  # fmt: skip
        return raw

    def post(self, path: str, body: Any) -> Any:
        """POST plain JSON to any path, without telling the bus: reviews, and Events of the recorder."""
        return self._post(path, body)

    def _post(self, path: str, body: Any) -> Any:
        _, raw = self._ask("POST", path, body=msgspec.json.encode(body))
        return msgspec.json.decode(raw)

    def get_raw(self, resource: Resource, namespace: str, name: str) -> bytes:
        """The object's JSON as the server has it now. Raises NotFound."""
        return self._ask("GET", resource.path(namespace, name))[1]

    def _ask(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: bytes | None = None,
        content_type: str = "application/json",
    ) -> tuple[int, bytes]:
        timeout = self._timeout
        context = current_reconcile.get()
        if context is not None:
            context.check()
            remaining = context.remaining()
            timeout = timeout if remaining is None else max(0.1, min(timeout, remaining))
        answer = self.transport.request(
            method, path, query or (), body=body, content_type=content_type, timeout=timeout
        )
        return answer.status, answer.body


def _missing_rule(error: ApiError, verb: Verb, resource: Resource, subresource: str) -> PolicyRule | None:
    """What would have allowed it. Admission (quotas, pod security) also answers 403, but in other words."""
    plural = f"{resource.plural}/{subresource}" if subresource else resource.plural
    if error.status != 403 or f'cannot {verb} resource "{plural}"' not in error.message:
        return None
    return PolicyRule((resource.group,), (plural,), (verb,))


def _metadata(raw: bytes) -> ObjectMeta:
    """Of the object in an answer; a delete may be answered with a Status, which has none."""
    try:
        return msgspec.json.decode(raw, type=_Item).metadata
    except msgspec.MsgspecError:
        return ObjectMeta()

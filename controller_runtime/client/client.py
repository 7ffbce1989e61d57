"""A typed client: objects are read into the classes of their kinds, and written from them or from JSON."""

from __future__ import annotations

import builtins
from collections.abc import Callable
from typing import Any, Literal, TypeVar, overload

import msgspec

from controller_runtime.client.objects import ObjectRequests, ref_to
from controller_runtime.client.requests import path_to, read
from controller_runtime.kube.errors import Expired, NotFound, unexpected_answer
from controller_runtime.kube.object import Decoder, KubeObject
from controller_runtime.kube.resource import Resource
from controller_runtime.kube.wire import selection

K = TypeVar("K", bound=KubeObject)
PatchType = Literal["merge", "json", "strategic"]
Written = Literal["created", "updated", "unchanged"]

PAGE_SIZE = 500  # client-go tools/pager/pager.go

PATCH_TYPES = {
    "json": "application/json-patch+json",  # RFC 6902
    "merge": "application/merge-patch+json",  # RFC 7386
    "strategic": "application/strategic-merge-patch+json",
}


class _ListMeta(msgspec.Struct, frozen=True):
    token: str = msgspec.field(name="continue", default="")


class _List(msgspec.Struct):
    metadata: _ListMeta = _ListMeta()
    items: list[msgspec.Raw] | None = None


_decode_list = msgspec.json.Decoder(_List).decode


class Client(ObjectRequests):
    """Thread-safe. Every method raises ApiError (see ``errors``) or Unreachable, and publishes what it wrote.

    Objects are frozen: change a copy (``msgspec.structs.replace``) and write that. JSON data (a dict with
    apiVersion, kind and metadata) may be given in place of an object; it is sent as it is.
    """

    # Reading

    def get(self, kind: type[K], namespace: str, name: str) -> K:
        """The object as the server has it now. Raises NotFound."""
        return self._live(kind, namespace, name)[0]

    def get_raw(self, resource: Resource, namespace: str, name: str) -> bytes:
        """The object's JSON as the server has it now. Raises NotFound."""
        return self._ask("GET", path_to(resource, ref_to(resource, namespace, name))).body

    def list(
        self, kind: type[K], namespace: str = "", *, label_selector: str = "", field_selector: str = ""
    ) -> builtins.list[K]:
        """All objects of a kind, in one namespace or in all of them (""), in pages of 500.

        Selectors are as for kubectl: ``app in (a, b),!canary`` and ``spec.nodeName=n1``. Raises ApiError
        (400) for a field that the server does not select by.
        """
        query = selection(label_selector, field_selector) | {"limit": str(PAGE_SIZE)}
        decode = Decoder(kind).decode
        found: builtins.list[K] = []

        def page_of(body: bytes) -> _List:
            page = _decode_list(body)
            found.extend(decode(item) for item in page.items or ())
            return page

        while True:
            try:
                answer = self._ask("GET", kind.resource.path(namespace), query)
            except Expired:
                if "continue" not in query:
                    raise
                # The pages are older than what the server remembers: all at once, as client-go's pager does.
                found.clear()
                query = selection(label_selector, field_selector)
                continue
            page = read(answer, page_of, f"list of {kind.resource.plural}")
            if not page.metadata.token:
                return found
            if page.metadata.token == query.get("continue"):
                same = ValueError("the page after this one is the same")
                raise unexpected_answer(answer.status, answer.body, "list that ends", same)
            query["continue"] = page.metadata.token

    # Writing

    @overload
    def create(self, obj: K) -> K: ...
    @overload
    def create(self, obj: dict[str, Any], kind: type[K]) -> K: ...
    @overload
    def create(self, obj: dict[str, Any]) -> Any: ...
    def create(self, obj: KubeObject | dict[str, Any], kind: type[Any] | None = None) -> Any:
        """Create an object and return it as the server made it. Raises AlreadyExists, Invalid.

        Of an object, what ``kube.encode.as_json`` says is sent. For JSON data without ``kind``, the class is
        the one that declares its apiVersion and kind, or an unstructured one by the server's discovery.
        """
        kind, body = self._body(obj, kind)
        meta = body["metadata"]
        ref = ref_to(kind.resource, meta.get("namespace", ""), meta.get("name", ""))
        answer = self._send("create", kind.resource, ref, body)
        return read(answer, Decoder(kind).decode, kind.resource.kind)

    @overload
    def update(self, obj: K) -> K: ...
    @overload
    def update(self, obj: dict[str, Any], kind: type[K]) -> K: ...
    @overload
    def update(self, obj: dict[str, Any]) -> Any: ...
    def update(self, obj: KubeObject | dict[str, Any], kind: type[Any] | None = None) -> Any:
        """Replace an object. Raises Conflict when its resourceVersion is not the latest any more.

        What the class of ``obj`` does not declare is kept: the live object is read first, and nothing is
        written when nothing differs. What it does declare is as in ``obj``: labels, annotations, finalizers
        and owners that are not in it are taken off, so change a copy of what was read. JSON data replaces all
        that is there.
        """
        return self._update(obj, kind, "")

    def patch(
        self,
        kind: type[K],
        namespace: str,
        name: str,
        body: Any,
        *,
        type: PatchType = "merge",
        subresource: str = "",
    ) -> K:
        """Change a part of an object: a merge patch, a JSON patch, or a strategic merge patch.

        With ``metadata.resourceVersion`` in a merge patch, Conflict is raised when that is not the latest.
        """
        ref = ref_to(kind.resource, namespace, name)
        answer = self._send(
            "patch", kind.resource, ref, body, subresource=subresource, content_type=PATCH_TYPES[type]
        )
        return read(answer, Decoder(kind).decode, kind.resource.kind)

    @overload
    def apply(self, obj: K, field_manager: str, *, force: bool = False) -> K: ...
    @overload
    def apply(self, obj: dict[str, Any], field_manager: str, *, force: bool = False) -> Any: ...
    def apply(self, obj: KubeObject | dict[str, Any], field_manager: str, *, force: bool = False) -> Any:
        """Server-side apply: the object is to have these fields, and ``field_manager`` owns them; it may be
        new.

        Raises Conflict when another manager owns one of them with another value, unless ``force`` takes it
        over. Build ``obj`` afresh, of the fields that you care for: what was read holds those of others too.
        """
        return self._apply(obj, field_manager, force, "")

    @overload
    def delete(self, target: KubeObject, *, unchanged: bool = False, grace_period: int | None = None,
               propagation: str | None = None) -> None: ...  # fmt: skip
    @overload
    def delete(
        self,
        target: Resource | type[KubeObject],
        namespace: str,
        name: str,
        *,
        uid: str | None = None,
        resource_version: str | None = None,
        grace_period: int | None = None,
        propagation: str | None = None,
    ) -> None: ...
    def delete(
        self,
        target: KubeObject | Resource | type[KubeObject],
        namespace: str = "",
        name: str = "",
        *,
        uid: str | None = None,
        resource_version: str | None = None,
        unchanged: bool = False,
        grace_period: int | None = None,
        propagation: str | None = None,
    ) -> None:
        """Ask for a deletion: of this object, or of the one of that kind and name. Raises NotFound.

        Raises Conflict and deletes nothing when another object has taken the name (an object's ``uid``), or
        with ``unchanged`` (a ``resource_version``) when it has changed since it was read. ``grace_period`` is
        in seconds; ``propagation`` is Background, Foreground or Orphan.
        """
        if isinstance(target, KubeObject):
            meta = target.metadata
            namespace, name, uid = meta.namespace, meta.name, meta.uid
            resource_version = meta.resource_version if unchanged else None
        resource = target if isinstance(target, Resource) else target.resource
        options: dict[str, Any] = {"apiVersion": "v1", "kind": "DeleteOptions"}
        conditions = {k: v for k, v in (("uid", uid), ("resourceVersion", resource_version)) if v}
        if conditions:
            options["preconditions"] = conditions
        if grace_period is not None:
            options["gracePeriodSeconds"] = grace_period
        if propagation is not None:
            options["propagationPolicy"] = propagation
        self._send("delete", resource, ref_to(resource, namespace, name, uid or ""), options)

    def create_or_update(self, obj: K, mutate: Callable[[K], K]) -> tuple[K, Written]:
        """Make the object of this kind and name what ``mutate`` makes of it, and say what that took.

        ``mutate`` is given the live object, or ``obj`` when there is none, and answers what should be; it
        must keep the name. It is written as by ``update``. Raises Conflict and AlreadyExists when somebody
        else was faster: to be tried again.
        """
        meta = obj.metadata
        try:
            live, raw = self._live(type(obj), meta.namespace, meta.name)
        except NotFound:
            return self.create(_mutated(obj, mutate)), "created"
        updated = self._replace(_mutated(live, mutate), live, raw, "")
        return (live, "unchanged") if updated is None else (updated, "updated")

    # Subresources

    @property
    def status(self) -> Subresource:
        """Writes to the status of objects, for kinds that have the status subresource."""
        return Subresource(self, "status")

    def subresource(self, name: str) -> Subresource:
        """Writes to another part of objects that has a path of its own, such as ``scale``."""
        return Subresource(self, name)


class Subresource:
    """Writes to one part of objects that has a path of its own. Made by ``Client.status``."""

    def __init__(self, client: Client, name: str) -> None:
        self._client = client
        self._name = name

    def update(self, obj: K) -> K:
        """As ``Client.update``; of the status subresource, the server takes the status alone."""
        updated: K = self._client._update(obj, None, self._name)
        return updated

    def create(self, kind: type[KubeObject], namespace: str, name: str, body: dict[str, Any]) -> Any:
        """Post JSON data to it and return what comes, as of ``eviction`` (a pod) or ``token`` (an account).

        An eviction that a PodDisruptionBudget forbids raises TooManyRequests.
        """
        ref = ref_to(kind.resource, namespace, name)
        answer = self._client._send("create", kind.resource, ref, body, subresource=self._name)
        return read(answer, msgspec.json.decode, "JSON")

    def patch(self, kind: type[K], namespace: str, name: str, body: Any, *, type: PatchType = "merge") -> K:
        """As ``Client.patch``."""
        return self._client.patch(kind, namespace, name, body, type=type, subresource=self._name)

    def apply(self, obj: K, field_manager: str, *, force: bool = False) -> K:
        """As ``Client.apply``; the object has to be there."""
        applied: K = self._client._apply(obj, field_manager, force, self._name)
        return applied


def _mutated(obj: K, mutate: Callable[[K], K]) -> K:
    wanted = mutate(obj)
    if wanted.key != obj.key:
        raise ValueError(f"mutate must not change the name or namespace of {obj.key}, it made {wanted.key}")
    return wanted

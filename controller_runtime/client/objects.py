"""From objects to requests: which class and resource, which JSON data, over what the server has."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import msgspec

from controller_runtime.bus import EventBus
from controller_runtime.client.config import Configuration
from controller_runtime.client.discovery import RESTMapper
from controller_runtime.client.requests import Requests, path_to, read
from controller_runtime.client.transport import REQUEST_TIMEOUT
from controller_runtime.kube.encode import ASKED, as_asked, as_json, as_view, overlay
from controller_runtime.kube.object import Decoder, KubeObject, kind_of, resource_of
from controller_runtime.kube.resource import Ref, Resource
from controller_runtime.kube.unstructured import Unstructured, unstructured

K = TypeVar("K", bound=KubeObject)

APPLY = "application/apply-patch+yaml"  # JSON is YAML


class ObjectRequests(Requests):
    """What the methods of a client have in common."""

    def __init__(
        self,
        configuration: Configuration,
        *,
        bus: EventBus | None = None,
        clock: Callable[[], float] = time.time,
        timeout: float = REQUEST_TIMEOUT,
    ) -> None:
        super().__init__(configuration, bus=bus, clock=clock, timeout=timeout)
        self.mapper = RESTMapper(self.get_json)

    # Kinds

    def kind(self, group: str, kind: str, version: str = "") -> type[Unstructured]:
        """A class for any kind that the server has, to be used as those that are declared::

            Deployment = client.kind("apps", "Deployment")
            for found in client.list(Deployment, label_selector="app=a"):
                print(found.key, found.find("spec", "replicas"))

        Without ``version`` it is the one that the server prefers. Raises NoKindMatch.
        """
        return unstructured(self.mapper.resource(group, kind, version))

    def resource_of(self, ref: Ref) -> Resource:
        """The resource of an object, from the class that declares its kind or from the server.

        Raises NoKindMatch when neither knows it.
        """
        try:
            return resource_of(ref)
        except KeyError:
            group, _, version = ref.api_version.rpartition("/")
            return self.mapper.resource(group, ref.kind, version)

    # Writing

    def _update(self, obj: Any, kind: type[Any] | None, subresource: str) -> Any:
        if isinstance(obj, KubeObject):
            live, raw = self._live(type(obj), obj.metadata.namespace, obj.metadata.name)
            updated = self._replace(obj, live, raw, subresource)
            return live if updated is None else updated
        kind, body = self._body(obj, kind)
        ref = ref_to(kind.resource, body["metadata"].get("namespace", ""), body["metadata"].get("name", ""))
        answer = self._send("update", kind.resource, ref, body, subresource=subresource)
        return read(answer, Decoder(kind).decode, kind.resource.kind)

    def _body(self, obj: Any, kind: type[Any] | None) -> tuple[type[Any], dict[str, Any]]:
        """The class of an object or of JSON data, and the JSON data."""
        if isinstance(obj, KubeObject):
            return type(obj), as_json(obj)
        if not isinstance(obj, Mapping):
            raise TypeError(f"an object or a dict is wanted, not a value of type {type(obj).__name__}")
        needed = ("metadata",) if kind else ("apiVersion", "kind", "metadata")
        if missing := [name for name in needed if not obj.get(name)]:
            raise ValueError(f"this is no object: it has no {' and no '.join(missing)}")
        if kind is None:
            api_version, name = str(obj["apiVersion"]), str(obj["kind"])
            try:
                kind = kind_of(api_version, name)
            except KeyError:
                group, _, version = api_version.rpartition("/")
                kind = self.kind(group, name, version)
        return kind, dict(obj)

    def _live(self, kind: type[K], namespace: str, name: str) -> tuple[K, bytes]:
        """The object as the server has it now, and its JSON."""
        answer = self._ask("GET", path_to(kind.resource, ref_to(kind.resource, namespace, name)))
        return read(answer, Decoder(kind).decode, kind.resource.kind), answer.body

    def _replace(self, obj: K, live: K, raw: bytes, subresource: str) -> K | None:
        """Write ``obj`` over ``raw``, which was read as ``live``; None when that is what it is."""
        wanted, view, before = as_view(obj), as_view(live), msgspec.json.decode(raw)
        # What the server sets and ``obj`` does not say is as it was just read. So with the version: between
        # the two nobody else may write.
        set_by_server = {k: v for k, v in view["metadata"].items() if k not in ASKED}
        wanted["metadata"] = set_by_server | wanted["metadata"]
        body = overlay(before, view, wanted)
        if body == before:
            return None
        resource, meta = obj.resource, obj.metadata
        ref = ref_to(resource, meta.namespace, meta.name, meta.uid)
        answer = self._send("update", resource, ref, body, subresource=subresource)
        return read(answer, Decoder(type(obj)).decode, resource.kind)

    def _apply(self, obj: Any, field_manager: str, force: bool, subresource: str) -> Any:
        if isinstance(obj, KubeObject):
            kind, body = type(obj), as_asked(obj)
        else:
            kind, body = self._body(obj, None)
        ref = ref_to(kind.resource, body["metadata"].get("namespace", ""), body["metadata"].get("name", ""))
        query: dict[str, str | int | bool] = {"fieldManager": field_manager, "force": force}
        answer = self._send(
            "patch", kind.resource, ref, body, subresource=subresource, query=query, content_type=APPLY
        )
        return read(answer, Decoder(kind).decode, kind.resource.kind)


def ref_to(resource: Resource, namespace: str, name: str, uid: str = "") -> Ref:
    """The object of that name; of a cluster-scoped kind the namespace does not matter."""
    return Ref(resource.kind, namespace if resource.namespaced else "", name, uid, resource.api_version)

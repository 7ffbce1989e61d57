"""Kubernetes objects as the runtime reads them: frozen structs with the fields that are needed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, ClassVar, Generic, Self, TypeVar

import msgspec

from controller_runtime.kube.definition import Definition
from controller_runtime.kube.resource import Ref, Resource


class OwnerReference(msgspec.Struct, frozen=True, rename="camel", gc=False):
    api_version: str = ""
    kind: str = ""
    name: str = ""
    uid: str = ""
    controller: bool | None = None
    block_owner_deletion: bool | None = None


class ObjectMeta(msgspec.Struct, frozen=True, rename="camel", gc=False):
    name: str = ""
    namespace: str = ""
    uid: str = ""
    resource_version: str = ""
    generation: int = 0
    creation_timestamp: str | None = None
    deletion_timestamp: str | None = None
    deletion_grace_period_seconds: int | None = None
    labels: Mapping[str, str] = {}
    annotations: dict[str, str] = {}
    owner_references: tuple[OwnerReference, ...] = ()
    finalizers: tuple[str, ...] = ()


class KubeObject(msgspec.Struct, frozen=True, rename="camel", gc=False):
    """Base of all kinds. Without cycles in JSON the collector need not look at it (``gc=False``).

    A kind names its resource once::

    class Pod(KubeObject, frozen=True):
        resource = Resource("", "v1", "Pod", "pods")
        spec: PodSpec = PodSpec()
    """

    metadata: ObjectMeta

    resource: ClassVar[Resource]
    definition: ClassVar[Definition | None] = None
    declares: ClassVar[bool] = True  # whether ``kind_of`` is to find the class; inherited

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if not cls.declares:
            return
        if not isinstance(getattr(cls, "resource", None), Resource):
            raise TypeError(
                f"{cls.__name__} is a kind without a resource: write resource = Resource(group, version, "
                "kind, plural) in it, or declares = False if it is a base of kinds"
            )
        if "resource" in cls.__dict__:
            _kinds[cls.resource.api_version, cls.resource.kind] = cls

    @classmethod
    def decoder(cls) -> Callable[[bytes | msgspec.Raw], Self]:
        """What turns JSON into an object. It raises msgspec.MsgspecError for what is none of this kind."""
        return msgspec.json.Decoder(cls).decode

    @property
    def key(self) -> str:
        """``namespace/name``, or ``name`` for cluster-scoped objects."""
        meta = self.metadata
        return f"{meta.namespace}/{meta.name}" if meta.namespace else meta.name

    @property
    def ref(self) -> Ref:
        """Which object this is, for events and logs."""
        meta = self.metadata
        resource = self.resource
        return Ref(resource.kind, meta.namespace, meta.name, meta.uid, resource.api_version)

    @property
    def controller(self) -> OwnerReference | None:
        """The owner reference that is marked as the controller."""
        return next((o for o in self.metadata.owner_references if o.controller), None)

    @property
    def is_terminating(self) -> bool:
        """Whether it is being deleted: it goes when its finalizers and its grace period allow."""
        return self.metadata.deletion_timestamp is not None


_kinds: dict[tuple[str, str], type[KubeObject]] = {}


def kind_of(api_version: str, kind: str) -> type[KubeObject]:
    """The class that declares a kind. Raises KeyError when none does."""
    try:
        return _kinds[api_version, kind]
    except KeyError:
        raise KeyError(f"no class declares {api_version} {kind}: import it, or name the class") from None


def resource_of(ref: Ref) -> Resource:
    """The resource of a kind that some class declares. Raises KeyError for others."""
    return kind_of(ref.api_version, ref.kind).resource


K = TypeVar("K")


class Decoder(Generic[K]):
    """Decodes JSON into one kind.

    ``strict`` does so at once; ``decode`` then tries what it refused as if the nulls in it were absent, since
    Kubernetes means "empty" by them. Both raise msgspec.MsgspecError for what is not an object of this kind.
    """

    def __init__(self, kind: type[K]) -> None:
        self._kind = kind
        self.strict: Callable[[bytes | msgspec.Raw], K] = (
            kind.decoder() if issubclass(kind, KubeObject) else msgspec.json.Decoder(kind).decode
        )

    def decode(self, raw: bytes | msgspec.Raw) -> K:
        try:
            return self.strict(raw)
        except msgspec.ValidationError:
            return msgspec.convert(without_nulls(msgspec.json.decode(raw)), self._kind)


@cache
def decoder_of(kind: type[K]) -> Decoder[K]:
    """The one decoder of a kind."""
    return Decoder(kind)


def without_nulls(value: Any) -> Any:
    """JSON data with every null in it left out."""
    if isinstance(value, dict):
        return {k: without_nulls(v) for k, v in value.items() if v is not None}
    if isinstance(value, list):
        return [without_nulls(v) for v in value if v is not None]
    return value

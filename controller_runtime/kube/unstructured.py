"""Objects of a kind that no class declares: everything that is in them, as JSON data."""

from __future__ import annotations

import types
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, ClassVar, Self, cast

import msgspec

from controller_runtime.kube.object import KubeObject, ObjectMeta, without_nulls
from controller_runtime.kube.resource import Resource


class Unstructured(KubeObject, frozen=True):
    """Base of the classes that ``unstructured`` makes; they are used as any other kind.

    ``content`` is the whole object but for ``metadata.managedFields``. It is shared, so change a copy of it
    and make another object with ``of``. Of the metadata, the fields that ``metadata`` has count, not those in
    here.
    """

    content: Mapping[str, Any] = {}

    declares: ClassVar[bool] = False

    @classmethod
    def of(cls, content: Mapping[str, Any]) -> Self:
        """The object with this content. Raises msgspec.ValidationError when it is no object's."""
        meta = content.get("metadata")
        if not isinstance(meta, dict):
            raise msgspec.ValidationError("Object missing required field `metadata`")
        kept = {key: value for key, value in meta.items() if key != "managedFields"}
        try:
            metadata = msgspec.convert(kept, ObjectMeta)
        except msgspec.ValidationError:
            metadata = msgspec.convert(without_nulls(kept), ObjectMeta)
        return cls(metadata=metadata, content={**content, "metadata": kept})

    @classmethod
    def decoder(cls) -> Callable[[bytes | msgspec.Raw], Self]:
        """What turns JSON into an object with everything that is in it."""
        decode = msgspec.json.Decoder(dict[str, Any]).decode
        return lambda raw: cls.of(decode(raw))

    def find(self, *path: str) -> Any:
        """What is at ``path`` in the content, as in ``find("spec", "replicas")``; None when nothing is."""
        found: Any = self.content
        for name in path:
            found = found.get(name) if isinstance(found, Mapping) else None
        return found


@cache
def unstructured(resource: Resource) -> type[Unstructured]:
    """The class for a kind; the same one each time, so that its informer is shared."""
    made = types.new_class(
        resource.kind, (Unstructured,), {"frozen": True}, lambda names: names.update(resource=resource)
    )
    return cast(type[Unstructured], made)

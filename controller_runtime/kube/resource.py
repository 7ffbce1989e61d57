"""Names: where a kind lives in the API, which object is meant, which key is to be reconciled."""

from __future__ import annotations

from typing import NamedTuple
from urllib.parse import quote

import msgspec

# RFC 3986: what may stand in a segment beside letters, digits and "-._~". Names of roles have colons.
_IN_PATHS = ":@!$&'()*+,;="


class Resource(msgspec.Struct, frozen=True):
    """Where a kind lives in the API."""

    group: str
    version: str
    kind: str
    plural: str
    namespaced: bool = True

    @property
    def api_version(self) -> str:
        """``group/version``, or the version alone for the core group."""
        return f"{self.group}/{self.version}" if self.group else self.version

    def is_kind(self, api_version: str, kind: str) -> bool:
        """Whether another object's apiVersion and kind name this kind, in whichever version."""
        return (api_version.rpartition("/")[0], kind) == (self.group, self.kind)

    def path(self, namespace: str = "", name: str = "", subresource: str = "") -> str:
        """The URL path of a collection or of one object, with what a path may not hold escaped."""
        parts = ["/apis", self.group, self.version] if self.group else ["/api", self.version]
        if namespace and self.namespaced:
            parts += ["namespaces", quote(namespace, _IN_PATHS)]
        parts.append(self.plural)
        if name:
            parts.append(quote(name, _IN_PATHS))
        if subresource:
            parts.append(subresource)
        return "/".join(parts)


class Ref(msgspec.Struct, frozen=True):
    """Which object: enough to find it again and to tell it from a later one of the same name."""

    kind: str
    namespace: str  # "" for cluster-scoped objects
    name: str
    uid: str = ""
    api_version: str = "v1"

    @property
    def key(self) -> str:
        """``namespace/name``, or ``name`` for cluster-scoped objects."""
        return f"{self.namespace}/{self.name}" if self.namespace else self.name


class Request(NamedTuple):
    """The object to reconcile. ``namespace`` is "" for cluster-scoped kinds."""

    namespace: str
    name: str

    @property
    def key(self) -> str:
        return f"{self.namespace}/{self.name}" if self.namespace else self.name

    def __str__(self) -> str:
        return self.key

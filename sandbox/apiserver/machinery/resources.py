"""The kinds that are served: one Resource each, and the registry that finds them."""

import base64
import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from sandbox.apiserver.machinery import names
from sandbox.apiserver.machinery.apierrors import qualified
from sandbox.apiserver.machinery.jsonobject import Obj

ALL_VERBS = ("create", "delete", "deletecollection", "get", "list", "patch", "update", "watch")
CUSTOM_VERBS = ("delete", "deletecollection", "get", "list", "patch", "create", "update", "watch")


@dataclass(frozen=True)
class Subresource:
    """A path below an object; `kind` differs from the parent's for scale, binding and the like."""

    name: str
    verbs: tuple[str, ...]
    kind: str = ""
    group: str = ""
    version: str = ""


STATUS = Subresource("status", ("get", "patch", "update"))


@dataclass(eq=False)
class Resource:
    """One served resource in one version."""

    group: str
    version: str
    kind: str
    plural: str
    singular: str = ""
    namespaced: bool = True
    verbs: tuple[str, ...] = ALL_VERBS
    short_names: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    list_kind: str = ""
    subresources: tuple[Subresource, ...] = ()
    fields: tuple[str, ...] = ()  # selectable besides metadata.name and metadata.namespace
    field_paths: tuple[str, ...] = ()  # where each is, when its name is not its path
    own_field_words: bool = False  # upstream registers a conversion of field labels for the kind
    check_name: Callable[[str], list[str]] = names.subdomain
    has_generation: bool = False
    returns_deleted: bool = False  # DELETE answers the object rather than a Status
    create_on_update: bool = False
    unconditional_update: bool = True
    stored: bool = True
    custom: Any = None  # crd.CustomVersion of a custom resource
    outward: Callable[[Obj], Obj] | None = None  # from the stored form to this version's
    inward: Callable[[Obj], Obj] | None = None
    storage_name: str = ""
    stored_as: str = ""  # GROUP/VERSION/KIND in upstream's storage, when it is not this one
    prefix: bytes = field(init=False)
    _selected: tuple[tuple[str, ...], ...] = field(init=False)

    def __post_init__(self) -> None:
        self.singular = self.singular or self.kind.lower()
        self.list_kind = self.list_kind or self.kind + "List"
        self.storage_name = self.storage_name or qualified(self.plural, self.group)
        self._selected = tuple(tuple(p.lstrip(".").split(".")) for p in self.field_paths or self.fields)
        self.prefix = f'{{"kind":"{self.kind}","apiVersion":"{self.api_version}",'.encode()

    @property
    def api_version(self) -> str:
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def storage_hash(self) -> str:
        """storageVersionHash of discovery."""
        text = self.stored_as or f"{self.group}/{self.version}/{self.kind}"
        return base64.b64encode(hashlib.sha256(text.encode()).digest()[:8]).decode()

    def subresource(self, name: str) -> Subresource | None:
        return next((s for s in self.subresources if s.name == name), None)

    def field_values(self, obj: Obj) -> tuple[str, ...]:
        """The values of the selectable fields of a stored object."""
        return tuple(_text(obj, path) for path in self._selected)


def _text(value: Any, path: tuple[str, ...]) -> str:
    for key in path:
        value = value.get(key) if isinstance(value, dict) else None
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else str(value)


class Registry:
    """Finds a resource by group, version and plural; groups keep their order of registration."""

    def __init__(self) -> None:
        self._by_path: dict[tuple[str, str, str], Resource] = {}
        self.generation = 0

    def add(self, resource: Resource) -> None:
        self._by_path[(resource.group, resource.version, resource.plural)] = resource
        self.generation += 1

    def remove(self, group: str, plural: str) -> None:
        """Stop serving a resource in every version."""
        self._by_path = {k: r for k, r in self._by_path.items() if (k[0], k[2]) != (group, plural)}
        self.generation += 1

    def get(self, group: str, version: str, plural: str) -> Resource | None:
        return self._by_path.get((group, version, plural))

    def by_kind(self, api_version: str, kind: str) -> Resource | None:
        return next((r for r in self if r.kind == kind and r.api_version == api_version), None)

    def by_storage(self, storage_name: str) -> Resource | None:
        """The resource whose stored form needs no conversion."""
        return next((r for r in self if r.storage_name == storage_name and not r.outward), None)

    def __iter__(self) -> Iterator[Resource]:
        return iter(list(self._by_path.values()))

    def groups(self) -> dict[str, list[str]]:
        """Group -> versions, as served; the core group is ""."""
        out: dict[str, list[str]] = {}
        for resource in self:
            versions = out.setdefault(resource.group, [])
            if resource.version not in versions:
                versions.append(resource.version)
        return out

    def of_version(self, group: str, version: str) -> list[Resource]:
        return [r for r in self if (r.group, r.version) == (group, version)]

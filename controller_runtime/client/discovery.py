"""Which resource serves a kind, as the API server tells: for kinds that no class declares."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

import msgspec

from controller_runtime.kube.errors import NoKindMatch, NotFound, unexpected_answer
from controller_runtime.kube.resource import Resource

T = TypeVar("T")
GetJson = Callable[[str], Any]


class _Version(msgspec.Struct, frozen=True):
    version: str = ""


class _Group(msgspec.Struct, frozen=True, rename="camel"):
    name: str = ""
    preferred_version: _Version = _Version()
    versions: tuple[_Version, ...] = ()


class _Groups(msgspec.Struct, frozen=True):
    groups: tuple[_Group, ...] = ()


class _CoreVersions(msgspec.Struct, frozen=True):
    versions: tuple[str, ...] = ()


class _Resource(msgspec.Struct, frozen=True):
    name: str
    kind: str
    namespaced: bool


class _Resources(msgspec.Struct, frozen=True):
    resources: tuple[_Resource, ...] = ()


class RESTMapper:
    """Thread-safe. What was found is kept; what is missing is asked for each time, since CRDs come late.

    ``get_json`` reads a path of the server. Every method raises ApiError, Unreachable, NoKindMatch.
    """

    def __init__(self, get_json: GetJson) -> None:
        self._get_json = get_json
        self._lock = threading.Lock()
        self._kinds: dict[tuple[str, str, str], Resource] = {}  # group, version asked for ("": any), kind

    def resource(self, group: str, kind: str, version: str = "") -> Resource:
        """Where a kind lives; without ``version``, in the one of its versions that the server prefers."""
        key = (group, version, kind)
        with self._lock:
            known = self._kinds.get(key)
        if known is not None:
            return known
        for candidate in [version] if version else self.versions(group):
            for resource in self.resources(group, candidate):
                if resource.kind == kind:
                    with self._lock:
                        self._kinds[key] = resource
                    return resource
        where = f"in version {_api_version(group, version)!r}" if version else f"in group {group!r}"
        raise NoKindMatch(f"no matches for kind {kind!r} {where}: is its CRD installed?")

    def resources(self, group: str, version: str) -> list[Resource]:
        """All resources of one version of a group, without subresources; none of one that there is not."""
        api_version = _api_version(group, version)
        answer = self._find(f"/apis/{api_version}" if group else f"/api/{api_version}")
        return [
            Resource(group, version, found.kind, found.name, found.namespaced)
            for found in _as(_Resources, answer).resources
            if "/" not in found.name
        ]

    def groups(self) -> list[str]:
        """The names of all API groups; the core group is ""."""
        return ["", *(group.name for group in _as(_Groups, self._get_json("/apis")).groups)]

    def forget(self) -> None:
        """Ask for everything anew, as when a CRD has changed its scope."""
        with self._lock:
            self._kinds.clear()

    def versions(self, group: str) -> Iterable[str]:
        """Those of a group, the preferred one first."""
        if not group:
            return _as(_CoreVersions, self._get_json("/api")).versions
        found = _as(_Group, self._find(f"/apis/{group}"))
        named = (found.preferred_version, *found.versions)
        return dict.fromkeys(v.version for v in named if v.version)

    def _find(self, path: str) -> Any:
        try:
            return self._get_json(path)
        except NotFound:
            return None


def _as(kind: type[T], answer: Any) -> T:
    """The answer as one of the types above, an empty one for None. Raises UnexpectedAnswer."""
    try:
        return msgspec.convert({} if answer is None else answer, kind)
    except msgspec.ValidationError as error:
        raise unexpected_answer(200, b"{", "discovery", error) from error


def _api_version(group: str, version: str) -> str:
    return f"{group}/{version}" if group else version

"""Which resource serves a kind, as the API server tells: for kinds that no class declares."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from typing import Any

from controller_runtime.kube.errors import NoKindMatch, NotFound
from controller_runtime.kube.resource import Resource

GetJson = Callable[[str], Any]


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
        for candidate in [version] if version else self._versions(group):
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
            Resource(group, version, str(r["kind"]), str(r["name"]), bool(r["namespaced"]))
            for r in (answer or {}).get("resources") or ()
            if "/" not in r["name"]
        ]

    def groups(self) -> list[str]:
        """The names of all API groups; the core group is ""."""
        return ["", *(str(group["name"]) for group in self._get_json("/apis").get("groups") or ())]

    def forget(self) -> None:
        """Ask for everything anew, as when a CRD has changed its scope."""
        with self._lock:
            self._kinds.clear()

    def _versions(self, group: str) -> Iterable[str]:
        """Those of a group, the preferred one first."""
        if not group:
            return [str(v) for v in self._get_json("/api").get("versions") or ()]
        found = self._find(f"/apis/{group}") or {}
        preferred = [str((found.get("preferredVersion") or {}).get("version", ""))]
        others = [str(v["version"]) for v in found.get("versions") or ()]
        return dict.fromkeys(v for v in preferred + others if v)

    def _find(self, path: str) -> Any:
        try:
            return self._get_json(path)
        except NotFound:
            return None


def _api_version(group: str, version: str) -> str:
    return f"{group}/{version}" if group else version

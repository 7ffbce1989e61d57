"""What the API server serves, kept up to date: built-in groups and custom resources."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any

from msgspec.structs import replace

from controller_runtime.kube.errors import ApiError
from controller_runtime.kube.resource import Resource

from ..apiclient import UNREACHABLE
from ..apiobjects import CRDS, Object
from ..sharedcache import Informers

log = logging.getLogger(__name__)

RESYNC = 60.0  # seconds; kube-controller-manager asks every 30 s
SETTLE = 0.05  # seconds between the change of a CRD and asking again


class Discovery:
    """The resources of the preferred version of each group, and a mapper from kinds to them."""

    def __init__(self, informers: Informers) -> None:
        self._client = informers.client
        self._informers = informers
        self._changed = asyncio.Event()
        self._listeners: list[Callable[[], None]] = []
        self.resources: dict[tuple[str, str], Resource] = {}
        self._kinds: dict[tuple[str, str], Resource] = {}
        self._verbs: dict[Resource, tuple[str, ...]] = {}
        self.ready = asyncio.Event()

    def listen(self, listener: Callable[[], None]) -> None:
        """Call `listener` after each change of what is served."""
        self._listeners.append(listener)

    def kind(self, api_version: str, kind: str) -> Resource | None:
        """The resource of an owner reference, whichever version it names. None: not served."""
        group, _, version = api_version.rpartition("/")
        found = self._kinds.get((group, kind))
        if found is None or found.version == version:
            return found
        return replace(found, version=version)

    def verbs(self, resource: Resource) -> tuple[str, ...]:
        """What can be done with a resource."""
        return self._verbs.get(resource, ())

    def collectable(self) -> list[Resource]:
        """What can be listed, watched and deleted."""
        wanted = {"list", "watch", "delete"}
        return [resource for resource in self.resources.values() if wanted <= set(self.verbs(resource))]

    async def run(self) -> None:
        """Ask at the start, after each change of a CRD, and once in a while."""
        listening = False
        while True:
            self._changed.clear()
            try:
                await self._refresh()
            except (ApiError, *UNREACHABLE) as error:
                log.debug("discovery: %s", error)
                await asyncio.sleep(1.0)
                continue
            if not listening and (CRDS.group, CRDS.plural) in self.resources:
                listening = True
                self._informers.of(CRDS).listen(self._crd)
            try:
                await asyncio.wait_for(self._changed.wait(), RESYNC)
                await asyncio.sleep(SETTLE)
            except TimeoutError:
                pass

    def _crd(self, name: str, crd: Object, old: Object | None) -> None:
        self._changed.set()

    async def _refresh(self) -> None:
        versions = ["v1"]
        groups = (await self._client.get("/apis"))["groups"]
        for group in groups:
            preferred = group["preferredVersion"]["groupVersion"]
            versions.append(preferred)
            versions += [v["groupVersion"] for v in group["versions"] if v["groupVersion"] != preferred]
        answers = await asyncio.gather(*map(self._served, versions))
        found: dict[tuple[str, str], Resource] = {}
        kinds: dict[tuple[str, str], Resource] = {}
        verbs = {resource: verbs for answer in answers for resource, verbs in answer.items()}
        for resource in verbs:
            found.setdefault((resource.group, resource.plural), resource)
            kinds.setdefault((resource.group, resource.kind), resource)
        changed = found != self.resources or verbs != self._verbs
        self.resources, self._kinds, self._verbs = found, kinds, verbs
        self.ready.set()
        if changed:
            for listener in self._listeners:
                listener()

    async def _served(self, group_version: str) -> dict[Resource, tuple[str, ...]]:
        path = f"/apis/{group_version}" if "/" in group_version else f"/api/{group_version}"
        try:
            answer: dict[str, Any] = await self._client.get(path)
        except ApiError as error:
            if error.status == 404:
                return {}
            # What does not answer now is served all the same, and must not stop the rest.
            log.debug("discovery of %s: %s", group_version, error)
            return {r: verbs for r, verbs in self._verbs.items() if r.api_version == group_version}
        group, _, version = group_version.rpartition("/")
        return {
            Resource(group, version, r["kind"], r["name"], r["namespaced"]): tuple(r.get("verbs") or ())
            for r in answer["resources"]
            if "/" not in r["name"]
        }

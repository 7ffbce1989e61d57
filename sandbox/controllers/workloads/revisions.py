"""ControllerRevisions: the templates that a StatefulSet or DaemonSet had (pkg/controller/history)."""

from __future__ import annotations

import copy
from collections.abc import Iterable
from typing import Generic, TypeVar

import msgspec

from controller_runtime.kube.errors import AlreadyExists

from ...workloadobjects import ControllerRevision, DaemonSet, Json, StatefulSet
from .base import digest
from .children import Children

W = TypeVar("W", bound="StatefulSet | DaemonSet")

HASH = "controller-revision-hash"  # on pods: the name of a StatefulSet's revision, the hash of a DaemonSet's
HASH_OF_REVISION = "controller.kubernetes.io/hash"


class History(Generic[W]):
    """The revisions of one kind of owner."""

    def __init__(self, children: Children[W, ControllerRevision]) -> None:
        self._children = children

    def settled(self, item: W) -> bool:
        return self._children.settled(item)

    async def current(self, item: W) -> tuple[list[ControllerRevision], ControllerRevision]:
        """All revisions, oldest first, and that of the present template: made, or numbered anew."""
        known = sorted(await self._children.claim(item), key=lambda r: (r.revision, r.metadata.name))
        data = {"spec": {"template": {**copy.deepcopy(item.spec.template), "$patch": "replace"}}}
        found = next((r for r in known if r.data == data), None)
        number = max((r.revision for r in known), default=0) + 1
        if found is None:
            found = await self._make(item, data, number)
            known.append(found)
        elif found.revision != number - 1:
            changed = await self._children.patch(found, {"revision": number})
            known = [*(r for r in known if r is not found), changed]
            found = changed
        return known, found

    async def _make(self, item: W, data: Json, number: int) -> ControllerRevision:
        for collisions in range(3):
            hash_ = digest(data, collisions)
            selector: Json = msgspec.to_builtins(item.spec.selector)
            labels = {**selector.get("matchLabels", {}), HASH_OF_REVISION: hash_}
            if "matchExpressions" in selector:  # then only the labels of the template are sure to match
                labels |= (item.spec.template.get("metadata") or {}).get("labels") or {}
            metadata = {"name": f"{item.metadata.name}-{hash_}", "labels": labels}
            try:
                body = {"metadata": metadata, "data": data, "revision": number}
                return await self._children.create(item, body)
            except AlreadyExists:
                continue
        raise AlreadyExists(409, "AlreadyExists", f"no free name for a revision of {item.metadata.name}")

    async def truncate(self, item: W, known: list[ControllerRevision], live: Iterable[str]) -> None:
        """Delete those beyond the limit that no pod has, oldest first. `live`: names."""
        limit = item.spec.revision_history_limit
        used = set(live)
        idle = [r for r in known if r.metadata.name not in used]
        for one in idle[: max(0, len(idle) - (10 if limit is None else limit))]:
            await self._children.delete(item, one)


def hash_of(revision: ControllerRevision) -> str:
    return revision.metadata.labels.get(HASH_OF_REVISION, "")


def template_of(revision: ControllerRevision) -> Json:
    """The template as it was then."""
    template: Json = dict(revision.data["spec"]["template"])
    template.pop("$patch", None)
    return template

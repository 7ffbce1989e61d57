"""Custom resources in another version than they are stored in: conversion by webhook.

Source: apiextensions-apiserver/pkg/apiserver/conversion/webhook_converter.go of kubernetes/kubernetes.
Where a definition names no webhook, versions differ in their apiVersion alone, and nothing here is asked.
"""

import uuid

from sandbox.apiserver.machinery.apierrors import internal, quote
from sandbox.apiserver.machinery.jsonobject import Obj
from sandbox.apiserver.machinery.resources import Resource
from sandbox.apiserver.registry.cluster_state import Conversion
from sandbox.apiserver.requests.webhookclient import CallError, WebhookClient
from sandbox.apiserver.storage.revisions import Entry, reencoded

_REVIEW = {"kind": "ConversionReview", "apiVersion": "apiextensions.k8s.io/v1"}
_SECONDS = 30
_FREE = ("labels", "annotations")  # what of metadata a conversion may change


class Converter:
    """Asks the conversion webhooks of custom resources; StatusError 500 when one does not do its work."""

    def __init__(self, client: WebhookClient) -> None:
        self._client = client

    @staticmethod
    def needed(resource: Resource, entry: Entry) -> bool:
        """Is an object stored in another version than it is wanted in, and is that more than a name?"""
        return bool(
            resource.custom and resource.custom.webhook and entry.version not in ("", resource.version)
        )

    async def step(self, step: Conversion) -> None:
        """Carry out a conversion that a write has stopped for."""
        step.obj = (await self._objects(step.resource, step.source, step.target, [step.obj]))[0]

    async def one(self, resource: Resource, entry: Entry) -> Entry:
        return entry if not self.needed(resource, entry) else (await self.many(resource, [entry]))[0]

    async def many(self, resource: Resource, entries: list[Entry]) -> list[Entry]:
        """The entries in the version of a resource; one question for all that are stored in one version."""
        sources: dict[str, list[int]] = {}
        for index, entry in enumerate(entries):
            if self.needed(resource, entry):
                sources.setdefault(entry.version, []).append(index)
        out = list(entries)
        for source, indexes in sources.items():
            objects = [entries[i].decode() for i in indexes]
            found = await self._objects(resource, source, resource.version, objects)
            for index, obj in zip(indexes, found, strict=True):
                out[index] = reencoded(entries[index], obj, resource.version)
        return out

    async def _objects(self, resource: Resource, source: str, target: str, objects: list[Obj]) -> list[Obj]:
        lead = f"conversion webhook for {resource.group}/{source}, Kind={resource.kind}"
        wanted = f"{resource.group}/{target}"
        head = {"kind": resource.kind, "apiVersion": f"{resource.group}/{source}"}
        asked = str(uuid.uuid4())
        request = {"uid": asked, "desiredAPIVersion": wanted, "objects": [{**head, **o} for o in objects]}
        try:
            config = resource.custom.webhook["clientConfig"]
            answer = await self._client.post(config, _SECONDS, {**_REVIEW, "request": request})
            converted = _converted(answer, asked)
        except CallError as error:
            why = str(error).removeprefix("failed to call webhook: ")
            raise internal(f"{lead} failed: {why}") from None
        if len(converted) != len(objects):
            raise internal(f"{lead} returned {len(converted)} objects, expected {len(objects)}")
        out: list[Obj] = []
        for index, (before, after) in enumerate(zip(objects, converted, strict=True)):
            wrong = f"{lead} returned invalid converted object at index {index}: invalid "
            if not isinstance(after, dict) or after.get("apiVersion") != wanted:
                have = after.get("apiVersion", "") if isinstance(after, dict) else ""
                raise internal(f"{wrong}groupVersion (expected {wanted}, received {have})")
            if after.get("kind") != resource.kind:
                raise internal(f"{wrong}kind (expected {resource.kind}, received {after.get('kind', '')})")
            meta = {k: v for k, v in before["metadata"].items() if k not in _FREE}
            given = after.get("metadata") or {}
            meta |= {k: given[k] for k in _FREE if given.get(k)}
            rest = {k: v for k, v in after.items() if k not in ("kind", "apiVersion", "metadata")}
            out.append({"metadata": meta, **rest})
        return out


def _converted(answer: Obj, uid: str) -> list[Obj]:
    found = f"{answer.get('apiVersion', '')}, Kind={answer.get('kind', '')}"
    want = "apiextensions.k8s.io/v1, Kind=ConversionReview"
    if found != want:
        raise CallError(f"expected webhook response of {want}, got {found}")
    response = answer.get("response")
    if not isinstance(response, dict):
        raise CallError("webhook response was absent")
    if response.get("uid") != uid:
        raise CallError(f"expected response.uid={quote(uid)}, got {quote(response.get('uid') or '')}")
    result = response.get("result") or {}
    if result.get("status") != "Success":
        text = f"response.result.status was '{result.get('status', '')}', not 'Success'"
        raise CallError(str(result.get("message") or text))
    return response.get("convertedObjects") or []

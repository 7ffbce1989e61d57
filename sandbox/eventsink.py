"""Kubernetes Events of nodes and controllers: best effort, limited, repeated ones counted."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import OrderedDict, deque
from typing import Any

from controller_runtime.kube.errors import ApiError
from controller_runtime.kube.resource import Resource
from controller_runtime.kube.times import timestamp

from .apiclient import UNREACHABLE, Client
from .apiobjects import EVENTS, PODS, Meta

log = logging.getLogger(__name__)

BURST, RATE = 200, 25.0  # events, events per second: so that a flood of pods is not slowed by its events
WAITING, REMEMBERED = 1_000, 4_096


class EventSink:
    """Takes events without waiting; a task writes them. What is too much is dropped."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._waiting: deque[dict[str, Any]] = deque(maxlen=WAITING)
        self._arrived = asyncio.Event()
        self._written: OrderedDict[tuple[str, ...], tuple[str, int]] = OrderedDict()
        self._serial = time.time_ns()

    def pod(
        self,
        meta: Meta,
        source: tuple[str, str],
        reason: str,
        message: str,
        *,
        warn: bool = False,
        field: str = "",
    ) -> None:
        """An event about a pod. `source` is the component and its host; `field` a part of the pod."""
        self.about(PODS, meta, source, reason, message, warn=warn, field=field)

    def about(
        self,
        resource: Resource,
        meta: Meta,
        source: tuple[str, str],
        reason: str,
        message: str,
        *,
        warn: bool = False,
        field: str = "",
    ) -> None:
        """An event about an object of a namespace."""
        reference = {
            "kind": resource.kind,
            "apiVersion": resource.api_version,
            "namespace": meta.namespace,
            "name": meta.name,
            "uid": meta.uid,
        }
        if field:
            reference["fieldPath"] = field
        self._add(meta.namespace, reference, source, reason, message, warn)

    def node(
        self, name: str, source: tuple[str, str], reason: str, message: str, *, warn: bool = False
    ) -> None:
        """An event about a node; as upstream its uid is the name and its namespace `default`."""
        self._add("default", {"kind": "Node", "name": name, "uid": name}, source, reason, message, warn)

    def _add(
        self,
        namespace: str,
        reference: dict[str, str],
        source: tuple[str, str],
        reason: str,
        message: str,
        warn: bool,
    ) -> None:
        component, host = source
        self._serial += 1
        time_ = timestamp()
        self._waiting.append(
            {
                "apiVersion": "v1",
                "kind": "Event",
                "metadata": {"name": f"{reference['name']}.{self._serial:x}", "namespace": namespace},
                "involvedObject": reference,
                "reason": reason,
                "message": message,
                "type": "Warning" if warn else "Normal",
                "source": {"component": component, **({"host": host} if host else {})},
                "reportingComponent": component,
                "reportingInstance": host,
                "firstTimestamp": time_,
                "lastTimestamp": time_,
                "count": 1,
            }
        )
        self._arrived.set()

    async def run(self) -> None:
        """Write until cancelled."""
        loop = asyncio.get_running_loop()
        tokens, at = float(BURST), loop.time()
        while True:
            if not self._waiting:
                self._arrived.clear()
                await self._arrived.wait()
            tokens = min(BURST, tokens + (loop.time() - at) * RATE)
            at = loop.time()
            if tokens < 1:
                await asyncio.sleep((1 - tokens) / RATE)
                continue
            tokens -= 1
            event = self._waiting.popleft()
            try:
                await self._write(event)
            except (ApiError, *UNREACHABLE) as error:
                log.debug("event %s: %s", event["reason"], error)

    async def _write(self, event: dict[str, Any]) -> None:
        namespace = event["metadata"]["namespace"]
        reference = event["involvedObject"]
        key = (namespace, reference["uid"], reference.get("fieldPath", ""), event["reason"], event["message"])
        name, count = self._written.pop(key, ("", 0))
        if name:
            try:
                body = {"count": count + 1, "lastTimestamp": event["lastTimestamp"]}
                await self._client.patch(EVENTS.path(namespace, name), body)
                self._written[key] = name, count + 1
                return
            except ApiError as error:
                if error.status != 404:
                    raise
        await self._client.create(EVENTS.path(namespace), event)
        self._written[key] = event["metadata"]["name"], 1
        while len(self._written) > REMEMBERED:
            self._written.popitem(last=False)

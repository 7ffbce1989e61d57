"""Fixtures of the node side: an API server of its own process, and a kubelet in the test's event loop.

RECONSOLE_TEST_KUBECONFIG names another API server, one without nodes, to run the same tests on.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import subprocess
import sys
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest
import pytest_asyncio

from controller_runtime.kube.errors import ApiError
from controller_runtime.kube.resource import Resource
from sandbox.apiclient import Client, Connection
from sandbox.apiobjects import EVENTS, NAMESPACES, NODES, PODS
from sandbox.controllers.all import run_controllers, run_with_nodes
from sandbox.kubelet import KubeletOptions, run_kubelet
from sandbox.sharedcache import Informers

Json = dict[str, Any]
T = TypeVar("T")


@contextlib.contextmanager
def sandbox_process(folder: Path, *arguments: str) -> Iterator[Json]:
    """A sandbox as a process; what it says when it is ready, and its pid."""
    command = [sys.executable, "-m", "sandbox", "--dir", str(folder), *arguments]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin
        assert process.stdout
        try:
            yield json.loads(process.stdout.readline()) | {"pid": process.pid}
        finally:
            process.stdin.close()  # it ends with its parent
            process.wait(10)


@pytest.fixture(scope="module")
def kubeconfig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    if given := os.environ.get("RECONSOLE_TEST_KUBECONFIG"):
        yield Path(given)
        return
    with sandbox_process(tmp_path_factory.mktemp("sandbox"), "--bare") as ready:
        yield Path(ready["kubeconfig"])


async def eventually(look: Callable[[], Awaitable[T | None]], seconds: float = 8.0) -> T:
    """What `look` answers as soon as that is something; TimeoutError when it never is."""
    async with asyncio.timeout(seconds):
        while True:
            if answer := await look():
                return answer
            await asyncio.sleep(0.02)


class World:
    """A namespace of an API server, and a kubelet for it."""

    def __init__(self, client: Client, namespace: str) -> None:
        self.client = client
        self.namespace = namespace
        self.options = KubeletOptions()

    async def create(self, resource: Resource, body: Json) -> Json:
        head = {"apiVersion": resource.api_version, "kind": resource.kind}
        created: Json = json.loads(await self.client.create(resource.path(self.namespace), head | body))
        return created

    async def pod(self, name: str, image: str = "nginx", **changes: Any) -> Json:
        """Make a pod of one container; `annotations` go to its metadata, the rest to its spec."""
        metadata = {
            "name": name,
            "labels": {"app": name},
            "annotations": changes.pop("annotations", {}),
            "ownerReferences": changes.pop("owners", []),
        }
        container = {"name": "main", "image": image, "ports": [{"containerPort": 8333}]}
        container["args"] = changes.pop("args", [])
        return await self.create(PODS, {"metadata": metadata, "spec": {"containers": [container], **changes}})

    async def get(self, resource: Resource, name: str) -> Json | None:
        try:
            found: Json = await self.client.get(resource.path(self.namespace, name))
        except ApiError as error:
            if error.status == 404:
                return None
            raise
        return found

    async def until(
        self, resource: Resource, name: str, holds: Callable[[Json], Any], seconds: float = 8.0
    ) -> Json:
        """The object as soon as the condition holds."""
        found: Json | None = None

        async def look() -> Json | None:
            nonlocal found
            found = await self.get(resource, name)
            return found if found is not None and holds(found) else None

        try:
            return await eventually(look, seconds)
        except TimeoutError:
            told = (found or {}).get("status", found)
            raise AssertionError(f"{name} did not get there: {json.dumps(told)}") from None

    async def gone(self, resource: Resource, name: str, seconds: float = 8.0) -> None:
        async def look() -> bool:
            return await self.get(resource, name) is None

        await eventually(look, seconds)

    async def running(self, name: str) -> Json:
        return await self.until(PODS, name, is_ready)

    async def annotate(self, resource: Resource, name: str, annotations: dict[str, str | None]) -> None:
        body = {"metadata": {"annotations": annotations}}
        await self.client.patch(resource.path(self.namespace, name), body)

    async def events(self, reason: str) -> list[Json]:
        return [event for event in await self.items(EVENTS) if event["reason"] == reason]

    async def items(self, resource: Resource) -> list[Json]:
        answer = await self.client.get(resource.path(self.namespace))
        found: list[Json] = answer["items"]
        return found

    async def apply(self, resource: Resource, name: str, change: Json, subresource: str = "") -> Json:
        """A merge patch; the object after it."""
        path = resource.path(self.namespace, name, subresource)
        patched: Json = json.loads(await self.client.patch(path, change))
        return patched

    async def delete(self, resource: Resource, name: str) -> None:
        await self.client.delete(resource.path(self.namespace, name))

    async def event(self, reason: str) -> Json:
        found = await eventually(lambda: self.events(reason))
        return found[0]


def is_ready(item: Json) -> bool:
    """Whether a pod or a node is."""
    conditions = item["status"].get("conditions", ())
    return any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)


def container(pod: Json) -> Json:
    statuses = pod["status"].get("containerStatuses") or [{"state": {}, "restartCount": 0}]
    found: Json = statuses[0]
    return found


@pytest_asyncio.fixture
async def world(kubeconfig: Path) -> AsyncIterator[World]:
    """An API server without nodes."""
    connection = Connection.from_kubeconfig(kubeconfig)
    async with contextlib.AsyncExitStack() as stack:
        client = await stack.enter_async_context(Client(connection, user_agent="tests"))
        name = f"t-{uuid.uuid4().hex[:8]}"
        await client.create(NAMESPACES.path(), {"metadata": {"name": name}})
        if os.environ.get("RECONSOLE_TEST_KUBECONFIG"):
            work = asyncio.create_task(run_controllers(client, bare=True))
            stack.push_async_callback(_end, work)
        yield World(client, name)
        await client.delete(NAMESPACES.path("", name))


@pytest_asyncio.fixture
async def node_world(world: World, request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[World]:
    """With nodes, endpoints and fast containers; a marker or parameter gives other options."""
    changes: Json = getattr(request, "param", {})
    settings: Json = {
        "runtime": "simulated",
        "start_delay": 0.05,
        "stop_delay": 0.02,
        "run_for": 0.1,
        "crash_backoff": 0.2,
        "max_crash_backoff": 0.4,
        "image_backoff": 0.1,
        "probe_period": 0.2,
        "scratch": tmp_path / "pods",
    }
    world.options = KubeletOptions(**settings | changes)
    informers = Informers(world.client)
    async with asyncio.TaskGroup() as group:
        tasks = [
            group.create_task(run_kubelet(world.client, world.options, informers=informers)),
            group.create_task(run_with_nodes(informers)),
        ]
        for number in range(1, world.options.nodes + 1):
            await world.until(NODES, f"node-{number}", is_ready)
        yield world
        # What makes pods goes before the pods.
        for kind in ("deployments", "replicasets", "statefulsets", "daemonsets"):
            await world.client.request("DELETE", f"/apis/apps/v1/namespaces/{world.namespace}/{kind}")
        for kind in ("cronjobs", "jobs"):
            await world.client.request("DELETE", f"/apis/batch/v1/namespaces/{world.namespace}/{kind}")
        at_once = {"apiVersion": "v1", "kind": "DeleteOptions", "gracePeriodSeconds": 0}
        await world.client.request("DELETE", PODS.path(world.namespace), body=at_once)
        await world.client.request("DELETE", NODES.path(), body=at_once)
        for task in tasks:
            task.cancel()
    await informers.close()


async def _end(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)

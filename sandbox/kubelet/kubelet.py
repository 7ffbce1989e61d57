"""The kubelet of all nodes: one worker per pod, one queue of statuses."""

from __future__ import annotations

import asyncio
import logging
import shutil

from ..apiclient import Client
from ..apiobjects import PODS, Pod
from ..eventsink import EventSink
from ..keyqueue import WorkQueue
from ..sharedcache import Informers
from .knobs import KubeletOptions
from .nodes import Nodes, address_of
from .podworker import PodWorker
from .process import ProcessRuntime, find_server, is_redis
from .runtimes import Runtime, SimulatedRuntime
from .scheduler import Scheduler

log = logging.getLogger(__name__)

SENDERS = 8


class RuntimeUnavailable(Exception):
    """The runtime that was asked for cannot be had; one sentence says why."""


class Kubelet:
    """Follows the pods of its nodes."""

    def __init__(self, client: Client, informers: Informers, options: KubeletOptions) -> None:
        self._client = client
        self._options = options
        self._scratch = options.scratch_folder()
        self._events = EventSink(client)
        self._pods = informers.of(PODS, Pod)
        self._nodes = Nodes(client, informers, options, self._events)
        self._scheduler = Scheduler(client, informers, self._events)
        self._statuses: WorkQueue[str] = WorkQueue()
        self._workers: dict[str, PodWorker] = {}
        options.figures.workers = self._workers
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._simulated = SimulatedRuntime()
        self._process = self._find_process()
        self._lost: dict[str, dict[str, int]] = {}

    def _find_process(self) -> ProcessRuntime | None:
        options = self._options
        if options.runtime == "simulated":
            return None
        server = find_server()
        if server is None:
            self._simulated.why = "no redis-server or valkey-server on PATH"
            if options.runtime == "process":
                raise RuntimeUnavailable(
                    "--runtime process needs redis-server or valkey-server on PATH, on Linux: install one, "
                    "or use --runtime auto."
                )
            return None
        limit = options.max_processes if options.runtime == "auto" else 60_000
        return ProcessRuntime(server, self._scratch, seed=options.seed, limit=limit)

    async def _choose(self, pod: Pod) -> tuple[str, list[Runtime]]:
        """The address of a pod, and who runs each of its containers; last who runs its init containers."""
        containers = pod.spec.containers
        node = self._nodes.numbers[pod.spec.node_name]
        process = self._process
        if process is not None and any(map(process.takes, containers)):
            runtimes: list[Runtime] = [process if is_redis(c) else self._simulated for c in containers]
            return await process.address(pod.metadata.uid, node, containers), [*runtimes, self._simulated]
        if process is not None and any(map(is_redis, containers)):
            self._simulated.why = f"the limit of {self._options.max_processes} real ones is reached"
        address = await self._simulated.address(pod.metadata.uid, node, containers)
        return address, [self._simulated for _ in (*containers, "init containers")]

    async def run(self) -> None:
        try:
            await self._nodes.register()
            self._pods.listen(self._pod)
            async with asyncio.TaskGroup() as group:
                group.create_task(self._events.run())
                group.create_task(self._nodes.run())
                group.create_task(self._scheduler.run())
                group.create_task(self._follow_nodes())
                group.create_task(self._statuses.run(self._send, SENDERS))
        finally:
            tasks = list(self._tasks.values())
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            if self._process is not None:
                await self._process.close()
            shutil.rmtree(self._scratch, ignore_errors=True)

    def _pod(self, name: str, pod: Pod, old: Pod | None) -> None:
        uid = pod.metadata.uid
        worker = self._workers.get(uid)
        if name == "DELETED":
            self._lost.pop(uid, None)
            if worker is not None:
                worker.removed()
        elif worker is not None:
            worker.update(pod)
        elif self._nodes.alive(pod.spec.node_name) and not (
            pod.finished and not pod.metadata.deletion_timestamp
        ):
            self._begin(pod)

    def _begin(self, pod: Pod) -> None:
        uid, node = pod.metadata.uid, pod.spec.node_name
        worker = PodWorker(
            pod,
            node,
            address_of(self._nodes.numbers[node]),
            self._client,
            self._options,
            self._events,
            self._choose,
            self._changed,
        )
        for container in worker.state.containers:
            container.restarts = self._lost.get(uid, {}).get(container.spec.name, 0)
        self._lost.pop(uid, None)
        if not pod.status.container_statuses and (reason := self._nodes.rejection(node)):
            worker.reject(reason)
        self._workers[uid] = worker
        task = self._tasks[uid] = asyncio.create_task(worker.run())
        task.add_done_callback(lambda task: self._ended(uid, task))

    def _ended(self, uid: str, task: asyncio.Task[None]) -> None:
        if self._tasks.get(uid) is task:
            del self._tasks[uid], self._workers[uid]
        if not task.cancelled() and (error := task.exception()):
            log.error("A pod's worker ended: %s", error, exc_info=error)

    def _changed(self, worker: PodWorker) -> None:
        self._statuses.add(worker.pod.metadata.uid)

    async def _send(self, uid: str) -> None:
        """The latest status, however often it changed since."""
        if worker := self._workers.get(uid):
            await worker.send()

    async def _follow_nodes(self) -> None:
        """Containers on a node that is gone are dead; when it returns they start again."""
        while True:
            await self._nodes.changed.wait()
            self._nodes.changed.clear()
            for uid, worker in list(self._workers.items()):
                if not self._nodes.alive(worker.pod.spec.node_name):
                    self._lost[uid] = {c.spec.name: c.restarts + 1 for c in worker.state.containers}
                    worker.gone = True
                    task = self._tasks.pop(uid)
                    del self._workers[uid]
                    task.cancel()
                    await asyncio.gather(task, return_exceptions=True)
            for pod in list(self._pods.store.values()):
                known = pod.metadata.uid in self._workers or pod.finished
                if not known and self._nodes.alive(pod.spec.node_name):
                    self._begin(pod)


async def run_kubelet(client: Client, options: KubeletOptions, *, informers: Informers | None = None) -> None:
    """Run nodes, scheduler and pods until cancelled; then every process is ended and its directory removed.

    `informers` are watches shared with the controllers. RuntimeUnavailable: see its message.
    """
    shared = informers or Informers(client)
    try:
        await Kubelet(client, shared, options).run()
    finally:
        if informers is None:
            await shared.close()

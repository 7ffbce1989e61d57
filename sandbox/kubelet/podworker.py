"""One pod on a node: from ContainerCreating to its end."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from controller_runtime.kube.errors import ApiError

from ..apiclient import STRATEGIC, UNREACHABLE, Client
from ..apiobjects import PODS, Pod
from ..eventsink import EventSink
from .containerworker import ContainerWorker
from .faults import EVICTED, usage_of
from .figures import Usage
from .knobs import FAIL, KubeletOptions
from .podstatus import ContainerState, PodState
from .references import RETRY, missing_volume
from .runtimes import Running, Runtime


class PodWorker:
    """Runs as a task. `update` brings each change; `removed` says that the API has no such pod any more."""

    def __init__(
        self,
        pod: Pod,
        node: str,
        host: str,
        client: Client,
        options: KubeletOptions,
        events: EventSink,
        runtimes: Callable[[Pod], Awaitable[tuple[str, list[Runtime]]]],
        changed: Callable[[PodWorker], None],
    ) -> None:
        self.pod = pod
        self.gone = False
        self.client = client
        self.options = options
        self._events = events
        self._choose = runtimes
        self._changed = changed
        self._source = ("kubelet", node)
        self._ending = asyncio.Event()
        self._stops: set[asyncio.Task[None]] = set()
        self._waiting: list[asyncio.Future[None]] = []
        self._runtimes: list[Runtime] = []
        self._workers: list[ContainerWorker] = []
        self._tasks: list[tuple[ContainerState | None, asyncio.Task[None]]] = []
        init = [ContainerState(container) for container in pod.spec.init_containers or ()]
        states = [ContainerState(container) for container in pod.spec.containers]
        for container in states if init else ():
            container.wait("PodInitializing")
        self.state = PodState(pod.metadata.uid, pod.spec.restart_policy, states, host, init)
        self.update(pod)

    @property
    def is_ending(self) -> bool:
        return self._ending.is_set()

    @property
    def _deleted(self) -> bool:
        return self.gone or self.pod.metadata.deletion_timestamp is not None

    @property
    def path(self) -> str:
        return PODS.path(*self.pod.metadata.key)

    def update(self, pod: Pod) -> None:
        before, self.pod = self.pod, pod
        if pod.metadata.deletion_timestamp:
            grace = pod.metadata.deletion_grace_period_seconds
            if before.metadata.deletion_timestamp and grace != before.metadata.deletion_grace_period_seconds:
                self._hurry(float(grace or 0))
            self._ending.set()
        self._wake()
        if pod.spec.containers != before.spec.containers:
            self._replace()
        if pod.metadata.annotation(FAIL) and not before.metadata.annotation(FAIL):
            for worker in self._workers:
                worker.fail()

    def _wake(self) -> None:
        waiting, self._waiting = self._waiting, []
        for future in waiting:
            if not future.done():
                future.set_result(None)

    async def _news(self) -> None:
        """Until something about the pod has changed."""
        future = asyncio.get_running_loop().create_future()
        self._waiting.append(future)
        await future

    async def wait(self, holds: Callable[[], bool], seconds: float) -> bool:
        """Whether something comes to hold within the time."""
        try:
            async with asyncio.timeout(seconds):
                while not holds():
                    await self._news()
        except TimeoutError:
            return False
        return True

    def usage(self) -> dict[str, Usage]:
        """Cores and bytes of each container that runs."""
        running = [c for c in (*self.state.containers, *self.state.init) if c.running]
        return {c.spec.name: (c.running and c.running.usage()) or usage_of(self.pod) for c in running}

    def changed(self) -> None:
        """The status is not what was sent last."""
        self._changed(self)

    def evict(self) -> None:
        """The node needs its room."""
        if not self.is_ending:
            self.event("Evicted", EVICTED, warn=True)
            self.state.failed = "Evicted", EVICTED
            self._ending.set()

    def _replace(self) -> None:
        """An image is what may change of a container: it starts again with the new one."""
        for container, spec in zip(self.state.containers, self.pod.spec.containers, strict=True):
            if container.spec.image != spec.image:
                container.spec = spec
                text = f"Container {spec.name} definition changed, will be restarted"
                self.event("Killing", text, field=f"spec.containers{{{spec.name}}}")
                if container.running:
                    self._end_soon(
                        container.running, float(self.pod.spec.termination_grace_period_seconds or 0)
                    )

    def reject(self, reason: str) -> None:
        """Not admitted to the node: failed before anything of it was started.

        Source: rejectPod in pkg/kubelet/kubelet.go, and pkg/kubelet/lifecycle/predicate.go.
        """
        what = reason.removeprefix("OutOf")
        text = f"Predicate {reason} failed"
        if what != reason:
            text = f"Node didn't have enough resource: {what}, requested: 1, used: 0, capacity: 0"
        self.event(reason, text, warn=True)
        self.state.rejected = reason, f"Pod was rejected: {text}"
        self._ending.set()

    def removed(self) -> None:
        """Deleted by force: end at once and write nothing more."""
        self.gone = True
        self._ending.set()
        self._wake()
        self._hurry(0.0)

    def _hurry(self, seconds: float) -> None:
        """A shorter grace period than the one that is running."""
        for container in (*self.state.containers, *self.state.init):
            if container.running:
                self._end_soon(container.running, seconds)

    def _end_soon(self, running: Running, seconds: float) -> None:
        task = asyncio.create_task(running.stop(seconds))
        self._stops.add(task)
        task.add_done_callback(self._stops.discard)

    async def send(self) -> None:
        """Write the status as it is now."""
        if self.gone:
            return
        try:
            await self.client.patch(f"{self.path}/status", self.state.patch(), STRATEGIC)
        except ApiError as error:
            if error.status not in (404, 409):
                raise

    async def run(self) -> None:
        logs, key = self.options.logs, self.pod.metadata.key
        init, containers = self.state.init, self.state.containers
        logs.register(*key, [c.spec.name for c in containers], [c.spec.name for c in init])
        try:
            if not self.pod.finished and not self.is_ending:
                self.changed()
                self.state.address, self._runtimes = await self._choose(self.pod)
                if init or self.pod.spec.volumes:
                    self._begin(None, self._prepare())
                else:
                    self._start_all()
            await self._ending.wait()
            await self._stop()
            if not self._deleted:
                self.changed()
                while not self._deleted:
                    await self._news()
            await self._finish()
        finally:
            for _, task in self._tasks:
                task.cancel()
            for container in (*containers, *init):
                if container.running:
                    await container.running.stop(0)
            for runtime in {id(runtime): runtime for runtime in self._runtimes}.values():
                await runtime.release(self.pod.metadata.uid)
            logs.drop(*self.pod.metadata.key)

    def _begin(self, container: ContainerState | None, work: Coroutine[Any, Any, None]) -> None:
        self._tasks.append((container, asyncio.create_task(work)))

    def _start_all(self) -> None:
        for container, runtime in zip(self.state.containers, self._runtimes, strict=False):
            worker = ContainerWorker(self, container, runtime)
            self._workers.append(worker)
            self._begin(container, worker.keep(self.pod.spec.restart_policy))

    async def _prepare(self) -> None:
        """Volumes, init containers one after another, and sidecars; then the containers."""
        told = ""
        while text := await missing_volume(self.client, self.pod):
            if text != told:
                self.event("FailedMount", text, warn=True)
            told = text
            await asyncio.sleep(RETRY)
        policy = "Never" if self.pod.spec.restart_policy == "Never" else "OnFailure"
        simulated = self._runtimes[len(self.state.containers)]
        for container in self.state.init:
            worker = ContainerWorker(self, container, simulated, init=True)
            if container.is_sidecar:
                worker.started = asyncio.Event()
                self._begin(container, worker.keep("Always"))
                await worker.started.wait()
                continue
            await worker.keep(policy)
            if not container.has_succeeded:
                self.changed()
                return
        self._start_all()
        if any(container.is_sidecar for container in self.state.init):
            mains = [task for container, task in self._tasks if container in self.state.containers]
            await asyncio.gather(*mains, return_exceptions=True)
            if not self.is_ending:
                await self._stop_sidecars(30.0)

    async def _stop(self) -> None:
        """SIGTERM to all, SIGKILL after the grace period; what does not run yet never will."""
        grace = self.pod.metadata.deletion_grace_period_seconds
        seconds = 0.0 if self.gone else float(30 if grace is None else grace)
        running = [container for container in self.state.containers if container.running]
        for container in running:
            self._killing(container, "containers")
        for one, task in self._tasks:
            if one is None or not one.running:
                task.cancel()
        await asyncio.gather(*(c.running.stop(seconds) for c in running if c.running))
        await self._stop_sidecars(seconds)
        await asyncio.gather(*(task for _, task in self._tasks), return_exceptions=True)

    async def _stop_sidecars(self, seconds: float) -> None:
        """The last one first, after the containers that they serve."""
        for container in reversed(self.state.init):
            if container.running:
                self._killing(container, "initContainers")
                container.is_over = True
                await container.running.stop(seconds)

    def _killing(self, container: ContainerState, place: str) -> None:
        name = container.spec.name
        self.event("Killing", f"Stopping container {name}", field=f"spec.{place}{{{name}}}")

    async def _finish(self) -> None:
        """The last status, and then the pod itself; tried until the API takes it."""
        pause = 0.2
        while not self.gone:
            try:
                if not self.pod.finished:
                    await self.send()
                await self.client.delete(self.path, uid=self.pod.metadata.uid, grace=0)
                return
            except ApiError as error:
                if error.status in (404, 409):
                    return
            except UNREACHABLE:
                pass
            await asyncio.sleep(pause)
            pause = min(pause * 2, 10.0)

    def event(self, reason: str, message: str, *, warn: bool = False, field: str = "") -> None:
        if not self.gone:
            self._events.pod(self.pod.metadata, self._source, reason, message, warn=warn, field=field)

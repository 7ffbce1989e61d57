"""One pod on a node: from ContainerCreating to its end."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from controller_runtime.kube.errors import ApiError

from ..apiclient import STRATEGIC, UNREACHABLE, Client
from ..apiobjects import PODS, Pod
from ..eventsink import EventSink
from .knobs import EXIT_CODE, FAIL, IMAGE_PULL_ERROR, RUN_FOR, START_DELAY, STOP_DELAY, KubeletOptions
from .podstatus import ContainerState, PodState
from .runtimes import Exit, Order, Running, Runtime, jitter

FAILURES = {"crash": Exit(1), "oom": Exit(137, "OOMKilled")}
FAIL_AFTER = 0.2  # seconds that a container with the fail annotation runs
FIRST_PROBE, LAST_PROBE = 0.02, 0.5  # seconds between probes until the first success
FAILED_PROBES = 3  # in a row make a ready container unready (failureThreshold)
STABLE = 600.0  # seconds of running that forgive earlier crashes (the kubelet: 10 minutes)
EVICTED = "The node was low on resource: memory. Threshold quantity: 100Mi, available: 0Mi. "


class PodWorker:
    """Runs as a task. `update` tells it of each change; `removed` that the API has no such pod any more."""

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
        self._client = client
        self._options = options
        self._events = events
        self._choose = runtimes
        self._changed = changed
        self._source = ("kubelet", node)
        self._ending = asyncio.Event()
        self._stops: set[asyncio.Task[None]] = set()
        self._wake: asyncio.Event | None = None
        self._runtimes: list[Runtime] = []
        states = [ContainerState(container) for container in pod.spec.containers]
        self.state = PodState(
            pod.metadata.uid, pod.spec.restart_policy, states, host, list(pod.spec.init_containers or ())
        )
        self.update(pod)

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
        if self._wake is not None:
            self._wake.set()
        if pod.spec.containers != before.spec.containers:
            self._replace()
        if pod.metadata.annotation(FAIL) and not before.metadata.annotation(FAIL):
            self._fail()

    def _replace(self) -> None:
        """An image is what may change of a container: it starts again with the new one."""
        for container, spec in zip(self.state.containers, self.pod.spec.containers, strict=True):
            if container.spec.image != spec.image:
                container.spec = spec
                text = f"Container {spec.name} definition changed, will be restarted"
                self._event("Killing", text, field=f"spec.containers{{{spec.name}}}")
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
        self._event(reason, text, warn=True)
        self.state.rejected = reason, f"Pod was rejected: {text}"
        self._ending.set()

    def removed(self) -> None:
        """Deleted by force: end at once and write nothing more."""
        self.gone = True
        self._ending.set()
        if self._wake is not None:
            self._wake.set()
        self._hurry(0.0)

    def _hurry(self, seconds: float) -> None:
        """A shorter grace period than the one that is running."""
        for container in self.state.containers:
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
            await self._client.patch(f"{self.path}/status", self.state.patch(), STRATEGIC)
        except ApiError as error:
            if error.status not in (404, 409):
                raise

    async def run(self) -> None:
        logs, key = self._options.logs, self.pod.metadata.key
        init = self.state.init
        logs.register(*key, [c.spec.name for c in self.state.containers], [c.name for c in init])
        for first in init:
            log = logs.begin(*key, first.name)
            log.write(f"simulated container {first.image}: init containers are not run".encode())
            log.close()
        tasks: list[asyncio.Task[None]] = []
        try:
            if not self.pod.finished and not self._ending.is_set():
                self._changed(self)
                self.state.address, self._runtimes = await self._choose(self.pod)
                tasks = [asyncio.create_task(self._keep(i)) for i in range(len(self.state.containers))]
            await self._ending.wait()
            await self._stop(tasks)
            if not self._deleted:
                self._changed(self)
                self._wake = asyncio.Event()
                while not self._deleted:
                    await self._wake.wait()
                    self._wake.clear()
            await self._finish()
        finally:
            for task in tasks:
                task.cancel()
            for container in self.state.containers:
                if container.running:
                    await container.running.stop(0)
            for runtime in {id(runtime): runtime for runtime in self._runtimes}.values():
                await runtime.release(self.pod.metadata.uid)
            logs.drop(*self.pod.metadata.key)

    async def _keep(self, index: int) -> None:
        """Start a container again and again, as its restart policy says."""
        container, crashes = self.state.containers[index], 0
        loop = asyncio.get_running_loop()
        while True:
            await self._pull(container)
            began = loop.time()
            how = await self._once(container, self._runtimes[index])
            container.end(how)
            if self._ending.is_set():
                return
            policy = self.pod.spec.restart_policy
            if policy == "Never" or (policy == "OnFailure" and how.code == 0):
                self._changed(self)
                return
            crashes = 1 if loop.time() - began > STABLE else crashes + 1
            await self._back_off(container, crashes)
            container.last, container.restarts = container.last or container.state, container.restarts + 1

    async def _once(self, container: ContainerState, runtime: Runtime) -> Exit:
        meta, name = self.pod.metadata, container.spec.name
        log = self._options.logs.begin(*meta.key, name)
        simulated = runtime.name == "simulated"
        order = Order(
            meta.uid,
            meta.name,
            container.spec,
            self.state.address,
            self._seconds(
                START_DELAY, self._jitter(START_DELAY, self._options.start_delay) if simulated else 0.0
            ),
            self._seconds(STOP_DELAY, self._jitter(STOP_DELAY, self._options.stop_delay)),
            log,
            0 if self._run_time() is None else 143,  # 128 + SIGTERM
        )
        field = f"spec.containers{{{name}}}"
        try:
            running = await runtime.start(order)
        except OSError as error:
            self._event("Failed", f"Error: {error}", warn=True, field=field)
            return Exit(128, "StartError")
        try:
            container.begin(meta.uid, running)
            image = container.spec.image
            self._event("Pulled", f'Container image "{image}" already present on machine', field=field)
            self._event("Created", f"Created container: {name}", field=field)
            self._event("Started", f"Started container {name}", field=field)
            if self.pod.metadata.annotation(FAIL):
                asyncio.get_running_loop().call_later(FAIL_AFTER, self._fail)
            if simulated and (seconds := self._run_time()) is not None:
                asyncio.get_running_loop().call_later(seconds, running.fail, self._exit())
            return await self._watch(container, running)
        finally:
            if container.running and self._ending.is_set() is False:
                await running.stop(0)
            log.close()

    async def _watch(self, container: ContainerState, running: Running) -> Exit:
        """Until it ends; meanwhile ask whether it is ready and tell when that changes."""
        ended, pause, failures, told = running.ended, FIRST_PROBE, 0, False
        while not ended.done():
            ready = await running.ready()
            failures = 0 if ready else failures + 1
            changed = ready != container.ready and (ready or failures >= FAILED_PROBES) and not ended.done()
            if changed:
                container.ready = ready
            if changed or not told:
                self._changed(self)
            told = True
            if not running.probes:
                return await asyncio.shield(ended)
            pause = self._options.probe_period if container.ready else min(pause * 1.5, LAST_PROBE)
            await asyncio.wait([ended], timeout=pause)
        return ended.result()

    async def _pull(self, container: ContainerState) -> None:
        pause = self._options.image_backoff
        while (message := self.pod.metadata.annotation(IMAGE_PULL_ERROR)) is not None:
            image, field = container.spec.image, f"spec.containers{{{container.spec.name}}}"
            text = f'failed to pull and unpack image "{image}": {message or "not found"}'
            self._event("Pulling", f'Pulling image "{image}"', field=field)
            self._event("Failed", f'Failed to pull image "{image}": {text}', warn=True, field=field)
            container.wait("ErrImagePull", text)
            self._changed(self)
            if await self._pulled(min(2.0, pause)):
                break
            back_off = f'Back-off pulling image "{image}"'
            container.wait("ImagePullBackOff", f"{back_off}: ErrImagePull: {text}")
            self._event("BackOff", back_off, field=field)
            self._changed(self)
            if await self._pulled(pause):
                break
            pause = min(pause * 2, self._options.max_crash_backoff)
        if "waiting" in container.state and container.state["waiting"]["reason"] != "CrashLoopBackOff":
            container.wait("ContainerCreating")

    async def _pulled(self, seconds: float) -> bool:
        """Whether the error has been taken away within the time."""
        self._wake = asyncio.Event()
        try:
            async with asyncio.timeout(seconds):
                while self.pod.metadata.annotation(IMAGE_PULL_ERROR) is not None:
                    await self._wake.wait()
                    self._wake.clear()
        except TimeoutError:
            return False
        finally:
            self._wake = None
        return True

    async def _back_off(self, container: ContainerState, crashes: int) -> None:
        container.last = container.state
        options = self._options
        if crashes < 2:  # the first restart is at once
            self._changed(self)
            return
        seconds = min(options.crash_backoff * 2 ** (crashes - 2), options.max_crash_backoff)
        meta, name = self.pod.metadata, container.spec.name
        which = f"{meta.name}_{meta.namespace}({meta.uid})"
        container.wait(
            "CrashLoopBackOff",
            f"back-off {_duration(seconds)} restarting failed container={name} pod={which}",
        )
        text = f"Back-off restarting failed container {name} in pod {which}"
        self._event("BackOff", text, warn=True, field=f"spec.containers{{{name}}}")
        self._changed(self)
        await asyncio.sleep(seconds)

    def _run_time(self) -> float | None:
        """Seconds until a simulated container ends by itself; None when it does not."""
        owner = self.pod.metadata.controller
        if self.pod.metadata.annotation(RUN_FOR) is None and (owner is None or owner.kind != "Job"):
            return None
        return self._seconds(RUN_FOR, self._options.run_for)

    def _exit(self) -> Exit:
        text = self.pod.metadata.annotation(EXIT_CODE) or ""
        return Exit(int(text) % 256 if text.isdecimal() else 0)

    def _fail(self) -> None:
        how = self.pod.metadata.annotation(FAIL) or ""
        if how == "evict":
            if not self._ending.is_set():
                self._event("Evicted", EVICTED, warn=True)
                self.state.failed = "Evicted", EVICTED
                self._ending.set()
            return
        for container in self.state.containers:
            if container.running and how in FAILURES:
                container.running.fail(FAILURES[how])

    async def _stop(self, tasks: list[asyncio.Task[None]]) -> None:
        """SIGTERM to all, SIGKILL after the grace period; what does not run yet never will."""
        grace = self.pod.metadata.deletion_grace_period_seconds
        seconds = 0.0 if self.gone else float(30 if grace is None else grace)
        running = [container for container in self.state.containers if container.running]
        for container in running:
            name = container.spec.name
            self._event("Killing", f"Stopping container {name}", field=f"spec.containers{{{name}}}")
        for container, task in zip(self.state.containers, tasks, strict=False):
            if not container.running:
                task.cancel()
        await asyncio.gather(*(c.running.stop(seconds) for c in running if c.running))
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _finish(self) -> None:
        """The last status, and then the pod itself; tried until the API takes it."""
        pause = 0.2
        while not self.gone:
            try:
                if not self.pod.finished:
                    await self.send()
                await self._client.delete(self.path, uid=self.pod.metadata.uid, grace=0)
                return
            except ApiError as error:
                if error.status in (404, 409):
                    return
            except UNREACHABLE:
                pass
            await asyncio.sleep(pause)
            pause = min(pause * 2, 10.0)

    def _event(self, reason: str, message: str, *, warn: bool = False, field: str = "") -> None:
        if not self.gone:
            self._events.pod(self.pod.metadata, self._source, reason, message, warn=warn, field=field)

    def _jitter(self, what: str, seconds: float) -> float:
        return jitter(self._options.seed, f"{what}/{'/'.join(self.pod.metadata.key)}", seconds)

    def _seconds(self, annotation: str, default: float) -> float:
        try:
            return max(0.0, float(self.pod.metadata.annotation(annotation) or default))
        except ValueError:
            return default


def _duration(seconds: float) -> str:
    """As Go writes it: 10s, 1m20s."""
    minutes, rest = divmod(seconds, 60)
    return (f"{int(minutes)}m" if minutes else "") + f"{rest:g}s"

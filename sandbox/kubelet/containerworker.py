"""One container of a pod: pulled, started, probed, and started again as its restart policy says."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol

from ..apiclient import Client
from ..apiobjects import Pod
from . import faults
from .knobs import LOG, START_DELAY, STOP_DELAY, KubeletOptions
from .podstatus import ContainerState, PodState
from .references import RETRY, missing_for
from .runtimes import Exit, Order, Running, Runtime, jitter

FAIL_AFTER = 0.2  # seconds that a container with a fault runs
FIRST_PROBE, LAST_PROBE = 0.02, 0.5  # seconds between probes until the first success
FAILED_PROBES = 3  # in a row make a ready container unready (failureThreshold)
STABLE = 600.0  # seconds of running that forgive earlier crashes (the kubelet: 10 minutes)


class Host(Protocol):
    """The pod that a container is part of."""

    pod: Pod
    state: PodState
    client: Client
    options: KubeletOptions

    @property
    def is_ending(self) -> bool: ...

    def changed(self) -> None:
        """The status is not what was sent last."""

    def event(self, reason: str, message: str, *, warn: bool = False, field: str = "") -> None: ...

    async def wait(self, holds: Callable[[], bool], seconds: float) -> bool:
        """Whether something comes to hold within the time, with a change of the pod."""

    def evict(self) -> None: ...


class ContainerWorker:
    """`init`: it runs before the others. There are as many as containers: they are kept small."""

    __slots__ = ("_client", "_container", "_field", "_host", "_init", "_options", "_runtime", "started")

    def __init__(
        self, host: Host, container: ContainerState, runtime: Runtime, *, init: bool = False
    ) -> None:
        self._host = host
        self._container = container
        self._runtime = runtime
        self._init = init
        self._field = f"spec.{'initContainers' if init else 'containers'}{{{container.spec.name}}}"
        self._client = host.client
        self._options = host.options
        self.started: asyncio.Event | None = None
        """Set when it runs, if somebody waits for that."""

    async def keep(self, policy: str) -> None:
        """Start it again and again, as the restart policy says."""
        container, crashes = self._container, 0
        loop = asyncio.get_running_loop()
        while True:
            await self._pull()
            await self._configure()
            began = loop.time()
            how = await self._once()
            container.end(how)
            if self._host.is_ending:
                return
            if container.is_over or policy == "Never" or (policy == "OnFailure" and how.code == 0):
                self._host.changed()
                return
            crashes = 1 if loop.time() - began > STABLE else crashes + 1
            await self._back_off(crashes)
            container.last, container.restarts = container.last or container.state, container.restarts + 1

    def fail(self) -> None:
        """Let the fault that is asked for happen, if it runs."""
        pod, running = self._host.pod, self._container.running
        fault = faults.fault_of(pod, self._container.spec, init=self._init)
        if fault == "evict":
            self._host.evict()
        elif running and (how := faults.ending(pod, fault)):
            running.fail(how)

    def _fault(self) -> str:
        return faults.fault_of(self._host.pod, self._container.spec, init=self._init)

    def _is_ready(self) -> bool:
        return self._fault() != "unready"

    def _run_time(self) -> float | None:
        if self._init:
            return None if self._container.is_sidecar else faults.INIT_SECONDS
        return faults.run_time(self._host.pod, self._options.run_for)

    async def _once(self) -> Exit:
        container, pod, loop = self._container, self._host.pod, asyncio.get_running_loop()
        meta, name = pod.metadata, container.spec.name
        log = self._options.logs.begin(*meta.key, name)
        simulated, seconds = self._runtime.name == "simulated", self._run_time()
        order = Order(
            meta.uid,
            meta.name,
            container.spec,
            self._host.state.address,
            self._seconds(START_DELAY, self._options.start_delay if simulated else 0.0),
            self._seconds(STOP_DELAY, self._options.stop_delay),
            log,
            0 if seconds is None else 143,  # 128 + SIGTERM
            self._is_ready,
        )
        try:
            running = await self._runtime.start(order)
        except OSError as error:
            self._event("Failed", f"Error: {error}", warn=True)
            return Exit(128, "StartError")
        try:
            container.begin(meta.uid, running)
            for line in (meta.annotation(LOG) or "").splitlines() if simulated and not self._init else ():
                log.write(line.encode())
            image = container.spec.image
            self._event("Pulled", f'Container image "{image}" already present on machine')
            self._event("Created", f"Created container: {name}")
            self._event("Started", f"Started container {name}")
            if self.started is not None:
                self.started.set()
            if self._fault():
                loop.call_later(FAIL_AFTER, self.fail)
            if simulated and seconds is not None:
                code = 0 if self._init else faults.exit_code(pod, 0)
                # A fault that is asked for comes first.
                seconds = max(seconds, 2 * FAIL_AFTER) if self._fault() else seconds
                loop.call_later(seconds, running.fail, Exit(code))
            return await self._watch(running)
        finally:
            if container.running and not self._host.is_ending:
                await running.stop(0)
            log.close()

    async def _watch(self, running: Running) -> Exit:
        """Until it ends; meanwhile ask whether it is ready and publish when that changes."""
        container = self._container
        ended, pause, failures, published = running.ended, FIRST_PROBE, 0, False
        while not ended.done():
            ready = await running.ready()
            failures = 0 if ready else failures + 1
            changed = ready != container.ready and (ready or failures >= FAILED_PROBES) and not ended.done()
            if failures == FAILED_PROBES and (container.ready or self._fault() == "unready"):
                self._event("Unhealthy", "Readiness probe failed: the container does not answer", warn=True)
            if changed:
                container.ready = ready
            if changed or not published:
                self._host.changed()
            published = True
            if not running.probes:
                return await asyncio.shield(ended)
            pause = self._options.probe_period if container.ready else min(pause * 1.5, LAST_PROBE)
            await asyncio.wait([ended], timeout=pause)
        return ended.result()

    async def _pull(self) -> None:
        container, pause = self._container, self._options.image_backoff
        while (message := self._image_error()) is not None:
            image = container.spec.image
            text = f'failed to pull and unpack image "{image}": {message}'
            self._event("Pulling", f'Pulling image "{image}"')
            self._event("Failed", f'Failed to pull image "{image}": {text}', warn=True)
            container.wait("ErrImagePull", text)
            self._host.changed()
            if await self._host.wait(self._can_pull, min(2.0, pause)):
                break
            back_off = f'Back-off pulling image "{image}"'
            container.wait("ImagePullBackOff", f"{back_off}: ErrImagePull: {text}")
            self._event("BackOff", back_off)
            self._host.changed()
            if await self._host.wait(self._can_pull, pause):
                break
            pause = min(pause * 2, self._options.max_crash_backoff)
        if container.reason not in ("", "CrashLoopBackOff"):
            container.wait("PodInitializing" if self._host.state.init else "ContainerCreating")

    def _image_error(self) -> str | None:
        return faults.image_error(self._host.pod, self._container.spec, init=self._init)

    def _can_pull(self) -> bool:
        return self._image_error() is None

    async def _configure(self) -> None:
        """Wait for the config maps and secrets that its environment is made from."""
        spec, container = self._container.spec, self._container
        if not (spec.env or spec.env_from):
            return
        while text := await missing_for(self._client, self._host.pod, spec):
            if container.reason != "CreateContainerConfigError":
                self._event("Failed", f"Error: {text}", warn=True)
            container.wait("CreateContainerConfigError", text)
            self._host.changed()
            await asyncio.sleep(RETRY)

    async def _back_off(self, crashes: int) -> None:
        container, options = self._container, self._options
        container.last = container.state
        if crashes < 2:  # the first restart is at once
            self._host.changed()
            return
        seconds = min(options.crash_backoff * 2 ** (crashes - 2), options.max_crash_backoff)
        meta, name = self._host.pod.metadata, container.spec.name
        which = f"{meta.name}_{meta.namespace}({meta.uid})"
        container.wait(
            "CrashLoopBackOff",
            f"back-off {_duration(seconds)} restarting failed container={name} pod={which}",
        )
        text = f"Back-off restarting failed container {name} in pod {which}"
        self._event("BackOff", text, warn=True)
        self._host.changed()
        await asyncio.sleep(seconds)

    def _event(self, reason: str, message: str, *, warn: bool = False) -> None:
        self._host.event(reason, message, warn=warn, field=self._field)

    def _seconds(self, annotation: str, default: float) -> float:
        """Of an annotation, or the default with some jitter."""
        meta = self._host.pod.metadata
        try:
            if text := meta.annotation(annotation):
                return max(0.0, float(text))
        except ValueError:
            pass
        return jitter(self._options.seed, f"{annotation}/{'/'.join(meta.key)}", default)


def _duration(seconds: float) -> str:
    """As Go writes it: 10s, 1m20s."""
    minutes, rest = divmod(seconds, 60)
    return (f"{int(minutes)}m" if minutes else "") + f"{rest:g}s"

"""What a kubelet asks of a container runtime, and the runtime that only pretends."""

from __future__ import annotations

import asyncio
import hashlib
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from ..apiobjects import Container
from .figures import Usage
from .podlogs import Log


@dataclass(frozen=True)
class Exit:
    """How a container ended."""

    code: int
    reason: str = ""

    @property
    def why(self) -> str:
        return self.reason or ("Completed" if self.code == 0 else "Error")


@dataclass(frozen=True)
class Order:
    """What to run: one container of one pod, for the given time."""

    uid: str
    pod: str
    container: Container
    address: str
    start_delay: float
    stop_delay: float
    log: Log
    stop_code: int = 0
    """The exit code of a simulated container after SIGTERM: one that had something to finish fails."""
    is_ready: Callable[[], bool] = lambda: True
    """Whether a simulated container answers its probes."""


class Running(Protocol):
    """One run of a container. `probes` says whether its readiness can change; `ended` is done when it is."""

    id: str
    probes: bool
    ended: asyncio.Future[Exit]

    async def ready(self) -> bool:
        """Whether it serves; called now and then."""

    async def stop(self, grace: float) -> None:
        """SIGTERM, and SIGKILL after `grace` seconds; returns when it has ended."""

    def fail(self, how: Exit) -> None:
        """End at once in the given way (the knobs of demos and tests)."""

    def usage(self) -> Usage | None:
        """Cores and bytes; None when there is nothing to measure."""


class Runtime(Protocol):
    """Runs containers; a pod has its address from the runtime that takes one of them."""

    name: str

    def takes(self, container: Container) -> bool:
        """Whether this runtime can run it, now."""

    async def address(self, uid: str, node: int, containers: list[Container]) -> str:
        """An address for a pod, kept until `release`."""

    async def start(self, order: Order) -> Running:
        """Start a container; OSError when it cannot be."""

    async def release(self, uid: str) -> None:
        """The pod is gone: drop its address and whatever else it had."""

    async def close(self) -> None:
        """End everything."""


def container_id(uid: str, name: str, run: int) -> str:
    return "sandbox://" + hashlib.sha256(f"{uid}/{name}/{run}".encode()).hexdigest()


class SimulatedContainer:
    """Runs until it is told to end."""

    __slots__ = ("_order", "ended", "id", "probes")

    def __init__(self, order: Order) -> None:
        self.id = ""
        self._order = order
        self.probes = not order.is_ready()  # that may change; otherwise nothing is asked
        self.ended: asyncio.Future[Exit] = asyncio.get_running_loop().create_future()

    async def ready(self) -> bool:
        return self._order.is_ready()

    async def stop(self, grace: float) -> None:
        if not self.ended.done():
            self._say("received SIGTERM, ending")
            await asyncio.sleep(min(grace, self._order.stop_delay))
            self.fail(Exit(self._order.stop_code))

    def usage(self) -> Usage | None:
        return None

    def fail(self, how: Exit) -> None:
        if not self.ended.done():
            self._say(f"ended: {how.why}, exit code {how.code}")
            self.ended.set_result(how)

    def _say(self, text: str) -> None:
        self._order.log.write(f"simulated container {self._order.container.image}: {text}".encode())


@dataclass
class SimulatedRuntime:
    """Containers without a process. `why` is told in their logs."""

    why: str = ""
    name: str = "simulated"
    _addresses: dict[str, str] = field(default_factory=dict)
    _used: set[str] = field(default_factory=set)
    _next: dict[int, int] = field(default_factory=dict)

    def takes(self, container: Container) -> bool:
        return True

    async def address(self, uid: str, node: int, containers: list[Container]) -> str:
        number = self._next.get(node, 1)
        while True:
            address = f"10.{243 + node}.{number // 250 % 256}.{number % 250 + 1}"
            number += 1
            if address not in self._used:
                break
        self._next[node] = number
        self._used.add(address)
        self._addresses[uid] = address
        return address

    async def start(self, order: Order) -> Running:
        await asyncio.sleep(order.start_delay)
        image = order.container.image
        ports = ", ".join(str(port.container_port) for port in order.container.ports or ()) or "none"
        why = f" ({self.why})" if self.why else ""
        lines = (
            f"no process runs here{why}; address {order.address}, ports {ports}",
            "ready",
        )
        for line in lines:
            order.log.write(f"simulated container {image}: {line}".encode())
        return SimulatedContainer(order)

    async def release(self, uid: str) -> None:
        self._used.discard(self._addresses.pop(uid, ""))

    async def close(self) -> None:
        return None


def jitter(seed: int, name: str, seconds: float) -> float:
    """Up to 20 % more, the same for the same seed and name."""
    return seconds * (1 + 0.2 * random.Random(f"{seed}/{name}").random())

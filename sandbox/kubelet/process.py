"""Real Redis: a redis-server or valkey-server of the machine, confined, on an address of its own."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
import random
import re
import shutil
import signal
import socket
import sys
from asyncio.subprocess import PIPE, STDOUT, Process
from pathlib import Path

from ..apiobjects import Container
from .confine import NOBODY, confinement
from .figures import ProcessMeter, Usage
from .runtimes import Exit, Order

SERVERS = ("redis-server", "valkey-server")
IMAGES = {"redis", "valkey"}
DEFAULT_PORT = 6379
MAX_MEMORY = "64mb"
PASSED = {"--requirepass", "--maxmemory", "--maxmemory-policy", "--databases", "--timeout"}
"""Arguments of a container that its process gets too. The others could reach the machine."""
PING_TIMEOUT = 1.0  # seconds


def find_server() -> str | None:
    """The server to run; None when the machine has none or is not Linux."""
    if not sys.platform.startswith("linux"):
        return None
    return next((path for name in SERVERS if (path := shutil.which(name))), None)


def port_of(container: Container) -> int:
    """--port of its arguments, else its first containerPort, else Redis' own."""
    words = [*(container.command or ()), *(container.args or ())]
    for word, value in itertools.pairwise([*words, ""]):
        text = value if word == "--port" else word.removeprefix("--port=") if "--port=" in word else ""
        if text.isdecimal() and 0 < int(text) < 65536:
            return int(text)
    return next((port.container_port for port in container.ports or ()), DEFAULT_PORT)


def is_redis(container: Container) -> bool:
    repository = re.sub(r"(:[^/:@]*)?(@.*)?$", "", container.image)
    return repository.rpartition("/")[2] in IMAGES


class RedisProcess:
    """One run of a server."""

    probes = True

    def __init__(self, process: Process, order: Order) -> None:
        self.id = ""
        self._process = process
        self._order = order
        self._forced: Exit | None = None
        self._meter = ProcessMeter(process.pid)
        self._port = port_of(order.container)
        self.ended: asyncio.Future[Exit] = asyncio.create_task(self._read())

    async def _read(self) -> Exit:
        stream = self._process.stdout
        assert stream is not None
        while True:
            try:
                line = await stream.readline()
            except ValueError:  # longer than the buffer
                continue
            if not line:
                break
            self._order.log.write(line)
        code = await self._process.wait()
        return self._forced or Exit(code if code >= 0 else 128 - code)

    async def ready(self) -> bool:
        try:
            async with asyncio.timeout(PING_TIMEOUT):
                reader, writer = await asyncio.open_connection(self._order.address, self._port)
                try:
                    writer.write(b"PING\r\n")
                    answer = await reader.readline()
                finally:
                    writer.close()
        except (OSError, TimeoutError, ValueError):
            return False
        return answer.startswith((b"+PONG", b"-NOAUTH"))

    async def stop(self, grace: float) -> None:
        self._signal(signal.SIGTERM if grace > 0 else signal.SIGKILL)
        try:
            await asyncio.wait_for(asyncio.shield(self.ended), grace if grace > 0 else None)
        except TimeoutError:
            self._signal(signal.SIGKILL)
            await asyncio.shield(self.ended)

    def usage(self) -> Usage | None:
        return self._meter.read()

    def fail(self, how: Exit) -> None:
        self._forced = how
        self._signal(signal.SIGKILL)

    def _signal(self, number: signal.Signals) -> None:
        if self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, number)


class ProcessRuntime:
    """Runs Redis and Valkey images. `limit` is how many pods at once."""

    name = "process"

    def __init__(self, server: str, scratch: Path, *, seed: int, limit: int) -> None:
        self._server = server
        self._scratch = scratch
        self._limit = limit
        self._random = random.Random(seed)
        self._addresses: dict[str, str] = {}
        self._running: set[RedisProcess] = set()
        self._confine = confinement()
        if os.geteuid() == 0:
            # The processes are nobody's: they must be able to pass through.
            scratch.chmod(0o711)

    @property
    def full(self) -> bool:
        return len(self._addresses) >= self._limit

    def takes(self, container: Container) -> bool:
        return is_redis(container) and not self.full

    async def address(self, uid: str, node: int, containers: list[Container]) -> str:
        ports = [port_of(container) for container in containers if is_redis(container)]
        taken = set(self._addresses.values())
        while True:
            # Another sandbox on the machine draws from the same addresses: try before use.
            address = f"127.{20 + node}.{self._random.randint(1, 250)}.{self._random.randint(1, 250)}"
            if address not in taken and all(_free(address, port) for port in ports):
                break
        self._addresses[uid] = address
        return address

    async def start(self, order: Order) -> RedisProcess:
        await asyncio.sleep(order.start_delay)
        folder = self._scratch / order.uid / order.container.name
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        root = os.geteuid() == 0
        if root:
            folder.parent.chmod(0o711)
            os.chown(folder, NOBODY, NOBODY)
        process = await asyncio.create_subprocess_exec(
            self._server,
            *self._arguments(order),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=PIPE,
            stderr=STDOUT,
            cwd=folder,
            env={"LANG": "C.UTF-8"},
            start_new_session=True,
            preexec_fn=self._confine,
            user=NOBODY if root else None,
            group=NOBODY if root else None,
            extra_groups=[] if root else None,
        )
        running = RedisProcess(process, order)
        self._running.add(running)
        running.ended.add_done_callback(lambda _: self._running.discard(running))
        return running

    def _arguments(self, order: Order) -> list[str]:
        arguments = ["--bind", order.address, "--port", str(port_of(order.container))]
        arguments += ["--protected-mode", "no", "--save", "", "--appendonly", "no", "--daemonize", "no"]
        arguments += ["--maxmemory", MAX_MEMORY]
        words = [*(order.container.command or ()), *(order.container.args or ())]
        for word, value in itertools.pairwise(words):
            if word in PASSED:
                arguments += [word, value]
        # Everybody on the machine reaches a loopback address: nothing that touches the machine is served.
        for command in (
            "MODULE",
            "DEBUG",
            "SAVE",
            "BGSAVE",
            "BGREWRITEAOF",
            "REPLICAOF",
            "SLAVEOF",
            "MIGRATE",
        ):
            arguments += ["--rename-command", command, ""]
        return arguments

    async def release(self, uid: str) -> None:
        self._addresses.pop(uid, None)
        shutil.rmtree(self._scratch / uid, ignore_errors=True)

    async def close(self) -> None:
        await asyncio.gather(*(running.stop(0) for running in list(self._running)))
        for uid in list(self._addresses):
            await self.release(uid)


def _free(address: str, port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port))
        except PermissionError:
            return True
        except OSError:
            return False
        return True

"""Pods that run a real Redis, through the API."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path
from typing import Any

import pytest

from controller_runtime.kube.errors import ApiError
from sandbox.apiclient import Client, Connection
from sandbox.apiobjects import PODS, Container, Port
from sandbox.kubelet.process import find_server, port_of

from .nodeside import World, container, eventually, kubeconfig, node_world, sandbox_process, world

__all__ = ["kubeconfig", "node_world", "world"]

needs_server = pytest.mark.skipif(
    find_server() is None, reason="no redis-server or valkey-server on PATH (apt-get install redis-server)"
)
real = pytest.mark.parametrize("node_world", [{"runtime": "auto"}], indirect=True)


async def ask(pod: Any, *words: str, port: int = 8333) -> str:
    """What the Redis of a pod answers; "" when it closes the connection."""
    reader, writer = await asyncio.open_connection(pod["status"]["podIP"], port)
    writer.write((" ".join(words) + "\r\n").encode())
    answer = await reader.readline()
    if answer.startswith(b"$") and answer != b"$-1\r\n":
        answer = await reader.readexactly(int(answer[1:]))
    writer.close()
    return answer.decode().strip()


async def pid_of(pod: Any) -> int:
    info = await ask(pod, "INFO", "server")
    return int(next(line for line in info.splitlines() if line.startswith("process_id:")).split(":")[1])


def proc(pid: int, name: str) -> str:
    return Path(f"/proc/{pid}/{name}").read_text()


def is_running(pid: int) -> bool:
    """Whether a process lives; one that waits for its parent to notice does not."""
    try:
        return proc(pid, "stat").rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_the_port_is_that_of_the_arguments_or_of_the_container() -> None:
    ports = [Port(container_port=7000)]
    assert port_of(Container(args=["--port", "8333"], ports=ports)) == 8333
    assert port_of(Container(command=["redis-server", "--port=8334"])) == 8334
    assert port_of(Container(args=["--port", "99999"], ports=ports)) == 7000
    assert port_of(Container(ports=ports)) == 7000
    assert port_of(Container()) == 6379


@needs_server
@real
async def test_it_answers_on_its_own_address_and_has_real_logs(node_world: World) -> None:
    await node_world.pod("a", image="redis:5-alpine")
    await node_world.pod("b", image="docker.io/valkey/valkey:8@sha256:0123")
    a, b = await node_world.running("a"), await node_world.running("b")
    assert a["status"]["podIP"] != b["status"]["podIP"]
    for pod in (a, b):
        assert pod["status"]["podIP"].startswith("127.2")
        assert await ask(pod, "PING") == "+PONG"
    await ask(a, "SET", "name", "a")
    assert await ask(b, "GET", "name") == "$-1"
    lines = [line async for line in node_world.options.logs.open_log(node_world.namespace, "a")]
    assert any(b"Ready to accept connections" in line for line in lines)


@needs_server
@real
async def test_its_end_ends_the_process_and_its_directory(node_world: World) -> None:
    await node_world.pod("a", image="redis", args=["--port", "9001"])
    pod = await node_world.running("a")
    assert await ask(pod, "PING", port=9001) == "+PONG"
    scratch = node_world.options.scratch
    assert scratch is not None
    assert (scratch / pod["metadata"]["uid"]).is_dir()
    await node_world.client.delete(PODS.path(node_world.namespace, "a"))
    await node_world.gone(PODS, "a")
    with pytest.raises(OSError, match="Connect"):
        await ask(pod, "PING", port=9001)

    async def removed() -> bool:
        return not (scratch / pod["metadata"]["uid"]).exists()

    await eventually(removed)


@needs_server
@real
async def test_a_killed_process_is_started_again(node_world: World) -> None:
    await node_world.pod("a", image="redis")
    pod = await node_world.running("a")
    os.kill(await pid_of(pod), signal.SIGKILL)
    again = await node_world.until(
        PODS, "a", lambda o: container(o)["restartCount"] == 1 and container(o)["ready"]
    )
    assert container(again)["lastState"]["terminated"]["exitCode"] == 137
    assert again["status"]["podIP"] == pod["status"]["podIP"]
    assert await ask(again, "PING") == "+PONG"


@needs_server
@real
async def test_a_process_that_hangs_is_not_ready(node_world: World) -> None:
    await node_world.pod("a", image="redis")
    pid = await pid_of(await node_world.running("a"))
    os.kill(pid, signal.SIGSTOP)
    try:
        await node_world.until(PODS, "a", lambda o: not container(o)["ready"])
    finally:
        os.kill(pid, signal.SIGCONT)
    await node_world.running("a")


@needs_server
@real
async def test_it_can_write_no_file_and_reach_no_other_server(node_world: World) -> None:
    await node_world.pod("a", image="redis", args=["--dir", "/tmp", "--save", "1 1", "--loadmodule", "x.so"])
    pod = await node_world.running("a")
    for command in ("SAVE", "BGSAVE", "MODULE LIST", "REPLICAOF a 1", "DEBUG SLEEP 0", "MIGRATE a 1 k 0 1"):
        assert (await ask(pod, command)).startswith("-ERR unknown command")
    pid = await pid_of(pod)
    limits, status, environment = (proc(pid, name) for name in ("limits", "status", "environ"))
    assert next(line for line in limits.splitlines() if "Max file size" in line).split()[3] == "0"
    assert "NoNewPrivs:\t1" in status
    assert "PATH=" not in environment
    if os.geteuid() == 0:
        assert "Uid:\t65534" in status


@needs_server
@pytest.mark.parametrize("node_world", [{"runtime": "auto", "max_processes": 1}], indirect=True)
async def test_more_than_the_limit_are_simulated(node_world: World) -> None:
    await node_world.pod("a", image="redis")
    await node_world.running("a")
    await node_world.pod("b", image="redis")
    pod = await node_world.running("b")
    assert pod["status"]["podIP"].startswith("10.")
    lines = [line async for line in node_world.options.logs.open_log(node_world.namespace, "b")]
    assert b"the limit of 1 real ones is reached" in lines[0]


@needs_server
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
async def test_nothing_outlives_the_sandbox(tmp_path: Path, how: signal.Signals) -> None:
    with sandbox_process(tmp_path, "--runtime", "process") as ready:
        connection = Connection.from_kubeconfig(Path(ready["kubeconfig"]))
        async with Client(connection, user_agent="tests") as client:
            world = World(client, "default")
            await world.pod("a", image="redis")
            pid = await pid_of(await world.running("a"))
        os.kill(ready["pid"], how)

        async def ended() -> bool:
            return not is_running(pid)

        await eventually(ended)
    if how is signal.SIGTERM:
        assert not (tmp_path / "pods").exists()


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="Linux alone has real ones")
async def test_asking_for_processes_without_a_server_is_refused(tmp_path: Path) -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "sandbox", "--dir", str(tmp_path), "--runtime", "process"),
        env={"PATH": str(tmp_path)},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(40):
        _, error = await process.communicate()
    assert process.returncode == 1
    assert error.decode().strip() == (
        "--runtime process needs redis-server or valkey-server on PATH, on Linux: install one, "
        "or use --runtime auto."
    )


async def test_logs_are_served_by_the_api_server(tmp_path: Path) -> None:
    with sandbox_process(tmp_path, "--runtime", "simulated") as ready:
        connection = Connection.from_kubeconfig(Path(ready["kubeconfig"]))
        async with Client(connection, user_agent="tests") as client:
            world = World(client, "default")
            await world.pod("a", image="redis:5-alpine", initContainers=[{"name": "first", "image": "i"}])
            await world.running("a")
            path = PODS.path("default", "a", "log")
            told = await client.request("GET", path, params={"container": "main", "tailLines": "1"})
            assert told == b"simulated container redis:5-alpine: ready\n"
            told = await client.request("GET", path, params={"container": "first"})
            assert told.endswith(b"simulated container i: ended: Completed, exit code 0\n")
            with pytest.raises(ApiError, match='previous terminated container "main" in pod "a" not found'):
                await client.request("GET", path, params={"container": "main", "previous": "true"})

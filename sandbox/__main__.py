"""`python -m sandbox`: the embedded cluster as a process of its own."""

import argparse
import asyncio
import contextlib
import fcntl
import json
import logging
import os
import shutil
import signal
import sqlite3
import stat
import sys
import tempfile
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import aiohttp

from controller_runtime.kube.errors import ApiError
from sandbox import bootstrap, kubeconfig, tls
from sandbox.apiclient import Client, Connection
from sandbox.apiserver.auth.authn import MASTERS, User
from sandbox.apiserver.registry.cluster_state import Cluster
from sandbox.apiserver.requests.http import ApiServer
from sandbox.apiserver.storage.disk import Disk, DiskError
from sandbox.controllers import run_controllers
from sandbox.idle_collect import collect_when_idle
from sandbox.kubelet import KubeletOptions, RuntimeUnavailable, run_kubelet
from sandbox.sharedcache import Informers

_ADMIN = "kubernetes-admin"
_HOST = "127.0.0.1"
_OPERATOR = ("k8s-operator-demo-system", "k8s-operator-demo-controller-manager")
_OPERATOR_TOKEN_SECONDS = 365 * 24 * 3600


class Failure(Exception):
    """It cannot start or go on; one sentence says why."""


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is not a port: use 0 to 65535")
    return int(text)


def _arguments(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m sandbox", description="An embedded Kubernetes cluster.")
    parser.add_argument("--bare", action="store_true", help="no nodes, nothing installed")
    parser.add_argument("--dir", type=Path, help="where the kubeconfigs go (a temporary directory)")
    parser.add_argument("--port", type=_port, default=0, help="port on 127.0.0.1 (a free one)")
    parser.add_argument("--manifests", type=Path, help="kustomization to load (not with --bare)")
    parser.add_argument("--no-sample", dest="sample", action="store_false", help="without the sample Redis")
    parser.add_argument("--runtime", choices=("auto", "process", "simulated"), default="auto")
    parser.add_argument("--nodes", type=int, default=2, help="how many nodes there are")
    parser.add_argument("--seed", type=int, default=0, help="makes the delays of the kubelet repeatable")
    parser.add_argument("--data-dir", type=Path, help="keep the state there, and begin with what is there")
    parser.add_argument(
        "--fault", action="append", default=[], metavar="JSON", help="as POST /debug/faults takes it"
    )
    return parser.parse_args(argv)


def _connect(cluster: Cluster, server: str, ca: bytes, name: str, agent: str) -> Client:
    """A client of our own API under an identity of its own."""
    token = cluster.tokens.add_static(User(name, (MASTERS, "system:authenticated")))
    return Client(Connection.with_ca(server, token, ca.decode()), user_agent=agent)


def _restore(cluster: Cluster, folder: Path | None) -> Disk | None:
    if folder is None:
        return None
    try:
        disk = Disk(folder.expanduser())
        cluster.restore(disk)
    except (DiskError, sqlite3.Error) as error:
        raise Failure(f"{error}; choose another --data-dir") from error
    return disk


async def _serve(args: argparse.Namespace, folder: Path, stop: asyncio.Event) -> None:
    made = tls.make(_HOST)
    cluster = Cluster()
    cluster.plugins.service_accounts = not args.bare
    disk = _restore(cluster, args.data_dir)
    api = ApiServer(cluster)
    try:
        port = await api.start(_HOST, args.port, made.context)
    except OSError as error:
        reason = os.strerror(error.errno or 0).lower()
        raise Failure(f"cannot listen on {_HOST}:{args.port}: {reason}; choose another --port") from error
    server = f"https://{_HOST}:{port}"
    bootstrap.bootstrap(cluster, port)
    for text in args.fault:
        try:
            api.faults.set(json.loads(text))
        except (ValueError, AttributeError) as error:
            raise Failure(f"--fault {text!r} is not a JSON object: {error}") from error
    admin = cluster.tokens.add_static(User(_ADMIN, (MASTERS, "system:authenticated")))
    shown = made.authority.identity(_ADMIN, [MASTERS])
    _write(folder / "kubeconfig", kubeconfig.text(server, made.ca, admin, _ADMIN, certificate=shown))
    async with contextlib.AsyncExitStack() as stack:
        if disk is not None:
            stack.push_async_callback(disk.close)
        stack.push_async_callback(api.stop)
        running: list[asyncio.Task[Any]] = []

        def begin(work: Coroutine[Any, Any, None]) -> None:
            task = asyncio.create_task(work)
            task.add_done_callback(lambda _: stop.set())
            running.append(task)

        async def end() -> None:
            for task in running:
                task.cancel()
            await asyncio.gather(*running, return_exceptions=True)

        manager = await stack.enter_async_context(
            _connect(cluster, server, made.ca, "system:kube-controller-manager", "kube-controller-manager")
        )
        nodes = await stack.enter_async_context(
            _connect(cluster, server, made.ca, "system:node-manager", "kubelet")
        )
        informers = Informers(manager)
        stack.push_async_callback(informers.close)
        # Pushed last, so done first: who uses the clients ends before they do.
        stack.push_async_callback(end)
        begin(collect_when_idle())
        operator = None
        if not args.bare:
            options = KubeletOptions(
                nodes=args.nodes, runtime=args.runtime, seed=args.seed, scratch=folder / "pods"
            )
            api.subresources.logs = options.logs
            api.measure(options.figures)
            begin(run_kubelet(nodes, options, informers=informers))
            operator = await _install(args, cluster, manager, made.ca, server, folder)
        begin(run_controllers(manager, bare=args.bare, informers=informers, sign=made.authority.sign))
        ready = {
            "ready": True,
            "server": server,
            "kubeconfig": str(folder / "kubeconfig"),
            "operatorKubeconfig": operator,
        }
        print(json.dumps(ready), flush=True)
        await stop.wait()
        for task in running:
            if task.done() and not task.cancelled() and (failed := task.exception()):
                if isinstance(failed, RuntimeUnavailable):
                    raise Failure(str(failed)) from failed
                raise Failure(f"a part of the cluster ended: {failed!r}") from failed


async def _install(
    args: argparse.Namespace, cluster: Cluster, manager: Client, ca: bytes, server: str, folder: Path
) -> str | None:
    """Load the manifests; the path of the operator's kubeconfig when its account exists."""
    if args.manifests:
        try:
            await bootstrap.load(manager, cluster, bootstrap.manifests(args.manifests, sample=args.sample))
        except (bootstrap.BootstrapError, ApiError, aiohttp.ClientError) as error:
            raise Failure(str(error)) from error
    account = cluster.store.get("serviceaccounts", _OPERATOR)
    if account is None:
        return None
    token = cluster.tokens.issue(account.decode(), _OPERATOR_TOKEN_SECONDS, [])
    path = folder / "operator.kubeconfig"
    _write(path, kubeconfig.text(server, ca, token, _OPERATOR[1]))
    return str(path)


def _write(path: Path, text: str) -> None:
    try:
        kubeconfig.write(path, text)
    except OSError as error:
        raise Failure(f"cannot write {path}: {error.strerror}; choose another --dir") from error


def _lock(folder: Path) -> int:
    """Take the folder for this process; the lock goes with the process, however it ends."""
    lock = os.open(folder / "lock", os.O_CREAT | os.O_RDWR, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise Failure(
            f"another embedded cluster uses {folder}: stop it, or choose another folder with --sandbox-dir"
        ) from error
    return lock


def _watch_parent(stop: asyncio.Event) -> None:
    """End when standard input does, if somebody holds the other end of it."""
    loop = asyncio.get_running_loop()
    try:
        mode = os.fstat(0).st_mode
    except OSError:
        return
    if not (stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)):
        return

    def readable() -> None:
        if not os.read(0, 4096):
            loop.remove_reader(0)
            stop.set()

    loop.add_reader(0, readable)


async def _main(args: argparse.Namespace, folder: Path) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    _watch_parent(stop)
    await _serve(args, folder, stop)


def main(argv: list[str] | None = None) -> int:
    """Run until told to end; the exit code."""
    args = _arguments(argv)
    logging.basicConfig(
        level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s", stream=sys.stderr
    )
    own = args.dir is None
    folder: Path = (
        Path(tempfile.mkdtemp(prefix="reconsole-sandbox-")) if own else args.dir.expanduser().resolve()
    )
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        _lock(folder)
        # What a killed predecessor could not take along.
        shutil.rmtree(folder / "pods", ignore_errors=True)
        asyncio.run(_main(args, folder))
    except OSError as error:
        print(f"cannot use {folder}: {error.strerror}; choose another --dir", file=sys.stderr)
        return 1
    except Failure as error:
        print(str(error), file=sys.stderr)
        return 1
    finally:
        if own:
            shutil.rmtree(folder, ignore_errors=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""The cluster that is measured on: the embedded one, or the one of ``--kubeconfig``."""

from __future__ import annotations

import asyncio
import contextlib
import json
import secrets
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import yaml

from bench.child import background
from controller_runtime.client.client import Client
from controller_runtime.client.config import load_configuration
from controller_runtime.client.transport import Transport
from controller_runtime.kube.errors import AlreadyExists, NotFound

MANIFESTS = Path(__file__).resolve().parent.parent / "manifests"
AT_ONCE = 16  # requests


@dataclass(frozen=True)
class Cluster:
    """``pid`` is the embedded API server's; 0 for somebody else's cluster."""

    kubeconfig: str
    pid: int = 0


@contextmanager
def cluster(kubeconfig: str | None, *options: str) -> Iterator[Cluster]:
    """The given cluster, or a new embedded one with ``options`` for its command line."""
    if kubeconfig:
        yield Cluster(kubeconfig)
        return
    with (
        tempfile.TemporaryDirectory(prefix="reconsole-bench-") as folder,
        background("sandbox", "--dir", folder, *options) as (process, ready),
    ):
        yield Cluster(ready["kubeconfig"], process.pid)


@contextmanager
def namespace(target: Cluster) -> Iterator[str]:
    """A namespace with its default service account, deleted at the end."""
    name = f"bench-{secrets.token_hex(4)}"
    body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
    account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "default"}}
    path = "/api/v1/namespaces"
    client = Client(load_configuration(Path(target.kubeconfig)))
    client.transport.request("POST", path, body=json.dumps(body).encode())
    with contextlib.suppress(AlreadyExists):
        client.transport.request("POST", f"{path}/{name}/serviceaccounts", body=json.dumps(account).encode())
    try:
        yield name
    finally:
        client.transport.request("DELETE", f"{path}/{name}")


@contextmanager
def redis_kind(target: Cluster) -> Iterator[None]:
    """The CustomResourceDefinition of Redis; taken away again unless it was there before."""
    path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
    body = yaml.safe_load((MANIFESTS / "crd" / "redis.yaml").read_text())
    transport = Client(load_configuration(Path(target.kubeconfig))).transport
    made = True
    try:
        transport.request("POST", path, body=json.dumps(body).encode())
    except AlreadyExists:
        made = False
    _wait_served(transport, f"/apis/{body['spec']['group']}/{body['spec']['versions'][0]['name']}")
    try:
        yield
    finally:
        if made:
            transport.request("DELETE", f"{path}/{body['metadata']['name']}")


def _wait_served(transport: Transport, path: str) -> None:
    deadline = time.monotonic() + 30.0
    while True:
        try:
            transport.request("GET", path)
            return
        except NotFound:
            if time.monotonic() > deadline:
                raise RuntimeError(f"the cluster does not serve {path}") from None
            time.sleep(0.1)


async def create(
    target: Cluster,
    path: str,
    bodies: Sequence[Any],
    *,
    accept: Sequence[int] = (201,),
    at_once: int = AT_ONCE,
) -> None:
    """POST all of ``bodies``, some at a time. Raises RuntimeError with the first refusal."""
    async with session(target) as http:
        left = iter(bodies)

        async def sender() -> None:
            for body in left:
                async with http.post(path, data=json.dumps(body)) as answer:
                    text = await answer.text()
                    if answer.status not in accept:
                        raise RuntimeError(f"POST {path}: {answer.status} {text[:300]}")

        await asyncio.gather(*(sender() for _ in range(at_once)))


def session(target: Cluster) -> Any:
    """An aiohttp session with the kubeconfig's server and credentials."""
    configuration = load_configuration(Path(target.kubeconfig))
    credential = configuration.credentials.get()
    headers = {"Content-Type": "application/json"}
    if credential.authorization:
        headers["Authorization"] = credential.authorization
    context = configuration.tls_context(credential)
    connector = aiohttp.TCPConnector(ssl=context, limit=0) if context else None
    return aiohttp.ClientSession(configuration.host, headers=headers, connector=connector)

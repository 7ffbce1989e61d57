"""The cluster that is measured on: the embedded one, or the one of ``--kubeconfig``."""

from __future__ import annotations

import asyncio
import json
import secrets
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.child import background

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
    create(target, path, [body])
    create(target, f"{path}/{name}/serviceaccounts", [account], accept=(201, 409))
    try:
        yield name
    finally:
        asyncio.run(_send(target, "DELETE", [(f"{path}/{name}", None)], (200, 202)))


@contextmanager
def redis_kind(target: Cluster) -> Iterator[None]:
    """The CustomResourceDefinition of Redis; taken away again unless it was there before."""
    import yaml

    path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
    body = yaml.safe_load((MANIFESTS / "crd" / "redis.yaml").read_text())
    name = body["metadata"]["name"]
    was_there = asyncio.run(_send(target, "GET", [(f"{path}/{name}", None)], (200, 404))) == 200
    if not was_there:
        create(target, path, [body])
    version = f"/apis/{body['spec']['group']}/{body['spec']['versions'][0]['name']}"
    deadline = time.monotonic() + 30.0
    while asyncio.run(_send(target, "GET", [(version, None)], (200, 404))) != 200:
        if time.monotonic() > deadline:
            raise RuntimeError(f"the cluster does not serve {name}")
        time.sleep(0.1)
    try:
        yield
    finally:
        if not was_there:
            asyncio.run(_send(target, "DELETE", [(f"{path}/{name}", None)], (200, 202)))


def create(
    target: Cluster,
    path: str,
    bodies: Sequence[Any],
    *,
    accept: Sequence[int] = (201,),
    at_once: int = AT_ONCE,
) -> None:
    """POST all of ``bodies``, some at a time. Raises RuntimeError with the first refusal."""
    asyncio.run(_send(target, "POST", [(path, b) for b in bodies], accept, at_once))


async def _send(
    target: Cluster,
    method: str,
    requests: Sequence[tuple[str, Any]],
    accept: Sequence[int],
    at_once: int = AT_ONCE,
) -> int:
    """The last status."""
    last = 0
    async with session(target) as http:
        left = iter(requests)

        async def sender() -> None:
            nonlocal last
            for path, body in left:
                data = None if body is None else json.dumps(body)
                async with http.request(method, path, data=data) as answer:
                    text = await answer.text()
                    last = answer.status
                    if last not in accept:
                        raise RuntimeError(f"{method} {path}: {last} {text[:300]}")

        await asyncio.gather(*(sender() for _ in range(at_once)))
    return last


def session(target: Cluster) -> Any:
    """An aiohttp session with the kubeconfig's server and credentials."""
    import aiohttp

    from controller.runtime.config import load_configuration

    official = load_configuration(Path(target.kubeconfig)).official
    headers = {"Content-Type": "application/json"}
    for setting in official.auth_settings().values():
        headers[setting["key"]] = setting["value"]
    connector = aiohttp.TCPConnector(ssl=_tls(official), limit=0) if official.ssl_ca_cert else None
    return aiohttp.ClientSession(official.host, headers=headers, connector=connector)


def _tls(official: Any) -> Any:
    import ssl

    context = ssl.create_default_context(cafile=official.ssl_ca_cert)
    if official.cert_file:
        context.load_cert_chain(official.cert_file, official.key_file)
    return context


def plain_pod(name: str, **metadata: Any) -> dict[str, Any]:
    """A pod of one container, as small as they come."""
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, **metadata},
        "spec": {"containers": [{"name": "main", "image": "redis:7"}]},
    }


def large_pod(index: int) -> dict[str, Any]:
    """A pod as real clusters have them: about 9.6 KB of JSON once it is stored."""
    pod = plain_pod(
        f"web-{index:05d}",
        labels={"app": "web", "pod-template-hash": "6f7f9c8d5b", "index": str(index)},
        annotations={f"example.com/note-{i}": f"{index}-{i} " + "n" * 140 for i in range(8)},
    )
    pod["spec"]["containers"] = [_container(name) for name in ("main", "proxy", "metrics")]
    return pod


def _container(name: str) -> dict[str, Any]:
    return {
        "name": name,
        "image": f"registry.example/{name}:1.27.4",
        "args": ["--listen=0.0.0.0:8080", "--verbose=2", "--drain=30s"],
        "ports": [{"containerPort": 8080, "name": "http"}],
        "env": [{"name": f"SETTING_{i}", "value": "v" * 60} for i in range(20)],
        "resources": {
            "requests": {"cpu": "100m", "memory": "128Mi"},
            "limits": {"cpu": "1", "memory": "512Mi"},
        },
        "readinessProbe": {"httpGet": {"path": "/ready", "port": 8080}, "periodSeconds": 5},
        "livenessProbe": {"httpGet": {"path": "/live", "port": 8080}, "periodSeconds": 10},
    }

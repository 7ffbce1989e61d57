"""A small asyncio client of the Kubernetes API, for any API server: requests, pages, watches that resume."""

from __future__ import annotations

import asyncio
import base64
import logging
import random
import ssl
import tempfile
from collections.abc import AsyncIterator, Mapping, MutableMapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Self, TypeVar

import aiohttp
import msgspec
import yaml

from controller_runtime.kube.errors import ApiError, Expired, api_error
from controller_runtime.kube.object import Decoder
from controller_runtime.kube.wire import Envelope, cut_envelope, decode_page, stream_error

from .apiobjects import Key, Object

log = logging.getLogger(__name__)

T = TypeVar("T", bound=Object)
EventType = Literal["ADDED", "MODIFIED", "DELETED"]

MERGE = "application/merge-patch+json"
STRATEGIC = "application/strategic-merge-patch+json"
PAGE = 500  # client-go's pager
# Short, as the server is in the same process: a fault that is over should not be felt for half a minute.
FIRST_BACKOFF, LAST_BACKOFF = 0.5, 2.0  # seconds
WATCH_SECONDS = 300  # client-go: between 5 and 10 minutes
RETRIES = 5


class ConfigError(Exception):
    """The kubeconfig cannot be used; one sentence says why."""


UNREACHABLE = (aiohttp.ClientError, TimeoutError, OSError)

_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True)
class Connection:
    """Where the API server is and who asks. `tls` is None for plain HTTP. `ca` is PEM, "" when unknown."""

    server: str
    token: str = ""
    tls: ssl.SSLContext | None = None
    ca: str = ""

    def __repr__(self) -> str:
        return f"Connection({self.server!r})"

    @classmethod
    def with_ca(cls, server: str, token: str, ca: str) -> Self:
        """A server whose certificate is signed by the PEM certificate `ca`."""
        return cls(server, token, ssl.create_default_context(cadata=ca), ca)

    @classmethod
    def from_kubeconfig(cls, path: Path, context: str = "") -> Self:
        """Tokens and client certificates; raises ConfigError for what is missing or not supported."""
        try:
            config = yaml.safe_load(path.read_text())
            name = context or config["current-context"]
            chosen = _named(config, "contexts", name)["context"]
            cluster = _named(config, "clusters", chosen["cluster"])["cluster"]
            user = _named(config, "users", chosen.get("user", "")).get("user") or {}
            server = str(cluster["server"]).rstrip("/")
        except (OSError, yaml.YAMLError, KeyError, TypeError) as error:
            raise ConfigError(f"{path} is not a usable kubeconfig: {error}") from error
        if "exec" in user or "auth-provider" in user:
            raise ConfigError(f"{path}: login by a helper program is not supported here; use a token.")
        folder = path.parent
        ca = _material(cluster, "certificate-authority", folder)
        tls = None
        if server.startswith("https:"):
            tls = ssl.create_default_context(cadata=ca or None)
            if cluster.get("insecure-skip-tls-verify"):
                tls.check_hostname, tls.verify_mode = False, ssl.CERT_NONE
            _load_client_certificate(tls, user, folder)
        token = user.get("token") or ""
        if not token and user.get("tokenFile"):
            token = (folder / user["tokenFile"]).read_text().strip()
        return cls(server, token, tls, ca)


def _named(config: Any, section: str, name: str) -> Any:
    for entry in config.get(section) or ():
        if entry["name"] == name:
            return entry
    raise KeyError(f"no {section[:-1]} named {name!r}")


def _material(section: Mapping[str, Any], name: str, folder: Path) -> str:
    if data := section.get(f"{name}-data"):
        return base64.b64decode(data).decode()
    return (folder / section[name]).read_text() if section.get(name) else ""


def _load_client_certificate(tls: ssl.SSLContext, user: Mapping[str, Any], folder: Path) -> None:
    certificate, key = _material(user, "client-certificate", folder), _material(user, "client-key", folder)
    if certificate and key:
        # OpenSSL reads a pair from a file only. The file is ours alone and gone at once.
        with tempfile.NamedTemporaryFile("w") as pair:
            pair.write(f"{certificate}\n{key}")
            pair.flush()
            tls.load_cert_chain(pair.name)


class Client:
    """Requests over few connections, watches over their own. Use as an async context manager."""

    def __init__(self, connection: Connection, *, user_agent: str, concurrency: int = 16) -> None:
        self.connection = connection
        self._user_agent = user_agent
        self._concurrency = concurrency
        self._random = random.Random()
        self._requests: aiohttp.ClientSession | None = None
        self._watches: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        tls: ssl.SSLContext | bool = self.connection.tls or True
        headers = {"User-Agent": self._user_agent, "Accept": "application/json"}
        if self.connection.token:
            headers["Authorization"] = f"Bearer {self.connection.token}"
        self._requests, self._watches = (
            aiohttp.ClientSession(
                self.connection.server,
                connector=aiohttp.TCPConnector(limit=limit, ssl=tls, keepalive_timeout=30),
                headers=headers,
                timeout=aiohttp.ClientTimeout(total=total, sock_connect=5),
                cookie_jar=aiohttp.DummyCookieJar(),
            )
            for limit, total in ((self._concurrency, 30), (0, None))
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        for session in (self._requests, self._watches):
            if session is not None:
                await session.close()

    async def request(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        body: object = None,
        content_type: str = "application/json",
    ) -> bytes:
        """The body of the answer. Raises ApiError, or aiohttp's errors when there is no answer.

        429 and 503 with Retry-After are tried again, as client-go does.
        """
        assert self._requests is not None, "use the client as a context manager"
        data = None if body is None else _encode(body)
        headers = {"Content-Type": content_type} if data is not None else None
        for attempt in range(RETRIES + 1):
            async with self._requests.request(
                method, path, params=params, data=data, headers=headers
            ) as answer:
                content = await answer.read()
                if answer.status < 300:
                    return content
                error = api_error(answer.status, content, answer.headers)
            if error.status not in (429, 503) or not error.retry_after or attempt == RETRIES:
                raise error
            await asyncio.sleep(min(error.retry_after, 10.0))
        raise AssertionError("unreachable")

    async def get(self, path: str, params: Mapping[str, str] | None = None) -> Any:
        """The decoded answer to a GET."""
        return msgspec.json.decode(await self.request("GET", path, params=params))

    async def create(self, path: str, body: object) -> bytes:
        return await self.request("POST", path, body=body)

    async def patch(self, path: str, body: object, content_type: str = MERGE) -> bytes:
        return await self.request("PATCH", path, body=body, content_type=content_type)

    async def delete(
        self,
        path: str,
        *,
        uid: str = "",
        resource_version: str = "",
        grace: int | None = None,
        propagation: str = "",
    ) -> bytes:
        """Delete, on condition of uid and resourceVersion when they are given."""
        options: dict[str, Any] = {"apiVersion": "v1", "kind": "DeleteOptions"}
        conditions = {"uid": uid, "resourceVersion": resource_version}
        if present := {name: value for name, value in conditions.items() if value}:
            options["preconditions"] = present
        if grace is not None:
            options["gracePeriodSeconds"] = grace
        if propagation:
            options["propagationPolicy"] = propagation
        return await self.request("DELETE", path, body=options)

    async def list(
        self, path: str, decoder: Decoder[T], params: Mapping[str, str] | None = None
    ) -> tuple[list[T], str]:
        """All pages of a list, and its resourceVersion. A page token that expired starts again."""
        while True:
            items: list[T] = []
            token = ""
            while True:
                query = {"limit": str(PAGE), **(params or {})}
                if token:
                    query["continue"] = token
                try:
                    page = decode_page(await self.request("GET", path, params=query))
                except Expired:
                    if token:
                        break
                    raise
                items += [decoder.decode(item) for item in page.items or ()]
                token = page.metadata.token
                if not token:
                    return items, page.metadata.resource_version

    async def list_watch(
        self,
        path: str,
        kind: type[T],
        *,
        label_selector: str = "",
        field_selector: str = "",
        known: MutableMapping[Key, T] | None = None,
    ) -> AsyncIterator[tuple[EventType | Literal["SYNCED"], T, T | None]]:
        """Every change and what it replaces, for ever: reconnects, resumes, and lists again after 410.

        A new list is yielded as the differences to what is known, so that a deletion is never missed.
        ("SYNCED", empty object, None) follows each complete list. `known` may be the caller's cache: it is
        brought up to date before the event is yielded.
        """
        cache: MutableMapping[Key, T] = {} if known is None else known
        decoder = Decoder(kind)
        selectors = {
            name: value
            for name, value in (("labelSelector", label_selector), ("fieldSelector", field_selector))
            if value
        }
        version, backoff = "", FIRST_BACKOFF
        while True:
            began = asyncio.get_running_loop().time()
            try:
                if not version:
                    items, version = await self.list(path, decoder, selectors)
                    for name, item in _differences(cache, items):
                        yield name, item, _apply(cache, name, item)
                    yield "SYNCED", kind(), None
                async for envelope in self._watch(path, version, selectors):
                    if envelope.type == "ERROR":
                        raise stream_error(envelope.object)
                    observed = decoder.decode(envelope.object)
                    version = observed.metadata.resource_version
                    if envelope.type == "BOOKMARK":
                        continue
                    for name, item in _events(cache, envelope.type, observed):
                        yield name, item, _apply(cache, name, item)
            except ApiError as error:
                if isinstance(error, Expired):
                    version = ""
                log.debug("watch of %s: %s", path, error)
            except (*UNREACHABLE, msgspec.DecodeError) as error:
                log.debug("watch of %s: %s", path, error)
            if asyncio.get_running_loop().time() - began > 5.0:
                backoff = FIRST_BACKOFF
            await asyncio.sleep(backoff * (0.5 + self._random.random()))
            backoff = min(backoff * 2, LAST_BACKOFF)

    async def _watch(self, path: str, version: str, selectors: Mapping[str, str]) -> AsyncIterator[Envelope]:
        assert self._watches is not None, "use the client as a context manager"
        seconds = int(WATCH_SECONDS * (1 + self._random.random()))
        params = {
            "watch": "true",
            "allowWatchBookmarks": "true",
            "resourceVersion": version,
            "timeoutSeconds": str(seconds),
            **selectors,
        }
        timeout = aiohttp.ClientTimeout(total=seconds + 30, sock_connect=5)
        async with self._watches.get(path, params=params, timeout=timeout) as answer:
            if answer.status >= 300:
                raise api_error(answer.status, await answer.read(), answer.headers)
            rest = b""
            async for chunk in answer.content.iter_any():
                lines = (rest + chunk).split(b"\n")
                rest = lines.pop()
                for line in lines:
                    if line:
                        yield cut_envelope(line)


def _differences(cache: Mapping[Key, T], items: list[T]) -> list[tuple[EventType, T]]:
    fresh = {item.metadata.key for item in items}
    events: list[tuple[EventType, T]] = [("DELETED", old) for key, old in cache.items() if key not in fresh]
    for item in items:
        events += _events(cache, "ADDED", item)
    return events


def _events(cache: Mapping[Key, T], name: str, item: T) -> list[tuple[EventType, T]]:
    """What one observation means, given what is known: a new UID is a deletion and a creation."""
    old = cache.get(item.metadata.key)
    if name == "DELETED":
        return [("DELETED", item)]
    if old is None:
        return [("ADDED", item)]
    if old.metadata.uid != item.metadata.uid:
        return [("DELETED", old), ("ADDED", item)]
    if old.metadata.resource_version == item.metadata.resource_version:
        return []
    return [("MODIFIED", item)]


def _apply(cache: MutableMapping[Key, T], name: str, item: T) -> T | None:
    """Bring the cache up to date; what it had before."""
    if name == "DELETED":
        return cache.pop(item.metadata.key, None)
    old = cache.get(item.metadata.key)
    cache[item.metadata.key] = item
    return old

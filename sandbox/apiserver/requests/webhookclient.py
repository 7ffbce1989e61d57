"""Calls a webhook over HTTPS, by its URL or through a Service; failures in the words of Go's client."""

import asyncio
import base64
import binascii
import json
import ssl
from functools import lru_cache
from urllib.parse import urlsplit

import aiohttp
import msgspec

from sandbox.apiserver.machinery.jsonobject import Obj
from sandbox.apiserver.storage.revisions import Store

_MOST_BYTES = 3 << 20
_HEADERS = {"Content-Type": "application/json", "Accept": "application/json, */*"}


class CallError(Exception):
    """The webhook gave no answer that can be used."""


@lru_cache(maxsize=64)
def _context(bundle: str) -> ssl.SSLContext:
    """A context that trusts a CA bundle (PEM in base64), or the system's when it is empty."""
    if not bundle:
        return ssl.create_default_context()
    try:
        text = base64.b64decode(bundle).decode()
        context = ssl.create_default_context(cadata=text)
    except (ValueError, binascii.Error, ssl.SSLError):
        why = "unable to load root certificates: unable to parse bytes as PEM block"
        raise CallError(f"failed to call webhook: {why}") from None
    return context


class WebhookClient:
    """One pool of connections for all webhooks."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._session: aiohttp.ClientSession | None = None

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()

    async def post(self, config: Obj, seconds: int, body: Obj) -> Obj:
        """POST an object to the webhook of a clientConfig; the object that it answers. CallError."""
        context = _context(config.get("caBundle") or "")
        service = config.get("service")
        url, name = config.get("url") or "", None
        if service:
            name = f"{service['name']}.{service['namespace']}.svc"
            url = f"https://{name}:{service.get('port', 443)}{service.get('path') or ''}"
        asked = f"{url}?timeout={seconds}s"
        lead = f'failed to call webhook: Post "{asked}": '
        if service:
            host, port = self._endpoint(service, lead)
            target = f"https://{host}:{port}{service.get('path') or '/'}?timeout={seconds}s"
        else:
            target = asked
        if self._session is None:
            self._session = aiohttp.ClientSession()
        try:
            async with asyncio.timeout(seconds):
                async with self._session.post(
                    target,
                    data=msgspec.json.encode(body),
                    headers=_HEADERS,
                    ssl=context,
                    server_hostname=name,
                    allow_redirects=False,
                ) as answer:
                    raw = await answer.content.read(_MOST_BYTES)
                    code = answer.status
        except TimeoutError:
            raise CallError(f"{lead}context deadline exceeded") from None
        except (aiohttp.ClientError, OSError) as error:
            raise CallError(lead + _words(error, target)) from None
        if not 200 <= code < 300:
            raise CallError(f"failed to call webhook: {_rejection(code, raw)}")
        try:
            decoded = msgspec.json.decode(raw)
        except msgspec.DecodeError as error:
            text = f"couldn't get version/kind; json parse error: {error}"
            raise CallError(f"failed to call webhook: {text}") from None
        if not isinstance(decoded, dict):
            raise CallError("failed to call webhook: the answer is not an object")
        return decoded

    def _endpoint(self, service: Obj, lead: str) -> tuple[str, int]:
        """Where a Service leads: a ready endpoint of its, by its Endpoints or EndpointSlices."""
        key = (service["namespace"], service["name"])
        entry = self._store.get("services", key)
        if entry is None:
            raise CallError(f'{lead}service "{key[1]}" not found')
        number = service.get("port", 443)
        spec = entry.decode()["spec"]
        port = next((p for p in spec.get("ports") or [] if p.get("port") == number), None)
        if port is None:
            raise CallError(f"{lead}no service port {number} found for service {json.dumps(key[1])}")
        if spec["type"] == "ExternalName":
            return spec["externalName"], number
        for addresses, ports in self._subsets(key):
            for found in ports:
                if addresses and (len(ports) == 1 or found.get("name", "") == port.get("name", "")):
                    return addresses[0], int(found["port"])
        raise CallError(f'{lead}no endpoints available for service "{key[1]}"')

    def _subsets(self, key: tuple[str, str]) -> list[tuple[list[str], list[Obj]]]:
        out: list[tuple[list[str], list[Obj]]] = []
        if (entry := self._store.get("endpoints", key)) is not None:
            for subset in entry.decode().get("subsets") or []:
                out.append(([a["ip"] for a in subset.get("addresses") or []], subset.get("ports") or []))
        bucket = self._store.bucket("endpointslices.discovery.k8s.io")
        for at in bucket.ordered():
            found = bucket.objects[at]
            if at[0] == key[0] and found.labels.get("kubernetes.io/service-name") == key[1]:
                obj = found.decode()
                ready = [
                    address
                    for endpoint in obj.get("endpoints") or []
                    if (endpoint.get("conditions") or {}).get("ready", True)
                    for address in endpoint.get("addresses") or []
                ]
                out.append((ready, obj.get("ports") or []))
        return out


def _words(error: Exception, target: str) -> str:
    parts = urlsplit(target)
    where = f"{parts.hostname}:{parts.port or 443}"
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        inner = error.certificate_error
        text = getattr(inner, "verify_message", str(inner))
        if getattr(inner, "verify_code", 0) in (18, 19, 20, 21):
            text = "certificate signed by unknown authority"
        return f"tls: failed to verify certificate: x509: {text}"
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return f"dial tcp: lookup {parts.hostname}: no such host"
    if isinstance(error, aiohttp.ClientConnectorSSLError):
        return "remote error: tls: handshake failure"
    if isinstance(error, aiohttp.ClientConnectorError):
        reason = (error.os_error.strerror or "refused").lower()
        if isinstance(error.os_error, ConnectionRefusedError):
            reason = "connection refused"
        return f"dial tcp {where}: connect: {reason}"
    if isinstance(error, aiohttp.ServerDisconnectedError):
        return "EOF"
    return str(error) or type(error).__name__


def _rejection(code: int, raw: bytes) -> str:
    """What client-go makes of an answer that is no success (errors.NewGenericServerResponse)."""
    if code >= 500:
        text = raw.decode(errors="replace")[:2048].strip()
        return f"an error on the server ({json.dumps(text)}) has prevented the request from succeeding"
    return {
        401: "the server has asked for the client to provide credentials",
        403: "forbidden",
        404: "the server could not find the requested resource",
        405: "the server does not allow this method on the requested resource",
        429: "the server has received too many requests and has asked us to try again later",
    }.get(code, "the server rejected our request for an unknown reason")

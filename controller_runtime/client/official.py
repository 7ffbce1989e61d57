"""The official client (the package ``kubernetes``) on this client's credentials and connections.

For what it has and this library has not: a model and a method for everything in the API::

    apps = kubernetes.client.AppsV1Api(official_client(manager.client))

Its requests have the same identity, TLS, proxy and credential plugins, and count in the same metrics. Its own
loader of kubeconfigs is not used: it knows no impersonation, keeps keys in files and turns anonymous when a
plugin fails.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from controller_runtime.client.requests import Requests
from controller_runtime.client.transport import Transport

if TYPE_CHECKING:
    from kubernetes.client import ApiClient


class _Connections:
    """Stands where the official client keeps the pool manager of urllib3."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def request(
        self,
        method: str,
        url: str,
        *,
        body: bytes | str | None = None,
        headers: dict[str, str],
        timeout: Any = None,
        **_: Any,
    ) -> Any:
        return self._transport.foreign(method, url.removeprefix(self._transport.host), body, headers, timeout)

    def clear(self) -> None:
        """Its ``close``; the connections are the transport's."""


def official_client(client: Requests) -> ApiClient:
    """An ``ApiClient`` for the classes of ``kubernetes.client``. Raises ImportError where that is missing."""
    from kubernetes.client import ApiClient, Configuration

    made = ApiClient(Configuration(host=client.host))
    made.rest_client.pool_manager = _Connections(client.transport)
    return made

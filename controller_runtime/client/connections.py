"""urllib3's connections to one server, which a Cancel can shut at once."""

from __future__ import annotations

import contextlib
import http.client
import socket
import ssl
import threading
from collections.abc import Callable
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from controller_runtime.client.cancel import Cancel, current_attempt
from controller_runtime.client.config import Configuration
from controller_runtime.client.socks import through_socks

CHUNK = 1 << 16  # bytes that are asked of a socket at once


class _Response(http.client.HTTPResponse):
    """Reads from its socket in large pieces. The library's own takes 8 KB, and one event of a pod is more."""

    def __init__(self, sock: Any, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        self.fp.close()  # this end of the socket only
        self.fp = sock.makefile("rb", CHUNK)


class Connections(NamedTuple):
    """urllib3's way to the one server. ``prefix`` is what goes before every path."""

    urlopen: Callable[..., Any]
    prefix: str
    close: Callable[[], None]


# A peer that is gone without a word is found out after 165 s: 30 s of silence, then 9 probes.
_KEEP_ALIVE = [
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
    (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),
    *(
        (socket.IPPROTO_TCP, number, value)
        for name, value in (("TCP_KEEPIDLE", 30), ("TCP_KEEPINTVL", 15), ("TCP_KEEPCNT", 9))
        if (number := getattr(socket, name, None)) is not None
    ),
]


def connect_to(configuration: Configuration, context: ssl.SSLContext | None) -> Connections:
    """The connection pool itself and not its manager, which takes as long as a request to find it again.

    But through a proxy without a tunnel it is the manager that knows what to ask for.
    """
    from urllib3 import PoolManager, ProxyManager

    settings: dict[str, Any] = {"maxsize": 32, "socket_options": _KEEP_ALIVE}
    if context is not None:
        settings["ssl_context"] = context
        if configuration.server_name:
            settings["server_hostname"] = configuration.server_name
    proxy, parts = configuration.proxy, urlsplit(configuration.host)
    tunnel = proxy is None or proxy.is_socks
    if proxy is None or proxy.is_socks:
        manager = PoolManager(**settings)
    else:
        headers = {"Proxy-Authorization": proxy.authorization} if proxy.authorization else None
        manager = ProxyManager(str(proxy), proxy_headers=headers, proxy_ssl_context=context, **settings)
    connections: Any = manager.connection_from_host(parts.hostname, parts.port, parts.scheme)
    if proxy is not None and proxy.is_socks:
        connections.ConnectionCls = through_socks(connections.ConnectionCls, proxy)
    connections.ConnectionCls = _cancellable(connections.ConnectionCls)
    put_back = connections._put_conn

    def disown(connection: Any) -> None:
        if connection is not None:
            connection.own(None)  # before another request can have it
        put_back(connection)

    connections._put_conn = disown
    if parts.scheme == "http" and not tunnel:
        return Connections(manager.urlopen, configuration.host, manager.clear)
    return Connections(connections.urlopen, parts.path.rstrip("/"), connections.close)


def _cancellable(connection_class: Any) -> Any:
    """The connection class, with its sockets known to the Cancel of the request that uses them.

    It sends headers and body at once: the system call costs more than the joining.
    """

    class Cancellable(connection_class):  # type: ignore[misc]
        response_class = _Response
        _held: list[bytes] | None = None

        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            self._owner_lock = threading.Lock()
            self._owner: Cancel | None = None

        def connect(self) -> None:
            super().connect()
            self.is_verified = True  # or not, as the kubeconfig asks for: urllib3 need not warn of it
            self._attach()

        def request(self, *args: Any, **kwargs: Any) -> None:
            self._attach()
            self._held = []
            try:
                super().request(*args, **kwargs)
            finally:
                held, self._held = self._held, None
            if self.sock is None:
                self.connect()
            if attempt := current_attempt.get():
                attempt.sent = True
            super().send(b"".join(held))

        def send(self, data: bytes) -> None:
            if self._held is None:
                super().send(data)
            else:
                self._held.append(data)

        def _attach(self) -> None:
            attempt = current_attempt.get()
            cancel = attempt.cancel if attempt else None
            self.own(cancel)
            if cancel is not None:
                cancel.attach(self)

        def own(self, cancel: Cancel | None) -> None:
            with self._owner_lock:
                self._owner = cancel

        def shut_for(self, cancel: Cancel) -> None:
            """Shut the socket, if the request that uses it now is the one of ``cancel``."""
            with self._owner_lock:
                if self._owner is cancel and self.sock is not None:
                    with contextlib.suppress(OSError):
                        # The plain socket's: SSLSocket's would pull the TLS state from under the reader.
                        socket.socket.shutdown(self.sock, socket.SHUT_RDWR)

    return Cancellable

"""Listens on an address as Go's net.Listen takes it, with a thread for each connection."""

from __future__ import annotations

import errno
import logging
import socket
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import TCPServer
from typing import Any

log = logging.getLogger("controller_runtime.manager.listen")

MAX_CONNECTIONS = 100  # at once, a thread each; more are closed
_NO_SUCH_FAMILY = (errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL, errno.EPROTONOSUPPORT)


class Server(ThreadingHTTPServer):
    """Raises OSError when it cannot listen. ``dual``: an IPv6 socket that takes IPv4 as well."""

    daemon_threads = True
    request_queue_size = 128
    free: threading.Semaphore

    def __init__(
        self,
        handler: type[BaseHTTPRequestHandler],
        family: socket.AddressFamily,
        address: tuple[str, int] | tuple[str, int, int, int],
        *,
        dual: bool = False,
    ) -> None:
        self.address_family = family
        self.free = threading.Semaphore(MAX_CONNECTIONS)
        # Of the address of an IPv6 socket the types know the first half only.
        super().__init__((address[0], address[1]), handler, bind_and_activate=False)
        self.server_address = address
        try:
            if dual:
                self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
            self.server_bind()
            self.server_activate()
        except OSError:
            self.server_close()
            raise

    def server_bind(self) -> None:
        TCPServer.server_bind(self)  # HTTPServer's would ask the DNS for our name, which may take its time

    def process_request(self, request: Any, client_address: Any) -> None:
        if not self.free.acquire(blocking=False):
            self.shutdown_request(request)
            return
        try:
            super().process_request(request, client_address)
        except BaseException:  # there are too many threads
            self.free.release()
            raise

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            self.free.release()

    def handle_error(self, request: object, client_address: object) -> None:
        error = sys.exception()
        if not isinstance(error, ConnectionError | TimeoutError):  # of the client's
            log.error("A page could not be served", exc_info=error)


def parse(address: str) -> tuple[str, int]:
    """Host and port of ``host:port``, ``:port``, ``[::1]:port``. Raises ValueError with a sentence."""
    host, colon, port = address.rpartition(":")
    bare = host[1:-1] if host.startswith("[") and host.endswith("]") else host
    known = colon and port.isascii() and port.isdecimal() and int(port) <= 65535
    if not known or (bare == host and ":" in host) or "[" in bare or "]" in bare:
        raise ValueError(
            f"{address!r} is no address to listen on: write it as :8080, 127.0.0.1:8080 or [::1]:8080"
        )
    return bare, int(port)


def listen(address: str, handler: type[BaseHTTPRequestHandler]) -> Server:
    """A server on ``address``: no host, ``0.0.0.0`` and ``[::]`` are all interfaces of both IP families.

    That is Go's rule, and so are IPv4 alone on a machine without IPv6, and the IPv4 address of a name that
    has both. Raises ValueError for what is no address, OSError with a sentence when it cannot listen there.
    """
    host, port = parse(address)
    try:
        if host in ("", "0.0.0.0", "::"):
            return _everywhere(port, handler)
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, _, _, _, where = min(found, key=lambda info: info[0] != socket.AF_INET)
        return Server(handler, family, where)  # type: ignore[arg-type]
    except OSError as error:
        raise OSError(
            f"cannot listen on {address}: {error.strerror or error}; choose another address or 0 for none"
        ) from error


def _everywhere(port: int, handler: type[BaseHTTPRequestHandler]) -> Server:
    try:
        return Server(handler, socket.AF_INET6, ("::", port, 0, 0), dual=True)
    except OSError as error:
        if error.errno not in _NO_SUCH_FAMILY:
            raise
        return Server(handler, socket.AF_INET, ("", port))

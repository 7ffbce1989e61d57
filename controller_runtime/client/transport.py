"""HTTP to one API server, with urllib3's pools.

Every request may carry a ``Cancel``, with which another thread shuts its socket at once.
"""

from __future__ import annotations

import contextlib
import http.client
import re
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextvars import ContextVar
from typing import Any, NamedTuple
from urllib.parse import urlencode, urlsplit

from controller_runtime.client.access import Access, Ready
from controller_runtime.client.config import Configuration
from controller_runtime.client.socks import through_socks
from controller_runtime.kube.errors import ApiError, NoCredentials, Unreachable, api_error

CONNECT_TIMEOUT = 5.0  # seconds
REQUEST_TIMEOUT = 30.0  # seconds, between two pieces of an answer
_CHUNK = 1 << 16  # bytes that are asked of a socket at once

Query = Mapping[str, str | int | bool] | Sequence[tuple[str, str]]


class Answer(NamedTuple):
    status: int
    headers: Any
    body: bytes


class Cancelled(Unreachable):
    """The request was shut from another thread."""


class Cancel:
    """Shuts the socket of whatever request it is given to, now or later. Once set it stays set."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._connection: Any = None
        self.is_set = False

    def attach(self, connection: Any) -> None:
        with self._lock:
            self._connection = connection
            if self.is_set:
                raise Cancelled("cancelled")

    def set(self) -> None:
        with self._lock:
            self.is_set = True
            connection = self._connection
        if connection is not None:
            connection.shut_for(self)


class _Attempt:
    """One use of the wire, as its connection sees it. ``sent``: a first byte may be on its way."""

    __slots__ = ("cancel", "sent")

    def __init__(self, cancel: Cancel | None) -> None:
        self.cancel = cancel
        self.sent = False


_attempt: ContextVar[_Attempt | None] = ContextVar("attempt", default=None)


class Stream:
    """An answer that is still coming. Iterate for its chunks; ``close`` belongs to the reading thread."""

    def __init__(self, response: Any, cancel: Cancel | None) -> None:
        self._response = response
        self._cancel = cancel

    def __iter__(self) -> Iterator[bytes]:
        """Chunks as they come. Raises Unreachable when the stream breaks or is silent for too long."""
        # http.client's own reader: urllib3's, which also knows compression, costs as much as the decoding.
        read = self._response._fp.read1
        while True:
            try:
                chunk = read(_CHUNK)
            except Exception as error:
                if self._cancel is not None and self._cancel.is_set:
                    raise Cancelled("cancelled", sent=True) from error
                raise Unreachable(_reason(error), sent=True) from error
            if not chunk:
                return
            yield chunk

    def close(self) -> None:
        with contextlib.suppress(Exception):
            self._response.close()


class Transport:
    """Thread-safe. Credentials are reloaded once when the server or its certificate refuses them."""

    def __init__(self, configuration: Configuration) -> None:
        self._access = Access(configuration, _connections)
        self.observers: list[Callable[[str, int, float], None]] = []  # method, status (0: no answer), seconds
        self.has_watch_list = True  # until a server says that it does not know sendInitialEvents

    @property
    def configuration(self) -> Configuration:
        """The one in use; files that changed may have brought another than the first."""
        return self._access.configuration

    @property
    def host(self) -> str:
        return self.configuration.host

    def request(
        self,
        method: str,
        path: str,
        query: Query = (),
        *,
        body: bytes | None = None,
        content_type: str = "application/json",
        timeout: float = REQUEST_TIMEOUT,
        cancel: Cancel | None = None,
        before: Callable[[], None] | None = None,
    ) -> Answer:
        """The whole answer of a request that succeeded. Raises ApiError, Unreachable.

        ``before`` is called before each time the wire is used; it may wait, to keep a rate.
        """
        response = self._open(method, path, query, body, content_type, timeout, cancel, before)
        try:
            return Answer(response.status, response.headers, response.read())
        except Exception as error:
            if cancel is not None and cancel.is_set:
                raise Cancelled("cancelled", sent=True) from error
            raise Unreachable(_reason(error), sent=True) from error
        finally:
            response.release_conn()

    def stream(
        self,
        path: str,
        query: Query = (),
        *,
        idle_timeout: float,
        cancel: Cancel | None = None,
        before: Callable[[], None] | None = None,
    ) -> Stream:
        """Begin a GET whose answer does not end. ``idle_timeout``: seconds of silence until it is dead."""
        response = self._open("GET", path, query, None, "application/json", idle_timeout, cancel, before)
        return Stream(response, cancel)

    def close(self) -> None:
        self._access.close()

    def _open(
        self,
        method: str,
        path: str,
        query: Query,
        body: bytes | None,
        content_type: str,
        timeout: float,
        cancel: Cancel | None,
        before: Callable[[], None] | None,
    ) -> Any:
        """A successful response whose body is not read yet."""
        pairs = query.items() if isinstance(query, Mapping) else query
        text = urlencode([(k, str(v).lower() if isinstance(v, bool) else str(v)) for k, v in pairs])
        target = f"{path}?{text}" if text else path
        for last in (False, True):
            if before is not None:
                before()
            try:
                ready = self._access.ready(cancel)
            except NoCredentials as error:
                if cancel is not None and cancel.is_set:
                    raise Cancelled("cancelled") from error
                raise
            started = time.monotonic()
            attempt = _Attempt(cancel)
            try:
                response = self._send(ready, method, target, body, content_type, timeout, attempt)
            except Exception as error:
                self._observe(method, 0, started)
                if cancel is not None and cancel.is_set:
                    raise Cancelled("cancelled", sent=attempt.sent) from error
                if _is_certificate_error(error) and not last and self._access.refused(ready):
                    continue
                raise Unreachable(ready.words(_reason(error)), sent=attempt.sent) from error
            self._observe(method, response.status, started)
            if response.status < 300:
                return response
            refusal = self._refusal(response)
            if refusal.status == 401 and not last and self._access.refused(ready):
                continue
            raise refusal
        raise AssertionError("unreachable")

    def _send(
        self,
        ready: Ready,
        method: str,
        target: str,
        body: bytes | None,
        content_type: str,
        timeout: float,
        attempt: _Attempt,
    ) -> Any:
        from urllib3 import HTTPHeaderDict, Timeout

        headers: Any = {"Accept": "application/json", "User-Agent": "reconsole"}
        if body is not None:
            headers["Content-Type"] = content_type
        if ready.credential.authorization:
            headers["Authorization"] = ready.credential.authorization
        if ready.configuration.impersonate:
            headers["Impersonate-User"] = _utf8(ready.configuration.impersonate)
        if ready.configuration.impersonation:
            headers = HTTPHeaderDict(headers)
            for name, value in ready.configuration.impersonation:
                headers.add(name, _utf8(value))
        token = _attempt.set(attempt)
        try:
            return ready.connections.urlopen(
                method,
                ready.connections.prefix + target,
                body=body,
                headers=headers,
                timeout=Timeout(connect=min(timeout, CONNECT_TIMEOUT), read=timeout),
                retries=False,
                redirect=False,
                preload_content=False,
            )
        finally:
            _attempt.reset(token)

    def _refusal(self, response: Any) -> ApiError:
        try:
            return api_error(response.status, response.read(1 << 20), response.headers)
        except Exception:
            return api_error(response.status, b"", response.headers)
        finally:
            response.release_conn()

    def _observe(self, method: str, status: int, started: float) -> None:
        for observer in self.observers:
            observer(method, status, time.monotonic() - started)


class _Response(http.client.HTTPResponse):
    """Reads from its socket in large pieces. The library's own takes 8 KB, and one event of a pod is more."""

    def __init__(self, sock: Any, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        self.fp.close()  # this end of the socket only
        self.fp = sock.makefile("rb", _CHUNK)


class _Connections(NamedTuple):
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


def _connections(configuration: Configuration, context: ssl.SSLContext | None) -> _Connections:
    """The connection pool itself and not its manager, which takes as long as a request to find it again.

    But through a proxy without a tunnel it is the manager that knows what to ask for.
    """
    from urllib3 import PoolManager, ProxyManager

    settings: dict[str, Any] = {"maxsize": 16, "socket_options": _KEEP_ALIVE}
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
        return _Connections(manager.urlopen, configuration.host, manager.clear)
    return _Connections(connections.urlopen, parts.path.rstrip("/"), connections.close)


def _utf8(value: str) -> str:
    """For a header's value, which http.client encodes as Latin-1; Go sends UTF-8."""
    return value.encode().decode("latin-1")


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
            if attempt := _attempt.get():
                attempt.sent = True
            super().send(b"".join(held))

        def send(self, data: bytes) -> None:
            if self._held is None:
                super().send(data)
            else:
                self._held.append(data)

        def _attach(self) -> None:
            attempt = _attempt.get()
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


def _is_certificate_error(error: BaseException | None) -> bool:
    while error is not None:
        if isinstance(error, ssl.SSLError):
            return True
        error = error.__cause__ or error.__context__
    return False


def _reason(error: BaseException) -> str:
    """The network's words, without the layers of the HTTP library around them."""
    while True:
        inner = error.__cause__ or error.__context__ or next(
            (a for a in error.args if isinstance(a, BaseException)), None
        )  # fmt: skip
        if inner is None or isinstance(inner, (EOFError, BlockingIOError)):
            break
        error = inner
    if isinstance(error, TimeoutError):
        return "timed out"
    if isinstance(error, OSError) and error.strerror:
        return re.sub(r" \(_ssl\.c:\d+\)$", "", error.strerror)
    if isinstance(error, http.client.BadStatusLine) and not isinstance(error, ConnectionError):
        return "the answer is not HTTP"
    if isinstance(error, (ValueError, http.client.IncompleteRead)):
        return "the connection was closed in the middle of an answer"
    return str(error) or type(error).__name__

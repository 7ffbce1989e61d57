"""HTTP to one API server, with urllib3's pools.

Every request may carry a ``Cancel``, with which another thread shuts its socket at once.
"""

from __future__ import annotations

import contextlib
import http.client
import re
import ssl
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple
from urllib.parse import urlencode

from controller_runtime.client.access import Access, Ready
from controller_runtime.client.cancel import Attempt, Cancel, Cancelled, current_attempt
from controller_runtime.client.config import Configuration
from controller_runtime.client.connections import CHUNK, connect_to
from controller_runtime.kube.errors import ApiError, NoCredentials, Unreachable, api_error

CONNECT_TIMEOUT = 5.0  # seconds
REQUEST_TIMEOUT = 60.0  # seconds, for a whole answer; kube-apiserver's own --request-timeout
SILENCE = 30.0  # seconds between two pieces of it
REFUSAL_LIMIT = 1 << 20  # bytes that are read of an answer that is none

JSON = "application/json"
Query = Mapping[str, str | int | bool] | Sequence[tuple[str, str]]


class Answer(NamedTuple):
    status: int
    headers: Any
    body: bytes


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
                chunk = read(CHUNK)
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


class Exchange(NamedTuple):
    """A request that was answered, or with ``status`` 0 was not. ``target`` is its path with the query."""

    method: str
    target: str
    status: int
    seconds: float


class Transport:
    """Thread-safe. Credentials are reloaded once when the server or its certificate refuses them."""

    def __init__(self, configuration: Configuration) -> None:
        self._access = Access(configuration, connect_to)
        self.observers: list[Callable[[Exchange], None]] = []
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
        content_type: str = JSON,
        accept: str = JSON,
        timeout: float = REQUEST_TIMEOUT,
        cancel: Cancel | None = None,
        before: Callable[[], None] | None = None,
    ) -> Answer:
        """The whole answer of a request that succeeded. Raises ApiError, Unreachable.

        ``timeout``: seconds until the last of it has come. ``before`` is called before each time the wire is
        used; it may wait, to keep a rate.
        """
        deadline = time.monotonic() + timeout
        silence = min(timeout, SILENCE)
        response = self._open(method, path, query, body, content_type, accept, silence, cancel, before)
        try:
            return Answer(response.status, response.headers, _body(response, deadline))
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
        accept: str = JSON,
        cancel: Cancel | None = None,
        before: Callable[[], None] | None = None,
    ) -> Stream:
        """Begin a GET whose answer does not end. ``idle_timeout``: seconds of silence until it is dead."""
        response = self._open("GET", path, query, None, JSON, accept, idle_timeout, cancel, before)
        return Stream(response, cancel)

    def foreign(
        self, method: str, target: str, body: bytes | str | None, headers: Mapping[str, str], timeout: Any
    ) -> Any:
        """urllib3's response to a request that another client makes with our credentials and connections.

        ``target`` is a path with its query; ``timeout`` is urllib3's. Raises NoCredentials, urllib3's errors.
        """
        for last in (False, True):
            ready = self._access.ready(None)
            started = time.monotonic()
            response = ready.connections.urlopen(
                method, ready.connections.prefix + target, body=body, headers=_signed(headers, ready),
                timeout=timeout, retries=False, redirect=False, preload_content=False,
            )  # fmt: skip
            self._observe(method, target, response.status, started)
            if response.status != 401 or last or not self._access.refused(ready):
                break
            response.drain_conn()
        return response

    def close(self) -> None:
        self._access.close()

    def _open(
        self,
        method: str,
        path: str,
        query: Query,
        body: bytes | None,
        content_type: str,
        accept: str,
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
            attempt = Attempt(cancel)
            try:
                response = self._send(ready, method, target, body, content_type, accept, timeout, attempt)
            except Exception as error:
                self._observe(method, target, 0, started)
                if cancel is not None and cancel.is_set:
                    raise Cancelled("cancelled", sent=attempt.sent) from error
                # A write that may have arrived is not repeated.
                handshake = None if attempt.sent and method != "GET" else _tls_error(error)
                if handshake and not last and self._access.refused(ready, handshake):
                    continue
                words = str(error) if _is_ours(error, attempt) else ready.words(_reason(error))
                raise Unreachable(words, sent=attempt.sent) from error
            self._observe(method, target, response.status, started)
            if response.status < 300:
                return response
            refusal = _refusal(response, time.monotonic() + timeout)
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
        accept: str,
        timeout: float,
        attempt: Attempt,
    ) -> Any:
        from urllib3 import Timeout

        headers = {"Accept": accept, "User-Agent": "reconsole"}
        if body is not None:
            headers["Content-Type"] = content_type
        token = current_attempt.set(attempt)
        try:
            return ready.connections.urlopen(
                method,
                ready.connections.prefix + target,
                body=body,
                headers=_signed(headers, ready),
                timeout=Timeout(connect=min(timeout, CONNECT_TIMEOUT), read=timeout),
                retries=False,
                redirect=False,
                preload_content=False,
            )
        finally:
            current_attempt.reset(token)

    def _observe(self, method: str, target: str, status: int, started: float) -> None:
        exchange = Exchange(method, target, status, time.monotonic() - started)
        for observer in self.observers:
            observer(exchange)


def _signed(headers: Mapping[str, str], ready: Ready) -> Any:
    """These headers, and those that say who we are."""
    from urllib3 import HTTPHeaderDict

    signed = HTTPHeaderDict(headers)
    if ready.credential.authorization:
        signed["Authorization"] = _utf8(ready.credential.authorization)
    if ready.configuration.impersonate:
        signed["Impersonate-User"] = _utf8(ready.configuration.impersonate)
    for name, value in ready.configuration.impersonation:
        signed.add(name, _utf8(value))
    return signed


def _refusal(response: Any, deadline: float) -> ApiError:
    try:
        return api_error(response.status, _body(response, deadline, REFUSAL_LIMIT), response.headers)
    except Exception:
        return api_error(response.status, b"", response.headers)
    finally:
        response.release_conn()


def _body(response: Any, deadline: float, limit: int | None = None) -> bytes:
    """The body, or its first ``limit`` bytes. Raises TimeoutError when it has not come by ``deadline``.

    A connection on which something is still to come is closed, for the next request must not read it.
    """
    pieces: list[bytes] = []
    size = 0
    while piece := response.read1(CHUNK):
        pieces.append(piece)
        size += len(piece)
        if limit is not None and size >= limit:
            response.close()
            break
        if time.monotonic() >= deadline:
            response.close()
            raise TimeoutError
    return b"".join(pieces)


def _is_ours(error: Exception, attempt: Attempt) -> bool:
    """Whether it is what we were about to send that is wrong, such as a line break in a header."""
    return isinstance(error, ValueError) and not attempt.sent


def _utf8(value: str) -> str:
    """For a header's value, which http.client encodes as Latin-1; Go sends UTF-8."""
    return value.encode().decode("latin-1")


def _tls_error(error: BaseException | None) -> ssl.SSLError | None:
    while error is not None and not isinstance(error, ssl.SSLError):
        error = error.__cause__ or error.__context__
    return error


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

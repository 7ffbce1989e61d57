"""A small API server over real HTTP that serves ConfigMaps and Pods well, until a script tells it not to."""

from __future__ import annotations

import json
import socket
import ssl
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

Object = dict[str, Any]


class VirtualClock:
    """Time that passes when somebody sleeps, and up to ``limit`` only: then sleepers really sleep.

    A fault of an hour is over in milliseconds, and rates come out exact.
    """

    def __init__(self, limit: float = float("inf")) -> None:
        self.now = 0.0
        self.limit = limit
        self.slept: list[float] = []
        self.reached_limit = threading.Event()

    def monotonic(self) -> float:
        return self.now

    def wall(self) -> float:
        return 1_000_000.0 + self.now

    def random(self) -> float:
        return 0.5

    def advance(self, seconds: float) -> None:
        self.now += seconds

    def wait(self, event: threading.Event, seconds: float) -> bool:
        self.slept.append(seconds)
        if self.now + seconds > self.limit:
            self.reached_limit.set()
            return event.wait()
        self.now += seconds
        return event.is_set()


@dataclass
class Seen:
    """One request, as it arrived."""

    at: float  # on the server's clock
    verb: str  # list, watch, or the HTTP method
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes = b""


class Gone(Exception):
    """The client has hung up."""


@dataclass
class Exchange:
    """One request and the means to answer it, well or badly."""

    server: FaultServer
    handler: BaseHTTPRequestHandler
    seen: Seen
    streaming: bool = False

    def __post_init__(self) -> None:
        self.generation = self.server.generation

    @property
    def verb(self) -> str:
        return self.seen.verb

    @property
    def query(self) -> dict[str, str]:
        return self.seen.query

    def answer(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        self.handler.send_response(status)
        for name, value in (headers or {}).items():
            self.handler.send_header(name, value)
        self.handler.send_header("Content-Type", "application/json")
        self.handler.send_header("Content-Length", str(len(body)))
        self.handler.end_headers()
        self.handler.wfile.write(body)

    def refuse(self, code: int, reason: str, message: str, retry_after: int | None = None) -> None:
        headers = {} if retry_after is None else {"Retry-After": str(retry_after)}
        self.answer(code, json.dumps(status(code, reason, message)).encode(), headers)

    def begin(self) -> None:
        """The head of a watch's answer."""
        self.handler.send_response(200)
        self.handler.send_header("Content-Type", "application/json")
        self.handler.send_header("Transfer-Encoding", "chunked")
        self.handler.end_headers()
        self.streaming = True

    def chunk(self, data: bytes) -> None:
        try:
            self.handler.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
            self.handler.wfile.flush()
        except OSError as error:
            raise Gone from error

    def event(self, type_: str, obj: Object) -> None:
        self.chunk(json.dumps({"type": type_, "object": obj}, ensure_ascii=False).encode() + b"\n")

    def bookmark(self, version: int | None = None, *, ends_list: bool = False) -> None:
        meta: Object = {"resourceVersion": str(version or self.server.version)}
        if ends_list:
            meta["annotations"] = {"k8s.io/initial-events-end": "true"}
        self.event("BOOKMARK", {"kind": "Pod", "apiVersion": "v1", "metadata": meta})

    def initial(self) -> int:
        """The head and the first list of a WatchList answer; the version that it shows."""
        self.begin()
        with self.server.changed:
            version, objects = self.server.version, list(self.server.objects.values())
        for obj in objects:
            self.event("ADDED", obj)
        self.bookmark(version, ends_list=True)
        return version

    def finish(self) -> None:
        """The regular end of a watch."""
        self.chunk(b"")
        self.streaming = False

    def follow(self, version: int) -> None:
        """Send everything that happens after ``version``, until the server closes its streams."""
        server, generation = self.server, self.generation
        while True:
            with server.changed:
                if server.generation == generation and server.version <= version:
                    server.changed.wait(0.2)
                news = [change for change in server.history if change[0] > version]
                if server.generation != generation:
                    break
            for at, type_, obj in news:
                self.event(type_, obj)
                version = at
        self.finish()

    def serve(self) -> None:
        """The right answer."""
        server = self.server
        if self.verb == "list":
            with server.changed:
                items, version = list(server.objects.values()), server.version
            start, limit = int(self.query.get("continue", 0)), int(self.query.get("limit", 0)) or len(items)
            page = items[start : start + limit]
            meta = {"resourceVersion": str(version)}
            if start + limit < len(items):
                meta["continue"] = str(start + limit)
            bare = [{k: v for k, v in item.items() if k not in ("kind", "apiVersion")} for item in page]
            self.answer(200, json.dumps({"kind": "PodList", "metadata": meta, "items": bare}).encode())
        elif self.verb == "watch":
            if self.query.get("sendInitialEvents"):
                version = self.initial()
            else:
                version = int(self.query["resourceVersion"])
                if version < server.oldest:
                    self.refuse(410, "Expired", f"too old resource version: {version} ({server.oldest})")
                    return
                self.begin()
            self.follow(version)
        else:
            self.refuse(404, "NotFound", "the server could not find the requested resource")


Script = Callable[[Exchange], None]


def status(code: int, reason: str, message: str) -> Object:
    return {
        "kind": "Status", "apiVersion": "v1", "status": "Failure",
        "code": code, "reason": reason, "message": message,
    }  # fmt: skip


@dataclass
class FaultServer:
    """``script`` answers every request; ``Exchange.serve`` is the one without faults."""

    clock: Callable[[], float] = time.monotonic
    script: Script = Exchange.serve
    tls: ssl.SSLContext | None = None
    objects: dict[str, Object] = field(default_factory=dict)
    history: list[tuple[int, str, Object]] = field(default_factory=list)
    requests: list[Seen] = field(default_factory=list)
    version: int = 100
    oldest: int = 0  # versions below this have expired
    generation: int = 0
    port: int = 0
    changed: threading.Condition = field(default_factory=threading.Condition)

    @property
    def url(self) -> str:
        return f"{'https' if self.tls else 'http'}://127.0.0.1:{self.port}"

    def start(self) -> FaultServer:
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def setup(self) -> None:
                super().setup()
                server._sockets.add(self.connection)

            def finish(self) -> None:
                server._sockets.discard(self.connection)
                try:
                    super().finish()
                except OSError:
                    return

            def do_GET(self) -> None:
                server._handle(self)

            do_POST = do_PUT = do_PATCH = do_DELETE = do_GET

            def log_message(self, format: str, *args: object) -> None:
                return

        class Listener(ThreadingHTTPServer):
            daemon_threads = True
            allow_reuse_address = True

            def handle_error(self, request: object, client_address: object) -> None:
                return  # hung up in the middle of something: the tests look at the client

        self._sockets: set[socket.socket] = set()
        self._http = Listener(("127.0.0.1", self.port), Handler)
        if self.tls:
            self._http.socket = self.tls.wrap_socket(self._http.socket, server_side=True)
        self.port = self._http.server_address[1]
        threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def stop(self) -> None:
        """Refuse connections and reset those that are open."""
        self._http.shutdown()
        self._http.server_close()
        for connection in list(self._sockets):
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue
        self.end_streams()

    def end_streams(self) -> None:
        """Bring every well-served watch to its regular end."""
        with self.changed:
            self.generation += 1
            self.changed.notify_all()

    def put(self, name: str, *, uid: str = "", namespace: str = "default", **more: Any) -> Object:
        """Create or change an object."""
        with self.changed:
            self.version += 1
            type_ = "MODIFIED" if name in self.objects else "ADDED"
            self.objects[name] = pod(name, self.version, uid=uid, namespace=namespace, **more)
            self.history.append((self.version, type_, self.objects[name]))
            self.changed.notify_all()
            return self.objects[name]

    def delete(self, name: str) -> None:
        with self.changed:
            self.version += 1
            last = self.objects.pop(name)
            last = {**last, "metadata": {**last["metadata"], "resourceVersion": str(self.version)}}
            self.history.append((self.version, "DELETED", last))
            self.changed.notify_all()

    def forget_history(self) -> None:
        self.history.clear()
        self.oldest = self.version

    def _handle(self, handler: BaseHTTPRequestHandler) -> None:
        parts = urlsplit(handler.path)
        query = dict(parse_qsl(parts.query))
        verb = handler.command
        if verb == "GET":
            verb = "watch" if query.get("watch") else "list"
        body = handler.rfile.read(int(handler.headers.get("Content-Length") or 0))
        seen = Seen(self.clock(), verb, parts.path, query, dict(handler.headers), body)
        self.requests.append(seen)
        exchange = Exchange(self, handler, seen)
        try:
            self.script(exchange)
        except (Gone, OSError):
            handler.close_connection = True
        if exchange.streaming:
            handler.close_connection = True


def pod(name: str, version: int, *, uid: str = "", namespace: str = "default", **more: Any) -> Object:
    meta: Object = {
        "name": name, "namespace": namespace, "uid": uid or f"uid-{name}", "resourceVersion": str(version),
        **more.pop("metadata", {}),
    }  # fmt: skip
    return {"kind": "Pod", "apiVersion": "v1", "metadata": meta, "spec": {}, "status": {}, **more}


def highest_rate(requests: list[Seen]) -> int:
    """The most requests in any one second."""
    times = sorted(r.at for r in requests)
    return max((sum(1 for t in times if start <= t < start + 1.0) for start in times), default=0)

"""A man in the middle: passes requests on to an API server, notes them, and answers some of them himself."""

from __future__ import annotations

import base64
import http.client
import json
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import yaml


@dataclass(frozen=True)
class Seen:
    """One request, in the words of RBAC."""

    verb: str
    group: str
    resource: str  # "redis/status"
    namespace: str
    name: str
    body: Any = None

    @property
    def what(self) -> str:
        return f"{self.verb} {self.resource}"


@dataclass(frozen=True)
class Answer:
    status: int
    reason: str
    message: str
    retry_after: int = 0


@dataclass(frozen=True)
class Page:
    """Answered with 200 and HTML, as proxies do that want a login."""


@dataclass(frozen=True)
class Cut:
    """Passed on, but of the answer come just so many bytes: of a write nobody knows what became."""

    after: int = 0


@dataclass(frozen=True)
class Delay:
    seconds: float


# Answered in its place, spoilt on its way, or sent with this body instead of its own.
Verdict = Answer | Page | Cut | Delay | dict[str, Any]
Rule = Callable[[Seen], Verdict | None]


class Middle:
    def __init__(self, kubeconfig: Path, directory: Path) -> None:
        config = yaml.safe_load(kubeconfig.read_text())
        cluster = config["clusters"][0]["cluster"]
        self.upstream = urlsplit(cluster["server"])
        authority = base64.b64decode(cluster["certificate-authority-data"]).decode()
        self.tls = ssl.create_default_context(cadata=authority)
        self.seen: list[Seen] = []
        self.rules: list[Rule] = []
        self.stalled: set[str] = set()  # resources of whose watches nothing comes for now
        middle = self

        class Handler(_Handler):
            outer = middle

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        config["clusters"][0]["cluster"] = {"server": f"http://127.0.0.1:{self._server.server_port}"}
        self.kubeconfig = directory / "middle.kubeconfig"
        self.kubeconfig.write_text(yaml.safe_dump(config))
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def judge(self, seen: Seen) -> Verdict | None:
        self.seen.append(seen)
        return next((found for rule in self.rules if (found := rule(seen)) is not None), None)

    def count(self, what: str, name: str = "") -> int:
        return sum(s.what == what and name in ("", s.name) for s in self.seen)

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@contextmanager
def in_the_middle(kubeconfig: Path, directory: Path) -> Iterator[Middle]:
    middle = Middle(kubeconfig, directory)
    try:
        yield middle
    finally:
        middle.close()


def refuse(what: str, answer: Answer) -> Rule:
    return lambda seen: answer if seen.what == what else None


_VERBS = {"POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}


def _parse(method: str, target: str, body: Any) -> Seen:
    url = urlsplit(target)
    parts = url.path.strip("/").split("/")
    group = "" if parts[0] == "api" else parts[1] if len(parts) > 1 else ""
    rest = parts[2:] if parts[0] == "api" else parts[3:]
    namespace = ""
    if len(rest) > 2 and rest[0] == "namespaces":
        namespace, rest = rest[1], rest[2:]
    resource = rest[0] if rest else ""
    name = rest[1] if len(rest) > 1 else ""
    if len(rest) > 2:
        resource += f"/{rest[2]}"
    if not name and isinstance(body, dict):
        name = body.get("metadata", {}).get("name", "")
    if method == "GET":
        verb = "watch" if "watch" in parse_qs(url.query) else "get" if len(rest) > 1 else "list"
    else:
        verb = _VERBS[method]
    return Seen(verb, group, resource, namespace, name, body)


class _Handler(BaseHTTPRequestHandler):
    outer: Middle
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        pass

    def _handle(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0))) or None
        seen = _parse(self.command, self.path, json.loads(body) if body else None)
        verdict = self.outer.judge(seen)
        match verdict:
            case Answer():
                return self._answer(verdict)
            case Page():
                return self._send(200, "text/html", b"<html>Please log in</html>")
            case Delay(seconds=seconds):
                time.sleep(seconds)
        if isinstance(verdict, dict):
            body = json.dumps(verdict).encode()
        upstream = self.outer.upstream
        assert upstream.hostname
        connection = http.client.HTTPSConnection(
            upstream.hostname, upstream.port, context=self.outer.tls, timeout=120
        )
        try:
            kept = ("authorization", "content-type", "accept", "impersonate-user")
            headers = {k: v for k, v in self.headers.items() if k.lower() in kept}
            connection.request(self.command, self.path, body, headers)
            response = connection.getresponse()
            self._pass_on(seen, response, verdict.after if isinstance(verdict, Cut) else None)
        except (OSError, http.client.HTTPException):
            self.close_connection = True
        finally:
            connection.close()

    def _answer(self, answer: Answer) -> None:
        status = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": answer.status}
        body = json.dumps(status | {"reason": answer.reason, "message": answer.message}).encode()
        self._send(answer.status, "application/json", body, answer.retry_after)

    def _send(self, status: int, content_type: str, body: bytes, retry_after: int = 0) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        if retry_after:
            self.send_header("Retry-After", str(retry_after))
        self.end_headers()
        self.wfile.write(body)

    def _pass_on(self, seen: Seen, response: http.client.HTTPResponse, limit: int | None) -> None:
        if limit == 0:
            response.read()
            self.close_connection = True
            return
        self.send_response(response.status)
        self.send_header("Content-Type", response.headers.get("Content-Type", "application/json"))
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        sent = 0
        while chunk := response.read1(1 << 16 if limit is None else max(1, limit - sent)):
            sent += len(chunk)
            while seen.verb == "watch" and seen.resource in self.outer.stalled:
                time.sleep(0.02)
            self.wfile.write(b"%x\r\n%s\r\n" % (len(chunk), chunk))
            self.wfile.flush()
            if limit is not None and sent >= limit:
                self.close_connection = True
                return
        self.wfile.write(b"0\r\n\r\n")

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _handle

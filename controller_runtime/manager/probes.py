"""The HTTP endpoints of a manager: /healthz and /readyz with named checks, and /metrics."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from functools import partial
from http.server import BaseHTTPRequestHandler
from typing import NamedTuple
from urllib.parse import parse_qs, urlsplit

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

from controller_runtime.kube.terminal import escape
from controller_runtime.manager.listen import listen
from controller_runtime.threads import SupervisedThread, Threads

# Answers "" when all is well, otherwise what is wrong. An exception counts as what is wrong.
Check = Callable[[], str]


class Page(NamedTuple):
    status: int
    body: bytes
    content_type: str = "text/plain; charset=utf-8"


# Given what follows its own path, and the query.
Handler = Callable[[str, Mapping[str, list[str]]], Page]


class Checks:
    """Named checks under one path, in the format of the API server's own, which withholds the reasons.

    ``?verbose`` lists every check, ``?exclude=name`` leaves one out, ``/healthz/name`` runs a single one.
    """

    def __init__(self, title: str) -> None:
        self._title = title
        self._checks: dict[str, Check] = {"ping": lambda: ""}
        self._groups: list[Callable[[], Mapping[str, Check]]] = []

    def add(self, name: str, check: Check) -> None:
        """Raises ValueError when there is a check of this name."""
        if name in self._checks:
            raise ValueError(f"there is a check {name} already: choose another name")
        self._checks[name] = check

    def add_group(self, group: Callable[[], Mapping[str, Check]]) -> None:
        """Checks that come and go: ``group`` is asked for them each time."""
        self._groups.append(group)

    def _all(self) -> dict[str, Check]:
        checks: dict[str, Check] = {}
        for group in self._groups:
            checks |= group()
        return self._checks | checks

    def __call__(self, path: str, query: Mapping[str, list[str]]) -> Page:
        name = path.strip("/")
        if name:
            return self._single(name)
        excluded = set(query.get("exclude", ()))
        lines: list[str] = []
        failed: list[str] = []
        checks = self._all()
        for name, check in checks.items():
            if name in excluded:
                lines.append(f"[+]{name} excluded: ok")
            elif wrong := _run(check):
                failed.append(name)
                lines.append(f"[-]{name} failed: {escape(wrong)}")
            else:
                lines.append(f"[+]{name} ok")
        if unknown := sorted(excluded - checks.keys()):
            quoted = ", ".join(f'"{name}"' for name in unknown)
            lines.append(f"warn: some health checks cannot be excluded: no matches for {quoted}")
        if failed:
            return Page(500, _text(*lines, f"{self._title} check failed"))
        if "verbose" in query:
            return Page(200, _text(*lines, f"{self._title} check passed"))
        return Page(200, b"ok")

    def _single(self, name: str) -> Page:
        check = self._all().get(name)
        if check is None:
            return Page(404, _text(f"there is no check {name}"))
        wrong = _run(check)
        return Page(500, _text(f"internal server error: {escape(wrong)}")) if wrong else Page(200, b"ok")


def metrics_page(registry: CollectorRegistry) -> Handler:
    """The metrics of ``registry`` in Prometheus' text format."""
    return lambda path, query: Page(200, generate_latest(registry), CONTENT_TYPE_LATEST)


class HttpServer:
    """Serves pages on ``address``, which is as in ``listen.listen``; port 0 takes a free one.

    Raises OSError with a plain sentence when it cannot listen there, ValueError for what is no address.
    """

    def __init__(self, address: str, pages: Mapping[str, Handler], threads: Threads | None = None) -> None:
        self._server = listen(address, _handler(pages))
        self.port: int = self._server.server_address[1]
        self._threads = threads or Threads()
        self._thread: SupervisedThread | None = None
        self._stopping = threading.Event()

    def start(self) -> None:
        self._thread = self._threads.start(
            f"http-{self.port}", partial(self._server.serve_forever, 0.05), done=self._stopping.is_set
        )

    def stop(self) -> None:
        self._stopping.set()
        if self._thread is not None and self._thread.is_alive():
            self._server.shutdown()
        self._server.server_close()


def _handler(pages: Mapping[str, Handler]) -> type[BaseHTTPRequestHandler]:
    class Handling(BaseHTTPRequestHandler):
        timeout = 10  # seconds; a client that sends nothing must not keep its thread

        def do_GET(self) -> None:
            url = urlsplit(self.path)
            query = parse_qs(url.query, keep_blank_values=True)
            page = Page(404, b"404 page not found")
            for path, handler in pages.items():
                if url.path == path or url.path.startswith(f"{path}/"):
                    page = handler(url.path.removeprefix(path), query)
            self.send_response(page.status)
            self.send_header("Content-Type", page.content_type)
            self.send_header("Content-Length", str(len(page.body)))
            self.send_header("X-Content-Type-Options", "nosniff")
            self.end_headers()
            self.wfile.write(page.body)

        def log_message(self, format: str, *args: object) -> None:
            """Probes come every few seconds; they are no news."""

    return Handling


def _run(check: Check) -> str:
    try:
        return check()
    except Exception as error:
        return str(error) or type(error).__name__


def _text(*lines: str) -> bytes:
    return "".join(f"{line}\n" for line in lines).encode()

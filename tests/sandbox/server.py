"""A bare sandbox as a process, and a plain client for it: what the API tests speak to."""

import base64
import http.client
import json
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

import yaml

JSON = "application/json"
T = TypeVar("T")
MERGE = "application/merge-patch+json"


class Api:
    """Requests under the identity of a kubeconfig; every one on a connection of its own."""

    def __init__(self, kubeconfig: Path) -> None:
        config = yaml.safe_load(kubeconfig.read_text())
        cluster = config["clusters"][0]["cluster"]
        self._url = urlsplit(cluster["server"])
        self.token = config["users"][0]["user"]["token"]
        self._tls = ssl.create_default_context(
            cadata=base64.b64decode(cluster["certificate-authority-data"]).decode()
        )

    def send(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        user: str = "admin",
        headers: dict[str, str] | None = None,
        timeout: float = 30,
    ) -> tuple[http.client.HTTPSConnection, http.client.HTTPResponse]:
        """The open answer. `user`: admin, nobody (no token), or whom to impersonate."""
        head = {"Accept": JSON, **(headers or {})}
        if user != "nobody":
            head.setdefault("Authorization", f"Bearer {self.token}")
        if user not in ("admin", "nobody"):
            head["Impersonate-User"] = user
        data = None
        if body is not None:
            data = body.encode() if isinstance(body, str) else json.dumps(body).encode()
            head.setdefault("Content-Type", JSON)
        connection = http.client.HTTPSConnection(
            str(self._url.hostname), self._url.port, context=self._tls, timeout=timeout
        )
        connection.request(method, path, body=data, headers=head)
        return connection, connection.getresponse()

    def __call__(self, method: str, path: str, body: Any = None, **more: Any) -> tuple[int, Any]:
        """(status, decoded body)."""
        connection, answer = self.send(method, path, body, **more)
        raw = answer.read()
        connection.close()
        json_body = "json" in (answer.getheader("Content-Type") or "") and raw
        return answer.status, json.loads(raw) if json_body else raw.decode(errors="replace")

    def ok(self, method: str, path: str, body: Any = None, **more: Any) -> Any:
        """The body of an answer that must be a success."""
        status, answer = self(method, path, body, **more)
        assert status < 300, answer
        return answer

    def patch(self, path: str, body: Any, kind: str = MERGE, **more: Any) -> tuple[int, Any]:
        return self("PATCH", path, body, headers={"Content-Type": kind}, **more)

    def watch(self, path: str, *, seconds: int = 1) -> list[dict[str, Any]]:
        """Every event of a watch that the server ends after `seconds`."""
        joined = "&" if "?" in path else "?"
        connection, answer = self.send("GET", f"{path}{joined}watch=true&timeoutSeconds={seconds}")
        lines = answer.read().splitlines()
        connection.close()
        return [json.loads(line) for line in lines if line]


def until(look: Callable[[], T], right: Callable[[T], bool], seconds: float = 8.0) -> T:
    """What is seen once it is right."""
    end = time.monotonic() + seconds
    while not right(found := look()):
        assert time.monotonic() < end, found
        time.sleep(0.02)
    return found


@contextmanager
def bare_server(folder: Path) -> Iterator[Path]:
    """`python -m sandbox --bare`; yields the path of its kubeconfig."""
    process = subprocess.Popen(
        [sys.executable, "-m", "sandbox", "--bare", "--dir", str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert process.stdout is not None
    assert process.stdin is not None
    ready = json.loads(process.stdout.readline())
    try:
        yield Path(ready["kubeconfig"])
    finally:
        process.stdin.close()
        assert process.wait(5) == 0
        process.stdout.close()

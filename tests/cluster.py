"""A plain client for tests: the kubeconfig's server over HTTPS, nothing of ours in between."""

from __future__ import annotations

import base64
import http.client
import json
import ssl
import time
import urllib.parse
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import yaml

T = TypeVar("T")

PODS = "/api/v1/namespaces/default/pods"
SERVICES = "/api/v1/namespaces/default/services"
REDISES = "/apis/myapp.tangx.in/v1/namespaces/default/redis"
MERGE = "application/merge-patch+json"


class Cluster:
    def __init__(self, kubeconfig: Path) -> None:
        config = yaml.safe_load(kubeconfig.read_text())
        cluster = config["clusters"][0]["cluster"]
        self.url = urllib.parse.urlsplit(cluster["server"])
        self.token = config["users"][0]["user"]["token"]
        authority = base64.b64decode(cluster["certificate-authority-data"]).decode()
        self.tls = ssl.create_default_context(cadata=authority)

    def request(
        self, method: str, path: str, body: Any = None, *, content_type: str = "application/json"
    ) -> tuple[int, Any]:
        assert self.url.hostname
        connection = http.client.HTTPSConnection(
            self.url.hostname, self.url.port, context=self.tls, timeout=30
        )
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": content_type}
        connection.request(method, path, None if body is None else json.dumps(body), headers)
        response = connection.getresponse()
        raw = response.read()
        connection.close()
        return response.status, json.loads(raw)

    def get(self, path: str) -> Any:
        status, body = self.request("GET", path)
        assert status == 200, body
        return body

    def names(self, path: str) -> list[str]:
        return [item["metadata"]["name"] for item in self.get(path)["items"]]

    def ready_pods(self) -> dict[str, str]:
        """Name and uid of each pod that is ready and stays."""
        return {
            p["metadata"]["name"]: p["metadata"]["uid"]
            for p in self.get(PODS)["items"]
            if "deletionTimestamp" not in p["metadata"]
            and any(c["type"] == "Ready" and c["status"] == "True" for c in p["status"].get("conditions", []))
        }


def eventually(check: Callable[[], T | None], seconds: float = 20.0) -> T:
    """Call ``check`` until it answers something true; that answer. Fails after ``seconds``."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            answer = check()
            failure: Exception | None = None
        except (AssertionError, KeyError, OSError) as error:
            answer, failure = None, error
        if answer:
            return answer
        assert time.monotonic() < deadline, f"still not so after {seconds} s: {failure or answer!r}"
        time.sleep(0.05)

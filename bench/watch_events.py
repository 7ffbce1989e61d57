"""Watch events as fast as they can be read: a server that writes prepared lines and nothing else."""

from __future__ import annotations

import http.server
import json
import statistics
import sys
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from bench.child import Meter, background, call
from bench.figures import Figure
from bench.pods import large_pod

if TYPE_CHECKING:
    from controller_runtime.bus import Subscription
    from controller_runtime.events import BusEvent
    from controller_runtime.kube.kinds import Pod

PODS = 100
BLOCK = 100  # lines per write
LIMIT = 300.0  # seconds


def run(kubeconfig: str | None, quick: bool) -> list[Figure]:
    # The server is always our own: no API server could write this fast.
    rounds, many, few = (1, 1_000, 500) if quick else (5, 20_000, 2_000)
    counts = {"ours": many, "published": many, "shown": many, "decoded_again": many, "shared_informer": few}
    cost: dict[str, list[float]] = {who: [] for who in counts}
    for _ in range(rounds):  # in turns, since a shared machine is faster at one time than at another
        for who, count in counts.items():
            with background("bench.watch_events", str(count)) as (_, ready):
                cost[who].append(call("bench.watch_events", who, port=ready["port"], count=count)["each"])
    ours, published, shown, again, theirs = (statistics.median(each) * 1e6 for each in cost.values())
    return [
        Figure("watch events flat out: CPU per event", ours, "µs", theirs, "SharedInformer", None, 20.0),
        Figure("the same, published on the bus and read there", published, "µs", ours, "unpublished"),
        Figure("the same, to the row of the console", shown, "µs", again, "decoded once more"),
    ]


class Handler(http.server.BaseHTTPRequestHandler):
    """An empty list of pods, and a watch of ``count`` modifications."""

    protocol_version = "HTTP/1.1"
    count = 0
    lines: list[bytes] = []

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        if "watch=" not in self.path:
            body = b'{"kind":"PodList","apiVersion":"v1","metadata":{"resourceVersion":"1"},"items":[]}'
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
            return
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        if "sendInitialEvents" in self.path:
            self._chunk(_line("BOOKMARK", _bookmark()))
        if self.server.served:  # type: ignore[attr-defined]
            threading.Event().wait()
        self.server.served = True  # type: ignore[attr-defined]
        for number in range(0, self.count, BLOCK):
            self._chunk(b"".join(self.lines[number : number + BLOCK]))
        threading.Event().wait()  # an open watch with nothing to say

    def _chunk(self, data: bytes) -> None:
        self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
        self.wfile.flush()

    def log_message(self, format: str, *args: Any) -> None:
        """Nobody reads it."""


def _line(kind: str, body: Any) -> bytes:
    return json.dumps({"type": kind, "object": body}, separators=(",", ":")).encode() + b"\n"


def _bookmark() -> dict[str, Any]:
    meta = {"resourceVersion": "1", "annotations": {"k8s.io/initial-events-end": "true"}}
    return {"kind": "Pod", "apiVersion": "v1", "metadata": meta, "spec": {"containers": []}}


def _event(index: int) -> bytes:
    pod = large_pod(index % PODS)
    identity = {"namespace": "default", "uid": f"uid-{index % PODS}", "resourceVersion": str(index + 2)}
    pod["metadata"] |= identity | {"creationTimestamp": "2026-01-01T00:00:00Z"}
    pod["status"] = {"phase": "Running", "podIP": "10.0.0.1"}
    return _line("ADDED" if index < PODS else "MODIFIED", pod)


def serve(count: int) -> None:
    """Say the port as JSON, then serve until killed."""
    Handler.count = count
    Handler.lines = [_event(i) for i in range(count)]
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.served = False  # type: ignore[attr-defined]
    print(json.dumps({"port": server.server_port}), flush=True)
    server.serve_forever()


def _measure(start: Callable[[], Any], version: Callable[[], int], count: int) -> dict[str, float]:
    meter = Meter()
    start()
    deadline = time.monotonic() + LIMIT
    while version() < count + 1:
        if time.monotonic() > deadline:
            sys.exit(f"at {version()} of {count} events after {LIMIT:g} s")
        time.sleep(0.02)
    return {"each": meter.read()["cpu"] / count}


def published(port: int, count: int) -> dict[str, float]:
    """Ours, with a bus that somebody reads in blocks."""
    return ours(port, count, reader=lambda event: None)


def shown(port: int, count: int, *, once: bool = True) -> dict[str, float]:
    """The same, with each object read as the console reads it."""
    from controller_runtime.events import ObjectChanged
    from tui.kinds.pods import ShownPod
    from tui.kinds.registry import view

    def read(event: BusEvent) -> None:
        if isinstance(event, ObjectChanged):
            view(event)

    return ours(port, count, reader=read, decode_as=ShownPod if once else None)


def decoded_again(port: int, count: int) -> dict[str, float]:
    """The same, where the informer does not decode what the console needs."""
    return shown(port, count, once=False)


def ours(
    port: int,
    count: int,
    reader: Callable[[BusEvent], None] | None = None,
    decode_as: type[Pod] | None = None,
) -> dict[str, float]:
    from controller_runtime.bus import EventBus
    from controller_runtime.cache.informer import Informer
    from controller_runtime.client.client import Client
    from controller_runtime.client.config import Configuration
    from controller_runtime.kube.kinds import Pod

    bus = EventBus() if reader else None
    informer = Informer(Client(Configuration(f"http://127.0.0.1:{port}")), Pod, bus, decode_as=decode_as)
    seen = [0]

    def handle(event: Any) -> None:
        seen[0] = int(event.obj.metadata.resource_version)

    if bus and reader:
        threading.Thread(target=_read, args=(bus.subscribe("bench"), reader), daemon=True).start()
    informer.add_handler(handle)
    return _measure(informer.start, lambda: seen[0], count)


def _read(subscription: Subscription, reader: Callable[[BusEvent], None]) -> None:
    while True:
        subscription.wait(linger=0.02)
        for event in subscription.drain().events:
            reader(event)


def shared_informer(port: int, count: int) -> dict[str, float]:
    from kubernetes.client import ApiClient, Configuration, CoreV1Api
    from kubernetes.informer import ADDED, MODIFIED, SharedInformer

    official = Configuration()
    official.host = f"http://127.0.0.1:{port}"
    informer = SharedInformer(CoreV1Api(ApiClient(official)).list_pod_for_all_namespaces)
    seen = [0]

    def handle(pod: Any) -> None:
        seen[0] = int(pod.metadata.resource_version)

    informer.add_event_handler(ADDED, handle)
    informer.add_event_handler(MODIFIED, handle)
    return _measure(informer.start, lambda: seen[0], count)


if __name__ == "__main__":
    serve(int(sys.argv[1]))

"""The contestants of the console benchmark: ours, and a plain Textual app of a DataTable and a RichLog.

``python -m bench.console_apps ours|plain PODS RATE`` shows that many pods and changes RATE of them a second.
"""

from __future__ import annotations

import itertools
import json
import sys
import threading
import time
from collections.abc import Iterator

import msgspec
from textual.app import App, ComposeResult
from textual.widgets import DataTable, RichLog, Static

from controller.events import Connection
from controller_runtime.bus import Batch, EventBus, Subscription
from controller_runtime.events import ObjectChanged, WatchStatus
from controller_runtime.kube.resource import Ref
from tui.app import ConsoleApp
from tui.replaying import NoActions
from tui.source import Live

EVERY = 0.1  # seconds between looks of the plain app, as often as ours
MOST_AT_ONCE = 2000  # events that the plain app takes at a look, or it would never draw
STEP = 0.01  # seconds between the events' turns


def pod(index: int, version: int, phase: str) -> bytes:
    running = phase == "Running"
    status = {"name": "redis", "ready": running, "restartCount": 0, "state": {"running": {}}}
    return json.dumps(
        {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {
                "name": f"web-{index:05d}", "namespace": "default", "uid": f"uid-{index}",
                "resourceVersion": str(version), "creationTimestamp": "2026-01-01T00:00:00Z",
            },
            "spec": {"nodeName": "node-1", "containers": [{"name": "redis", "image": "redis:7"}]},
            "status": {"phase": phase, "podIP": "10.0.0.1", "containerStatuses": [status]},
        }
    ).encode()  # fmt: skip


def changes(pods: int) -> Iterator[ObjectChanged]:
    """Without end; each pod in turn, its phase one thing and then the other."""
    kinds = {
        (index, phase): msgspec.Raw(pod(index, 2, phase))
        for index in range(min(pods, 500))
        for phase in ("Pending", "Running")
    }
    for version in itertools.count(10):
        index = version % min(pods, 500)
        phase = ("Pending", "Running")[version // min(pods, 500) % 2]
        yield ObjectChanged(
            at=time.time(), type="MODIFIED", resource_version=str(version), raw=kinds[index, phase],
            ref=Ref("Pod", "default", f"web-{index:05d}", f"uid-{index}"),
        )  # fmt: skip


def begin(bus: EventBus, pods: int) -> None:
    at = time.time()
    bus.publish(Connection(at=at, role="controller", state="connected", cluster="bench"))
    for index in range(pods):
        ref = Ref("Pod", "default", f"web-{index:05d}", f"uid-{index}")
        raw = msgspec.Raw(pod(index, 1, "Running"))
        bus.publish(ObjectChanged(at=at, type="ADDED", ref=ref, resource_version="1", raw=raw, initial=True))
    bus.publish(
        WatchStatus(
            at=at, since=at, resource="pods", group="", kind="Pod", scope="", state="live", objects=pods
        )
    )


def publish(bus: EventBus, pods: int, rate: int) -> None:
    """RATE events a second, in small turns, as they come from a watch."""
    due, source = time.monotonic(), changes(pods)
    owed = 0.0
    while True:
        owed += rate * STEP
        for _ in range(int(owed)):
            bus.publish(next(source))
        owed -= int(owed)
        due += STEP
        time.sleep(max(due - time.monotonic(), 0))


class Plain(App[int]):
    """As one would write it: cells are updated, lines are appended."""

    def __init__(self, subscription: Subscription) -> None:
        super().__init__()
        self._subscription = subscription
        self._known: set[str] = set()

    def compose(self) -> ComposeResult:
        yield DataTable(id="pods", cursor_type="row")
        yield RichLog(id="stream", max_lines=100_000)
        yield Static(id="cursor")

    def on_mount(self) -> None:
        self.query_one("#pods").styles.height = "1fr"
        self.query_one("#stream").styles.height = "1fr"
        table = self.query_one(DataTable)
        for title in ("NAME", "STATUS", "AGE"):
            table.add_column(title, key=title)
        self.set_interval(EVERY, self.look)
        self.set_interval(1.0, self.age)

    def look(self) -> None:
        batch: Batch = self._subscription.drain(MOST_AT_ONCE)
        table, stream = self.query_one(DataTable), self.query_one(RichLog)
        for event in (*batch.states, *batch.events):
            if not isinstance(event, ObjectChanged):
                continue
            o, key = json.loads(bytes(event.raw)), event.ref.uid
            if key in self._known:
                table.update_cell(key, "STATUS", o["status"]["phase"])
            else:
                self._known.add(key)
                table.add_row(event.ref.name, o["status"]["phase"], "0s", key=key)
            if not event.initial:
                stream.write(f"{event.at:.3f} {event.type} Pod {event.ref.name} {o['status']['phase']}")

    def age(self) -> None:
        table = self.query_one(DataTable)
        for row in table.ordered_rows[table.scroll_offset.y : table.scroll_offset.y + table.size.height]:
            table.update_cell(row.key, "AGE", f"{time.time() % 1000:.0f}s")

    def on_data_table_row_highlighted(self, event: DataTable.RowHighlighted) -> None:
        self.query_one("#cursor", Static).update(f"cursor {event.cursor_row}")


def main() -> None:
    which, pods, rate = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    bus = EventBus()
    subscription = bus.subscribe("console", maxlen=50_000)
    begin(bus, pods)
    if rate:
        threading.Thread(target=publish, args=(bus, pods, rate), daemon=True).start()
    if which == "ours":
        ConsoleApp(Live(subscription), NoActions(lambda words: None)).run()
    else:
        Plain(subscription).run()


if __name__ == "__main__":
    main()

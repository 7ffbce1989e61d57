"""Names, labels and buckets are controller-runtime's, so that its dashboards work."""

from __future__ import annotations

from prometheus_client.exposition import generate_latest

from controller_runtime.cache.watchreport import WatchReport
from controller_runtime.events import WatchStatus
from controller_runtime.kube.errors import Unreachable, api_error
from controller_runtime.kube.kinds import Pod
from controller_runtime.kube.wire import StreamError
from controller_runtime.manager.informermetrics import InformerCollector
from controller_runtime.manager.metrics import Metrics

CONTROLLER_SERIES = [
    'controller_runtime_reconcile_total{controller="redis",result="success"} 0.0',
    'controller_runtime_reconcile_total{controller="redis",result="error"} 0.0',
    'controller_runtime_reconcile_total{controller="redis",result="requeue"} 0.0',
    'controller_runtime_reconcile_total{controller="redis",result="requeue_after"} 0.0',
    'controller_runtime_reconcile_errors_total{controller="redis"} 0.0',
    'controller_runtime_terminal_reconcile_errors_total{controller="redis"} 0.0',
    'controller_runtime_reconcile_panics_total{controller="redis"} 0.0',
    'controller_runtime_reconcile_timeouts_total{controller="redis"} 0.0',
    'controller_runtime_max_concurrent_reconciles{controller="redis"} 3.0',
    'controller_runtime_active_workers{controller="redis"} 0.0',
    'controller_runtime_reconcile_time_seconds_bucket{controller="redis",le="0.005"} 0.0',
    'controller_runtime_reconcile_time_seconds_bucket{controller="redis",le="60.0"} 0.0',
]
QUEUE_SERIES = [
    'workqueue_depth{controller="redis",name="redis",priority="0"} 0.0',
    'workqueue_adds_total{controller="redis",name="redis"} 0.0',
    'workqueue_retries_total{controller="redis",name="redis"} 0.0',
    'workqueue_queue_duration_seconds_bucket{controller="redis",le="1e-08",name="redis"} 0.0',
    'workqueue_work_duration_seconds_bucket{controller="redis",le="1000.0",name="redis"} 0.0',
    'workqueue_unfinished_work_seconds{controller="redis",name="redis"} 0.0',
    'workqueue_longest_running_processor_seconds{controller="redis",name="redis"} 0.0',
]


def test_series_are_there_from_the_start() -> None:
    metrics = Metrics()
    metrics.controller("redis", 3)
    metrics.queue("redis")
    lines = generate_latest(metrics.registry).decode().splitlines()
    missing = [line for line in CONTROLLER_SERIES + QUEUE_SERIES if line not in lines]
    assert missing == []
    assert sum("reconcile_time_seconds_bucket" in line for line in lines) == 40 + 1
    assert any(line.startswith("process_resident_memory_bytes ") for line in lines)


class FakeReflector:
    def __init__(self) -> None:
        self.clock = 100.0
        self.report = WatchReport(Pod.resource, "ns", None, lambda: 0.0, lambda: 7, clock=lambda: self.clock)
        self.report.touch()
        self.clock += 10
        self.report.lists["expired"] += 2
        self.report.count_error("list", api_error(403, b""))
        self.report.count_error("watch", StreamError("broken"))
        self.report.count_error("watch", Unreachable("refused"))
        self.status = WatchStatus(
            at=0, resource="pods", group="", kind="Pod", scope="ns", state="forbidden", since=0,
            attempts=4, last_event=90.0, objects=7,
        )  # fmt: skip


class FakeInformer:
    reflectors = (FakeReflector(),)

    def has_synced(self) -> bool:
        return True


def test_informers() -> None:
    metrics = Metrics()
    informers: list[object] = [FakeInformer()]
    metrics.registry.register(InformerCollector(lambda: informers))  # type: ignore[arg-type,return-value]
    labels = {"group": "", "resource": "pods", "scope": "ns", "selector": ""}

    def value(name: str, **more: str) -> float | None:
        return metrics.registry.get_sample_value(name, {**labels, **more})

    assert value("informer_state", state="forbidden") == 1
    assert value("informer_state", state="live") == 0
    assert value("informer_objects") == 7
    assert value("informer_failed_attempts") == 4
    assert value("informer_last_event_age_seconds") == 10
    assert value("informer_synced") == 1
    assert value("informer_relists_total", reason="expired") == 2
    assert value("informer_watch_errors_total", verb="list", code="403") == 1
    assert value("informer_watch_errors_total", verb="watch", code="<stream>") == 1
    assert value("informer_watch_errors_total", verb="watch", code="<error>") == 1

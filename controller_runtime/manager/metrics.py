"""Prometheus metrics with controller-runtime's names, labels and buckets, on a registry of their own."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from typing import Literal

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from controller_runtime.client.transport import Exchange
from controller_runtime.kube.resource import Request

# Source: controller-runtime pkg/internal/controller/metrics/metrics.go.
RECONCILE_BUCKETS = (
    .005, .01, .025, .05, .1, .15, .2, .25, .3, .35, .4, .45, .5, .6, .7, .8, .9, 1, 1.25, 1.5, 1.75, 2, 2.5,
    3, 3.5, 4, 4.5, 5, 6, 7, 8, 9, 10, 15, 20, 25, 30, 40, 50, 60,
)  # fmt: skip
# Source: controller-runtime pkg/internal/metrics/workqueue.go, ExponentialBuckets(10e-9, 10, 12).
QUEUE_BUCKETS = tuple(10e-9 * 10**n for n in range(12))
# Distinct priorities before the rest share one label value. Same source.
MAX_PRIORITIES = 25
EXCEEDED = "exceeded_cardinality_limit"

# Source: k8s.io/component-base metrics/prometheus/restclient.
REQUEST_BUCKETS = (.005, .025, .1, .25, .5, 1, 2, 4, 8, 15, 30, 60)  # fmt: skip

Result = Literal["success", "requeue_after", "requeue", "error"]


class Metrics:
    """All series of one manager. Register your own on ``registry``."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self.registry = CollectorRegistry()
        self._clock = clock
        registry, controller = self.registry, ["controller"]
        ProcessCollector(registry=registry)  # process_cpu_seconds_total and its like
        queue = ["name", "controller"]
        prefix = "controller_runtime_"
        self.reconcile_total = Counter(
            f"{prefix}reconcile_total",
            "Total number of reconciliations per controller",
            ["controller", "result"],
            registry=registry,
        )
        self.reconcile_errors = Counter(
            f"{prefix}reconcile_errors_total",
            "Total number of reconciliation errors per controller",
            controller,
            registry=registry,
        )
        self.terminal_errors = Counter(
            f"{prefix}terminal_reconcile_errors_total",
            "Total number of terminal reconciliation errors per controller",
            controller,
            registry=registry,
        )
        self.reconcile_panics = Counter(
            f"{prefix}reconcile_panics_total",
            "Total number of reconciliations that tried to end their thread",
            controller,
            registry=registry,
        )
        self.reconcile_timeouts = Counter(
            f"{prefix}reconcile_timeouts_total",
            "Total number of reconciliation timeouts per controller",
            controller,
            registry=registry,
        )
        self.reconcile_time = Histogram(
            f"{prefix}reconcile_time_seconds",
            "Length of time per reconciliation per controller",
            controller,
            registry=registry,
            buckets=RECONCILE_BUCKETS,
        )
        self.max_concurrent = Gauge(
            f"{prefix}max_concurrent_reconciles",
            "Maximum number of concurrent reconciles per controller",
            controller,
            registry=registry,
        )
        self.active_workers = Gauge(
            f"{prefix}active_workers",
            "Number of currently used workers per controller",
            controller,
            registry=registry,
        )
        self.queue_depth = Gauge(
            "workqueue_depth", "Current depth of workqueue", [*queue, "priority"], registry=registry
        )
        self.queue_adds = Counter(
            "workqueue_adds_total", "Total number of adds handled by workqueue", queue, registry=registry
        )
        self.queue_duration = Histogram(
            "workqueue_queue_duration_seconds",
            "How long in seconds an item stays in workqueue before being requested",
            queue,
            registry=registry,
            buckets=QUEUE_BUCKETS,
        )
        self.work_duration = Histogram(
            "workqueue_work_duration_seconds",
            "How long in seconds processing an item from workqueue takes.",
            queue,
            registry=registry,
            buckets=QUEUE_BUCKETS,
        )
        self.queue_retries = Counter(
            "workqueue_retries_total",
            "Total number of retries handled by workqueue",
            queue,
            registry=registry,
        )
        self.leader = Gauge(
            "leader_election_master_status",
            "Gauge of if the reporting system is master of the relevant lease, 0 indicates backup, "
            "1 indicates master. 'name' is the string used to identify the lease.",
            ["name"],
            registry=registry,
        )
        self.events_dropped = Counter(
            "event_recorder_dropped_total",
            "Events that were not recorded: the queue was full, or the API server would not take them",
            registry=registry,
        )
        self.requests = Counter(
            "rest_client_requests_total",
            "Number of HTTP requests, partitioned by status code, method, and host.",
            ["code", "method", "host"],
            registry=registry,
        )
        self.request_duration = Histogram(
            "rest_client_request_duration_seconds",
            "Request latency in seconds. Broken down by verb, and host.",
            ["verb", "host"],
            registry=registry,
            buckets=REQUEST_BUCKETS,
        )
        self._running = _RunningCollector()
        registry.register(self._running)

    def request(self, host: str, exchange: Exchange) -> None:
        """A request to an API server was answered, or with status 0 was not."""
        method, _, status, seconds = exchange
        self.requests.labels(str(status) if status else "<error>", method, host).inc()
        self.request_duration.labels(method, host).observe(seconds)

    def controller(self, name: str, max_concurrent: int) -> ControllerMetrics:
        """The series of one controller, at zero from now on."""
        return ControllerMetrics(self, name, max_concurrent)

    def queue(self, name: str) -> QueueMetrics:
        """Likewise for its workqueue."""
        metrics = QueueMetrics(self, name, self._clock)
        self._running.queues.append(metrics)
        return metrics


class ControllerMetrics:
    def __init__(self, metrics: Metrics, name: str, max_concurrent: int) -> None:
        metrics.max_concurrent.labels(name).set(max_concurrent)
        self.active = metrics.active_workers.labels(name)
        self.errors = metrics.reconcile_errors.labels(name)
        self.terminal_errors = metrics.terminal_errors.labels(name)
        self.panics = metrics.reconcile_panics.labels(name)
        self.timeouts = metrics.reconcile_timeouts.labels(name)
        self.time = metrics.reconcile_time.labels(name)
        results: tuple[Result, ...] = ("success", "requeue_after", "requeue", "error")
        self._by_result = {result: metrics.reconcile_total.labels(name, result) for result in results}

    def count(self, result: Result) -> None:
        self._by_result[result].inc()


class QueueMetrics:
    """A workqueue.QueueObserver. The queue calls it under its own lock."""

    def __init__(self, metrics: Metrics, name: str, clock: Callable[[], float]) -> None:
        self.name = name
        self._clock = clock
        self._adds = metrics.queue_adds.labels(name, name)
        self._retries = metrics.queue_retries.labels(name, name)
        self._waited = metrics.queue_duration.labels(name, name)
        self._worked = metrics.work_duration.labels(name, name)
        self._depth = metrics.queue_depth
        self._depths: dict[int | str, Gauge] = {}  # by priority
        self._lock = threading.Lock()
        self._running: dict[Request, float] = {}
        self.depth(0, 0)

    def added(self) -> None:
        self._adds.inc()

    def retried(self) -> None:
        self._retries.inc()

    def depth(self, priority: int, change: int) -> None:
        label = priority if priority in self._depths or len(self._depths) < MAX_PRIORITIES else EXCEEDED
        found = self._depths.get(label)
        if found is None:
            found = self._depths[label] = self._depth.labels(self.name, self.name, str(label))
        found.inc(change)

    def got(self, request: Request, waited: float) -> None:
        self._waited.observe(waited)
        with self._lock:
            self._running[request] = self._clock()

    def done(self, request: Request, worked: float) -> None:
        self._worked.observe(worked)
        with self._lock:
            self._running.pop(request, None)

    def running(self) -> list[float]:
        """For how many seconds each key that is worked on has been."""
        now = self._clock()
        with self._lock:
            return [now - since for since in self._running.values()]


class _RunningCollector(Collector):
    """The two gauges that are computed when they are asked for."""

    def __init__(self) -> None:
        self.queues: list[QueueMetrics] = []

    def collect(self) -> Iterator[Metric]:
        unfinished = GaugeMetricFamily(
            "workqueue_unfinished_work_seconds",
            "How many seconds of work has been done that is in progress and hasn't been observed by "
            "work_duration. Large values indicate stuck threads.",
            labels=["name", "controller"],
        )
        longest = GaugeMetricFamily(
            "workqueue_longest_running_processor_seconds",
            "How many seconds has the longest running processor for workqueue been running.",
            labels=["name", "controller"],
        )
        for queue in self.queues:
            running = queue.running()
            unfinished.add_metric([queue.name, queue.name], sum(running))
            longest.add_metric([queue.name, queue.name], max(running, default=0.0))
        yield unfinished
        yield longest

"""Series about the watches, which controller-runtime does not have: is what the reconcilers see current?"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, get_args

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from controller_runtime.cache.informer import Informer
from controller_runtime.events import WatchState

STATES: tuple[str, ...] = get_args(WatchState)


class InformerCollector(Collector):
    """Reads the informers when it is asked."""

    def __init__(self, informers: Callable[[], list[Informer[Any]]]) -> None:
        self._informers = informers

    def collect(self) -> Iterator[Metric]:
        labels = ["group", "resource", "scope", "selector"]
        state = GaugeMetricFamily(
            "informer_state",
            "1 for the state that the watch is in, 0 for the others",
            labels=[*labels, "state"],
        )
        synced = GaugeMetricFamily("informer_synced", "1 once the first list was complete", labels=labels)
        objects = GaugeMetricFamily("informer_objects", "Objects in the store", labels=labels)
        age = GaugeMetricFamily(
            "informer_last_event_age_seconds", "Seconds since the last event or bookmark", labels=labels
        )
        attempts = GaugeMetricFamily("informer_failed_attempts", "Failed tries in a row", labels=labels)
        lists = CounterMetricFamily(
            "informer_relists", "Full lists that were begun, and why", labels=[*labels, "reason"]
        )
        errors = CounterMetricFamily(
            "informer_watch_errors",
            "Tries that failed: HTTP status, <error> without an answer, <stream> when it broke",
            labels=[*labels, "verb", "code"],
        )
        seen: set[tuple[str, ...]] = set()
        for informer in self._informers():
            for reflector in informer.reflectors:
                status, report = reflector.status, reflector.report
                if status.key in seen:
                    continue  # of another class for the same kind: a series may be there only once
                seen.add(status.key)
                values = list(status.key)
                for name in STATES:
                    state.add_metric([*values, name], float(status.state == name))
                synced.add_metric(values, float(informer.has_synced()))
                objects.add_metric(values, status.objects)
                attempts.add_metric(values, status.attempts)
                if (silent_for := report.age) is not None:
                    age.add_metric(values, silent_for)
                for reason, count in sorted(report.lists.items()):
                    lists.add_metric([*values, reason], count)
                for (verb, code), count in sorted(report.errors.items()):
                    errors.add_metric([*values, verb, code], count)
        yield from (state, synced, objects, age, attempts, lists, errors)

"""What a controller needs to be allowed, from what it was built of."""

from __future__ import annotations

from collections.abc import Iterable

from controller_runtime.cache.sources import Kind
from controller_runtime.controller.controller import Controller
from controller_runtime.kube.markers import Marker, markers_of
from controller_runtime.kube.object import KubeObject
from controller_runtime.kube.rules import EVENT_RULES, PolicyRule, merge, watch_rules
from controller_runtime.manager.manager import Manager


def controller_rules(controllers: Iterable[Controller], extra: Iterable[PolicyRule] = ()) -> list[PolicyRule]:
    """What these controllers watch, and the ``extra`` rules that you declare for what they write."""
    return merge([*watch_rules(_watched(controllers)), *extra])


def manager_markers(manager: Manager) -> list[Marker]:
    """What is needed for all that this manager was given: informers, reconcilers by their markers, Events."""
    controllers = [r for r in manager.runnables() if isinstance(r, Controller)]
    kinds = dict.fromkeys([*(informer.kind for informer in manager.informers()), *_watched(controllers)])
    rules = [*watch_rules(kinds), *(EVENT_RULES if manager.records_events else ())]
    return [Marker(rule) for rule in rules] + [m for c in controllers for m in markers_of(c.reconciler)]


def _watched(controllers: Iterable[Controller]) -> list[type[KubeObject]]:
    return [w.source.kind for c in controllers for w in c.watches if isinstance(w.source, Kind)]

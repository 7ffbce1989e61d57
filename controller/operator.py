"""How the operator is put together."""

from __future__ import annotations

from controller.api import Redis
from controller.reconciler import RedisReconciler
from controller_runtime.cache.sources import Kind
from controller_runtime.controller.builder import new_controller_managed_by
from controller_runtime.controller.controller import Controller
from controller_runtime.controller.handlers import Funcs
from controller_runtime.kube.kinds import Pod, Service
from controller_runtime.kube.markers import Marker, declared_on
from controller_runtime.kube.rules import watch_rules
from controller_runtime.manager.manager import Manager

# Redis objects that are looked after side by side; one that is slow or large holds up no other.
WORKERS = 4
# What was refused is tried again so soon after a quota, a webhook or a right was put in order.
MAX_RETRY_DELAY = 8.0  # seconds


WATCHED = (Redis, Pod, Service)

# All that it is allowed to do, and nothing more: what it watches, and the markers on its reconciler.
MARKERS = (*map(Marker, watch_rules(WATCHED)), *declared_on(RedisReconciler))


def add_redis_controller(manager: Manager) -> Controller:
    """Register the Redis controller with ``manager``; it runs once the manager is started."""
    reconciler = RedisReconciler(manager)
    return (
        new_controller_managed_by(manager)
        .for_(Redis)
        .owns(Pod)
        .owns(Service)
        .watches(Kind(Pod), Funcs(delete=reconciler.pod_deleted))
        .watches(Kind(Service), Funcs(delete=reconciler.service_deleted))
        .watches(Kind(Redis), Funcs(delete=reconciler.redis_deleted))
        .watches_raw_source(reconciler.views)
        .with_options(max_concurrent_reconciles=WORKERS, max_retry_delay=MAX_RETRY_DELAY)
        .complete(reconciler)
    )

"""How the operator is put together."""

from __future__ import annotations

from controller.api import Redis
from controller.permissions import WATCHED
from controller.reconciler import RedisReconciler
from controller_runtime.cache.sources import Kind
from controller_runtime.controller.builder import new_controller_managed_by
from controller_runtime.controller.controller import Controller
from controller_runtime.controller.handlers import Funcs
from controller_runtime.kube.kinds import Pod, Service
from controller_runtime.manager.manager import Manager

# Redis objects that are looked after side by side; one that is slow or large holds up no other.
WORKERS = 4


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
        .with_options(max_concurrent_reconciles=WORKERS)
        .complete(reconciler)
    )


def watch_redis(manager: Manager) -> None:
    """Watch what the operator would watch, and reconcile nothing (``--observe``)."""
    for kind in WATCHED:
        manager.informer(kind)

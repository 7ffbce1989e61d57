"""How the operator is put together."""

from __future__ import annotations

from controller.redis.api import Redis
from controller.redis.permissions import WATCHED
from controller.redis.reconciler import RedisReconciler
from controller.runtime.builder import new_controller_managed_by
from controller.runtime.controller import Controller
from controller.runtime.handlers import Funcs
from controller.runtime.kinds import Pod, Service
from controller.runtime.manager import Manager
from controller.runtime.sources import Kind


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
        .complete(reconciler)
    )


def watch_redis(manager: Manager) -> None:
    """Watch what the operator would watch, and reconcile nothing (``--observe``)."""
    for kind in WATCHED:
        manager.informer(kind)

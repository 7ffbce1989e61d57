"""A library for operators, with controller-runtime's model: all that an operator needs to import is here.

::

    from controller_runtime import Manager, Result, new_controller_managed_by

Names are imported when they are first used, so that a reader of events does not load an HTTP client.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from controller_runtime.bus import EventBus, Subscription
    from controller_runtime.cache.informer import Informer
    from controller_runtime.cache.sources import Channel, Kind
    from controller_runtime.cache.sources import Informer as InformerSource
    from controller_runtime.client.client import Client
    from controller_runtime.client.config import ConfigError, Configuration, load_configuration
    from controller_runtime.controller.builder import Builder, BuilderError, new_controller_managed_by
    from controller_runtime.controller.handlers import (
        EnqueueRequestForObject,
        EnqueueRequestForOwner,
        EnqueueRequestsFromMap,
        EventHandler,
        Funcs,
    )
    from controller_runtime.controller.reconcile import ReconcileError, Reconciler, Result, TerminalError
    from controller_runtime.controller.workqueue import Queue
    from controller_runtime.events import BusEvent
    from controller_runtime.kube.deltas import CreateEvent, DeleteEvent, GenericEvent, UpdateEvent
    from controller_runtime.kube.errors import (
        AlreadyExists,
        ApiError,
        Conflict,
        Forbidden,
        Invalid,
        NotFound,
        Unreachable,
    )
    from controller_runtime.kube.markers import rbac
    from controller_runtime.kube.object import KubeObject, ObjectMeta, OwnerReference
    from controller_runtime.kube.ownership import (
        AlreadyOwnedError,
        add_finalizer,
        contains_finalizer,
        finalizers_under,
        has_controller_reference,
        owner_reference,
        remove_finalizer,
        set_controller_reference,
        set_finalizers_under,
        set_owner_reference,
    )
    from controller_runtime.kube.resource import Ref, Request, Resource
    from controller_runtime.manager.leaderelection import LeaderElectionConfig
    from controller_runtime.manager.manager import Manager

_ROOMS = {
    "bus": ("EventBus", "Subscription"),
    "events": ("BusEvent",),
    "cache.informer": ("Informer",),
    "cache.sources": ("Channel", "Kind"),
    "client.client": ("Client",),
    "client.config": ("ConfigError", "Configuration", "load_configuration"),
    "controller.builder": ("Builder", "BuilderError", "new_controller_managed_by"),
    "controller.handlers": (
        "EnqueueRequestForObject",
        "EnqueueRequestForOwner",
        "EnqueueRequestsFromMap",
        "EventHandler",
        "Funcs",
    ),
    "controller.reconcile": ("ReconcileError", "Reconciler", "Result", "TerminalError"),
    "controller.workqueue": ("Queue",),
    "kube.deltas": ("CreateEvent", "DeleteEvent", "GenericEvent", "UpdateEvent"),
    "kube.errors": (
        "AlreadyExists",
        "ApiError",
        "Conflict",
        "Forbidden",
        "Invalid",
        "NotFound",
        "Unreachable",
    ),
    "kube.markers": ("rbac",),
    "kube.object": ("KubeObject", "ObjectMeta", "OwnerReference"),
    "kube.ownership": (
        "AlreadyOwnedError",
        "add_finalizer",
        "contains_finalizer",
        "finalizers_under",
        "has_controller_reference",
        "owner_reference",
        "remove_finalizer",
        "set_controller_reference",
        "set_finalizers_under",
        "set_owner_reference",
    ),
    "kube.resource": ("Ref", "Request", "Resource"),
    "manager.leaderelection": ("LeaderElectionConfig",),
    "manager.manager": ("Manager",),
}

_HOME = {name: (room, name) for room, names in _ROOMS.items() for name in names}
_HOME["InformerSource"] = "cache.sources", "Informer"

__all__ = [
    "AlreadyExists",
    "AlreadyOwnedError",
    "ApiError",
    "Builder",
    "BuilderError",
    "BusEvent",
    "Channel",
    "Client",
    "ConfigError",
    "Configuration",
    "Conflict",
    "CreateEvent",
    "DeleteEvent",
    "EnqueueRequestForObject",
    "EnqueueRequestForOwner",
    "EnqueueRequestsFromMap",
    "EventBus",
    "EventHandler",
    "Forbidden",
    "Funcs",
    "GenericEvent",
    "Informer",
    "InformerSource",
    "Invalid",
    "Kind",
    "KubeObject",
    "LeaderElectionConfig",
    "Manager",
    "NotFound",
    "ObjectMeta",
    "OwnerReference",
    "Queue",
    "ReconcileError",
    "Reconciler",
    "Ref",
    "Request",
    "Resource",
    "Result",
    "Subscription",
    "TerminalError",
    "Unreachable",
    "UpdateEvent",
    "add_finalizer",
    "contains_finalizer",
    "finalizers_under",
    "has_controller_reference",
    "load_configuration",
    "new_controller_managed_by",
    "owner_reference",
    "rbac",
    "remove_finalizer",
    "set_controller_reference",
    "set_finalizers_under",
    "set_owner_reference",
]


def __getattr__(name: str) -> object:
    try:
        room, attribute = _HOME[name]
    except KeyError:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}") from None
    return getattr(import_module(f"{__name__}.{room}"), attribute)


def __dir__() -> list[str]:
    return sorted(__all__)

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
    from controller_runtime.cache.sources import Channel, Kind, Source
    from controller_runtime.cache.sources import Informer as InformerSource
    from controller_runtime.client.client import Client
    from controller_runtime.client.config import ConfigError, Configuration, load_configuration
    from controller_runtime.client.context import ReconcileCancelled, ReconcileContext, current_reconcile
    from controller_runtime.client.discovery import RESTMapper
    from controller_runtime.client.execplugin import Plugins
    from controller_runtime.client.retry import DEFAULT_BACKOFF, DEFAULT_RETRY, Retries, retry_on_conflict
    from controller_runtime.controller.builder import Builder, BuilderError, new_controller_managed_by
    from controller_runtime.controller.controller import Controller, Options
    from controller_runtime.controller.handlers import (
        EnqueueRequestForObject,
        EnqueueRequestForOwner,
        EnqueueRequestsFromMap,
        EventHandler,
        Funcs,
        RawSource,
    )
    from controller_runtime.controller.predicates import (
        Predicate,
        and_,
        annotation_changed,
        funcs,
        generation_changed,
        has_labels,
        label_changed,
        not_,
        on_object,
        or_,
        resource_version_changed,
    )
    from controller_runtime.controller.reconcile import ReconcileError, Reconciler, Result, TerminalError
    from controller_runtime.controller.workqueue import Queue
    from controller_runtime.events import BusEvent
    from controller_runtime.kube.crd import schema
    from controller_runtime.kube.definition import Column, Definition, Rule, Scale
    from controller_runtime.kube.deltas import CreateEvent, DeleteEvent, Event, GenericEvent, UpdateEvent
    from controller_runtime.kube.encode import as_json
    from controller_runtime.kube.errors import (
        AlreadyExists,
        ApiError,
        Conflict,
        Expired,
        Forbidden,
        Invalid,
        NoCredentials,
        NoKindMatch,
        NotFound,
        ServerError,
        TooManyRequests,
        Unauthorized,
        UnexpectedAnswer,
        Unreachable,
    )
    from controller_runtime.kube.kinds import ConfigMap, Namespace, Pod, Service
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
    from controller_runtime.kube.rules import PolicyRule
    from controller_runtime.kube.unstructured import Unstructured, unstructured
    from controller_runtime.manager.event_recorder import EventRecorder
    from controller_runtime.manager.leaderelection import LeaderElectionConfig, LeaderElectionLost
    from controller_runtime.manager.manager import Manager
    from controller_runtime.manager.signals import setup_signal_handler

_ROOMS = {
    "bus": ("EventBus", "Subscription"),
    "cache.informer": ("Informer",),
    "cache.sources": ("Channel", "Kind", "Source"),
    "client.client": ("Client",),
    "client.config": (
        "ConfigError",
        "Configuration",
        "load_configuration",
    ),
    "client.execplugin": ("Plugins",),
    "client.context": ("ReconcileCancelled", "ReconcileContext", "current_reconcile"),
    "client.discovery": ("RESTMapper",),
    "client.retry": (
        "DEFAULT_BACKOFF",
        "DEFAULT_RETRY",
        "Retries",
        "retry_on_conflict",
    ),
    "controller.builder": ("Builder", "BuilderError", "new_controller_managed_by"),
    "controller.controller": ("Controller", "Options"),
    "controller.handlers": (
        "EnqueueRequestForObject",
        "EnqueueRequestForOwner",
        "EnqueueRequestsFromMap",
        "EventHandler",
        "Funcs",
        "RawSource",
    ),
    "controller.predicates": (
        "Predicate",
        "and_",
        "annotation_changed",
        "funcs",
        "generation_changed",
        "has_labels",
        "label_changed",
        "not_",
        "on_object",
        "or_",
        "resource_version_changed",
    ),
    "controller.reconcile": ("ReconcileError", "Reconciler", "Result", "TerminalError"),
    "controller.workqueue": ("Queue",),
    "events": ("BusEvent",),
    "kube.crd": ("schema",),
    "kube.definition": ("Column", "Definition", "Rule", "Scale"),
    "kube.deltas": (
        "CreateEvent",
        "DeleteEvent",
        "Event",
        "GenericEvent",
        "UpdateEvent",
    ),
    "kube.encode": ("as_json",),
    "kube.errors": (
        "AlreadyExists",
        "ApiError",
        "Conflict",
        "Expired",
        "Forbidden",
        "Invalid",
        "NoCredentials",
        "NoKindMatch",
        "NotFound",
        "ServerError",
        "TooManyRequests",
        "Unauthorized",
        "UnexpectedAnswer",
        "Unreachable",
    ),
    "kube.kinds": ("ConfigMap", "Namespace", "Pod", "Service"),
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
    "kube.rules": ("PolicyRule",),
    "kube.unstructured": ("Unstructured", "unstructured"),
    "manager.leaderelection": (
        "LeaderElectionConfig",
        "LeaderElectionLost",
    ),
    "manager.manager": ("Manager",),
    "manager.event_recorder": ("EventRecorder",),
    "manager.signals": ("setup_signal_handler",),
}

_HOME = {name: (room, name) for room, names in _ROOMS.items() for name in names}
_HOME["InformerSource"] = "cache.sources", "Informer"

__all__ = [
    "DEFAULT_BACKOFF",
    "DEFAULT_RETRY",
    "AlreadyExists",
    "AlreadyOwnedError",
    "ApiError",
    "Builder",
    "BuilderError",
    "BusEvent",
    "Channel",
    "Client",
    "Column",
    "ConfigError",
    "ConfigMap",
    "Configuration",
    "Conflict",
    "Controller",
    "CreateEvent",
    "Definition",
    "DeleteEvent",
    "EnqueueRequestForObject",
    "EnqueueRequestForOwner",
    "EnqueueRequestsFromMap",
    "Event",
    "EventBus",
    "EventHandler",
    "EventRecorder",
    "Expired",
    "Forbidden",
    "Funcs",
    "GenericEvent",
    "Informer",
    "InformerSource",
    "Invalid",
    "Kind",
    "KubeObject",
    "LeaderElectionConfig",
    "LeaderElectionLost",
    "Manager",
    "Namespace",
    "NoCredentials",
    "NoKindMatch",
    "NotFound",
    "ObjectMeta",
    "Options",
    "OwnerReference",
    "Plugins",
    "Pod",
    "PolicyRule",
    "Predicate",
    "Queue",
    "RESTMapper",
    "RawSource",
    "ReconcileCancelled",
    "ReconcileContext",
    "ReconcileError",
    "Reconciler",
    "Ref",
    "Request",
    "Resource",
    "Result",
    "Retries",
    "Rule",
    "Scale",
    "ServerError",
    "Service",
    "Source",
    "Subscription",
    "TerminalError",
    "TooManyRequests",
    "Unauthorized",
    "UnexpectedAnswer",
    "Unreachable",
    "Unstructured",
    "UpdateEvent",
    "add_finalizer",
    "and_",
    "annotation_changed",
    "as_json",
    "contains_finalizer",
    "current_reconcile",
    "finalizers_under",
    "funcs",
    "generation_changed",
    "has_controller_reference",
    "has_labels",
    "label_changed",
    "load_configuration",
    "new_controller_managed_by",
    "not_",
    "on_object",
    "or_",
    "owner_reference",
    "rbac",
    "remove_finalizer",
    "resource_version_changed",
    "retry_on_conflict",
    "schema",
    "set_controller_reference",
    "set_finalizers_under",
    "set_owner_reference",
    "setup_signal_handler",
    "unstructured",
]


def __getattr__(name: str) -> object:
    try:
        room, attribute = _HOME[name]
    except KeyError:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}") from None
    return getattr(import_module(f"{__name__}.{room}"), attribute)


def __dir__() -> list[str]:
    return sorted(__all__)

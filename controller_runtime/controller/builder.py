"""Puts a controller together: what it reconciles, what wakes it, and how.

::

    new_controller_managed_by(manager).for_(Redis).owns(Pod).complete(reconciler)

Misuse is refused here, with controller-runtime's words where it has them.
"""

from __future__ import annotations

import inspect
import threading
from dataclasses import replace
from typing import Any, TypeVar, Unpack

from controller_runtime.cache.sources import Kind, Source
from controller_runtime.controller.controller import Controller, Options, SomeOptions, Watch
from controller_runtime.controller.handlers import (
    EnqueueRequestForObject,
    EnqueueRequestForOwner,
    EventHandler,
    RawSource,
)
from controller_runtime.controller.predicates import Predicate
from controller_runtime.controller.reconcile import Reconciler
from controller_runtime.kube.object import KubeObject
from controller_runtime.manager.manager import Manager

K = TypeVar("K", bound=KubeObject)


class BuilderError(ValueError):
    """The controller was put together in a way that cannot work."""


def new_controller_managed_by(manager: Manager) -> Builder:
    """The beginning of a controller that ``manager`` is to run."""
    return Builder(manager)


class Builder:
    """Every method but the last returns the builder. Nothing happens before ``complete``."""

    def __init__(self, manager: Manager) -> None:
        self._manager = manager
        self._for: tuple[type[KubeObject], tuple[Predicate[Any], ...]] | None = None
        self._owns: list[tuple[type[KubeObject], tuple[Predicate[Any], ...], bool]] = []
        self._watches: list[Watch[Any]] = []
        self._raw_sources: list[RawSource] = []
        self._filters: list[Predicate[KubeObject]] = []
        self._options = Options()
        self._name = ""
        self._error = ""

    def for_(self, kind: type[K], *predicates: Predicate[K]) -> Builder:
        """The kind that is reconciled. Its objects enqueue themselves."""
        if self._for is not None:
            self._error = (
                "For(...) should only be called once, could not assign multiple objects for reconciliation"
            )
        self._for = kind, predicates
        return self

    def owns(self, kind: type[K], *predicates: Predicate[K], every_owner: bool = False) -> Builder:
        """A kind that the reconciler makes: its objects enqueue their controller, or every owner."""
        self._owns.append((kind, predicates, every_owner))
        return self

    def watches(
        self, source: Source[K] | type[K], handler: EventHandler[K], *predicates: Predicate[K]
    ) -> Builder:
        """Events that pass all ``predicates`` go to ``handler``. A kind stands for Kind(kind)."""
        source = Kind(source) if isinstance(source, type) else source
        self._watches.append(Watch(source, handler, predicates))
        return self

    def watches_raw_source(self, source: RawSource) -> Builder:
        """A source with a handler of its own. Event filters do not apply to it."""
        self._raw_sources.append(source)
        return self

    def with_event_filter(self, predicate: Predicate[KubeObject]) -> Builder:
        """Events of for_, owns and watches must pass this one too."""
        self._filters.append(predicate)
        return self

    def with_options(self, **options: Unpack[SomeOptions]) -> Builder:
        """See controller.Options. Raises TypeError for an option that does not exist."""
        self._options = replace(self._options, **options)
        return self

    def named(self, name: str) -> Builder:
        """The controller's name in logs and metrics; by default the kind in lower case."""
        self._name = name
        return self

    def complete(self, reconciler: Reconciler | None) -> Controller:
        """Build the controller and hand it to the manager. Raises BuilderError."""
        controller = self.build(reconciler)
        self._manager.add(controller)
        return controller

    def build(self, reconciler: Reconciler | None) -> Controller:
        """As ``complete``, but the caller runs it (``Controller.start``). Raises BuilderError."""
        self._check(reconciler)
        assert reconciler is not None
        name = self._name or (self._for[0].resource.kind.lower() if self._for else "")
        if not self._manager.claim_name(name) and not self._options.skip_name_validation:
            raise BuilderError(
                f"controller with name {name} already exists. Controller names must be unique to avoid "
                "multiple controllers reporting the same metric. This validation can be disabled via the "
                "SkipNameValidation option"
            )
        if self._for is not None:
            self._manager.require(self._for[0])
        return Controller(
            name,
            reconciler,
            self._manager,
            watches=self._all_watches(),
            raw_sources=self._raw_sources,
            resource=self._for[0].resource if self._for else None,
            options=self._options,
        )

    def _check(self, reconciler: Reconciler | None) -> None:
        if reconciler is None:
            raise BuilderError("must provide a non-nil Reconciler")
        if self._error:
            raise BuilderError(self._error)
        for given in (reconciler, *(watch.handler for watch in self._watches)):
            if isinstance(given, type):
                raise BuilderError(f"{given.__name__} is a class: give an instance of it")
        if not callable(getattr(reconciler, "reconcile", None)):
            raise BuilderError(f"a Reconciler has a method reconcile(request), {reconciler!r} has none")
        if inspect.iscoroutinefunction(reconciler.reconcile):
            raise BuilderError(
                f"{type(reconciler).__name__}.reconcile is an async def, and workers are threads: make it a "
                "plain def and call asyncio.run() inside for what has to be awaited"
            )
        if self._for is None and self._owns:
            raise BuilderError("Owns() can only be used together with For()")
        if self._for is None and not self._watches and not self._raw_sources:
            raise BuilderError(
                "there are no watches configured, controller will never get triggered. "
                "Use For(), Owns(), Watches() or WatchesRawSource() to set them up"
            )
        if self._for is None and not self._name:
            raise BuilderError("one of For() or Named() must be called")
        self._check_options()

    def _check_options(self) -> None:
        options = self._options
        if options.max_concurrent_reconciles < 1:
            raise BuilderError(
                f"max_concurrent_reconciles must be at least 1, not {options.max_concurrent_reconciles}"
            )
        if options.reconcile_timeout is not None and not options.reconcile_timeout > 0:
            raise BuilderError(
                f"reconcile_timeout is in seconds and more than 0, or None, not {options.reconcile_timeout}"
            )
        # No lock waits for longer than that; with the jitter on top.
        if not 0 <= options.resync_period <= threading.TIMEOUT_MAX / 2:
            raise BuilderError(f"resync_period is in seconds, and 0 for never, not {options.resync_period}")

    def _all_watches(self) -> list[Watch[Any]]:
        filters = tuple(self._filters)
        watches: list[Watch[Any]] = []
        if self._for is not None:
            kind, predicates = self._for
            handler = EnqueueRequestForObject()
            watches.append(Watch(Kind(kind), handler, (*filters, *predicates), primary=True))
            for owned, predicates, every_owner in self._owns:
                by_owner = EnqueueRequestForOwner(kind, every_owner=every_owner)
                watches.append(Watch(Kind(owned), by_owner, (*filters, *predicates)))
        watches += [replace(watch, predicates=(*filters, *watch.predicates)) for watch in self._watches]
        return watches

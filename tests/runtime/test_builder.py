"""What the builder makes, and what it refuses in controller-runtime's words."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest

from controller_runtime.cache.sources import Channel, Kind
from controller_runtime.controller.builder import Builder, BuilderError, new_controller_managed_by
from controller_runtime.controller.handlers import EnqueueRequestForObject, EnqueueRequestForOwner, Funcs
from controller_runtime.controller.workqueue import Queue
from controller_runtime.kube.deltas import CreateEvent, GenericEvent
from controller_runtime.kube.kinds import ConfigMap, Pod
from controller_runtime.kube.resource import Request
from tests.cluster import eventually
from tests.runtime.fakes import ManualSource, Reconciling, configmap, manager
from tests.runtime.sandboxed import running

REFUSALS: list[tuple[Callable[[Builder], Builder], str]] = [
    (
        lambda b: b.for_(ConfigMap).for_(Pod),
        "For(...) should only be called once, could not assign multiple objects for reconciliation",
    ),
    (lambda b: b.named("x").owns(Pod), "Owns() can only be used together with For()"),
    (
        lambda b: b.named("x"),
        "there are no watches configured, controller will never get triggered. "
        "Use For(), Owns(), Watches() or WatchesRawSource() to set them up",
    ),
    (lambda b: b.watches(Pod, Funcs()), "one of For() or Named() must be called"),
    (
        lambda b: b.for_(Pod).with_options(max_concurrent_reconciles=0),
        "max_concurrent_reconciles must be at least 1, not 0",
    ),
    (
        lambda b: b.for_(Pod).with_options(reconcile_timeout=0.0),
        "reconcile_timeout is in seconds and more than 0, or None, not 0.0",
    ),
    (
        lambda b: b.for_(Pod).with_options(resync_period=float("nan")),
        "resync_period is in seconds, and 0 for never, not nan",
    ),
    (
        lambda b: b.for_(Pod).watches(Pod, EnqueueRequestForObject),  # type: ignore[arg-type]
        "EnqueueRequestForObject is a class: give an instance of it",
    ),
]


@pytest.mark.parametrize(("build", "words"), REFUSALS)
def test_misuse_is_refused(build: Callable[[Builder], Builder], words: str) -> None:
    with pytest.raises(BuilderError) as refusal:
        build(new_controller_managed_by(manager())).complete(Reconciling())
    assert str(refusal.value) == words


def test_a_reconciler_is_needed() -> None:
    builder = new_controller_managed_by(manager()).for_(Pod)
    with pytest.raises(BuilderError, match="must provide a non-nil Reconciler"):
        builder.complete(None)
    with pytest.raises(BuilderError, match="has a method reconcile"):
        builder.complete(object())  # type: ignore[arg-type]
    with pytest.raises(BuilderError, match="Reconciling is a class: give an instance"):
        builder.complete(Reconciling)  # type: ignore[arg-type]


def test_an_async_reconcile_is_refused() -> None:
    class Async:
        async def reconcile(self, request: Request) -> None: ...

    builder = new_controller_managed_by(manager()).for_(Pod)
    with pytest.raises(BuilderError, match=r"Async\.reconcile is an async def.*: make it a plain def"):
        builder.complete(Async())  # type: ignore[arg-type]


def test_names_are_unique_unless_you_insist() -> None:
    mgr = manager()
    assert new_controller_managed_by(mgr).for_(ConfigMap).build(Reconciling()).name == "configmap"
    with pytest.raises(BuilderError, match="controller with name configmap already exists"):
        new_controller_managed_by(mgr).for_(ConfigMap).build(Reconciling())
    again = new_controller_managed_by(mgr).for_(ConfigMap).with_options(skip_name_validation=True)
    assert again.build(Reconciling()).name == "configmap"
    assert new_controller_managed_by(mgr).for_(ConfigMap).named("other").build(Reconciling()).name == "other"


def test_unknown_options_are_refused() -> None:
    with pytest.raises(TypeError, match="max_workers"):
        new_controller_managed_by(manager()).with_options(max_workers=3)  # type: ignore[call-arg]


def test_what_it_makes() -> None:
    handler: Funcs[Pod] = Funcs()
    source = Kind(Pod)
    controller = (
        new_controller_managed_by(manager())
        .for_(ConfigMap)
        .owns(Pod)
        .watches(source, handler)
        .watches(Pod, handler)
        .with_options(max_concurrent_reconciles=4, reconcile_timeout=30.0)
        .build(Reconciling())
    )
    primary, owned, explicit, short = controller.watches
    assert [w.primary for w in controller.watches] == [True, False, False, False]
    assert isinstance(primary.handler, EnqueueRequestForObject)
    assert isinstance(owned.handler, EnqueueRequestForOwner)
    assert (explicit.source, short.source, short.handler) == (source, source, handler)
    assert controller.resource == ConfigMap.resource
    assert (controller.options.max_concurrent_reconciles, controller.options.reconcile_timeout) == (4, 30.0)


class RawSource:
    def __init__(self) -> None:
        self.queue: Queue | None = None

    def start(self, queue: Queue, stop: threading.Event) -> None:
        self.queue = queue


def test_the_event_filter_applies_to_all_but_raw_sources() -> None:
    mgr, source, raw, reconciler = manager(), ManualSource(), RawSource(), Reconciling()
    channel: Channel[ConfigMap] = Channel()
    only_b: Any = lambda event: event.obj.metadata.name == "b"  # noqa: E731
    (
        new_controller_managed_by(mgr)
        .named("test")
        .with_event_filter(only_b)
        .watches(source, EnqueueRequestForObject())
        .watches(channel, EnqueueRequestForObject(), lambda event: isinstance(event, GenericEvent))
        .watches_raw_source(raw)
        .complete(reconciler)
    )
    with running(mgr):
        source.deliver(CreateEvent(configmap("a")))
        source.deliver(CreateEvent(configmap("b")))
        eventually(lambda: reconciler.requests == [Request("ns", "b")])
        channel.send(configmap("a"))
        channel.send(configmap("b", namespace="channel"))
        eventually(lambda: len(reconciler.requests) == 2)
        assert raw.queue is not None
        raw.queue.add(Request("raw", "a"))
        raw.queue.add_after(Request("raw", "later"), 0.01)
        raw.queue.add_rate_limited(Request("raw", "limited"))
        eventually(lambda: len(reconciler.requests) == 5)
        assert raw.queue.num_requeues(Request("raw", "limited")) == 0
    assert reconciler.requests[1:3] == [Request("channel", "b"), Request("raw", "a")]

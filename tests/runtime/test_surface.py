"""All that an operator needs can be imported from the top, and is typed by the kind it is about."""

from __future__ import annotations

import importlib
import inspect
import subprocess
import sys
from dataclasses import fields
from pathlib import Path
from typing import get_type_hints

import pytest

import controller_runtime
from controller_runtime import (
    Channel,
    Client,
    CreateEvent,
    DeleteEvent,
    EnqueueRequestsFromMap,
    Event,
    Funcs,
    InformerSource,
    Kind,
    Manager,
    Namespace,
    Options,
    Pod,
    Predicate,
    Queue,
    Request,
    Result,
    Service,
    Unstructured,
    and_,
    funcs,
    generation_changed,
    has_labels,
    new_controller_managed_by,
    on_object,
)
from controller_runtime.controller.controller import SomeOptions
from tests.runtime.fakes import manager


def test_every_name_is_there_documented_and_said_once() -> None:
    names = controller_runtime.__all__
    assert len(names) == len(set(names))
    assert set(dir(controller_runtime)) == set(names)
    for name in names:
        thing = getattr(controller_runtime, name)
        if inspect.isclass(thing) or inspect.isfunction(thing):
            assert inspect.getdoc(thing), f"{name} has no docstring"
    with pytest.raises(AttributeError, match="no attribute 'Nothing'"):
        _ = controller_runtime.Nothing


def test_reading_events_loads_no_http_client() -> None:
    code = "import controller_runtime.events, sys; print('urllib3' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout == "False\n"


def test_the_options_are_those_of_the_controller() -> None:
    assert list(get_type_hints(SomeOptions)) == [field.name for field in fields(Options)]


class OfPods:
    """A reconciler; mypy checks below that everything knows its kind."""

    def __init__(self, manager: Manager) -> None:
        self.client: Client = manager.client
        self.pods = manager.informer(Pod, field_selector="spec.nodeName=n")

    def reconcile(self, request: Request) -> Result | None:
        pod = self.pods.get(*request)
        phase: str = pod.status.phase if pod else ""
        return Result(requeue_after=60.0) if phase == "Pending" else None

    def deleted(self, event: DeleteEvent[Pod], queue: Queue) -> None:
        queue.add(Request(event.obj.metadata.namespace, event.obj.spec.node_name))

    def made(self, event: CreateEvent[Pod], queue: Queue) -> None:
        queue.add_after(Request("", event.obj.status.phase), 1.0)

    def runs(self, event: Event[Pod]) -> bool:
        return event.obj.status.phase == "Running"

    def of_service(self, service: Service) -> list[Request]:
        return [Request(service.metadata.namespace, name) for name in service.spec.selector]


def test_handlers_and_predicates_know_their_kind() -> None:
    mgr = manager()
    mine = OfPods(mgr)
    is_labelled: Predicate[Pod] = and_(generation_changed, has_labels({"a": "b"}), mine.runs)
    channel: Channel[Service] = Channel()
    builder = new_controller_managed_by(mgr).for_(Pod, is_labelled, on_object(lambda pod: pod.is_ready))
    builder.watches(Kind(Pod), Funcs(create=mine.made, delete=mine.deleted), funcs(delete=lambda event: True))
    builder.watches(channel, EnqueueRequestsFromMap(mine.of_service))
    builder.watches(InformerSource(mgr.informer(Service)), EnqueueRequestsFromMap(mine.of_service))
    builder.watches(Namespace, EnqueueRequestsFromMap(mine.of_service))  # type: ignore[misc]
    builder.watches(Pod, Funcs(delete=mine.deleted), on_object(mine.of_service))  # type: ignore[arg-type]
    builder.with_options(max_concurrent_reconciles="2")  # type: ignore[arg-type]
    controller = builder.with_options(max_concurrent_reconciles=2, resync_period=0.0).build(mine)
    assert len(controller.watches) == 6
    assert issubclass(Unstructured, controller_runtime.KubeObject)


def test_the_library_says_that_it_is_typed() -> None:
    assert (
        Path(inspect.getfile(importlib.import_module("controller_runtime"))).parent / "py.typed"
    ).is_file()

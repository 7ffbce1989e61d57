"""What a description of a kind is made of: the row of an object, its columns, and the kind itself. Pure.

The class of a kind is a subclass of the runtime's, with the other fields that are shown: informers decode
objects into it while there is a console, so that they are decoded once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import msgspec

from controller_runtime.events import ObjectChanged
from controller_runtime.kube.object import KubeObject, ObjectMeta, OwnerReference
from controller_runtime.kube.resource import Ref, Resource
from controller_runtime.kube.times import parse_time
from tui.names import GroupKind
from tui.text import natural

Health = Literal["ok", "busy", "bad", "done"]
Cell = tuple[str, str]  # text and style


class Base(msgspec.Struct, frozen=True, rename="camel", gc=False):
    """A part of an object that the runtime does not read: only the fields that are shown."""


class Manager(Base, frozen=True):
    """An entry of ``metadata.managedFields``: who wrote last, and when."""

    manager: str = ""
    time: str | None = None
    subresource: str = ""


class Metadata(ObjectMeta, frozen=True):
    managed_fields: tuple[Manager, ...] = ()


class Condition(Base, frozen=True):
    type: str = ""
    status: str = ""
    reason: str | None = None
    message: str | None = None


class ObjectView(msgspec.Struct, frozen=True):
    """One row. ``facts`` are what a change is described by, in the order in which it is described."""

    ref: Ref
    raw: bytes
    status: str
    health: Health
    created: float | None  # Unix seconds
    deleting: float | None  # Unix seconds of the deletion timestamp
    cells: dict[str, str]
    facts: dict[str, str]
    finalizers: tuple[str, ...] = ()
    grace: int | None = None  # seconds
    labels: Mapping[str, str] = {}
    owners: tuple[OwnerReference, ...] = ()
    managers: tuple[Manager, ...] = ()
    is_starting: bool = False  # on its way up, and nothing is known to be wrong with it

    @property
    def is_fault(self) -> bool:
        return self.health == "bad" or (self.health == "busy" and not self.is_starting)


def row(
    event: ObjectChanged,
    metadata: Metadata,
    status: str,
    health: Health,
    *,
    cells: dict[str, str],
    facts: dict[str, str],
    grace: int | None = None,
    is_starting: bool = False,
) -> ObjectView:
    """The row of an object, with what all kinds have in common taken from its metadata."""
    return ObjectView(
        event.ref, bytes(event.raw), status, health,
        created=parse_time(metadata.creation_timestamp),
        deleting=parse_time(metadata.deletion_timestamp),
        cells=cells, facts=facts, grace=grace, is_starting=is_starting,
        finalizers=metadata.finalizers,
        labels=metadata.labels,
        owners=metadata.owner_references,
        managers=metadata.managed_fields,
    )  # fmt: skip


@dataclass(frozen=True)
class Column:
    """A column of a table.

    ``rank`` says how long it stays when space runs out: 0 always, then 1, 2 … ``value`` is what rows are
    sorted by; without it the text is, with its numbers as numbers.
    """

    title: str
    cell: Callable[[ObjectView, float], Cell]
    rank: int = 0
    right: bool = False
    ticks: bool = False  # it changes with the time alone
    least: int = 0  # cells; for words that come and go, so that the columns stay where they are
    flex: int = 0  # cells to which a long text is cut before a column goes; 0: never cut
    value: Callable[[ObjectView], Any] | None = None

    def sort_value(self, o: ObjectView) -> Any:
        return self.value(o) if self.value else natural(self.cell(o, 0.0)[0])


@dataclass(frozen=True)
class Kind:
    """Everything that the console knows of a kind of object."""

    resource: Resource
    title: str  # of its table
    columns: tuple[Column, ...]
    read: Callable[[ObjectChanged], ObjectView]
    decode_as: type[KubeObject] | None = None  # the class that ``read`` asks for, where it has its own
    short_names: tuple[str, ...] = ()
    actions: tuple[str, ...] = ("delete", "yaml")
    usual: tuple[str, ...] = ()  # words of STATUS that are no news of a new object
    quiet: tuple[str, ...] = ("status", "reason")  # facts that its summary leaves out
    # How far an object has come on its way up, by name; each is timed when it is first seen.
    milestones: Callable[[ObjectView], tuple[str, ...]] = lambda o: ()
    order: int = 9  # among the chips and the pictures of all kinds

    @property
    def group_kind(self) -> GroupKind:
        return GroupKind(self.resource.group, self.resource.kind)

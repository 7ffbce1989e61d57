"""Finds the description of a kind; a kind that nobody described gets a plain one."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Mapping, Sequence
from functools import cache
from types import MappingProxyType

import msgspec

from controller_runtime.events import ObjectChanged
from controller_runtime.kube.object import KubeObject
from controller_runtime.kube.resource import Resource
from tui import kinds
from tui.kinds.columns import AGE, NAME, NAMESPACE, cell
from tui.kinds.model import Column, Kind, ObjectView
from tui.kinds.reading import read_plain, unreadable
from tui.names import GroupKind, kind_of, plural


@cache
def described() -> Mapping[GroupKind, Kind]:
    """All files of this folder that describe a kind."""
    modules = [
        importlib.import_module(f"{kinds.__name__}.{m.name}") for m in pkgutil.iter_modules(kinds.__path__)
    ]
    found = [module.KIND for module in modules if isinstance(getattr(module, "KIND", None), Kind)]
    return MappingProxyType({kind.group_kind: kind for kind in sorted(found, key=lambda k: k.order)})


def classes() -> list[type[KubeObject]]:
    """What informers are to decode objects into while there is a console to read them."""
    return [kind.decode_as for kind in described().values() if kind.decode_as is not None]


def describe(key: GroupKind, resource: Resource | None = None) -> Kind:
    """What is known of the kind. ``resource``: where it lives, for one without a file here."""
    return described().get(key) or plain(resource or Resource(key.group, "", key.kind, ""))


def plain(resource: Resource) -> Kind:
    """A kind of which only the name is known: name and age."""
    return Kind(resource, plural(resource.kind, 2), (NAMESPACE, NAME, AGE), read_plain)


def printed(resource: Resource, columns: Sequence[str]) -> Kind:
    """A kind with the server's own columns; its name, namespace and age are ours."""
    own = [
        Column(title.upper(), cell(title), rank=4 + place, flex=12)
        for place, title in enumerate(columns)
        if title not in ("Name", "Namespace", "Age")
    ]
    title = plural(resource.kind, 2)
    return Kind(resource, title, (NAMESPACE, NAME, *own, AGE), read_plain)


def view(event: ObjectChanged) -> ObjectView:
    """Never raises: an object that cannot be read is a row that says so."""
    kind = described().get(kind_of(event.ref))
    try:
        return (kind.read if kind else read_plain)(event)
    except msgspec.MsgspecError as error:
        return unreadable(event, error)

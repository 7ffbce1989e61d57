"""Equal parts of objects are kept once: most pods of a cluster say the same things about themselves."""

from __future__ import annotations

import sys
import types
from collections.abc import Callable, Iterator
from typing import Any, Generic, NoReturn, TypeVar

import msgspec
from msgspec.structs import force_setattr

from controller_runtime.kube.object import KubeObject

K = TypeVar("K", bound=KubeObject)

# Parts that are remembered. When there are more, sharing begins anew with the next object.
MOST_PARTS = 4096

_Hash = Callable[[Any], int]


def _refuse(*_: object, **__: object) -> NoReturn:
    raise TypeError("the labels of an object in a store are shared with others: change a copy, dict(labels)")


class SharedLabels(dict[str, str]):
    """Labels that cannot be changed. A dict, because msgspec encodes no other mapping; copies are plain."""

    __slots__ = ()
    __setitem__ = __delitem__ = __ior__ = _refuse
    clear = pop = popitem = setdefault = update = _refuse

    def __reduce__(self) -> tuple[type[dict[str, str]], tuple[dict[str, str]]]:
        return dict, (dict(self),)


class Sharing(Generic[K]):
    """For the objects of one kind, before anybody else has them. The caller holds a lock.

    Shared are labels, owner references, and the structs in tuples below the other fields (containers,
    conditions, ports), as far as they can be hashed. An unchanged spec or status is that of before.
    """

    def __init__(self, kind: type[K]) -> None:
        fields = [field for field in msgspec.structs.fields(kind) if field.name != "metadata"]
        self._fields = [(field.name, tuple(_tuples(field.type))) for field in fields]
        self._parts: dict[int, Any] = {}

    def apply(self, obj: K, old: K | None) -> None:
        """Replace parts of ``obj`` by equal ones of ``old``, its state before, or of other objects."""
        meta = obj.metadata
        before = None if old is None else old.metadata
        force_setattr(meta, "namespace", sys.intern(meta.namespace))
        if before is not None and meta.labels == before.labels:
            force_setattr(meta, "labels", before.labels)
        else:
            force_setattr(meta, "labels", self._one(meta.labels, _hash_of_dict))
        if before is not None and meta.owner_references == before.owner_references:
            force_setattr(meta, "owner_references", before.owner_references)
        else:
            self._share(meta, "owner_references")
        for name, paths in self._fields:
            value = getattr(obj, name)
            if old is not None and value == (known := getattr(old, name)):
                force_setattr(obj, name, known)
                continue
            for *inner, last in paths:
                part = value
                for step in inner:
                    part = getattr(part, step)
                self._share(part, last)

    def _share(self, holder: Any, name: str) -> None:
        values = getattr(holder, name)
        if values:
            force_setattr(holder, name, tuple([self._one(value, hash) for value in values]))

    def _one(self, value: Any, hash_of: _Hash) -> Any:
        """The first value that equals this one."""
        try:
            number = hash_of(value)
        except TypeError:
            return value  # it holds a dict or a list
        known = self._parts.get(number)
        if known is not None and known == value:
            return known
        if len(self._parts) >= MOST_PARTS:
            self._parts.clear()
        if hash_of is _hash_of_dict:
            value = SharedLabels(value)
        self._parts[number] = value
        return value


def _hash_of_dict(value: dict[str, str]) -> int:
    return hash(frozenset(value.items()))


def _tuples(hint: Any) -> Iterator[tuple[str, ...]]:
    """The ways to the tuples of structs that a struct has, itself or in its structs."""
    if not (isinstance(hint, type) and issubclass(hint, msgspec.Struct)):
        return
    for field in msgspec.structs.fields(hint):
        if isinstance(field.type, types.GenericAlias) and field.type.__origin__ is tuple:
            element = field.type.__args__[0]
            if isinstance(element, type) and issubclass(element, msgspec.Struct):
                yield (field.name,)
        else:
            for rest in _tuples(field.type):
                yield (field.name, *rest)

"""Owner references and finalizers: who an object goes with, and who has to be done with it before it goes.

Each function takes an object or its JSON data. An object is frozen: what is returned is another one, or the
same when nothing had to change. JSON data is changed in place, and returned too.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeVar, cast

import msgspec
from msgspec.structs import replace

from controller_runtime.kube.object import KubeObject, OwnerReference

T = TypeVar("T", bound=KubeObject | dict[str, Any])


class AlreadyOwnedError(Exception):
    """The object has another controller already."""


def owner_reference(owner: KubeObject, *, controller: bool = False) -> OwnerReference:
    """A reference to ``owner``; with ``controller`` its deletion in the foreground waits for the object's."""
    api_version, kind = owner.resource.api_version, owner.resource.kind
    marked = True if controller else None
    return OwnerReference(api_version, kind, owner.metadata.name, owner.metadata.uid, marked, marked)


def set_controller_reference(owner: KubeObject, obj: T) -> T:
    """Make ``owner`` the controller of ``obj``: it goes when its owner goes, and enqueues it (``owns``).

    Raises AlreadyOwnedError when it has another controller, ValueError for an owner that the API would not
    accept. Rules and words are those of controller-runtime's controllerutil.
    """
    _validate(owner, obj)
    references = _references(obj)
    for reference in references:
        if reference.controller and not _is_same(reference, owner):
            raise AlreadyOwnedError(
                f"Object {'/'.join(_key(obj))} is already owned by another {reference.kind} controller "
                f"{reference.name}"
            )
    return _with_reference(obj, references, owner, owner_reference(owner, controller=True))


def set_owner_reference(owner: KubeObject, obj: T) -> T:
    """Add ``owner`` as a plain owner: the object goes when all of its owners are gone. Raises ValueError."""
    _validate(owner, obj)
    return _with_reference(obj, _references(obj), owner, owner_reference(owner))


def has_controller_reference(obj: KubeObject, owner: KubeObject) -> bool:
    """Whether exactly this owner, not an older one of its name, controls ``obj``."""
    return obj.controller is not None and obj.controller.uid == owner.metadata.uid


def contains_finalizer(obj: KubeObject | dict[str, Any], finalizer: str) -> bool:
    """Whether ``obj``, once it is deleted, waits until this finalizer is taken off."""
    return finalizer in _finalizers(obj)


def add_finalizer(obj: T, finalizer: str) -> T:
    """``obj`` with the finalizer, behind those that it has. The API takes new ones before a deletion only."""
    found = _finalizers(obj)
    return obj if finalizer in found else _with_finalizers(obj, [*found, finalizer])


def remove_finalizer(obj: T, finalizer: str) -> T:
    """``obj`` without the finalizer: if it is being deleted and this was the last one, it goes."""
    found = _finalizers(obj)
    return _with_finalizers(obj, [f for f in found if f != finalizer]) if finalizer in found else obj


def finalizers_under(obj: KubeObject | dict[str, Any], prefix: str) -> list[str]:
    """What stands behind ``prefix`` in the finalizers that begin with it, in their order."""
    return [f.removeprefix(prefix) for f in _finalizers(obj) if f.startswith(prefix)]


def set_finalizers_under(obj: T, prefix: str, names: Iterable[str]) -> T:
    """``obj`` with one finalizer ``prefix + name`` for each name and none other under ``prefix``.

    So finalizers can be a ledger of things outside the object that are still to be cleaned up.
    """
    found = _finalizers(obj)
    wanted = [f for f in found if not f.startswith(prefix)] + [prefix + name for name in names]
    return obj if wanted == found else _with_finalizers(obj, wanted)


def _finalizers(obj: KubeObject | dict[str, Any]) -> list[str]:
    if isinstance(obj, KubeObject):
        return list(obj.metadata.finalizers)
    return list(obj["metadata"].get("finalizers") or ())


def _with_finalizers(obj: T, finalizers: list[str]) -> T:
    if isinstance(obj, KubeObject):
        return cast(T, replace(obj, metadata=replace(obj.metadata, finalizers=tuple(finalizers))))
    obj["metadata"]["finalizers"] = finalizers
    return obj


def _references(obj: KubeObject | dict[str, Any]) -> list[OwnerReference]:
    if isinstance(obj, KubeObject):
        return list(obj.metadata.owner_references)
    return msgspec.convert(obj["metadata"].get("ownerReferences") or [], list[OwnerReference])


def _with_reference(obj: T, references: list[OwnerReference], owner: KubeObject, new: OwnerReference) -> T:
    if new in references:
        return obj
    places = [n for n, reference in enumerate(references) if _is_same(reference, owner)]
    place = places[0] if places else len(references)
    references[place : place + 1] = [new]
    if isinstance(obj, KubeObject):
        return cast(T, replace(obj, metadata=replace(obj.metadata, owner_references=tuple(references))))
    obj["metadata"]["ownerReferences"] = [
        {key: value for key, value in msgspec.to_builtins(reference).items() if value is not None}
        for reference in references
    ]
    return obj


def _key(obj: KubeObject | dict[str, Any]) -> tuple[str, str]:
    """Namespace and name."""
    if isinstance(obj, KubeObject):
        return obj.metadata.namespace, obj.metadata.name
    return obj["metadata"].get("namespace", ""), obj["metadata"].get("name", "")


def _validate(owner: KubeObject, obj: KubeObject | dict[str, Any]) -> None:
    owner_namespace = owner.metadata.namespace
    if not owner_namespace:
        return
    namespace, _ = _key(obj)
    if not namespace:
        raise ValueError(
            "cluster-scoped resource must not have a namespace-scoped owner, "
            f"owner's namespace {owner_namespace}"
        )
    if namespace != owner_namespace:
        raise ValueError(
            f"cross-namespace owner references are disallowed, owner's namespace {owner_namespace}, "
            f"obj's namespace {namespace}"
        )


def _is_same(reference: OwnerReference, owner: KubeObject) -> bool:
    """Group, kind and name; version and uid may differ."""
    is_kind = owner.resource.is_kind(reference.api_version, reference.kind)
    return is_kind and reference.name == owner.metadata.name

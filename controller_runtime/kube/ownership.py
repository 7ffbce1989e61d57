"""Small helpers for what operators write: owner references and finalizers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from controller_runtime.kube.object import KubeObject


class AlreadyOwnedError(Exception):
    """The object has another controller already."""


def owner_reference(owner: KubeObject, *, controller: bool = False) -> dict[str, Any]:
    """A reference to ``owner``, as JSON data; with ``controller`` its deletion waits for the object's."""
    resource = owner.resource
    reference: dict[str, Any] = {
        "apiVersion": resource.api_version,
        "kind": resource.kind,
        "name": owner.metadata.name,
        "uid": owner.metadata.uid,
    }
    return reference | {"controller": True, "blockOwnerDeletion": True} if controller else reference


def set_controller_reference(owner: KubeObject, body: dict[str, Any]) -> None:
    """Make ``owner`` the controller of the object ``body`` (JSON data, changed in place).

    Raises AlreadyOwnedError, or ValueError for an owner that the API would not accept.
    """
    _validate(owner, body)
    references = body["metadata"].setdefault("ownerReferences", [])
    for reference in references:
        if reference.get("controller") and not _is_same(reference, owner):
            meta = body["metadata"]
            raise AlreadyOwnedError(
                f"Object {meta.get('namespace', '')}/{meta.get('name', '')} is already owned by another "
                f"{reference['kind']} controller {reference['name']}"
            )
    _upsert(references, owner, owner_reference(owner, controller=True))


def set_owner_reference(owner: KubeObject, body: dict[str, Any]) -> None:
    """Add ``owner`` as a plain owner: the object goes when all of its owners are gone."""
    _validate(owner, body)
    _upsert(body["metadata"].setdefault("ownerReferences", []), owner, owner_reference(owner))


def has_controller_reference(obj: KubeObject, owner: KubeObject) -> bool:
    """Whether exactly this owner, not an older one of its name, controls ``obj``."""
    return obj.controller is not None and obj.controller.uid == owner.metadata.uid


def with_finalizer(finalizers: Sequence[str], finalizer: str) -> list[str]:
    """The list with ``finalizer`` in it; equal to the old one when it was there."""
    return [*finalizers] if finalizer in finalizers else [*finalizers, finalizer]


def without_finalizer(finalizers: Sequence[str], finalizer: str) -> list[str]:
    return [f for f in finalizers if f != finalizer]


def _validate(owner: KubeObject, body: dict[str, Any]) -> None:
    owner_namespace = owner.metadata.namespace
    if not owner_namespace:
        return
    namespace = body["metadata"].get("namespace", "")
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


def _is_same(reference: dict[str, Any], owner: KubeObject) -> bool:
    """Group, kind and name; version and uid may differ."""
    named = str(reference.get("apiVersion", "")), str(reference.get("kind", ""))
    return owner.resource.is_kind(*named) and reference.get("name") == owner.metadata.name


def _upsert(references: list[dict[str, Any]], owner: KubeObject, new: dict[str, Any]) -> None:
    for number, reference in enumerate(references):
        if _is_same(reference, owner):
            references[number] = new
            return
    references.append(new)

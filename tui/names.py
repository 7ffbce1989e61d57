"""Names: which kind, and which object whatever its uid. Nothing is known by its kind without the group."""

from __future__ import annotations

from typing import NamedTuple

from controller_runtime.kube.resource import Ref


class GroupKind(NamedTuple):
    """A kind of the API; ``group`` is "" for the core group."""

    group: str
    kind: str


class ObjectName(NamedTuple):
    """Where an object lives: objects that follow each other under one name share it, their uids differ."""

    group: str
    kind: str
    namespace: str
    name: str

    @property
    def group_kind(self) -> GroupKind:
        return GroupKind(self.group, self.kind)

    @property
    def key(self) -> str:
        return f"{self.namespace}/{self.name}" if self.namespace else self.name


def kind_of(ref: Ref) -> GroupKind:
    return GroupKind(ref.api_version.rpartition("/")[0], ref.kind)


def name_of(ref: Ref) -> ObjectName:
    return ObjectName(*kind_of(ref), ref.namespace, ref.name)


def uid_of(ref: Ref) -> str:
    """The uid, or, for an object without one, what else tells it apart."""
    return ref.uid or f"{ref.api_version}/{ref.kind}/{ref.key}"


def plural(kind: str, count: int) -> str:
    """``kind`` as a word for ``count`` of them."""
    if count == 1 or kind.endswith("s"):
        return kind
    return f"{kind[:-1]}ies" if kind.endswith("y") and kind[-2:-1] not in "aeiou" else f"{kind}s"

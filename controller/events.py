"""What the operator and the session around it publish on the bus, beside what the runtime does."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Literal

import msgspec

from controller_runtime.events import BASE_SIZE, BusEvent
from controller_runtime.kube.permissions import Permission
from controller_runtime.kube.resource import Ref, Resource
from controller_runtime.kube.rules import PolicyRule


class Connection(BusEvent, frozen=True, tag="connection"):
    """Who we are and what we talk to. ``state`` says whether the API server answers."""

    role: Literal["controller", "person"]
    state: Literal["connecting", "connected", "failed", "ended"]  # ended: our own cluster is no more
    cluster: str = ""  # "embedded cluster", or the cluster's name in the kubeconfig
    context: str = ""
    server: str = ""
    identity: str = ""
    version: str = ""
    namespaces: tuple[str, ...] = ()  # empty: all namespaces
    message: str = ""
    observes: bool = False  # looks only, and reconciles nothing

    @property
    def state_key(self) -> Hashable:
        return "connection", self.role


class ControllerEnded(BusEvent, frozen=True, tag="controller_ended"):
    """The controller of this session came to an end that nobody foresaw. Nothing is reconciled any more."""

    message: str
    traceback: str = ""


HealStage = Literal["deleting", "gone", "recreated", "ready", "abandoned"]


class Heal(BusEvent, frozen=True, tag="heal"):
    """One object's way from its deletion to a ready replacement. All times are Unix seconds."""

    namespace: str
    name: str
    owner: str  # key of the object that wants it
    old_uid: str
    stage: HealStage
    requested: float  # the delete request, or the first sign of it
    kind: str = "Pod"
    owner_kind: str = "Redis"
    new_uid: str = ""
    gone: float | None = None
    created: float | None = None
    ready: float | None = None
    by: str = ""  # "you" for the console's own deletes
    reconcile: int = 0  # number of the reconcile that made the replacement
    amended: bool = False  # the stage was published before; only now it is known who, or since when

    @property
    def state_key(self) -> Hashable:
        return "heal", self.old_uid

    @property
    def key(self) -> str:
        return f"{self.namespace}/{self.name}"

    @property
    def seconds(self) -> float | None:
        """From the request to ready, in seconds; None while it is not ready."""
        return None if self.ready is None else self.ready - self.requested


class Browsing(BusEvent, frozen=True, tag="browsing"):
    """What became of a person's wish to see a kind: where it lives and the server's columns, or why not."""

    name: str  # as the person wrote it
    resource: Resource | None = None
    columns: tuple[str, ...] = ()
    message: str = ""  # why it is not shown


class Printed(BusEvent, frozen=True, tag="printed"):
    """The server's own cells of an object, in the order of the columns; before the ``ObjectChanged``."""

    uid: str
    cells: tuple[str, ...]


class Right(msgspec.Struct, frozen=True, omit_defaults=True):
    """One thing that the operator needs, and whether somebody may do it."""

    permission: Permission
    allowed: bool
    reason: str = ""  # the server's; "" when it says none
    almost: tuple[str, ...] = ()  # which bindings and roles nearly give what is missing
    declared: bool = True  # no marker and no watch asks for it when this is False: it was tried and refused


class PermissionsReviewed(BusEvent, frozen=True, tag="permissions"):
    """What somebody may do of what the operator needs: the operator, who sits here, or anybody (subject)."""

    role: Literal["controller", "person", "subject"]
    identity: str
    rights: tuple[Right, ...] = ()
    message: str = ""  # why the server could not be asked

    @property
    def state_key(self) -> Hashable:
        return "permissions", self.role

    @property
    def size(self) -> int:
        return BASE_SIZE * (1 + len(self.rights))


class Caption(BusEvent, frozen=True, tag="caption"):
    """What a story says about what is on the screen now. ``number`` counts its chapters from 1 to ``of``."""

    chapter: str
    number: int
    of: int
    text: str = ""


class Deed(BusEvent, frozen=True, tag="deed"):
    """Something that a story does: it presses a ``key``, or is a person with another client (``command``)."""

    key: str = ""
    typed: str = ""  # what this key is part of
    command: str = ""
    ok: bool = True
    answer: str = ""  # the server's, once it is there


ActionVerb = Literal[
    "delete", "scale", "restart", "pause", "resume", "edit", "label", "annotate",
    "check", "apply", "revoke", "grant",
]  # fmt: skip


class ActionStarted(BusEvent, frozen=True, tag="action_started"):
    """A person asked for something."""

    id: str
    verb: ActionVerb
    ref: Ref


class ActionFinished(BusEvent, frozen=True, tag="action_finished"):
    """The answer to it. ``ok`` is False for refusals, and ``message`` says why in a sentence."""

    id: str
    verb: ActionVerb
    ref: Ref
    ok: bool
    message: str = ""
    missing_rule: PolicyRule | None = None

"""What the runtime publishes on the bus: frozen records. An operator derives its own from ``BusEvent``.

As JSON the tag is the field ``event``; that is also one line of a recording.

Every event names its cause, so that the way from a change to what it led to can be followed by numbers:
a watch event, the key that it put on a queue, the reconcile that took the key, what that wrote, and the
watch event that shows the write.
"""

from __future__ import annotations

import traceback
from collections.abc import Hashable
from typing import Literal, Self, TypeVar

import msgspec

from controller_runtime.kube.deltas import Trigger
from controller_runtime.kube.object import KubeObject, decoder_of
from controller_runtime.kube.resource import Ref
from controller_runtime.kube.rules import PolicyRule

# What an event costs a reader that keeps it, beside its texts and bodies; measured with sys.getsizeof.
BASE_SIZE = 512  # bytes


MAX_TRACEBACK = 16_000  # characters

K = TypeVar("K", bound=KubeObject)
Class = type[K]  # by a name that a class with a field "type" has too


class BusEvent(msgspec.Struct, frozen=True, kw_only=True, tag_field="event", omit_defaults=True):
    """``at`` is the wall-clock time in Unix seconds at which it was published.

    ``seq`` is its number, which the bus gives: 1 for the first, always growing; 0 for what a list shows.
    ``cause`` is the number of the event that led to it, 0 when that is not known.
    """

    at: float
    seq: int = 0
    cause: int = 0

    @property
    def state_key(self) -> Hashable | None:
        """What this event is the latest state of, or None if it is history only.

        When a subscription must drop events, it keeps the latest one of each key.
        """
        return None

    @property
    def size(self) -> int:
        """In bytes of memory, about."""
        return BASE_SIZE


ChangeType = Literal["ADDED", "MODIFIED", "DELETED"]


class ObjectChanged(BusEvent, frozen=True, dict=True, tag="object"):
    """One watch event, in Kubernetes' words. Its cause is the ``ApiWrite`` that it shows.

    Within the process it has the object as the informer decoded it, which is no field and in no recording.
    """

    type: ChangeType
    ref: Ref
    resource_version: str
    raw: msgspec.Raw  # the object as the server sent it, JSON
    initial: bool = False  # part of a list: state, not news
    state_unknown: bool = False  # a delete that was missed; raw is the last state seen

    @classmethod
    def missed(cls, ref: Ref, resource_version: str, at: float) -> ObjectChanged:
        """The end of an object of which nothing is known but that it was there and is no more."""
        names = {"name": ref.name, "uid": ref.uid, "resourceVersion": resource_version}
        if ref.namespace:
            names["namespace"] = ref.namespace
        body = {"apiVersion": ref.api_version, "kind": ref.kind, "metadata": names}
        return cls(
            at=at, type="DELETED", ref=ref, resource_version=resource_version,
            raw=msgspec.Raw(msgspec.json.encode(body)), state_unknown=True,
        )  # fmt: skip

    def having(self, obj: KubeObject) -> Self:
        """This event, with the object that ``raw`` was decoded into."""
        self.__dict__["obj"] = obj
        return self

    def decoded(self, kind: Class[K]) -> K:
        """The object as a ``kind``: that of ``having`` where it is one, else ``raw`` is decoded here.

        Raises msgspec.MsgspecError when that is none.
        """
        obj: object = self.__dict__.get("obj")
        return obj if isinstance(obj, kind) else decoder_of(kind).decode(self.raw)

    @property
    def state_key(self) -> Hashable:
        ref = self.ref
        return ref.uid or (ref.api_version, ref.kind, ref.namespace, ref.name)

    @property
    def size(self) -> int:
        return BASE_SIZE + memoryview(self.raw).nbytes


WatchState = Literal[
    "starting", "syncing", "live", "polling", "reconnecting",
    "forbidden", "expired", "unauthorized", "unreachable", "stopped",
]  # fmt: skip


# The classes of states: everybody who asks what a state means asks here.
SERVING: frozenset[WatchState] = frozenset({"live", "polling"})
BEGINNING: frozenset[WatchState] = frozenset({"starting", "syncing"})
RETRYING: frozenset[WatchState] = frozenset({"reconnecting", "expired"})  # over before anybody can act
FAILED: tuple[WatchState, ...] = ("forbidden", "unauthorized", "unreachable")  # for a person, worst first


class WatchStatus(BusEvent, frozen=True, tag="watch"):
    """State of one watch. Published on every change of state and after every failed attempt."""

    resource: str  # plural, as in RBAC: "pods"
    group: str
    kind: str
    scope: str  # a namespace, or "" for the whole cluster
    state: WatchState
    since: float  # Unix seconds at which this state began
    verb: str = ""  # the request that is under way or that failed: list or watch
    attempts: int = 0  # failed tries in a row
    next_try: float | None = None  # Unix seconds
    last_event: float | None = None  # Unix seconds of the last event or bookmark
    objects: int = 0
    message: str = ""  # the server's own words, or the network's
    missing_rule: PolicyRule | None = None  # when forbidden
    status: int = 0  # HTTP status of what failed; 0 when there was no answer, or nothing failed
    remedy: str = ""  # what to do about it
    selector: str = ""  # of what is watched, as in "-l app=a --field-selector spec.nodeName=n"; "" is all

    @property
    def key(self) -> tuple[str, str, str, str]:
        """Which watch it is: group, resource, scope and selector."""
        return self.group, self.resource, self.scope, self.selector

    @property
    def state_key(self) -> Hashable:
        return "watch", *self.key

    @property
    def size(self) -> int:
        return BASE_SIZE + len(self.message)


class Quarantined(BusEvent, frozen=True, tag="quarantined"):
    """An object that could not be decoded. The others of its kind are served all the same."""

    resource: str
    scope: str
    reason: str
    group: str = ""
    name: str = ""
    namespace: str = ""
    stale_version: str = ""  # the older resource version that is served for it; "" when none is


class Enqueued(BusEvent, frozen=True, tag="enqueued"):
    """A handler put a key on a queue. Its cause is the watch event that the handler was given."""

    controller: str
    key: str
    trigger: Trigger | None = None
    priority: int = 0


class ReconcileStarted(BusEvent, frozen=True, tag="reconcile_started"):
    """A worker took a key. Its cause is the ``Enqueued`` that came first, or the ``ReconcileFinished`` that
    asked for another try."""

    controller: str
    key: str
    id: str  # reconcileID, unique for each attempt
    number: int  # counts up from 1 in this process
    triggers: tuple[Trigger, ...] = ()
    attempt: int = 1
    waited: float = 0.0  # seconds on the queue since the key could have been taken


class ReconcileFinished(BusEvent, frozen=True, tag="reconcile_finished"):
    """What came of it. Its cause is the ``ReconcileStarted``."""

    controller: str
    key: str
    id: str
    number: int
    duration: float  # seconds
    result: Literal["success", "requeue_after", "error", "terminal_error", "timeout"]
    error: str = ""
    requeue_after: float = 0.0  # seconds
    writes: int = 0
    kind: str = ""  # of the object that was reconciled; "" when the controller has no kind of its own
    group: str = ""  # of that kind
    traceback: str = ""  # of an error that the reconciler did not foresee

    @property
    def size(self) -> int:
        return BASE_SIZE + len(self.error) + len(self.traceback)


# What became of a request: the server answered it; it was sent and no answer came, so that nobody knows
# whether it was carried out; it never left: cancelled, out of time, not encodable, or nobody to send it to.
Outcome = Literal["answered", "unknown", "unsent"]


class ApiWrite(BusEvent, frozen=True, tag="write"):
    """A create, update, patch or delete that was asked for, and what became of it.

    It succeeded when it was answered and ``error`` is "". Its cause is the reconcile or the action.
    ``shown_by`` is the number of the watch event that shows it, when that was here before the answer.
    """

    verb: Literal["create", "update", "patch", "delete"]
    ref: Ref
    reconcile: str = ""  # id of the reconcile that asked for it
    action: str = ""  # id of the person's action that asked for it
    subresource: str = ""
    resource_version: str = ""  # of the object in the answer
    outcome: Outcome = "answered"
    status: int = 0  # HTTP status; 0 when there was no answer
    duration: float = 0.0  # seconds
    error: str = ""  # why it did not succeed: the server's own words, or the network's
    missing_rule: PolicyRule | None = None  # when RBAC refused it
    remedy: str = ""  # what to do about it
    shown_by: int = 0

    @property
    def size(self) -> int:
        return BASE_SIZE + len(self.error)


class QueueItem(msgspec.Struct, frozen=True):
    key: str
    priority: int = 0
    ready_in: float = 0.0  # seconds
    failures: int = 0
    last_error: str = ""
    worker: int | None = None  # None: waiting


class QueueSnapshot(BusEvent, frozen=True, tag="queue"):
    controller: str
    items: tuple[QueueItem, ...]

    @property
    def state_key(self) -> Hashable:
        return "queue", self.controller

    @property
    def size(self) -> int:
        return BASE_SIZE * (1 + len(self.items))


class LeaderStatus(BusEvent, frozen=True, tag="leader"):
    state: Literal["disabled", "standby", "leading", "lost", "released"]
    identity: str = ""
    holder: str = ""
    lease: str = ""
    transitions: int = 0
    message: str = ""

    @property
    def state_key(self) -> Hashable:
        return "leader"


class Log(BusEvent, frozen=True, tag="log"):
    """A line of the controller's log."""

    level: Literal["debug", "info", "warning", "error"]
    message: str
    logger: str = ""
    ref: Ref | None = None
    detail: str = ""  # its fields, as key=value, and its error
    traceback: str = ""

    @property
    def size(self) -> int:
        return BASE_SIZE + len(self.message) + len(self.detail) + len(self.traceback)


class ThreadDied(BusEvent, frozen=True, tag="thread"):
    """A thread ended by an error, or though it was still needed."""

    name: str
    error: str  # its type and its words
    traceback: str = ""
    restart_in: float | None = None  # seconds; None: it is not begun again


def trace(error: BaseException) -> str:
    """Its traceback, or the end of a very long one."""
    text = "".join(traceback.format_exception(error))
    return text if len(text) <= MAX_TRACEBACK else f"…{text[-MAX_TRACEBACK:]}"

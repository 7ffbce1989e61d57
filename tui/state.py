"""Everything the console knows, as plain data. The reducer changes it; widgets read it."""

from __future__ import annotations

from collections import OrderedDict, deque
from dataclasses import dataclass, field, fields
from typing import Literal, TypeVar

from controller.events import (
    ActionFinished,
    Browsing,
    Caption,
    Connection,
    ControllerEnded,
    Deed,
    Heal,
    PermissionsReviewed,
)
from controller_runtime.events import ApiWrite, LeaderStatus, QueueSnapshot, WatchStatus
from controller_runtime.kube.permissions import Permission
from controller_runtime.kube.resource import Ref
from tui.chains import Chains
from tui.kinds.model import ObjectView
from tui.names import GroupKind, ObjectName, kind_of, name_of, uid_of
from tui.stream import Line, Ring
from tui.versions import Versions
from why.events import Explained
from why.problems.problem import Problem

K = TypeVar("K")
V = TypeVar("V")

# How many reconciles, writes, heals and histories are remembered; enough for minutes of a storm.
REMEMBERED = 2_000
HISTORY = 60  # lines of one object
MOST_ERRORS = 100
MOST_PAST = 100  # problems that are over

WatchKey = tuple[str, str, str, str]  # group, resource, scope, selector


@dataclass(slots=True)
class Reconcile:
    number: int
    started: float  # Unix seconds
    line: int | None = None  # its number in the stream
    controller: str = ""
    duration: float | None = None  # seconds


@dataclass(slots=True)
class Action:
    """What a person asked for and what became of it."""

    verb: str
    ref: Ref
    finished: ActionFinished | None = None
    at: float = 0.0  # Unix seconds at which it was asked for


@dataclass(frozen=True, slots=True)
class Notice:
    """Something to show as a toast."""

    severity: Literal["information", "warning", "error"]
    title: str
    message: str


@dataclass(frozen=True, slots=True)
class Error:
    """All that is known of something that went wrong inside."""

    at: float  # Unix seconds
    message: str
    text: str = ""  # fields and traceback, in lines


@dataclass(frozen=True, slots=True)
class Gone:
    """An object that was deleted: its last state, and when."""

    last: ObjectView
    at: float  # Unix seconds


@dataclass(slots=True)
class Trouble:
    """A watch that is denied or broken, from the first failure until it is live again."""

    since: float  # Unix seconds
    state: str


DenialKey = tuple[str, GroupKind, str, str]  # verb, kind, namespace, subresource


@dataclass(slots=True)
class Denial:
    """A write of the controller that is refused, until it succeeds or is asked for no more."""

    write: ApiWrite  # the last one
    since: float  # Unix seconds
    count: int = 0
    keys: set[str] = field(default_factory=set)  # of the reconciles that asked for it


@dataclass(slots=True)
class Rate:
    """Watch events per second, by the clock of the events."""

    counts: dict[int, int] = field(default_factory=dict)

    def add(self, at: float) -> None:
        second = int(at)
        self.counts[second] = self.counts.get(second, 0) + 1
        if len(self.counts) > 120:
            for old in sorted(self.counts)[:60]:
                del self.counts[old]

    def last(self, now: float, seconds: int) -> list[int]:
        """The counts of the last ``seconds`` full seconds, oldest first."""
        return [self.counts.get(s, 0) for s in range(int(now) - seconds, int(now))]


@dataclass
class ConsoleState:
    """The whole state. Objects are keyed by group, kind and uid."""

    objects: dict[GroupKind, dict[str, ObjectView]] = field(default_factory=dict)
    gone: OrderedDict[str, Gone] = field(default_factory=OrderedDict)  # by uid
    versions: Versions = field(default_factory=Versions)
    current: dict[ObjectName, str] = field(default_factory=dict)  # the uid that has the name now
    watches: dict[WatchKey, WatchStatus] = field(default_factory=dict)
    troubles: dict[WatchKey, Trouble] = field(default_factory=dict)
    denials: dict[DenialKey, Denial] = field(default_factory=dict)
    reviews: dict[str, PermissionsReviewed] = field(default_factory=dict)  # the latest, by role
    missing: dict[Permission, float] = field(default_factory=dict)  # of the operator; Unix seconds
    last_event: dict[GroupKind, float] = field(default_factory=dict)  # Unix seconds
    cells: OrderedDict[str, tuple[str, ...]] = field(
        default_factory=OrderedDict
    )  # printed by the server, by uid
    columns: dict[GroupKind, tuple[str, ...]] = field(default_factory=dict)  # of those cells
    plurals: dict[GroupKind, str] = field(default_factory=dict)
    browsed: list[Browsing] = field(default_factory=list)  # answers that the screen has not seen yet
    connection: Connection | None = None
    person: Connection | None = None
    leader: LeaderStatus | None = None
    caption: Caption | None = None  # of a story, and what it did last
    deed: Deed | None = None
    queues: dict[str, QueueSnapshot] = field(default_factory=dict)  # by controller
    # Since when a key waits for a worker, by controller and key; Unix seconds.
    waiting: dict[tuple[str, str], float] = field(default_factory=dict)
    problems: dict[tuple[str, str], Problem] = field(default_factory=dict)  # there now, by kind and about
    past_problems: deque[Problem] = field(default_factory=lambda: deque(maxlen=MOST_PAST))  # newest last
    explained: OrderedDict[str, Explained] = field(default_factory=OrderedDict)  # by id of the question
    stream: Ring = field(default_factory=Ring)
    seq: int = 0  # of the event that is being taken in
    chains: Chains = field(default_factory=Chains)
    controllers: dict[str, GroupKind] = field(default_factory=dict)  # what each reconciles
    # Numbers of the lines of an object in the stream.
    history: OrderedDict[ObjectName, deque[int]] = field(default_factory=OrderedDict)
    reconciles: OrderedDict[int, Reconcile] = field(default_factory=OrderedDict)
    reconcile_ids: OrderedDict[str, int] = field(default_factory=OrderedDict)
    authors: OrderedDict[tuple[str, str], str] = field(
        default_factory=OrderedDict
    )  # (uid, version or "delete")
    unsigned: OrderedDict[tuple[str, str], list[int]] = field(default_factory=OrderedDict)
    heals: OrderedDict[str, Heal] = field(default_factory=OrderedDict)  # by old uid
    heal_of: OrderedDict[ObjectName, str] = field(default_factory=OrderedDict)  # old uid of the latest heal
    # By uid: when a new object was first seen to have come so far, Unix seconds.
    milestones: OrderedDict[str, dict[str, float]] = field(default_factory=OrderedDict)
    actions: OrderedDict[str, Action] = field(default_factory=OrderedDict)
    notices: list[Notice] = field(default_factory=list)
    rate: Rate = field(default_factory=Rate)
    dropped: int = 0
    errors: deque[Error] = field(default_factory=lambda: deque(maxlen=MOST_ERRORS))  # the newest last
    ended: ControllerEnded | None = None  # the controller, and nothing on the screen is kept current
    log_file: str = ""
    _followers: dict[GroupKind, list[set[str]]] = field(default_factory=dict)

    def say(self, line: Line) -> int:
        """Put a line into the stream, and into the history of its object. Returns its number."""
        number = self.stream.append(line, self.seq)
        if line.about is not None:
            numbers = self.history.get(line.about)
            if numbers is None:
                numbers = deque(maxlen=HISTORY)
            numbers.append(number)
            remember(self.history, line.about, numbers)
        return number

    def keep_error(self, at: float, message: str, *parts: str) -> None:
        """For the screen that shows errors whole."""
        self.errors.append(Error(at, message, "\n".join(filter(None, parts))))

    def replace(self, number: int, line: Line) -> None:
        """Say it better: who did it, or what came of it."""
        before = self.stream.get(number)
        self.stream.replace(number, line)
        if before is not None and before.about is None and line.about is not None:
            numbers = self.history.get(line.about) or deque(maxlen=HISTORY)
            numbers.append(number)
            remember(self.history, line.about, numbers)

    def follow(self, kind: GroupKind) -> set[str]:
        """A set that gets the uid of every object of ``kind`` that changes; whoever reads it empties it."""
        changed = set(self.objects.get(kind, ()))
        self._followers.setdefault(kind, []).append(changed)
        return changed

    def unfollow(self, kind: GroupKind, changed: set[str]) -> None:
        self._followers[kind] = [c for c in self._followers.get(kind, ()) if c is not changed]

    def touch(self, kind: GroupKind, uid: str) -> None:
        for changed in self._followers.get(kind, ()):
            changed.add(uid)

    def start_over(self) -> None:
        """Know nothing, as in the beginning; who follows a kind hears that its objects are no more."""
        for kind, objects in self.objects.items():
            for uid in objects:
                self.touch(kind, uid)
        fresh = ConsoleState()
        for name in (f.name for f in fields(self) if f.name not in ("_followers", "log_file")):
            value = getattr(self, name)
            if hasattr(value, "clear"):  # in place: others hold it
                value.clear()
            else:
                setattr(self, name, getattr(fresh, name))

    def forget_cluster(self) -> None:
        """Another cluster takes the place of this one: its objects and watches are no more."""
        for kind, objects in self.objects.items():
            for uid in objects:
                self.touch(kind, uid)
        for table in (self.objects, self.current, self.gone, self.watches, self.troubles, self.denials):
            table.clear()
        self.reviews.clear()
        self.missing.clear()
        self.problems.clear()
        self.waiting.clear()

    def find(self, ref: Ref) -> ObjectView | None:
        """The object itself, not another one of its name."""
        return self.objects.get(kind_of(ref), {}).get(uid_of(ref))

    def named(self, name: ObjectName) -> ObjectView | None:
        """The object that has that name now."""
        return self.objects.get(name.group_kind, {}).get(self.current.get(name, ""))

    def group_of(self, kind: str) -> str:
        """The group of a kind that is known by its bare name: of those that are watched."""
        return next((w.group for w in self.watches.values() if w.kind == kind), "")

    def watch_of(self, kind: GroupKind) -> list[WatchStatus]:
        return [w for w in self.watches.values() if GroupKind(w.group, w.kind) == kind]

    def heals_for(self, ref: Ref) -> list[Heal]:
        """All heals of an object of that name, or of any that it owns, the newest last."""
        name = name_of(ref)
        return [
            h for h in self.heals.values()
            if (h.kind == name.kind and (h.namespace, h.name) == (ref.namespace, ref.name))
            or (h.owner == ref.key and h.owner_kind == ref.kind)
        ]  # fmt: skip

    def heal_for(self, ref: Ref) -> Heal | None:
        """The latest heal of an object, or of any that it owns."""
        if (old := self.heal_of.get(name_of(ref))) is not None:
            return self.heals.get(old)
        return next(
            (h for h in reversed(self.heals.values()) if h.owner == ref.key and h.owner_kind == ref.kind),
            None,
        )


def remember(table: OrderedDict[K, V], key: K, value: V, limit: int = REMEMBERED) -> None:
    table[key] = value
    table.move_to_end(key)
    while len(table) > limit:
        table.popitem(last=False)


def author(state: ConsoleState, write: ApiWrite) -> str:
    if write.action:
        return "you"
    number = state.reconcile_ids.get(write.reconcile)
    return f"reconcile #{number}" if number else ""

"""What the operator of this process knows of an object: its queue, its refusals, its problems. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from controller_runtime.events import (
    BEGINNING,
    RETRYING,
    SERVING,
    ApiWrite,
    LeaderStatus,
    QueueItem,
    QueueSnapshot,
    WatchStatus,
)
from controller_runtime.kube.resource import Ref
from controller_runtime.kube.times import timestamp
from why.finding import Finding, Severity
from why.problems.problem import Problem
from why.world import duration

_PATIENCE = 2.0  # seconds that a key may wait, or be worked on, before it is worth a word


@dataclass(frozen=True)
class Work:
    """One key of one controller at the moment ``now``. All times are Unix seconds.

    ``about`` is the object that the key names. ``waiting`` is since when the key was seen to wait for a
    worker, ``heard`` when the watch of its kind last said anything; None when nobody knows.
    """

    controller: str
    about: Ref
    now: float
    queue: QueueSnapshot | None = None
    waiting: float | None = None
    refused: tuple[ApiWrite, ...] = ()
    leader: LeaderStatus | None = None
    watches: tuple[WatchStatus, ...] = ()
    heard: float | None = None
    observes: bool = False
    paused: bool = False  # somebody asked the operator to leave the object alone
    ended: str = ""  # why the controller of this process is no more
    problems: tuple[Problem, ...] = ()

    @property
    def name(self) -> str:
        return f"the operator here ({self.controller})"


def operator_findings(work: Work) -> Iterator[Finding]:
    """What speaks of the object in the operator's own affairs; nothing while all goes its way."""
    if work.ended:
        yield _finding(work, "broken", f"{work.name} has ended", work.ended, remedy="start reconsole again")
        return
    if work.observes:
        yield _finding(work, "note", "this process only observes: it reconciles nothing", "--observe")
        return
    if work.paused:
        says = f"{work.name} is paused for it: nothing is made, healed or taken away"
        yield _finding(work, "note", says, "", remedy="P on it resumes")
    yield from _lease(work)
    yield from _refusals(work)
    yield from _queue(work)
    yield from _watches(work)
    for problem in work.problems:
        yield _finding(
            work, "broken", f"{problem.kind}: {problem.says}", problem.evidence, problem.since, problem.remedy
        )


def _lease(work: Work) -> Iterator[Finding]:
    leader = work.leader
    if leader is None or leader.state in ("disabled", "leading"):
        return
    who = f"{leader.holder} leads" if leader.holder and leader.holder != leader.identity else "nobody leads"
    says = f"{work.name} is not the leader: {who}"
    yield _finding(
        work, "note" if leader.holder else "broken", says, leader.message or leader.lease, leader.at
    )


def _refusals(work: Work) -> Iterator[Finding]:
    for write in work.refused:
        what = f"{write.verb} {write.ref.kind} {write.ref.name}"
        what += f"/{write.subresource}" if write.subresource else ""
        remedy = "w shows the RBAC rule that is missing" if write.missing_rule else ""
        yield _finding(work, "broken", f"{work.name} was refused: {what}", write.error, write.at, remedy)


def _queue(work: Work) -> Iterator[Finding]:
    if work.queue is None:
        return
    items = work.queue.items
    mine = next((item for item in items if item.key == work.about.key), None)
    if mine is None:
        return
    ready_in = max(mine.ready_in - (work.now - work.queue.at), 0.0)
    if mine.failures:
        next_try = "it is tried now" if mine.worker is not None or not ready_in else (
            f"next try in {duration(ready_in)}"
        )  # fmt: skip
        times = f"{mine.failures} time{'s' if mine.failures > 1 else ''}"
        says = f"its reconcile failed {times}, {next_try}"
        yield _finding(work, "broken", says, mine.last_error)
    elif mine.worker is None and not mine.ready_in and work.waiting is not None:
        waits = work.now - work.waiting
        if waits > _PATIENCE:
            yield _finding(work, "warning", _waits(mine, items, waits), "", work.waiting)
    elif mine.worker is not None and work.now - work.queue.at > _PATIENCE:
        says = f"its reconcile has been under way for {duration(work.now - work.queue.at)} at least"
        yield _finding(work, "note", says, f"worker {mine.worker}", work.queue.at)


def _waits(mine: QueueItem, items: tuple[QueueItem, ...], waits: float) -> str:
    """The queue's own order: what is worked on, then what is ready."""
    before = items[: items.index(mine)]
    ahead = sum(item.worker is None for item in before)
    busy = len(before) - ahead
    behind = f" behind {ahead} other{'s' if ahead > 1 else ''}" if ahead else ""
    at_work = f", {busy} at work" if busy else ""
    return f"its key waits {duration(waits)}{behind}{at_work}"


def _watches(work: Work) -> Iterator[Finding]:
    for watch in work.watches:
        if watch.state in SERVING or watch.state in RETRYING or watch.state == "stopped":
            continue
        seen = f", last heard {duration(work.now - work.heard)} ago" if work.heard is not None else ""
        severity: Severity
        if watch.state in BEGINNING:
            says, severity = f"the watch of {watch.resource} has not listed them yet", "note"
        else:
            says, severity = f"the operator does not see {watch.resource}: {watch.state}{seen}", "broken"
        yield _finding(work, severity, says, watch.message, watch.since)


def _finding(
    work: Work, severity: Severity, says: str, evidence: str, since: float = 0.0, remedy: str = ""
) -> Finding:
    when = timestamp(since) if since else ""
    return Finding(severity, says, work.about, evidence, when, remedy=remedy)

"""What is denied or broken now, as a list: each with its words, and with the rule that would mend it."""

from __future__ import annotations

from dataclasses import dataclass, replace

from controller_runtime.events import FAILED, RETRYING, ApiWrite, WatchStatus
from controller_runtime.kube.rules import PolicyRule
from tui.names import plural
from tui.rights import Row, is_losing, row_of
from tui.state import ConsoleState, Denial
from tui.text import fine_age

NOT_INSTALLED = "not-installed"
PATIENCE = 3  # tries that may fail before a person is asked to look


@dataclass(frozen=True)
class Problem:
    """``key`` tells it from others; what it says changes with the time."""

    key: tuple[str, ...]
    title: str  # as in "FORBIDDEN · list Services"
    tries: str  # how often, for how long, when again
    message: str  # the server's own words, or the network's
    rule: PolicyRule | None = None
    namespace: str = ""  # where the rule belongs; "" for the whole cluster
    since: float = 0.0  # Unix seconds
    remedy: str = ""  # what to do about it


def problems(state: ConsoleState, now: float) -> list[Problem]:
    """Watches first, the denied ones before the others; then the writes that are refused."""
    bad = [w for w in state.watches.values() if w.state in FAILED or _keeps_failing(w)]
    bad.sort(key=lambda w: (FAILED.index(w.state) if w.state in FAILED else len(FAILED), w.kind, w.scope))
    found: dict[tuple[str, ...], Problem] = {}
    for watch in bad:
        problem = _of_watch(state, watch, now)
        found.setdefault(problem.key, problem)
    for denial in sorted(state.denials.values(), key=lambda d: d.since):
        problem = _of_denial(state, denial, now)
        found.setdefault(problem.key, problem)
    for watch in state.watches.values():
        if is_losing(state, watch) and (
            row := row_of(state, (watch.group, watch.resource, watch.scope, "", ""))
        ):
            problem = of_row(state, row, now)
            title = f"WILL BE LOST AT THE NEXT RECONNECT · {watch_name(watch)}"
            found.setdefault(problem.key, replace(problem, title=title))
    connection = state.connection
    if connection is not None and connection.state == "ended":
        title = "THE EMBEDDED CLUSTER HAS ENDED · press r to start it again"
        return [Problem(("ended",), title, f"{fine_age(now - connection.at)} ago", connection.message)]
    if not found and connection is not None and connection.state == "failed":
        return [Problem(("connection",), "NO CONNECTION", "", connection.message)]
    return list(found.values())


def _of_watch(state: ConsoleState, watch: WatchStatus, now: float) -> Problem:
    trouble = state.troubles.get(watch.key)
    parts = [f"attempt {watch.attempts}"] if watch.attempts else []
    if trouble is not None:
        parts.append(f"for {fine_age(now - trouble.since)}")
    if watch.next_try is not None:
        wait = watch.next_try - now
        parts.append(f"next try in {wait:.0f} s" if wait > 0.5 else "trying now")
    name = watch_name(watch)
    kind: str = watch.state
    own = (watch.group, watch.resource, watch.scope)
    if kind == "forbidden":
        title, key = f"{refused(403, watch.missing_rule)} · {watch.verb or 'list'} {name}", own
    elif kind == "unauthorized":
        title, key = "LOGIN REFUSED", ("", watch.message, "")
    elif kind == "unreachable":
        title, key = "THE API SERVER DOES NOT ANSWER", ("", watch.message, "")
    elif watch.status == 404:
        title, key, kind = f"NOT INSTALLED · {name}", own, NOT_INSTALLED
    else:
        title, key = f"{refused(watch.status, None)} · {watch.verb or 'watch'} {name}", own
    return Problem(
        (kind, *key), title, " · ".join(parts), watch.message or watch.state, watch.missing_rule, watch.scope,
        trouble.since if trouble is not None else watch.since, watch.remedy,
    )  # fmt: skip


def _of_denial(state: ConsoleState, denial: Denial, now: float) -> Problem:
    write = denial.write
    parts = [f"refused {denial.count} time{'s' if denial.count > 1 else ''}"]
    parts.append(f"for {fine_age(now - denial.since)}")
    tries = [
        queue.at + item.ready_in - now
        for queue in state.queues.values()
        for item in queue.items
        if item.key in denial.keys and item.ready_in > 0
    ]
    if tries and min(tries) > 0.5:
        parts.append(f"next try in {min(tries):.0f} s")
    return Problem(
        ("write", write.verb, write.ref.api_version, write.ref.kind, write.ref.namespace, write.subresource),
        f"{refused(write.status, write.missing_rule)} · {write_name(write)}",
        " · ".join(parts),
        write.error, write.missing_rule, write.ref.namespace, denial.since,
        write.remedy,
    )  # fmt: skip


def of_row(state: ConsoleState, row: Row, now: float) -> Problem:
    """All that is missing of a row of the matrix, in one; what was refused of it says its own words."""
    missing = row.missing
    denials = [p for p in _refusals(state, row, now) if p.rule is not None]
    words = list(dict.fromkeys(p.message for p in denials))
    if not words:
        reasons = sorted({right.reason for right in missing if right.reason})
        said = f": {'; '.join(reasons)}" if reasons else ": no rule allows it"
        words = [f"Not refused yet, but asked (SelfSubjectAccessReview) the server says no{said}"]
    since = min(
        [state.missing.get(right.permission, now) for right in missing] + [p.since for p in denials],
        default=now,
    )
    tries = [p.tries for p in denials] or [f"missing for {fine_age(now - since)}"]
    rule = row.rule
    verbs = ", ".join(rule.verbs) if rule else ""
    where = f" in {row.namespace}" if row.namespace else ""
    return Problem(
        ("right", *row.key), f"MISSING · {verbs} {row.resource or row.url}{where}", " · ".join(tries),
        "\n".join(words), rule, row.namespace, since,
    )  # fmt: skip


def _refusals(state: ConsoleState, row: Row, now: float) -> list[Problem]:
    """The watches and writes of that resource that are refused now."""
    watches = [
        _of_watch(state, watch, now)
        for watch in state.watches.values()
        if (watch.group, watch.resource, watch.scope) == (row.group, row.resource, row.namespace)
        and watch.state == "forbidden"
    ]
    return watches + [
        _of_denial(state, denial, now)
        for denial in state.denials.values()
        if (rule := denial.write.missing_rule) is not None
        and (rule.api_groups, rule.resources) == ((row.group,), (row.resource,))
        and row.namespace in ("", denial.write.ref.namespace)
    ]


def refused(status: int, rule: PolicyRule | None) -> str:
    """What kind of refusal it is, in capitals."""
    if status == 403:
        return "FORBIDDEN" if rule is not None else "REFUSED BY ADMISSION"
    words = {
        401: "LOGIN REFUSED",
        404: "NOT FOUND",
        409: "CONFLICT",
        422: "NOT VALID",
        429: "TOO MANY REQUESTS",
    }
    return words.get(status) or ("THE SERVER FAILS" if status >= 500 else "FAILS")


def _keeps_failing(watch: WatchStatus) -> bool:
    """One that connects again by itself is no trouble yet, unless there is nothing to connect to."""
    return watch.state in RETRYING and (watch.status == 404 or watch.attempts >= PATIENCE)


def watch_name(event: WatchStatus) -> str:
    name = plural(event.kind or event.resource, 2)
    return f"{name} in {event.scope}" if event.scope else name


def write_name(event: ApiWrite) -> str:
    """As in "create Pods in default"."""
    what = f"{event.verb} {plural(event.ref.kind, 2)}"
    what += f"/{event.subresource}" if event.subresource else ""
    return f"{what} in {event.ref.namespace}" if event.ref.namespace else what

"""The operator's insides: its watches, and its controllers with what they did."""

from __future__ import annotations

from collections import defaultdict

from tui.kinds.registry import describe
from tui.names import GroupKind
from tui.state import ConsoleState, Reconcile
from tui.text import age, fine_age, milliseconds, pad
from tui.views.heals import quantile
from tui.views.sparkline import sparkline
from tui.widgets.lines import Row

STYLES = {
    "live": "ok", "polling": "warn", "reconnecting": "warn", "expired": "warn", "forbidden": "error",
    "unauthorized": "error", "unreachable": "error", "stopped": "muted",
}  # fmt: skip


def watch_rows(state: ConsoleState, width: int, now: float) -> list[Row]:
    titles = (
        ("KIND", 28),
        ("SCOPE", 18),
        ("STATE", 14),
        ("FOR", 8),
        ("OBJECTS", 9),
        ("HEARD", 9),
        ("TRIES", 7),
    )
    rows: list[Row] = [[(pad(title, size), "head") for title, size in titles]]
    watches = sorted(
        state.watches.values(), key=lambda w: (describe(GroupKind(w.group, w.kind)).order, w.kind, w.scope)
    )
    for watch in watches:
        kind = GroupKind(watch.group, watch.kind)
        heard = max(watch.last_event or watch.since, state.last_event.get(kind, 0.0))
        name = f"{watch.resource}.{watch.group}" if watch.group else watch.resource
        cells = (
            (name, "text"), (watch.scope or "all", "muted"), (watch.state, STYLES.get(watch.state, "accent")),
            (age(now - watch.since), "muted"), (str(len(state.objects.get(kind, ()))), "text"),
            (fine_age(now - heard), "muted"), (str(watch.attempts or ""), "warn"),
        )  # fmt: skip
        row: Row = [(pad(text, size), style) for (text, style), (_, size) in zip(cells, titles, strict=True)]
        rows.append([*row, (watch.message, "muted")])
    return rows if len(rows) > 1 else [[("No watch has begun yet.", "muted")]]


def queue_rows(state: ConsoleState, width: int, now: float) -> list[Row]:
    """The keys of every queue: in work, waiting, or backing off, with the last error."""
    titles = (("CONTROLLER", 20), ("KEY", 40), ("STATE", 18), ("FAILURES", 10))
    rows: list[Row] = [[(pad(title, size), "head") for title, size in titles] + [("LAST ERROR", "head")]]
    for name, snapshot in sorted(state.queues.items()):
        for item in snapshot.items:
            if item.worker is not None:
                word, style = f"worker {item.worker}", "ok"
            elif item.ready_in > 0:
                left = max(item.ready_in - (now - snapshot.at), 0.0)
                word, style = f"again in {left:.1f} s", "warn" if item.failures else "muted"
            else:
                word, style = "waiting", "accent"
            cells = ((name, "muted"), (item.key, "text"), (word, style), (str(item.failures or ""), "warn"))
            row: Row = [
                (pad(text, size), look) for (text, look), (_, size) in zip(cells, titles, strict=True)
            ]
            rows.append([*row, (item.last_error, "error")])
    return rows if len(rows) > 1 else [[("All queues are empty.", "muted")]]


def controller_rows(state: ConsoleState, width: int, now: float) -> list[Row]:
    """For each controller: how many reconciles, how many in the last minute, and how long they took."""
    of: dict[str, list[Reconcile]] = defaultdict(list)
    for reconcile in state.reconciles.values():
        of[reconcile.controller or "?"].append(reconcile)
    if not of:
        return [[("Nothing has been reconciled yet.", "muted")]]
    titles = (
        ("CONTROLLER", 24),
        ("DONE", 8),
        ("LAST MIN", 10),
        ("AT WORK", 9),
        ("MEDIAN", 10),
        ("P95", 10),
        ("WORST", 10),
    )
    rows: list[Row] = [[(pad(title, size), "head") for title, size in titles] + [("PER SECOND", "head")]]
    for name, reconciles in sorted(of.items()):
        took = sorted(r.duration for r in reconciles if r.duration is not None)
        recent = [r for r in reconciles if now - r.started < 60]
        seconds = [sum(int(now - r.started) == s for r in recent) for s in range(29, -1, -1)]
        figures = [milliseconds(quantile(took, p)) if took else "" for p in (0.5, 0.95, 1.0)]
        cells = (name, str(len(took)), str(len(recent)), str(len(reconciles) - len(took)), *figures)
        row: Row = [(pad(text, size), "text") for text, (_, size) in zip(cells, titles, strict=True)]
        rows.append([*row, (sparkline(seconds), "accent")])
    leader = state.leader
    if leader is not None and leader.state != "disabled":
        rows += [
            [],
            [
                ("lease  ", "muted"),
                (f"{leader.state} {leader.lease}", "text"),
                (f"  held by {leader.holder}", "muted"),
            ],
        ]
    return rows

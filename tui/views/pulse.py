"""The pulse: one screen for a wall display, from which one sees at a glance whether all is well."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from rich.cells import cell_len

from controller_runtime.kube.terminal import safe_text
from tui.family import EVENTS
from tui.kinds.model import Health, ObjectView
from tui.kinds.registry import describe
from tui.names import GroupKind
from tui.state import ConsoleState
from tui.text import age, clock_time, fit, fit_middle, milliseconds, pad
from tui.troubles import problems
from tui.views.heals import quantile
from tui.views.problems import count_words
from tui.views.sparkline import chart
from tui.widgets.event_row import fine_time
from tui.widgets.lines import Row

WIDE = 140  # cells from which there are two columns
GAP = 3
HIGH = 6  # lines of a chart where there is room
WORST = 12  # objects
FAULTS = 8  # lines of the stream
LOOKED_BACK = 2_000  # lines of the stream, for its faults
Shown = list[tuple[GroupKind, list[ObjectView]]]  # the kinds with their objects

SIGNS: tuple[tuple[Health, str, str], ...] = (
    ("ok", "●", "ok"), ("busy", "◌", "under way"), ("bad", "✗", "bad"), ("done", "−", "going"),
)  # fmt: skip


def pulse_rows(state: ConsoleState, width: int, now: float) -> list[Row]:
    shown = _shown(state)
    top = [_verdict(state, shown, width, now), []]
    if width < WIDE:
        return [*top, *_left(state, shown, width, now, 1), [], *_right(state, shown, width, now)]
    half = (width - GAP) // 2
    return [
        *top,
        *_beside(_left(state, shown, half, now, HIGH), _right(state, shown, width - half - GAP, now), half),
    ]


def _left(state: ConsoleState, shown: Shown, width: int, now: float, height: int) -> list[Row]:
    return [*_kinds(shown, width), [], *_events(state, width, now, height), [], *_work(state, width, now), [],
            *_heals(state, width, now, height)]  # fmt: skip


def _right(state: ConsoleState, shown: Shown, width: int, now: float) -> list[Row]:
    return [*_trouble(state, width, now), [], *_worst(shown, width), [], *_faults(state, width)]


def _beside(left: Sequence[Row], right: Sequence[Row], width: int) -> list[Row]:
    rows: list[Row] = []
    for index in range(max(len(left), len(right))):
        here = list(left[index]) if index < len(left) else []
        used = sum(cell_len(safe_text(text)) for text, _ in here)
        if used > width:
            here, used = _cut(here, width), width
        rows.append(
            [*here, (" " * (width - used + GAP), "text"), *(right[index] if index < len(right) else [])]
        )
    return rows


def _cut(row: Row, width: int) -> Row:
    """The row in exactly ``width`` cells."""
    cut: Row = []
    for text, style in row:
        text = fit(safe_text(text), width)
        cut.append((text, style))
        width -= cell_len(text)
        if width <= 0:
            return cut
    return [*cut, (" " * width, "text")]


def _verdict(state: ConsoleState, shown: Shown, width: int, now: float) -> Row:
    """All is well, or how many things are not."""
    denied, wrong = len(problems(state, now)), len(state.problems)
    bad = sum(o.health == "bad" for _, objects in shown for o in objects)
    connection = state.connection
    words = []
    if denied:
        words.append(f"{denied} denied or broken")
    if wrong:
        words.append(f"{count_words(wrong)} of operators")
    if bad:
        words.append(f"{bad} object{'s' if bad > 1 else ''} bad")
    if words:
        verdict, style = f"✗ {', '.join(words)}", "error"
    elif connection is None or connection.state != "connected":
        verdict, style = "◌ not connected yet", "warn"
    elif any(o.is_fault for _, objects in shown for o in objects):
        verdict, style = "◌ on the way: something is not ready yet", "warn"
    else:
        verdict, style = "● all is well", "ok"
    where = (connection.cluster or connection.server) if connection is not None else ""
    right = f"{where}  {clock_time(now)}"
    space = max(width - cell_len(verdict) - cell_len(safe_text(right)), 2)
    return [(verdict, style), (" " * space, "text"), (right, "muted")]


def _shown(state: ConsoleState) -> Shown:
    """The kinds that are watched, with their objects. Events are news, not things."""
    kinds = {GroupKind(w.group, w.kind) for w in state.watches.values()} - {EVENTS}
    ordered = sorted(kinds, key=lambda k: (describe(k).order, k.kind))
    return [(kind, list(state.objects.get(kind, {}).values())) for kind in ordered]


def _kinds(shown: Shown, width: int) -> list[Row]:
    """A bar for each kind, as long as the line, divided by health."""
    rows: list[Row] = [[("Health", "accent")]]
    name = min(max((len(describe(kind).title) for kind, _ in shown), default=0) + 2, 24)
    room = max(width - name - 34, 8)
    for kind, objects in shown:
        counts = Counter(o.health for o in objects)
        total = len(objects)
        row: Row = [(pad(describe(kind).title, name), "text")]
        used = 0
        for health, _, _ in reversed(SIGNS):
            if counts[health]:  # what is not well is seen however little it is
                size = max(round(counts[health] / total * room), 1) if health != "ok" else room - used
                size = min(size, room - used)
                row.insert(1, ("█" * size, health))
                used += size
        if not total:
            row.append(("·" * room, "dim"))
        row.append((pad(f"{total:,}", 8, right=True), "bold"))
        row += [
            (f"  {sign} {counts[health]:,}", health) for health, sign, _ in SIGNS
            if counts[health] and (health != "ok" or counts[health] < total)
        ]  # fmt: skip
        rows.append(row)
    return rows if len(rows) > 1 else [*rows, [("Nothing is watched yet.", "muted")]]


def _events(state: ConsoleState, width: int, now: float, height: int) -> list[Row]:
    seconds = max(min(width - 2, 120), 10)
    counts = state.rate.last(now, seconds)
    recent = counts[-10:]
    head: Row = [
        ("Events  ", "accent"), (f"{sum(recent) / len(recent):.1f} per second", "bold"),
        (f"  most {max(counts)}  in {seconds} s {sum(counts):,}", "muted"),
    ]  # fmt: skip
    if state.dropped:
        head.append((f"  {state.dropped:,} dropped", "warn"))
    return [head, *([(line, "accent")] for line in chart(counts, height))]


def _work(state: ConsoleState, width: int, now: float) -> list[Row]:
    recent = [r for r in state.reconciles.values() if now - r.started < 60]
    took = sorted(r.duration for r in state.reconciles.values() if r.duration is not None)
    waiting = sum(item.worker is None for queue in state.queues.values() for item in queue.items)
    failing = sum(bool(item.failures) for queue in state.queues.values() for item in queue.items)
    row: Row = [("Reconciles  ", "accent"), (f"{len(recent)} in the last minute", "bold")]
    if took:
        figures = f"  median {milliseconds(quantile(took, 0.5))}  p95 {milliseconds(quantile(took, 0.95))}"
        row.append((figures, "muted"))
    if waiting:
        row.append((f"  {waiting} waiting", "warn"))
    if failing:
        row.append((f"  {failing} failing", "error"))
    return [row]


def _heals(state: ConsoleState, width: int, now: float, height: int) -> list[Row]:
    heals = [h for h in state.heals.values() if h.stage != "abandoned"]
    done = [h.seconds for h in heals if h.seconds is not None]
    open_ = [h for h in heals if h.seconds is None]
    row: Row = [("Heals  ", "accent"), (f"{len(done)}", "bold")]
    if done:
        ordered = sorted(done)
        median, p95 = (milliseconds(quantile(ordered, part)) for part in (0.5, 0.95))
        row.append((f"  median {median}  p95 {p95}  last {milliseconds(done[-1])}", "muted"))
    rows = [row]
    if done:
        latest = [round(s * 1000) for s in done[-max(width - 2, 10) :]]
        rows += [[(line, "ok")] for line in chart(latest, height)]
    rows += [
        [("◌ ", "busy"), (f"{h.kind} {h.key}", "text"), (f"  for {age(now - h.requested)}", "warn")]
        for h in open_[-3:]
    ]
    return rows


def _trouble(state: ConsoleState, width: int, now: float) -> list[Row]:
    """What is denied or broken, and what goes wrong with operators."""
    rows: list[Row] = [[("Denied, broken, wrong", "accent")]]
    rows += [
        [("✗ ", "error"), (problem.title, "text"), (f"  {problem.tries}", "muted")]
        for problem in problems(state, now)
    ]
    rows += [
        [("! ", "error"), (problem.kind, "bold"), (f"  {problem.about}", "info"),
         (f"  {problem.count}×  {age(now - problem.since)}", "muted")]
        for problem in sorted(state.problems.values(), key=lambda p: p.since, reverse=True)
    ]  # fmt: skip
    return rows if len(rows) > 1 else [*rows, [("● nothing", "ok")]]


def _badness(o: ObjectView) -> tuple[int, int, float]:
    restarts = o.cells.get("restarts", "0")
    return (
        {"bad": 2, "busy": 1}.get(o.health, 0) if o.is_fault else 0,
        int(restarts) if restarts.isascii() and restarts.isdigit() else 0,
        -(o.created or 0.0),
    )


def _worst(shown: Shown, width: int) -> list[Row]:
    """The objects that are worst off: what is bad, what is not ready, what was begun again most often."""
    rows: list[Row] = [[("Worst off", "accent")]]
    candidates = (
        o for _, objects in shown for o in objects if o.is_fault or o.cells.get("restarts", "0") != "0"
    )
    scored = [(_badness(o), o) for o in candidates]
    worst = sorted((s for s in scored if s[0][:2] > (0, 0)), key=lambda s: s[0], reverse=True)
    name = max(width - 34, 16)
    for (_, restarts, _), o in worst[:WORST]:
        sign = next(sign for health, sign, _ in SIGNS if health == o.health)
        what = fit_middle(safe_text(f"{o.ref.kind} {o.ref.key}"), name)
        row: Row = [(f"{sign} ", o.health), (pad(what, name), "text"), (f" {o.status}", o.health)]
        if restarts:
            row.append((f"  ↻ {restarts}", "warn"))
        rows.append(row)
    if len(worst) > WORST:
        rows.append([(f"and {len(worst) - WORST:,} more", "muted")])
    return rows if len(rows) > 1 else [*rows, [("● nobody", "ok")]]


def _faults(state: ConsoleState, width: int) -> list[Row]:
    """The last lines of the stream that tell of something wrong."""
    rows: list[Row] = [[("Latest faults", "accent")]]
    stream = state.stream
    for number in range(stream.end - 1, max(stream.first, stream.end - LOOKED_BACK) - 1, -1):
        line = stream.get(number)
        if line is not None and line.fault:
            rows.append(
                [(f"{fine_time(line.at)}  ", "muted"), (f"{line.glyph} {line.word}  ", line.style),
                 (line.subject, "text"), (f"  {line.detail}", "muted")]
            )  # fmt: skip
            if len(rows) > FAULTS:
                break
    return rows if len(rows) > 1 else [*rows, [("● none", "ok")]]

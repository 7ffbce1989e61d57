"""The object under the cursor: its cause and effect on one line, and what happened to it."""

from __future__ import annotations

from collections.abc import Callable

from rich.cells import cell_len

from controller.events import Heal
from controller_runtime.kube.resource import Ref
from controller_runtime.kube.terminal import safe_text
from tui.kinds.model import ObjectView
from tui.kinds.registry import describe
from tui.names import kind_of, name_of
from tui.state import ConsoleState
from tui.stream import Line
from tui.text import age, milliseconds, wrap
from tui.views.spans import bar_rows, chain_spans, heal_spans
from tui.widgets.event_row import fine_time, line_row
from tui.widgets.lines import Panel, Piece, Row
from tui.widgets.table_body import blind_since


def seconds(span: float) -> str:
    return f"{max(span, 0.0):.2f} s"


def cause_and_effect(state: ConsoleState, heal: Heal, now: float) -> list[Piece]:
    """Deleted by whom, gone, which reconcile, recreated, ready, with the times between them.

    While it is under way it ends in the time that the next step has taken so far.
    """
    pieces: list[Piece] = [(f"deleted{f' by {heal.by}' if heal.by else ''}", "deleted")]
    last = heal.requested
    done = False

    def step(at: float, words: str, style: str) -> None:
        nonlocal last
        # The duration of the reconcile says when it made the pod.
        span = "" if words == "recreated" and reconcile is not None else f"{seconds(at - last)} ─ "
        pieces.append((f" ─ {span}", "muted"))
        pieces.append((words, style))
        last = max(at, last)

    reconcile = state.reconciles.get(heal.reconcile)
    if heal.gone is not None:
        step(heal.gone, "gone", "deleted")
    if reconcile is not None:
        took = f" ({milliseconds(reconcile.duration)})" if reconcile.duration is not None else ""
        step(reconcile.started, f"reconcile #{reconcile.number}{took}", "info")
    if heal.created is not None:
        step(heal.created, "recreated", "added")
    if heal.ready is not None:
        step(heal.ready, "ready", "ok")
        pieces.append((f" · healed in {heal.seconds:.2f} s", "ok"))
        done = True
    if heal.stage == "abandoned":
        pieces.append((" · no replacement is wanted", "muted"))
        done = True
    if not done:
        pieces.append((f" ─ {seconds(now - last)} …", "warn"))
    return pieces


def flow(pieces: list[Piece], width: int) -> list[Row]:
    """The pieces on as few lines as hold them, broken between pieces."""
    rows: list[Row] = [[]]
    used = 0
    for text, style in pieces:
        size = cell_len(text)
        if used and used + size > width:
            rows.append([])
            used = 0
            text = text.lstrip()
        rows[-1].append((text, style))
        used += cell_len(text)
    return rows


class Timeline(Panel):
    def __init__(self, state: ConsoleState, clock: Callable[[], float]) -> None:
        super().__init__(id="timeline")
        self._state = state
        self._clock = clock
        self._ref: Ref | None = None
        self._back = 0  # chains before the latest one
        self._number: int | None = None  # of a line of the stream

    @property
    def ref(self) -> Ref | None:
        return self._ref

    def show(self, ref: Ref | None) -> None:
        if ref != self._ref:
            self._back = 0
        self._ref = ref
        self.commit()

    def page(self, step: int) -> bool:
        """Show an earlier (1) or later (-1) chain of the object; False when there is none."""
        heals = self._state.heals_for(self._ref) if self._ref is not None else []
        back = self._back + step
        if not 0 <= back < len(heals):
            return False
        self._back = back
        self.commit()
        return True

    def show_line(self, number: int | None) -> None:
        """Show a line of the stream in full; None: the object again."""
        self._number = number
        self.commit()

    def commit(self) -> None:
        line = self._state.stream.get(self._number) if self._number is not None else None
        if line is not None:
            self.entitle(f"{line.word} {line.subject}", "enter: go to the object · esc: back")
            self.update_rows()
            return
        self.entitle(*self._title())
        self.update_rows()

    def _title(self) -> tuple[str, str]:
        if self._ref is None:
            return "Timeline", ""
        count = len(self._state.heals_for(self._ref))
        pages = f"[ ] heal {max(count - self._back, 1)} of {count}" if count > 1 else ""
        return f"{self._ref.kind} {self._ref.key} · timeline", pages

    def rows(self, width: int) -> list[Row]:
        line = self._state.stream.get(self._number) if self._number is not None else None
        if line is not None:
            return self._whole(line, width)
        if self._ref is None:
            return [[("Put the cursor on an object to see what happened to it.", "muted")]]
        blind = blind_since(self._state, kind_of(self._ref))
        now = self._clock() if blind is None else blind
        heals = self._state.heals_for(self._ref)
        heal = heals[max(len(heals) - 1 - self._back, 0)] if heals else None
        rows: list[Row] = []
        if heal is not None:
            pieces = cause_and_effect(self._state, heal, now)
            if self._ref.kind != heal.kind:
                pieces.insert(0, (f"{heal.name}: ", "text"))
            rows += flow(pieces, width)
            bars = bar_rows(heal_spans(self._state, heal), width, now)
            if self.size.height - len(rows) >= len(bars):
                rows += bars
            elif heal.ready is not None and self.size.height - 1 >= len(bars):
                rows = [pieces[-1:], *bars]
        else:
            rows.append(self._summary(now))
        left = max(self.size.height - len(rows), 0)
        numbers = self._state.history.get(name_of(self._ref), ())
        lines = [line for n in numbers if (line := self._state.stream.get(n)) is not None]
        if not lines and left:
            rows.append([("No change since the console started.", "muted")])
        for line in lines[-left:] if left else []:
            rows.append(line_row(line, width, subject=False))
        return rows

    def _whole(self, line: Line, width: int) -> list[Row]:
        """All that is known of a line of the stream, nothing cut."""
        where = f" in {line.about.namespace}" if line.about and line.about.namespace else ""
        head: Row = [
            (f"{fine_time(line.at)}  {line.glyph} {line.word}  ", line.style),
            (f"{line.subject}{where}", "text"),
        ]
        if line.by:
            head.append((f"  by {line.by}", "accent" if line.by == "you" else "muted"))
        style = {"error": "error", "warn": "warn", "ok": "ok"}.get(line.style, "text")
        assert self._number is not None
        rows: list[Row] = [head, *([(text, style)] for text in wrap(safe_text(line.detail), width))]
        chain = self._state.chains.chain(self._state.stream.seq(self._number))
        return rows + bar_rows(chain_spans(chain), width, self._clock()) if len(chain) > 1 else rows

    def _summary(self, now: float) -> Row:
        assert self._ref is not None
        o = self._state.find(self._ref) or self._state.named(name_of(self._ref))
        if o is None:
            return [("It is gone.", "deleted")]
        pieces = [*_facts(o), *_age(o, now)]
        if not o.status and pieces:  # most kinds have no word for how they are
            text, style = pieces[0]
            pieces[0] = text.removeprefix(" · "), style
        return [(o.status, o.health), *pieces]


def _facts(o: ObjectView) -> list[Piece]:
    skip = describe(kind_of(o.ref)).quiet
    return [
        (f" · {n} {v}" if n != "image" else f" · {v}", "muted")
        for n, v in o.facts.items()
        if v and n not in skip
    ]


def _age(o: ObjectView, now: float) -> list[Piece]:
    return [] if o.created is None else [(f" · {age(now - o.created)} old", "muted")]

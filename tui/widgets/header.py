"""The two lines on top: who and where, and the state of every watch."""

from __future__ import annotations

from collections.abc import Callable

from rich.cells import cell_len

from controller_runtime.events import WatchStatus
from controller_runtime.kube.terminal import safe_text
from tui.kinds.registry import describe
from tui.names import GroupKind, plural
from tui.rights import is_losing
from tui.state import ConsoleState
from tui.text import fine_age, identity_forms
from tui.views.problems import count_words
from tui.views.sparkline import sparkline
from tui.widgets.lines import Panel, Piece, Row

SECONDS = 12  # of the sparkline


class Header(Panel):
    DEFAULT_CSS = "Header { height: auto; width: 1fr; padding: 0 1; background: $surface; }"

    def __init__(
        self, state: ConsoleState, clock: Callable[[], float], *, title: str, read_only: bool
    ) -> None:
        super().__init__(id="header")
        self._state = state
        self._clock = clock
        self._title = title
        self.tiny = False  # room for one line only
        self.namespace = ""  # the only one of which objects are shown; "" for all that are watched
        self._read_only = read_only

    def rows(self, width: int) -> list[Row]:
        if self.tiny:
            return [self._chips(width, self._clock())]
        return [self._where(width), self._chips(width, self._clock())]

    def _where(self, width: int) -> Row:
        connection = self._state.connection
        row: Row = [(self._title, "bold")]
        if self._read_only:
            row.append(("  read-only", "warn"))
        if connection is not None and connection.observes:
            row.append(("  observing", "warn"))
        if count := len(self._state.problems):
            row.append((f"  ! {count_words(count)}", "error"))
        if connection is None or connection.state == "connecting":
            server = f" to {connection.cluster or connection.server}" if connection else ""
            return [*row, (f"   ◌ connecting{server} …", "accent")]
        where = [(connection.cluster or connection.server, "text")]
        context = [(f"context {connection.context}", "muted")] if connection.context else []
        spaces = connection.namespaces
        if self.namespace:
            where.append((f"namespace {self.namespace}", "accent"))
        else:
            where.append((", ".join(spaces) if spaces else "all namespaces", "text"))
        leader = self._leader()
        if connection.state in ("failed", "ended"):
            words = "no connection" if connection.state == "failed" else "the cluster has ended"
            where.insert(0, (f"✗ {words}", "error"))
        who = [[(f"as {form}", "muted")] for form in identity_forms(connection.identity) if form] or [[]]
        # Who acts matters more than what the context is called; a shortened name more than none.
        choices = [(c, w) for w in who for c in (context, [])] + [([], [])]
        for context, name in choices:
            pieces = [*row, *where, *context, *name, *leader]
            if sum(cell_len(safe_text(t)) + 3 for t, _ in pieces) - 3 <= width:
                break
        where[1:1] = context
        where += name
        where += leader
        for index, piece in enumerate(where):
            row += [("   " if index == 0 else " · ", "muted"), piece]
        return row

    def _leader(self) -> list[Piece]:
        leader = self._state.leader
        if leader is None or leader.state == "disabled":
            return []
        words = {
            "leading": ("leader", "ok"),
            "standby": (f"standby, {leader.holder} leads" if leader.holder else "standby", "warn"),
            "lost": ("✗ lease lost", "error"),
            "released": ("lease released", "muted"),
        }
        return [words[leader.state]]

    def _chips(self, width: int, now: float) -> Row:
        right = self._right(now)
        room = width - sum(cell_len(t) for t, _ in right) - 2
        watches = sorted(self._state.watches.values(), key=_order)
        if not watches:
            return [("◌ waiting for the watches …", "muted")]
        for brief in (0, 1, 2):
            chips = [self._chip(w, now, brief) for w in watches]
            if sum(cell_len(safe_text(t)) for c in chips for t, _ in c) + 3 * (len(chips) - 1) <= room:
                break
        else:
            right, room = [], width
        row: Row = []
        for index, chip in enumerate(chips):
            row += [("   " if index else "", "muted"), *chip]
        used = sum(cell_len(safe_text(t)) for t, _ in row)
        if right and used + 2 + sum(cell_len(t) for t, _ in right) <= width:
            row.append((" " * (width - used - sum(cell_len(t) for t, _ in right)), "muted"))
            row += right
        return row

    def _chip(self, watch: WatchStatus, now: float, brief: int) -> Row:
        name = plural(watch.kind, 2) + (f"@{watch.scope}" if watch.scope and self._has_scopes else "")
        glyph, style, words = self._words(watch, now)
        if brief == 2:
            return [(f"{name} ", "text"), (glyph, style)]
        return [(f"{name} ", "text"), (f"{glyph} {words[0] if brief else ' '.join(words)}", style)]

    @property
    def _has_scopes(self) -> bool:
        return len({w.scope for w in self._state.watches.values()}) > 1

    def _words(self, watch: WatchStatus, now: float) -> tuple[str, str, tuple[str, ...]]:
        if is_losing(self._state, watch):
            return "!", "warn", ("will be lost", "at the next reconnect")
        match watch.state:
            case "live":
                heard = max(
                    watch.last_event or watch.at,
                    self._state.last_event.get(GroupKind(watch.group, watch.kind), 0.0),
                )
                return "●", "ok", ("live", fine_age(now - heard))
            case "polling":
                return "◍", "warn", ("polling", "no watch right")
            case "forbidden":
                return "✗", "error", (f"{watch.verb or 'list'} forbidden",)
            case "unauthorized":
                return "✗", "error", ("login refused",)
            case "unreachable":
                return "✗", "error", ("unreachable", str(watch.attempts))
            case "reconnecting":
                return "↻", "warn", ("reconnecting", str(watch.attempts or ""))
            case "expired":
                return "↻", "warn", ("listing again",)
            case "stopped":
                return "○", "muted", ("stopped",)
            case "syncing":
                return "◌", "accent", ("syncing",)
            case _:
                return "◌", "accent", (watch.state,)

    def _right(self, now: float) -> Row:
        row: Row = []
        if self._state.dropped:
            row.append((f"{self._state.dropped:,} dropped  ", "warn"))
        counts = self._state.rate.last(now, SECONDS)
        row += [(f"{counts[-1]:>3} ev/s ", "muted"), (sparkline(counts), "accent")]
        return row


def _order(watch: WatchStatus) -> tuple[int, str, str]:
    return describe(GroupKind(watch.group, watch.kind)).order, watch.kind, watch.scope

"""What is denied or broken, why, and what would mend it. It goes when the watch is live again."""

from __future__ import annotations

from collections.abc import Callable

from controller.bus_events import WatchStatus
from tui.reducer import watch_name
from tui.state import ConsoleState, rule_yaml
from tui.text import fine_age, safe_text, wrap
from tui.widgets.lines import Panel, Row

TROUBLES = ("forbidden", "unauthorized", "unreachable")


class Banner(Panel):
    DEFAULT_CSS = """
    Banner {
        height: auto; max-height: 50%; display: none; padding: 0 1;
        border: round $error; border-title-color: $error; border-subtitle-color: $muted;
        &.-shown { display: block; }
    }
    """

    def __init__(self, state: ConsoleState, clock: Callable[[], float]) -> None:
        super().__init__(id="banner")
        self._state = state
        self._clock = clock
        self._short = ""
        self.tiny = False  # room for one line only

    @property
    def watches(self) -> list[WatchStatus]:
        """The watches in trouble, the denied ones first."""
        bad = [w for w in self._state.watches.values() if w.state in TROUBLES]
        return sorted(bad, key=lambda w: (TROUBLES.index(w.state), w.kind, w.scope))

    @property
    def rule(self) -> str:
        """The missing rule as YAML; "" when nothing is forbidden."""
        rules = [w.missing_rule for w in self.watches if w.missing_rule]
        return "\n".join(line for rule in rules for line in rule_yaml(rule))

    def commit(self) -> None:
        watches = self.watches
        connection = self._state.connection
        failed = not watches and connection is not None and connection.state == "failed"
        self.set_class(bool(watches or failed), "-shown")
        if not (watches or failed):
            return
        if watches:
            first = watches[0]
            verb = first.verb or "list"
            what = {
                "forbidden": f"✗ FORBIDDEN · {verb} {watch_name(first)}",
                "unauthorized": "✗ LOGIN REFUSED",
                "unreachable": "✗ THE API SERVER DOES NOT ANSWER",
            }[first.state]
            if len(watches) > 1 and first.state == "forbidden":
                what += f" and {len(watches) - 1} more"
            self._short = what
            self.entitle(what, self._tries(first))
        else:
            self._short = "✗ NO CONNECTION"
            self.entitle(self._short)
        self.update_rows()

    def _tries(self, watch: WatchStatus) -> str:
        now = self._clock()
        trouble = self._state.troubles.get((watch.group, watch.resource, watch.scope))
        parts = [f"attempt {watch.attempts}"] if watch.attempts else []
        if trouble is not None:
            parts.append(f"for {fine_age(now - trouble.since)}")
        if watch.next_try is not None:
            wait = watch.next_try - now
            parts.append(f"next try in {wait:.0f} s" if wait > 0.5 else "trying now")
        return " · ".join(parts)

    def rows(self, width: int) -> list[Row]:
        if self.tiny:
            return [[(self._short, "error")]]
        rows: list[Row] = []
        said: set[str] = set()
        for watch in self.watches:
            if watch.message in said and watch.missing_rule is None:
                continue
            said.add(watch.message)
            rows += [[(line, "text")] for line in wrap(safe_text(watch.message or watch.state), width)]
            if watch.missing_rule is not None:
                scope = f"Role in {watch.scope}" if watch.scope else "ClusterRole"
                rows.append([(f"The rule that is missing (add it to a {scope}; c copies it):", "muted")])
                rows += [[("  " + line, "accent")] for line in rule_yaml(watch.missing_rule)]
        if any(w.state == "unreachable" for w in self.watches):
            what = "What you see is the last that was known; it goes on by itself when the server answers."
            rows += [[(line, "muted")] for line in wrap(what, width)]
        connection = self._state.connection
        if not rows and connection is not None:
            rows = [[(line, "text")] for line in wrap(safe_text(connection.message), width)]
        return rows

"""What is denied or broken, why, and what would mend it. It goes when that works again."""

from __future__ import annotations

from collections.abc import Callable

from controller_runtime.events import FAILED, WatchStatus
from controller_runtime.kube.rules import PolicyRule, to_yaml
from controller_runtime.kube.terminal import safe_text
from tui.reducer import watch_name, write_name
from tui.state import ConsoleState, Denial
from tui.text import fine_age, wrap
from tui.widgets.lines import Panel, Row


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
        bad = [w for w in self._state.watches.values() if w.state in FAILED]
        return sorted(bad, key=lambda w: (FAILED.index(w.state), w.kind, w.scope))

    @property
    def denials(self) -> list[Denial]:
        """The writes of the controller that are refused, the first one first."""
        return sorted(self._state.denials.values(), key=lambda d: d.since)

    @property
    def rule(self) -> str:
        """The missing rules as YAML; "" when nothing is forbidden."""
        rules = [w.missing_rule for w in self.watches] + [d.write.missing_rule for d in self.denials]
        return to_yaml(rule for rule in rules if rule is not None)

    def commit(self) -> None:
        watches, denials = self.watches, self.denials
        connection = self._state.connection
        failed = not watches and connection is not None and connection.state == "failed"
        self.set_class(bool(watches or denials or failed), "-shown")
        if not (watches or denials or failed):
            return
        if watches:
            first = watches[0]
            verb = first.verb or "list"
            what = {
                "forbidden": f"✗ FORBIDDEN · {verb} {watch_name(first)}",
                "unauthorized": "✗ LOGIN REFUSED",
                "unreachable": "✗ THE API SERVER DOES NOT ANSWER",
            }[first.state]
            more = len(watches) + len(denials) - 1
            if more and first.state == "forbidden":
                what += f" and {more} more"
            self._short = what
            self.entitle(what, self._tries(first))
        elif denials:
            oldest = denials[0]
            self._short = f"✗ FORBIDDEN · {safe_text(write_name(oldest.write))}"
            if len(denials) > 1:
                self._short += f" and {len(denials) - 1} more"
            times = f"refused {oldest.count} time{'s' if oldest.count > 1 else ''}"
            self.entitle(self._short, f"{times} · for {fine_age(self._clock() - oldest.since)}")
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
            rows += _missing(watch.missing_rule, watch.scope)
        for denial in self.denials:
            rows += [[(line, "text")] for line in wrap(safe_text(denial.write.error), width)]
            rows += _missing(denial.write.missing_rule, denial.write.ref.namespace)
        if any(w.state == "unreachable" for w in self.watches):
            what = "What you see is the last that was known; it goes on by itself when the server answers."
            rows += [[(line, "muted")] for line in wrap(what, width)]
        connection = self._state.connection
        if not rows and connection is not None:
            rows = [[(line, "text")] for line in wrap(safe_text(connection.message), width)]
        return rows


def _missing(rule: PolicyRule | None, namespace: str) -> list[Row]:
    if rule is None:
        return []
    where = f"Role in {safe_text(namespace)}" if namespace else "ClusterRole"
    said: Row = [(f"The rule that is missing (add it to a {where}; c copies it):", "muted")]
    return [said, *([("  " + line, "accent")] for line in to_yaml([rule]).splitlines())]

"""One denial or failure in full: the server's words, who was refused, the missing rule, how to check it."""

from __future__ import annotations

from collections.abc import Callable

from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from controller_runtime.kube.rules import to_yaml
from controller_runtime.kube.terminal import safe_text
from tui.clipboard import copy
from tui.state import ConsoleState
from tui.troubles import Problem, problems


def card_text(problem: Problem, identity: str) -> Content:
    rows = [Content.assemble((safe_text(problem.message), "bold"))]

    def row(label: str, value: str) -> None:
        if value:
            rows.append(Content.assemble((f"{label:<11}", "$muted"), (safe_text(value), "")))

    rows.append(Content(""))
    rule = problem.rule
    if rule is not None:
        row("verb", ", ".join(rule.verbs))
        row("resource", ", ".join(rule.resources))
        row("API group", ", ".join(f'"{g}"' for g in rule.api_groups))
        row("namespace", problem.namespace or "all: the cluster scope")
    row("as", identity)
    row("tried", problem.tries)
    if rule is not None:
        where = f"a Role in {problem.namespace}" if problem.namespace else "a ClusterRole"
        rows += [
            Content(""),
            Content.assemble((f"The rule that is missing; add it to {safe_text(where)}:", "$muted")),
        ]
        rows += [
            Content.assemble((f"  {safe_text(line)}", "$accent")) for line in to_yaml([rule]).splitlines()
        ]
        rows += [Content(""), Content.assemble(("To see whether it is there:", "$muted"))]
        rows.append(Content.assemble((f"  {safe_text(check_command(problem, identity))}", "$accent")))
        rows += [Content(""), Content.assemble(("This goes by itself when the rule is there.", "$muted"))]
    elif problem.key[0] == "ended":
        what = "What is shown is the last that was known. r starts an empty cluster in its place."
        rows += [Content(""), Content.assemble((what, "$muted"))]
    elif problem.key[0] in ("unreachable", "connection"):
        what = "What is shown is the last that was known. It goes on by itself when the server answers."
        rows += [Content(""), Content.assemble((what, "$muted"))]
    return Content("\n").join(rows)


def check_command(problem: Problem, identity: str) -> str:
    """What to type into a shell to see whether the rule is there."""
    rule = problem.rule
    assert rule is not None
    group = rule.api_groups[0] if rule.api_groups else ""
    resource = f"{rule.resources[0]}.{group}" if group else rule.resources[0]
    where = f" -n {problem.namespace}" if problem.namespace else " -A"
    who = f" --as={identity}" if identity else ""
    return f"kubectl auth can-i {rule.verbs[0]} {resource}{where}{who}"


class Card(ModalScreen[None]):
    CSS_PATH = "card.tcss"
    BINDINGS = [
        Binding("escape,q,enter,w", "dismiss", "Close", id="card.close"),
        Binding("c", "copy", "Copy the rule", id="card.copy"),
        Binding("j,down,right", "step(1)", "Next", id="card.next"),
        Binding("k,up,left", "step(-1)", "Previous", show=False, id="card.previous"),
    ]

    def __init__(self, problem: Problem, state: ConsoleState, clock: Callable[[], float]) -> None:
        super().__init__()
        self._problem = problem
        self._state = state
        self._clock = clock
        self._shown: Content | None = None

    def compose(self) -> ComposeResult:
        with VerticalScroll(id="card"):
            yield Static(id="card-text")

    def on_mount(self) -> None:
        self.set_interval(0.5, self.look)
        self.look()

    def look(self) -> None:
        """Show it as it is now, or that it is over."""
        box = self.query_one("#card")
        now = problems(self._state, self._clock())
        here = next((p for p in now if p.key == self._problem.key), None)
        if here is None:
            text = Content.assemble(("✓ It works again.", "$success"))
            place = ""
        else:
            self._problem = here
            connection = self._state.connection
            text = card_text(here, connection.identity if connection else "")
            place = f"{now.index(here) + 1} of {len(now)} · " if len(now) > 1 else ""
        if text == self._shown:
            return
        self._shown = text
        box.border_title = Content(safe_text(f"✗ {self._problem.title}"))
        box.border_subtitle = Content(
            f"{place}{'c copies the rule · ' if self._problem.rule else ''}esc closes"
        )
        self.query_one("#card-text", Static).update(text)

    def action_step(self, step: int) -> None:
        now = problems(self._state, self._clock())
        place = next((i for i, p in enumerate(now) if p.key == self._problem.key), 0)
        if now:
            self._problem = now[(place + step) % len(now)]
            self.look()

    def action_copy(self) -> None:
        if self._problem.rule is None:
            self.notify("Not available here: no rule is missing.", severity="warning", markup=False)
            return
        self.notify(copy(self.app, to_yaml([self._problem.rule]), "The rule"), markup=False)

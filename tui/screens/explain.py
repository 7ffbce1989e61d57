"""Why an object is as it is: the explanation, asked for anew while it is looked at."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding
from textual.screen import ModalScreen

from controller_runtime.kube.resource import Ref
from controller_runtime.kube.terminal import safe_text
from tui.clipboard import copy
from tui.ports import Questions
from tui.state import ConsoleState
from tui.views.explanation import explanation_entries
from tui.widgets.entries import Entries, Entry, wrapped
from tui.work import work_of
from why.finding import Explanation, Finding, Look
from why.operator import operator_findings
from why.words import text

LOOK = 0.25  # seconds between looks for the answer
AGAIN = 2.0  # seconds from an answer to the next question


@dataclass(frozen=True)
class Jump:
    """Where to go from here: an object, and what to look at there."""

    ref: Ref
    look: Look


class Explain(ModalScreen[Jump | None]):
    CSS_PATH = "explain.tcss"
    BINDINGS = [
        Binding("escape,q,X", "dismiss", "Back", id="explain.back"),
        Binding("enter", "jump('object')", "Go there", id="explain.object"),
        Binding("l", "jump('logs')", "Its logs", id="explain.logs"),
        Binding("E", "jump('events')", "Its Events", id="explain.events"),
        Binding("c", "copy", "Copy", id="explain.copy"),
        Binding("r", "ask", "Look again", show=False, id="explain.again"),
    ]

    def __init__(
        self,
        what: Ref | str,
        state: ConsoleState,
        questions: Questions,
        clock: Callable[[], float],
        namespace: str = "",
    ) -> None:
        """``what`` is an object, or words for one, as in ``pod/my-op-redis-0``, then in ``namespace``."""
        super().__init__()
        self._what = what
        self._namespace = namespace
        self._state = state
        self._questions = questions
        self._clock = clock
        self._question = ""
        self._asked = 0.0
        self._answered = 0.0
        self._explanation: Explanation | None = None
        self._failure = ""
        self._entries = Entries(id="explain")

    def compose(self) -> ComposeResult:
        yield self._entries

    def on_mount(self) -> None:
        self.action_ask()
        self.set_interval(LOOK, self.look)
        self.call_after_refresh(self.draw)

    def action_ask(self) -> None:
        """Ask, with what the operator in this process knows by now."""
        more: list[Finding] = []
        if isinstance(self._what, Ref) and (work := work_of(self._state, self._what, self._clock())):
            more = list(operator_findings(work))
        self._asked = self._clock()
        self._question = self._questions.explain(self._what, self._namespace, more)

    def look(self) -> None:
        """Take the answer when it is there, and ask again after a while."""
        answer = self._state.explained.pop(self._question, None)
        if answer is None:
            if not self._question and self._clock() - self._answered > AGAIN:
                self.action_ask()
        else:
            self._question, self._answered = "", self._clock()
            self._failure = answer.message
            if answer.explanation is not None:
                was_words = not isinstance(self._what, Ref)
                self._explanation, self._what = answer.explanation, answer.explanation.about
                if was_words and work_of(self._state, self._explanation.about, self._clock()):
                    self.action_ask()
        self.draw()

    def draw(self) -> None:
        about = self._what if isinstance(self._what, str) else f"{self._what.kind} {self._what.key}"
        keys = "enter object  l logs  E Events  c copy  esc closes" if self._explanation else "esc closes"
        self._entries.entitle(f"Why · {about}", keys)
        self._entries.show(self._shown())

    def _shown(self) -> tuple[Entry, ...]:
        width = self._entries.room.width
        failure = (Entry((*wrapped(self._failure, "error", width, ("✗ ", "error")), [])),)
        if self._explanation is None:
            looking = wrapped(f"Looking … {self._clock() - self._asked:.0f} s", "accent", width)
            return failure if self._failure else (Entry(tuple(looking)),)
        shown = explanation_entries(self._explanation, width, self._clock())
        return failure + shown if self._failure else shown

    @on(Entries.Chosen)
    def go(self) -> None:
        self.action_jump("object")

    def action_jump(self, look: Look) -> None:
        target = self._entries.target
        if isinstance(target, Finding):
            self.dismiss(Jump(target.about, look))
        elif self._explanation is not None:
            self.dismiss(Jump(self._explanation.about, look))
        else:
            said = f"Not available here: {self._failure or 'there is no answer yet'}."
            self.notify(safe_text(said), severity="warning", markup=False)

    def action_copy(self) -> None:
        if self._explanation is None:
            self.notify("Not available here: there is no answer yet.", severity="warning", markup=False)
        else:
            self.notify(copy(self.app, text(self._explanation), "The explanation"), markup=False)

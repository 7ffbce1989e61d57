"""How explanations, and problems that begin and end, change what the console knows."""

from __future__ import annotations

from controller_runtime.events import QueueSnapshot
from tui.state import ConsoleState, remember
from tui.stream import Line
from tui.text import age
from tui.work import where
from why.events import Explained, ProblemChanged

MOST = 50  # answers that are kept


def queue_changed(state: ConsoleState, event: QueueSnapshot, news: bool) -> None:
    state.queues[event.controller] = event
    waiting = {(event.controller, i.key) for i in event.items if i.worker is None and not i.ready_in}
    before = {key for key in state.waiting if key[0] == event.controller}
    for key in before - waiting:
        del state.waiting[key]
    for key in waiting - before:
        state.waiting[key] = event.at


def problem_changed(state: ConsoleState, event: ProblemChanged, news: bool) -> None:
    problem = event.problem
    key = problem.kind, problem.about
    if event.state == "ended":
        state.problems.pop(key, None)
        state.past_problems.append(problem)
    else:
        state.problems[key] = problem
    if not news or event.state == "seen":
        return
    about = where(state, problem.about)
    if event.state == "began":
        line = Line(event.at, "error", "!", "PROBLEM", problem.about, problem.says, about=about, fault=True)
    else:
        lasted = f"{problem.kind} is over after {age(problem.last - problem.since)}"
        line = Line(event.at, "ok", "✓", "PROBLEM", problem.about, lasted, about=about)
    state.say(line)


def explained(state: ConsoleState, event: Explained, news: bool) -> None:
    remember(state.explained, event.id, event, MOST)

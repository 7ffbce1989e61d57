"""How explanations, and problems that begin and end, change what the console knows."""

from __future__ import annotations

from controller_runtime.events import QueueSnapshot
from tui.state import ConsoleState, remember
from why.events import Explained

MOST = 50  # answers that are kept


def queue_changed(state: ConsoleState, event: QueueSnapshot, news: bool) -> None:
    state.queues[event.controller] = event
    waiting = {(event.controller, i.key) for i in event.items if i.worker is None and not i.ready_in}
    before = {key for key in state.waiting if key[0] == event.controller}
    for key in before - waiting:
        del state.waiting[key]
    for key in waiting - before:
        state.waiting[key] = event.at


def explained(state: ConsoleState, event: Explained, news: bool) -> None:
    remember(state.explained, event.id, event, MOST)

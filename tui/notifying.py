"""Objects that somebody wants to hear of: which have changed their state, and how a desktop says so."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from controller_runtime.kube.terminal import safe_text
from tui.names import ObjectName
from tui.state import ConsoleState

GONE = "gone"


@dataclass
class Notifying:
    """``last`` is the state that was seen last, by object."""

    last: dict[ObjectName, str] = field(default_factory=dict)

    def toggle(self, name: ObjectName, state: ConsoleState) -> bool:
        """Whether it is watched from now on."""
        if self.last.pop(name, None) is not None:
            return False
        self.last[name] = _status(state, name)
        return True

    def changes(self, state: ConsoleState) -> Iterator[tuple[ObjectName, str, str]]:
        """Which objects are in another state than at the last call, and in which they were and are."""
        for name, before in self.last.items():
            now = _status(state, name)
            if now != before:
                self.last[name] = now
                yield name, before, now


def _status(state: ConsoleState, name: ObjectName) -> str:
    here = state.named(name)
    if here is None:
        return GONE
    ready = here.cells.get("ready", "")
    return f"{here.status} {ready}".strip() or "there"


def desktop_sequence(title: str, body: str, environment: Mapping[str, str]) -> str:
    """What makes a terminal show a desktop notification: OSC 777 of rxvt, foot and VTE, else iTerm2's OSC 9.

    A terminal that knows neither shows nothing.
    """
    title, body = (safe_text(text).replace(";", ",") for text in (title, body))
    term = environment.get("TERM", "")
    if term.startswith(("rxvt", "foot")) or "VTE_VERSION" in environment:
        return f"\x1b]777;notify;{title};{body}\x07"
    return f"\x1b]9;{title}: {body}\x07"

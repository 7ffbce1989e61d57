"""Whose logs are meant by an object: its pods and their containers. And the lines that were read. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

import msgspec

from controller.logfeed import LogLine, Source
from tui.kinds.model import Base, ObjectView
from tui.names import GroupKind, kind_of, uid_of
from tui.state import ConsoleState

POD = GroupKind("", "Pod")
KEPT_LINES = 50_000
KEPT_CHARACTERS = 16 << 20
_SGR = re.compile(r"\x1b\[[0-9;:]*m")  # colours, which programs write for a terminal


class _Container(Base, frozen=True):
    name: str = ""


class _PodSpec(Base, frozen=True):
    containers: tuple[_Container, ...] = ()
    init_containers: tuple[_Container, ...] | None = None


class _Pod(Base, frozen=True):
    spec: _PodSpec = _PodSpec()


_decode_pod = msgspec.json.Decoder(_Pod).decode


def containers_of(pod: ObjectView) -> list[str]:
    """The names of its containers, those that run before the others last."""
    try:
        spec = _decode_pod(pod.raw).spec
    except msgspec.MsgspecError:
        return []
    return [c.name for c in (*spec.containers, *(spec.init_containers or ()))]


def pods_of(state: ConsoleState, target: ObjectView) -> list[ObjectView]:
    """The pods that are meant by an object: itself, those that it owns, or those that it selects."""
    if kind_of(target.ref) == POD:
        return [state.find(target.ref) or target]
    pods = [p for p in state.objects.get(POD, {}).values() if p.ref.namespace == target.ref.namespace]
    uids = {uid_of(target.ref), *_owned(state, uid_of(target.ref))}
    selector = selector_of(target)
    found = [
        p for p in pods
        if any(o.uid in uids for o in p.owners)
        or (selector and all(p.labels.get(k) == v for k, v in selector.items()))
    ]  # fmt: skip
    return sorted(found, key=lambda p: p.ref.name)


def _owned(state: ConsoleState, uid: str) -> Iterable[str]:
    """The uids of what it owns directly, pods aside: the ReplicaSets of a Deployment, say."""
    for kind, objects in state.objects.items():
        if kind != POD:
            yield from (u for u, o in objects.items() if any(owner.uid == uid for owner in o.owners))


def selector_of(target: ObjectView) -> dict[str, str]:
    """The labels that it asks of pods; empty when it asks for none, or for more than labels."""
    try:
        spec = msgspec.json.decode(target.raw).get("spec")
        selector = spec.get("selector") if isinstance(spec, dict) else None
    except (msgspec.MsgspecError, AttributeError):
        return {}
    if not isinstance(selector, dict):
        return {}
    wanted = selector.get("matchLabels", selector)
    if "matchExpressions" in selector or not isinstance(wanted, dict):
        return {}
    return {k: v for k, v in wanted.items() if isinstance(v, str)}


def sources_of(pods: Sequence[ObjectView]) -> list[Source]:
    return [Source(p.ref.namespace, p.ref.name, name) for p in pods for name in containers_of(p)]


def plain(text: str) -> str:
    """Without a program's colours, and with tabs as spaces."""
    return (_SGR.sub("", text) if "\x1b" in text else text).expandtabs(8)


def merged(lines: Sequence[LogLine]) -> list[LogLine]:
    """In the order of their times; a note stays behind the line that came before it."""
    last: dict[Source, str] = {}
    keys: list[str] = []
    for line in lines:
        last[line.source] = line.time or last.get(line.source, "")
        keys.append(last[line.source])
    return [line for _, line in sorted(zip(keys, lines, strict=True), key=lambda pair: pair[0])]


class LogLines:
    """Those that were read, the newest last; the oldest go when there are too many."""

    def __init__(self, most: int = KEPT_LINES, room: int = KEPT_CHARACTERS) -> None:
        self.lines: list[LogLine] = []
        self.gone = 0  # lines that had to go
        self._most = most
        self._room = room
        self._characters = 0

    def extend(self, lines: Sequence[LogLine]) -> int:
        """Returns how many of the oldest went: a tenth at once, so that not every line moves all others."""
        self.lines += lines
        self._characters += sum(len(line.text) for line in lines)
        left = 0
        while len(self.lines) - left > self._most or self._characters > self._room:
            step = max(len(self.lines) // 10, 1)
            self._characters -= sum(len(line.text) for line in self.lines[left : left + step])
            left += step
        del self.lines[:left]
        self.gone += left
        return left

"""Every version of every object that was seen, as far as there is room, and what differs between two."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Any, Literal

import msgspec

MOST_BYTES = 32 << 20
HIDDEN = ("metadata.managedFields", "metadata.resourceVersion")


@dataclass(frozen=True, slots=True)
class Version:
    at: float  # Unix seconds
    type: str  # ADDED, MODIFIED, DELETED; LISTED for what was there before
    raw: bytes
    line: int | None = None  # its number in the stream, where it says who did it


class Versions:
    """The oldest go first when all together are larger than ``most`` bytes."""

    def __init__(self, most: int = MOST_BYTES) -> None:
        self._most = most
        self._bytes = 0
        self._of: dict[str, deque[Version]] = {}
        self._order: deque[str] = deque()  # the uid of each version, the oldest first

    def __len__(self) -> int:
        return len(self._order)

    def add(self, uid: str, version: Version) -> None:
        self._of.setdefault(uid, deque()).append(version)
        self._order.append(uid)
        self._bytes += len(version.raw)
        while self._bytes > self._most and len(self._order) > 1:
            old = self._order.popleft()
            mine = self._of[old]
            self._bytes -= len(mine.popleft().raw)
            if not mine:
                del self._of[old]

    def of(self, uid: str) -> list[Version]:
        """Those of one object, the oldest first."""
        return list(self._of.get(uid, ()))


@dataclass(frozen=True, slots=True)
class Difference:
    kind: Literal["+", "−", "~"]
    path: str
    old: str = ""
    new: str = ""


def differences(old: bytes, new: bytes) -> list[Difference]:
    """Field by field, in the order of the newer one; without the fields that the server keeps for itself."""
    before, after = _flat(old), _flat(new)
    found = [
        Difference("~", path, before[path], value) if path in before else Difference("+", path, "", value)
        for path, value in after.items()
        if before.get(path) != value
    ]
    found += [Difference("−", path, value) for path, value in before.items() if path not in after]
    return found


def _flat(raw: bytes) -> dict[str, str]:
    """Each leaf by its path; entries of a list by their name or type where they have one."""
    try:
        o = msgspec.json.decode(raw)
    except msgspec.MsgspecError:
        return {"": raw.decode(errors="replace")}
    leaves: dict[str, str] = {}

    def walk(value: Any, path: str) -> None:
        if path.startswith(HIDDEN):
            return
        if isinstance(value, dict) and value:
            for name, inner in value.items():
                walk(inner, f"{path}.{name}" if path else name)
        elif isinstance(value, list) and value:
            for place, inner in enumerate(value):
                named = inner.get("name") or inner.get("type") if isinstance(inner, dict) else None
                walk(inner, f"{path}[{named or place}]")
        else:
            leaves[path] = value if isinstance(value, str) else msgspec.json.encode(value).decode()

    walk(o, "")
    return leaves

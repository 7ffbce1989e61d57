"""Which write made which version of an object: links the two, whichever of them is published first."""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

from controller_runtime.events import ApiWrite, ObjectChanged

# Writes and watch events that are remembered until the other side comes: seconds of a busy operator.
REMEMBERED = 1024


class _Change(NamedTuple):
    seq: int
    at: float
    uid: str
    version: str
    is_end: bool


class Causes:
    """Not thread-safe: the bus calls it under its lock, for every event of these two types.

    The answer to a write and the watch event that shows it take different ways, and often the second is here
    first. Then the write names the watch event, else the watch event names the write.
    """

    def __init__(self) -> None:
        # By uid and resource version; "" is the end of the object. The older half is let go as a whole.
        self._writes: dict[tuple[str, str], int] = {}
        self._older: dict[tuple[str, str], int] = {}
        self._changes: deque[_Change] = deque(maxlen=REMEMBERED)

    def of_change(self, event: ObjectChanged, seq: int) -> int:
        """The number of the write that a watch event shows, 0 when there is none yet."""
        uid, version = event.ref.uid, event.resource_version
        is_end = event.type == "DELETED"
        if self._writes or self._older:
            cause = self._find(uid, version) or (is_end and self._find(uid, ""))
            if cause:
                return cause
        self._changes.append(_Change(seq, event.at, uid, version, is_end))
        return 0

    def of_write(self, event: ApiWrite, seq: int) -> int:
        """The number of the watch event that has shown this write already, 0 when it is yet to come."""
        uid, version, deletes = event.ref.uid, event.resource_version, event.verb == "delete"
        if not 200 <= event.status < 300 or not uid:
            return 0
        if version:
            self._writes[uid, version] = seq
        if deletes:
            self._writes[uid, ""] = seq
        if len(self._writes) >= REMEMBERED:
            self._older, self._writes = self._writes, {}
        # What was shown before the request was sent is not its doing: the write changed nothing.
        sent = event.at - event.duration
        for change in reversed(self._changes):
            if change.at < sent:
                break
            if change.uid == uid and (change.version == version or (deletes and change.is_end)):
                return change.seq
        return 0

    def _find(self, uid: str, version: str) -> int:
        key = uid, version
        return self._writes.get(key) or self._older.get(key, 0)

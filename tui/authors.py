"""Who made a change: by what the object itself says of its writers."""

from __future__ import annotations

from tui.kinds.model import ObjectView

UNKNOWN = "someone else"


def author_of(old: ObjectView | None, new: ObjectView | None) -> str:
    """The field manager whose entry is new; ``UNKNOWN`` when no entry says who it was.

    A deletion leaves no entry, so of it the object says nothing.
    """
    if new is None or (new.deleting is not None and (old is None or old.deleting is None)):
        return UNKNOWN
    before = old.managers if old is not None else ()
    fresh = [m for m in new.managers if m not in before]
    if not fresh:
        return UNKNOWN if not new.managers else ""
    return max(fresh, key=lambda m: m.time or "").manager or UNKNOWN

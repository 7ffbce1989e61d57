"""Who made a change: by what the object itself says of its writers."""

from __future__ import annotations

from tui.kinds.model import ObjectView

UNKNOWN = "someone else"
# A pod gets its node by its subresource "binding", which leaves no entry: that is a scheduler's doing.
SCHEDULER = "scheduler"


def author_of(old: ObjectView | None, new: ObjectView | None) -> str:
    """The field manager whose entry is new; ``UNKNOWN`` when no entry says who it was.

    A deletion leaves no entry, so of it the object says nothing.
    """
    if new is None or (new.deleting is not None and (old is None or old.deleting is None)):
        return UNKNOWN
    if old is not None and not old.cells.get("node") and new.cells.get("node"):
        return SCHEDULER
    before = old.managers if old is not None else ()
    fresh = [m for m in new.managers if m not in before]
    # Times have whole seconds: a second write within one leaves its entry as it was, but the newest.
    written = fresh or new.managers
    latest = max((m.time or "" for m in written), default="")
    names = {m.manager for m in written if (m.time or "") == latest}
    return names.pop() if len(names) == 1 else UNKNOWN if not new.managers else ""

"""What changed between two states of an object, in a few words. Pure."""

from __future__ import annotations

import msgspec

from tui.kinds.model import ObjectView
from why.differences import decode_changed


def brief(old: ObjectView | None, new: ObjectView) -> str:
    """What changed, in a few words; "" when nothing did that is told."""
    if old is None:
        return ""
    parts: list[str] = []
    if new.deleting and not old.deleting:
        parts.append("deleting")
    for name, after in new.facts.items():
        before = old.facts.get(name, "")
        if before == after:
            continue
        if name == "status" and after == "Terminating":
            continue
        if not before:
            parts.append(f"{name} {after}" if name != "status" else after)
        elif name == "status":
            parts.append(f"{before}→{after}")
        else:
            parts.append(f"{name} {before}→{after or '∅'}")
    parts += [f"+finalizer {_short(f)}" for f in new.finalizers if f not in old.finalizers]
    parts += [f"−finalizer {_short(f)}" for f in old.finalizers if f not in new.finalizers]
    return ", ".join(parts) or _where(old.raw, new.raw)


def _short(finalizer: str) -> str:
    return finalizer.rpartition("/")[2]


def _where(old: bytes, new: bytes) -> str:
    """Which fields differ, for changes that have no words of their own."""
    try:
        before, after = decode_changed(old, new)
    except msgspec.MsgspecError:
        return ""
    fields: list[str] = []
    for part in ("metadata", "spec", "status", "data"):
        a, b = before.get(part), after.get(part)
        if not isinstance(a, dict) or not isinstance(b, dict):
            continue
        names = [k for k in sorted({*a, *b}) if a.get(k) != b.get(k)]
        fields += [f"{part}.{n}" for n in names if n not in ("resourceVersion", "managedFields")]
    return ", ".join(fields[:3]) + (" …" if len(fields) > 3 else "")

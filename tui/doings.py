"""What a person can have done to an object: what it is called, and to which objects it can be done. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import msgspec

from controller.events import ActionVerb
from controller.wishes import PAUSED, RESTARTED_BY_TEMPLATE
from tui.kinds.model import ObjectView
from tui.names import kind_of, plural


class _Spec(msgspec.Struct, frozen=True):
    replicas: int | None = None


class _Metadata(msgspec.Struct, frozen=True):
    annotations: dict[str, str] | None = None


class _Object(msgspec.Struct, frozen=True):
    spec: _Spec = _Spec()
    metadata: _Metadata = _Metadata()


_decode = msgspec.json.Decoder(_Object).decode


def _read(o: ObjectView) -> _Object:
    try:
        return _decode(o.raw)
    except msgspec.MsgspecError:
        return _Object()


def replicas(o: ObjectView) -> int | None:
    """How many it asks for; None for what cannot be scaled."""
    return _read(o).spec.replicas


def is_paused(o: ObjectView) -> bool:
    return (_read(o).metadata.annotations or {}).get(PAUSED) == "true"


def _is_redis(o: ObjectView) -> bool:
    return PAUSED.startswith(f"{kind_of(o.ref).group}/")


def _no_scale(o: ObjectView) -> str:
    return "" if replicas(o) is not None else f"{plural(o.ref.kind, 2)} have no replicas to scale"


def _no_restart(o: ObjectView) -> str:
    if _is_redis(o) or (kind_of(o.ref).group == "apps" and o.ref.kind in RESTARTED_BY_TEMPLATE):
        return ""
    return f"nobody restarts {plural(o.ref.kind, 2)}; to have a pod made anew, delete it"


def _no_pause(o: ObjectView) -> str:
    return "" if _is_redis(o) else f"no operator is known that would leave a {o.ref.kind} alone"


@dataclass(frozen=True)
class Doing:
    """``why_not`` says why it cannot be done to an object, whatever the rights; "" when it can."""

    title: str
    why_not: Callable[[ObjectView], str] = lambda o: ""


DOINGS: dict[ActionVerb, Doing] = {
    "delete": Doing("Delete"),
    "scale": Doing("Scale", _no_scale),
    "restart": Doing("Restart pod by pod", _no_restart),
    "pause": Doing("Pause or resume reconciling", _no_pause),
    "edit": Doing("Edit in $EDITOR"),
    "label": Doing("Label"),
    "annotate": Doing("Annotate"),
}


def parse_pairs(text: str) -> dict[str, str | None]:
    """Labels or annotations as kubectl takes them: ``a=b c-`` sets a and takes c away.

    Raises ValueError with a sentence.
    """
    found: dict[str, str | None] = {}
    for word in text.split():
        key, equals, value = word.partition("=")
        if equals and key:
            found[key] = value
        elif word.endswith("-") and len(word) > 1:
            found[word[:-1]] = None
        else:
            raise ValueError(f"write key=value, or key- to take it away, not {word}")
    if not found:
        raise ValueError("write key=value, or key- to take it away")
    return found


def parse_replicas(text: str) -> int:
    """Raises ValueError with a sentence."""
    if not text.strip().isascii() or not text.strip().isdigit() or len(text.strip()) > 9:
        raise ValueError("write how many: 0, 1, 2 …")
    return int(text)

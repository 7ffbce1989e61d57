"""What a controller needs to be allowed, from what it was built of."""

from __future__ import annotations

from collections.abc import Iterable

from controller_runtime.cache.sources import Kind
from controller_runtime.controller.controller import Controller
from controller_runtime.kube.rules import PolicyRule, merge, watch_rules


def controller_rules(controllers: Iterable[Controller], extra: Iterable[PolicyRule] = ()) -> list[PolicyRule]:
    """What these controllers watch, and the ``extra`` rules that you declare for what they write."""
    kinds = [w.source.kind for c in controllers for w in c.watches if isinstance(w.source, Kind)]
    return merge([*watch_rules(kinds), *extra])

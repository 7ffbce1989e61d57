"""What the console needs from the actions. ``controller.actions.Actions`` has this shape."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from controller_runtime.kube.resource import Ref
from why.finding import Finding


class Actions(Protocol):
    """Calls return the id of the action at once; its result arrives as ``ActionFinished``."""

    read_only: bool

    def delete(
        self, ref: Ref, *, grace_period: int | None = None, propagation: str = "Background"
    ) -> str: ...

    def check(self, verb: str, ref: Ref) -> str: ...

    def browse(self, name: str) -> None:
        """Show a kind that nobody watches; ``Browsing`` says what came of it."""


class Questions(Protocol):
    """What the console asks. ``why.asker.Asker`` has this shape; answers arrive as events."""

    def explain(self, what: Ref | str, namespace: str = "", more: Sequence[Finding] = ()) -> str:
        """Returns the id of the question; ``Explained`` is the answer."""

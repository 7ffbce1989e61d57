"""What the console needs from the actions. ``controller.actions.Actions`` has this shape."""

from __future__ import annotations

from typing import Protocol

from controller_runtime.kube.resource import Ref


class Actions(Protocol):
    """Calls return the id of the action at once; its result arrives as ``ActionFinished``."""

    read_only: bool

    def delete(
        self, ref: Ref, *, grace_period: int | None = None, propagation: str = "Background"
    ) -> str: ...

    def check(self, verb: str, ref: Ref) -> str: ...

    def browse(self, name: str) -> None:
        """Show a kind that nobody watches; ``Browsing`` says what came of it."""

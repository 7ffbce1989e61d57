"""What the console needs from the actions. ``controller.actions.Actions`` has this shape."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from controller.events import ActionVerb
from controller.logfeed import Feed, LogOptions
from controller.verdict import Verdict
from controller_runtime.kube.resource import Ref
from controller_runtime.kube.rules import PolicyRule
from why.finding import Finding


class Actions(Protocol):
    """Calls return the id of the action at once; its result arrives as ``ActionFinished``."""

    read_only: bool

    def delete(
        self, ref: Ref, *, grace_period: int | None = None, propagation: str = "Background"
    ) -> str: ...

    def check(self, verb: str, ref: Ref) -> str: ...

    def allowed(self, verb: ActionVerb, ref: Ref) -> Verdict:
        """What is known of it now; what is not is found out."""

    def scale(self, ref: Ref, replicas: int) -> str: ...

    def restart(self, ref: Ref) -> str: ...

    def pause(self, ref: Ref) -> str: ...

    def resume(self, ref: Ref) -> str: ...

    def label(self, ref: Ref, values: Mapping[str, str | None]) -> str: ...

    def annotate(self, ref: Ref, values: Mapping[str, str | None]) -> str: ...

    def edit(self, ref: Ref, patch: Mapping[str, Any]) -> str:
        """A JSON merge patch."""

    def browse(self, name: str) -> None:
        """Show a kind that nobody watches; ``Browsing`` says what came of it."""

    def logs(self, options: LogOptions) -> Feed:
        """Log lines of what the feed is given to ``follow``, until it is closed."""

    def apply(self, documents: Sequence[dict[str, Any]]) -> str:
        """Server-side apply these objects."""

    def definitions(self, group: str, resource: str) -> list[dict[str, Any]]:
        """The definition of a kind of the operator's, to be applied; none when nobody here has it."""

    def revoke(self, identity: str, resource: str) -> str:
        """Take a resource out of the roles of ``identity``, on the embedded cluster alone."""

    def grant(self, identity: str, resource: str, rules: Sequence[PolicyRule]) -> str:
        """Give it what it needs of a resource, on the embedded cluster alone."""

    def review(self, user: str = "") -> bool:
        """Ask anew what the operator may do, or what ``user`` may; ``PermissionsReviewed`` says it.

        False when there is nobody to ask yet.
        """

    def retry(self) -> bool:
        """Let what was refused or failed try again at once; False when nothing runs."""


class Questions(Protocol):
    """What the console asks. ``why.asker.Asker`` has this shape; answers arrive as events."""

    def explain(self, what: Ref | str, namespace: str = "", more: Sequence[Finding] = ()) -> str:
        """Returns the id of the question; ``Explained`` is the answer."""

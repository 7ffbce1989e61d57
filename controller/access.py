"""Whether the person may do something: asked of the server, remembered for a while, and asked again."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Executor, Future

from controller.events import ActionVerb
from controller.verdict import UNKNOWN, Verdict
from controller_runtime.client.client import Client
from controller_runtime.kube.errors import ApiError, NoKindMatch, Unreachable
from controller_runtime.kube.resource import Ref
from controller_runtime.kube.rules import PolicyRule

# The Kubernetes verb and the subresource that an action needs.
NEEDS: dict[ActionVerb, tuple[str, str]] = {
    "delete": ("delete", ""),
    "scale": ("patch", "scale"),
    "restart": ("patch", ""),
    "pause": ("patch", ""),
    "resume": ("patch", ""),
    "edit": ("patch", ""),
    "label": ("patch", ""),
    "annotate": ("patch", ""),
}
FRESH = 60.0  # seconds that an answer holds
AGAIN = 5.0  # seconds until the server is asked again, when it gave none
MOST = 500  # answers that are kept

_Key = tuple[str, str, str, str, str]  # apiVersion, kind, namespace, verb, subresource


class Access:
    """``ask`` returns at once what is known, and lets the server be asked when that is not enough.

    ``client`` answers the connection of now; ``clock`` counts seconds, from anywhere.
    """

    def __init__(
        self, client: Callable[[], Future[Client]], pool: Executor, clock: Callable[[], float]
    ) -> None:
        self._client = client
        self._pool = pool
        self._clock = clock
        self._lock = threading.Lock()
        self._known: dict[_Key, tuple[Verdict, float]] = {}  # and until when
        self._asking: set[_Key] = set()

    def forget(self) -> None:
        """Ask for everything anew: rights have changed, or the cluster is another one."""
        with self._lock:
            self._known.clear()

    def ask(self, action: ActionVerb, ref: Ref) -> Verdict:
        verb, subresource = NEEDS[action]
        key = (ref.api_version, ref.kind, ref.namespace, verb, subresource)
        client = self._client()
        with self._lock:
            verdict, until = self._known.get(key, (UNKNOWN, 0.0))
            is_wanted = self._clock() >= until and key not in self._asking and _is_there(client)
            if is_wanted:
                self._asking.add(key)
        if is_wanted:
            try:
                self._pool.submit(self._look, client.result(), key, ref)
            except RuntimeError:  # the console is being closed
                return verdict
        return verdict

    def _look(self, client: Client, key: _Key, ref: Ref) -> None:
        verdict, holds = UNKNOWN, AGAIN
        try:
            verdict, holds = _review(client, ref, key[3], key[4]), FRESH
        except (ApiError, NoKindMatch, Unreachable):
            pass  # not known is what it is
        finally:
            with self._lock:
                self._asking.discard(key)
                if len(self._known) >= MOST:
                    self._known.clear()
                self._known[key] = verdict, self._clock() + holds


def _is_there(client: Future[Client]) -> bool:
    return client.done() and not client.cancelled() and client.exception() is None


def _review(client: Client, ref: Ref, verb: str, subresource: str) -> Verdict:
    resource = client.resource_of(ref)
    allowed, _ = client.can_i(verb, resource, ref.namespace, subresource=subresource)
    if allowed:
        return Verdict(True)
    what = f"{resource.plural}/{subresource}" if subresource else resource.plural
    where = f" in the namespace {ref.namespace}" if ref.namespace else ""
    return Verdict(
        False, f"you may not {verb} {what}{where}", PolicyRule((resource.group,), (what,), (verb,))
    )

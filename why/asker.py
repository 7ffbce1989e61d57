"""Answers a person's questions: asks the API server on a thread of its own, and publishes the explanation."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Sequence
from concurrent.futures import CancelledError, Future

from controller_runtime.bus import EventBus
from controller_runtime.client.client import Client
from controller_runtime.kube.errors import ApiError, NoKindMatch, NotFound, Unreachable
from controller_runtime.kube.resource import Ref, Resource
from controller_runtime.threads import Threads
from why.events import Explained
from why.explain import explain
from why.finding import Explanation, Finding
from why.gather import find_resource, gather


class NoSuchObject(Exception):
    """The words name no object. The text is a sentence for a person."""


def look_up(client: Client, words: str, namespace: str) -> tuple[Resource, str, str]:
    """The object that ``KIND/NAME`` or ``KIND/NAMESPACE/NAME`` means: resource, namespace, name.

    Raises NoSuchObject, ApiError, Unreachable.
    """
    kind, *path = words.strip().split("/")
    if not kind or not path or len(path) > 2 or not all(path):
        raise NoSuchObject(f"{words!r} names no object: write KIND/NAME, as in pod/my-op-redis-0")
    resource = find_resource(client, kind)
    if resource is None:
        raise NoSuchObject(f"the server serves no {kind!r}: see kubectl api-resources")
    if not resource.namespaced:
        return resource, "", path[-1]
    return resource, path[0] if len(path) == 2 else namespace, path[-1]


class Asker:
    """``client`` is the person's: nothing is explained by what they may not read."""

    def __init__(
        self, client: Future[Client], bus: EventBus, threads: Threads, clock: Callable[[], float] = time.time
    ) -> None:
        self._client = client
        self._bus = bus
        self._threads = threads
        self._clock = clock
        self._ids = itertools.count(1)

    def use(self, client: Future[Client]) -> None:
        """Look through this client from now on: the cluster is another one."""
        self._client = client

    def explain(self, what: Ref | str, namespace: str = "", more: Sequence[Finding] = ()) -> str:
        """Returns the id of the question at once; ``Explained`` answers it.

        ``what`` is an object, or words such as ``pod/my-op-redis-0``, then in ``namespace``. ``more`` are
        findings of whoever asks.
        """
        id_ = f"explain-{next(self._ids)}"

        def answer() -> None:
            try:
                explanation, message = self._explain(what, namespace, more), ""
            except NotFound as error:
                explanation, message = None, error.message
            except (ApiError, NoKindMatch, NoSuchObject, Unreachable) as error:
                explanation, message = None, getattr(error, "message", "") or str(error)
            except CancelledError:
                explanation, message = None, "there is no connection to the cluster"
            self._bus.publish(Explained(at=self._clock(), id=id_, explanation=explanation, message=message))

        self._threads.start(id_, answer)
        return id_

    def _explain(self, what: Ref | str, namespace: str, more: Sequence[Finding]) -> Explanation:
        client = self._client.result()
        if isinstance(what, Ref):
            resource, namespace, name = client.resource_of(what), what.namespace, what.name
        else:
            resource, namespace, name = look_up(client, what, namespace or "default")
        obj, world = gather(client, resource, namespace, name, self._clock)
        return explain(obj, world, more)

"""What must hold before the controller starts. Each failure is one sentence that says what to do."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from controller_runtime.client.client import Client
from controller_runtime.kube.errors import (
    AlreadyExists,
    ApiError,
    Forbidden,
    NotFound,
    TooManyRequests,
    Unreachable,
)
from controller_runtime.kube.kinds import Namespace
from controller_runtime.kube.object import KubeObject
from reconsole.advice import sentence
from reconsole.options import Failure

PATIENCE = 60.0  # seconds for a server that asks to come again later, as one does that starts
RETRY_PERIOD = 1.0  # seconds, when it does not say when

log = logging.getLogger("reconsole")


@dataclass(frozen=True)
class Server:
    version: str
    identity: str


def check(
    client: Client,
    wait: Callable[[float], object] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> Server:
    """Reach the API server and learn who we are.

    A server that is not ready yet (429, 503) is asked again, for a minute. ``wait`` is given seconds;
    what it returns, if true, ends the waiting. Raises Failure.
    """
    version = _version(client, wait, clock)
    return Server(version, client.identity())


def _version(client: Client, wait: Callable[[float], object], clock: Callable[[], float]) -> str:
    """ "" when we may not ask for it."""
    until = clock() + PATIENCE
    while True:
        try:
            return client.version()
        except (ApiError, Unreachable) as error:
            if isinstance(error, Forbidden) and error.reason and "impersonate" not in error.message:
                return ""
            pause = _pause(error)
            if pause is None or clock() + pause > until:
                raise Failure(sentence(client.host, error)) from error
            log.warning("The API server asks to come again in %g s: %s", pause, error)
            if wait(pause):
                raise Failure(sentence(client.host, error)) from error


def _pause(error: ApiError | Unreachable) -> float | None:
    """Seconds until it may go better; None when a person has to do something."""
    if isinstance(error, TooManyRequests) or (isinstance(error, ApiError) and error.status == 503):
        return RETRY_PERIOD if error.retry_after is None else error.retry_after
    return None


def check_installed(client: Client, definition: dict[str, Any], operator: str = "") -> None:
    """See that the kind of this CRD is served, of ``operator`` or of our own."""
    spec = definition["spec"]
    group, plural = spec["group"], spec["names"]["plural"]
    for version in spec["versions"]:
        if _is_missing(client, group, version["name"], plural):
            command = " ".join(filter(None, ("reconsole manifests crd", operator)))
            raise Failure(
                f"the cluster does not know {plural}.{group}; install it with: {command} | kubectl apply -f -"
            )


def say_undefined(client: Client, kinds: Iterable[type[KubeObject]]) -> None:
    """Log a warning for each kind that has no definition to make a CRD of, and that is not served."""
    for kind in kinds:
        group, version, plural = kind.resource.group, kind.resource.version, kind.resource.plural
        if group and kind.definition is None and _is_missing(client, group, version, plural):
            log.warning(
                "The cluster does not know %s.%s: add definition = Definition(), of controller_runtime, "
                "to the class %s, or install a CRD of it",
                *(plural, group, kind.__name__),
            )


def _is_missing(client: Client, group: str, version: str, plural: str) -> bool:
    try:
        served = client.get_json(f"/apis/{group}/{version}").get("resources") or ()
    except NotFound:
        return True
    except (ApiError, Unreachable):
        return False  # Discovery may be closed to us. The watch will show it.
    return plural not in {resource.get("name") for resource in served}


def say_missing(client: Client, namespaces: Iterable[str]) -> None:
    """Log a warning for each namespace that is not there: nothing can be seen in it."""
    for name in namespaces:
        try:
            client.get(Namespace, "", name)
        except NotFound:
            log.warning("There is no namespace %s: nothing is seen until it is made", name)
        except (ApiError, Unreachable):
            continue  # We may not ask, and the watch will show what there is.


def install(client: Client, definition: dict[str, Any]) -> None:
    """Create this CRD where there is none: for the embedded cluster."""
    try:
        client.post("/apis/apiextensions.k8s.io/v1/customresourcedefinitions", definition)
    except AlreadyExists:
        pass
    except ApiError as error:
        raise Failure(f"{definition['metadata']['name']} was refused: {error.message}") from error

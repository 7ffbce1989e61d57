"""What must hold before the controller starts. Each failure is one sentence that says what to do."""

from __future__ import annotations

from dataclasses import dataclass

from controller.crd import GROUP, PLURAL, VERSION
from controller_runtime.client.client import Client
from controller_runtime.kube.errors import ApiError, NotFound, Unauthorized, Unreachable
from reconsole.options import Failure


@dataclass(frozen=True)
class Server:
    version: str
    identity: str


def check(client: Client, *, needs_redis: bool = True) -> Server:
    """Reach the API server, learn who we are and see that the Redis kind is installed."""
    try:
        version = client.version()
    except Unreachable as error:
        raise Failure(
            f"cannot reach the API server at {client.host}: {error}; check the kubeconfig and that it runs"
        ) from error
    except Unauthorized as error:
        raise Failure(
            f"the API server at {client.host} does not accept these credentials: log in again"
        ) from error
    except ApiError as error:
        if error.status != 403:
            raise Failure(
                f"the API server at {client.host} answers {error.status}: {error.message}"
            ) from error
        version = ""
    if not needs_redis:
        return Server(version, client.identity())
    try:
        client.get_json(f"/apis/{GROUP}/{VERSION}")
    except NotFound as error:
        raise Failure(
            f"the cluster does not know {PLURAL}.{GROUP}; install it with: "
            "reconsole manifests crd | kubectl apply -f -"
        ) from error
    except (ApiError, Unreachable):
        pass  # Discovery may be closed to us. The watch will tell.
    return Server(version, client.identity())

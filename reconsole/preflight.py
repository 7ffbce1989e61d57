"""What must hold before the controller starts. Each failure is one sentence that says what to do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from controller_runtime.client.client import Client
from controller_runtime.kube.errors import AlreadyExists, ApiError, NotFound, Unauthorized, Unreachable
from reconsole.options import Failure


@dataclass(frozen=True)
class Server:
    version: str
    identity: str


def check(client: Client) -> Server:
    """Reach the API server and learn who we are."""
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
    return Server(version, client.identity())


def check_installed(client: Client, definition: dict[str, Any], operator: str = "") -> None:
    """See that the kind of this CRD is served, of ``operator`` or of our own."""
    spec = definition["spec"]
    group, plural = spec["group"], spec["names"]["plural"]
    for version in spec["versions"]:
        try:
            served = client.get_json(f"/apis/{group}/{version['name']}").get("resources") or ()
            missing = plural not in {resource.get("name") for resource in served}
        except NotFound:
            missing = True
        except (ApiError, Unreachable):
            return  # Discovery may be closed to us. The watch will show it.
        if missing:
            command = " ".join(filter(None, ("reconsole manifests crd", operator)))
            raise Failure(
                f"the cluster does not know {plural}.{group}; install it with: {command} | kubectl apply -f -"
            )


def install(client: Client, definition: dict[str, Any]) -> None:
    """Create this CRD where there is none: for the embedded cluster."""
    try:
        client.post("/apis/apiextensions.k8s.io/v1/customresourcedefinitions", definition)
    except AlreadyExists:
        pass
    except ApiError as error:
        raise Failure(f"{definition['metadata']['name']} was refused: {error.message}") from error

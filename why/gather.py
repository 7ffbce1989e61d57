"""Gathers what an explanation needs: the object, what is around it, its Events, the ends of its logs."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

from controller_runtime.client.client import Client
from controller_runtime.kube.errors import ApiError, NoKindMatch, NotFound, Unreachable
from controller_runtime.kube.resource import Ref, Resource
from why.world import Obj, World, owners

LOG_LINES = 10  # the last ones of a container that ended
_MOST_LOGS = 5  # containers whose logs are read
LOG_LINES_WHOLE = 100
MOST_LOGS_WHOLE = 20
_DEPTH = 3  # owners above, and children below

PODS = Resource("", "v1", "Pod", "pods")
NODES = Resource("", "v1", "Node", "nodes", namespaced=False)
SERVICES = Resource("", "v1", "Service", "services")
EVENTS = Resource("", "v1", "Event", "events")
SLICES = Resource("discovery.k8s.io", "v1", "EndpointSlice", "endpointslices")
_AROUND = (
    PODS, EVENTS, SLICES, NODES,
    Resource("", "v1", "ConfigMap", "configmaps"),
    Resource("", "v1", "PersistentVolumeClaim", "persistentvolumeclaims"),
    Resource("apps", "v1", "ReplicaSet", "replicasets"),
)  # fmt: skip
_CLASSES = Resource("storage.k8s.io", "v1", "StorageClass", "storageclasses", namespaced=False)


def gather(
    client: Client,
    resource: Resource,
    namespace: str,
    name: str,
    clock: Callable[[], float] = time.time,
    *,
    whole: bool = False,
) -> tuple[Obj, World]:
    """The object and the world around it. Raises NotFound, ApiError, Unreachable for the object itself.

    ``whole``: with its owners, the Services, and the logs of all its containers, not just of the failed.
    What else cannot be read is named in ``unseen``. Of Secrets, only that they are there is kept.
    """
    obj = client.get_json(resource.path(namespace, name))
    obj = {"apiVersion": resource.api_version, "kind": resource.kind} | obj
    unseen: dict[str, str] = {}
    found: list[Obj] = [obj]
    inside = name if resource.kind == "Namespace" else namespace
    wanted = list(_AROUND) if resource.namespaced or resource.kind == "Namespace" else [EVENTS]
    if whole:
        wanted.append(SERVICES)
        found += _owners(client, obj, unseen)
    if resource.kind == "PersistentVolumeClaim":
        wanted.append(_CLASSES)
    for kind in wanted:
        found += _list(client, kind, inside if kind.namespaced else "", unseen)
    found += _secrets(client, found, obj, unseen)
    unique = {(o["kind"], o["metadata"].get("namespace", ""), o["metadata"]["name"]): o for o in found}
    objects = tuple(unique.values())
    return obj, World(objects, clock(), _logs(client, obj, objects, unseen, whole=whole), unseen)


def _owners(client: Client, obj: Obj, unseen: dict[str, str]) -> Iterator[Obj]:
    """Those that can be read."""
    for owner in owners(obj):
        namespace = obj["metadata"].get("namespace", "")
        about = Ref(owner["kind"], namespace, owner["name"], owner["uid"], owner["apiVersion"])
        try:
            resource = client.resource_of(about)
            found = client.get_json(resource.path(namespace, about.name))
        except NotFound:
            continue
        except (ApiError, NoKindMatch, Unreachable) as error:
            unseen[about.kind] = getattr(error, "message", "") or str(error)
            continue
        yield {"apiVersion": resource.api_version, "kind": resource.kind} | found


def _list(client: Client, resource: Resource, namespace: str, unseen: dict[str, str]) -> list[Obj]:
    try:
        answer = client.get_json(resource.path(namespace))
    except NotFound:
        return []
    except (ApiError, Unreachable) as error:
        unseen[resource.kind] = getattr(error, "message", "") or str(error)
        return []
    common = {"apiVersion": resource.api_version, "kind": resource.kind}
    return [common | item for item in answer.get("items") or ()]


def _secrets(client: Client, found: list[Obj], obj: Obj, unseen: dict[str, str]) -> Iterator[Obj]:
    """The Secrets that pods of interest name, without what is in them."""
    resource = Resource("", "v1", "Secret", "secrets")
    for namespace, name in sorted(set(_secret_names(_pods_of(obj, found)))):
        try:
            secret = client.get_json(resource.path(namespace, name))
        except NotFound:
            continue
        except (ApiError, Unreachable) as error:
            unseen["Secret"] = getattr(error, "message", "") or str(error)
            return
        yield {"apiVersion": "v1", "kind": "Secret", "metadata": secret["metadata"]}


def _secret_names(pods: list[Obj]) -> Iterator[tuple[str, str]]:
    for pod in pods:
        namespace, spec = pod["metadata"].get("namespace", ""), pod.get("spec") or {}
        for volume in spec.get("volumes") or ():
            if name := (volume.get("secret") or {}).get("secretName"):
                yield namespace, name
        for container in [*(spec.get("initContainers") or ()), *(spec.get("containers") or ())]:
            for env in container.get("env") or ():
                if name := ((env.get("valueFrom") or {}).get("secretKeyRef") or {}).get("name"):
                    yield namespace, name
            for source in container.get("envFrom") or ():
                if name := (source.get("secretRef") or {}).get("name"):
                    yield namespace, name


def _pods_of(obj: Obj, objects: list[Obj] | tuple[Obj, ...]) -> list[Obj]:
    """The pod itself, or those below the object."""
    if obj["kind"] == "Pod":
        return [obj]
    below = {obj["metadata"].get("uid")}
    for _ in range(_DEPTH):
        below |= {o["metadata"].get("uid") for o in objects if any(r["uid"] in below for r in owners(o))}
    return [o for o in objects if o["kind"] == "Pod" and o["metadata"].get("uid") in below]


def _logs(
    client: Client, obj: Obj, objects: tuple[Obj, ...], unseen: dict[str, str], *, whole: bool
) -> dict[tuple[str, str, str], str]:
    """The ends of the logs of containers that ended with an error, or of the ``whole`` of them."""
    most, lines = (MOST_LOGS_WHOLE, LOG_LINES_WHOLE) if whole else (_MOST_LOGS, LOG_LINES)
    logs: dict[tuple[str, str, str], str] = {}
    for pod in _pods_of(obj, objects):
        meta, status = pod["metadata"], pod.get("status") or {}
        for told in [*(status.get("initContainerStatuses") or ()), *(status.get("containerStatuses") or ())]:
            state, last = told.get("state") or {}, (told.get("lastState") or {}).get("terminated")
            ended = state.get("terminated") or last
            is_wanted = bool(ended and ended.get("exitCode")) or (whole and "waiting" not in state)
            if not is_wanted or len(logs) >= most:
                continue
            path = PODS.path(meta.get("namespace", ""), meta["name"], "log")
            query = {"container": told["name"], "tailLines": str(lines)}
            if last and last.get("exitCode") and not state.get("terminated"):
                query["previous"] = "true"
            try:
                answer = client.transport.request("GET", path, query)
            except (ApiError, Unreachable) as error:
                unseen["logs"] = getattr(error, "message", "") or str(error)
                return logs
            logs[meta.get("namespace", ""), meta["name"], told["name"]] = answer.body.decode(errors="replace")
    return logs


def find_resource(client: Client, word: str) -> Resource | None:
    """The resource that kubectl would mean by this word: a plural, singular, short name or kind."""
    wanted = word.lower()
    name, _, group = wanted.partition(".")
    for resource, names in _served(client):
        if group and resource.group != group:
            continue
        if (name if group else wanted) in names:
            return resource
    return None


def _served(client: Client) -> Iterator[tuple[Resource, set[str]]]:
    """All resources of the preferred versions, and the names of each; the core group first."""
    places = [("", "v1")]
    for group in client.get_json("/apis").get("groups") or ():
        places.append((group["name"], group["preferredVersion"]["version"]))
    for group_name, version in places:
        path = f"/apis/{group_name}/{version}" if group_name else f"/api/{version}"
        try:
            served: list[dict[str, Any]] = client.get_json(path).get("resources") or []
        except (ApiError, Unreachable):
            continue  # an API service that is down; the others still answer
        for found in served:
            if "/" not in found["name"]:
                resource = Resource(group_name, version, found["kind"], found["name"], found["namespaced"])
                names = {
                    found["name"],
                    found.get("singularName") or "",
                    found["kind"].lower(),
                }
                yield resource, names | set(found.get("shortNames") or ())

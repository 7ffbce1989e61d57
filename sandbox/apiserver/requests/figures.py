"""metrics.k8s.io: what pods and nodes use at present, as metrics-server answers it (`kubectl top`)."""

import time
from collections.abc import Mapping
from typing import Protocol

from sandbox.apiserver.machinery.apierrors import not_found
from sandbox.apiserver.machinery.jsonobject import Obj, stamp
from sandbox.apiserver.machinery.resources import Registry, Resource
from sandbox.apiserver.machinery.selectors import parse_labels
from sandbox.apiserver.registry.cluster_state import Cluster
from sandbox.apiserver.requests.negotiate import encode
from sandbox.apiserver.requests.verbs import Call
from sandbox.apiserver.storage.revisions import Entry

GROUP, VERSION = "metrics.k8s.io", "v1beta1"
WINDOW = "15s"
_VERBS = ("get", "list")


class FigureSource(Protocol):
    """Who measures."""

    def usage(self, uid: str) -> Mapping[str, tuple[float, int]]:
        """Cores and bytes of each running container of a pod; empty when it does not run."""


def register(registry: Registry) -> None:
    """Serve the group."""
    for kind, plural, namespaced in (("NodeMetrics", "nodes", False), ("PodMetrics", "pods", True)):
        registry.add(
            Resource(GROUP, VERSION, kind, plural, namespaced=namespaced, verbs=_VERBS, stored=False)
        )


def answer(cluster: Cluster, source: FigureSource | None, call: Call) -> bytes:
    """One object or a list. StatusError 404 for what does not run."""
    selector = parse_labels(call.info.query.get("labelSelector", ""))
    of_pod = call.resource.namespaced
    found: list[Obj] = []
    entries = cluster.store.bucket("pods" if of_pod else "nodes").objects
    by_node = {} if of_pod or source is None else _by_node(cluster, source)
    for key, entry in entries.items():
        namespace, name = key
        if call.info.namespace not in ("", namespace) and of_pod:
            continue
        if call.info.name not in ("", name) or not selector.matches(entry.labels):
            continue
        usage = source.usage(entry.uid) if of_pod and source else {}
        if of_pod and usage:
            containers = [{"name": n, "usage": _written(*figures)} for n, figures in usage.items()]
            found.append({**_head(call.resource, entry, key), "containers": containers})
        elif not of_pod:
            found.append(
                {**_head(call.resource, entry, key), "usage": _written(*by_node.get(name, (0.0, 0)))}
            )
    if call.info.name:
        if not found:
            raise not_found(GROUP, call.resource.plural, call.info.name)
        return encode(found[0])
    kind = call.resource.list_kind
    return encode({"kind": kind, "apiVersion": f"{GROUP}/{VERSION}", "metadata": {}, "items": found})


def _head(resource: Resource, entry: Entry, key: tuple[str, str]) -> Obj:
    now = stamp(time.time())
    metadata: Obj = {"name": key[1], "creationTimestamp": now}
    if key[0]:
        metadata["namespace"] = key[0]
    if entry.labels:
        metadata["labels"] = entry.labels
    head = {"kind": resource.kind, "apiVersion": resource.api_version, "metadata": metadata}
    return {**head, "timestamp": now, "window": WINDOW}


def _by_node(cluster: Cluster, source: FigureSource) -> dict[str, tuple[float, int]]:
    """The sums of the pods of each node."""
    sums: dict[str, tuple[float, int]] = {}
    for entry in cluster.store.bucket("pods").objects.values():
        usage = source.usage(entry.uid)
        if usage:
            node = entry.decode()["spec"].get("nodeName", "")
            cores, size = sums.get(node, (0.0, 0))
            sums[node] = (cores + sum(c for c, _ in usage.values()), size + sum(b for _, b in usage.values()))
    return sums


def _written(cores: float, size: int) -> Obj:
    return {"cpu": f"{round(cores * 1e9)}n", "memory": f"{size >> 10}Ki"}

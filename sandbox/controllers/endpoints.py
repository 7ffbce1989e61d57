"""Endpoints and EndpointSlices: the ready pods behind each Service with a selector."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from typing import Any

from controller_runtime.kube.errors import ApiError

from ..apiobjects import (
    ENDPOINT_SLICES,
    ENDPOINTS,
    PODS,
    SERVICES,
    Key,
    Object,
    Pod,
    Service,
    ServicePort,
)
from ..keyqueue import WorkQueue
from ..sharedcache import Informers

WORKERS = 2
SLICE = 100  # endpoints in a slice (kube-controller-manager --max-endpoints-per-slice)
CAPACITY = 1000  # addresses in an Endpoints object; more are cut and the object says so
MANAGER = "endpointslice-controller.k8s.io"
BATCH, BATCH_PER_POD = 0.02, 0.002  # seconds; a large service is written less often


class EndpointsController:
    def __init__(self, informers: Informers) -> None:
        self._client = informers.client
        self._queue: WorkQueue[Key] = WorkQueue()
        self._written: dict[str, bytes] = {}
        self._services = informers.of(SERVICES, Service)
        self._pods = informers.of(PODS, Pod)
        self._slices = informers.of(ENDPOINT_SLICES, Object)
        self._selectors: defaultdict[str, dict[str, dict[str, str]]] = defaultdict(dict)
        self._members: defaultdict[Key, set[Key]] = defaultdict(set)
        self._services.listen(self._service)
        self._pods.listen(self._pod)

    async def run(self) -> None:
        for informer in (self._services, self._pods, self._slices):
            await informer.synced.wait()
        await self._queue.run(self._process, WORKERS)

    def _service(self, name: str, item: Service, old: Service | None) -> None:
        key = item.metadata.key
        namespace, service = key
        selector = item.spec.selector
        if name == "DELETED" or not selector or item.spec.type == "ExternalName":
            self._selectors[namespace].pop(service, None)
            self._members.pop(key, None)
        elif self._selectors[namespace].get(service) != selector:
            self._selectors[namespace][service] = selector
            self._members[key] = {
                pod.metadata.key for pod in self._pods.in_namespace(namespace) if _selected(pod, selector)
            }
        if selector:
            self._queue.add_after(key, BATCH)

    def _pod(self, name: str, item: Pod, old: Pod | None) -> None:
        namespace, _ = key = item.metadata.key
        if name == "MODIFIED" and old is not None and _view(old) == _view(item):
            return
        for service, selector in self._selectors[namespace].items():
            members = self._members[namespace, service]
            was = key in members
            belongs = name != "DELETED" and _selected(item, selector)
            if belongs:
                members.add(key)
            else:
                members.discard(key)
            if was or belongs:
                self._queue.add_after((namespace, service), BATCH + BATCH_PER_POD * len(members))

    async def _process(self, key: Key) -> None:
        service = self._services.store.get(key)
        if service is None:
            await self._forget(key)
            return
        if not service.spec.selector or service.spec.type == "ExternalName":
            return
        pods = [
            self._pods.store[member] for member in sorted(self._members[key]) if member in self._pods.store
        ]
        pods = [pod for pod in pods if pod.status.pod_ip and not pod.finished]
        await self._write_endpoints(service, [pod for pod in pods if not pod.metadata.deletion_timestamp])
        await self._write_slices(service, pods)

    async def _forget(self, key: Key) -> None:
        """Slices go with their owner; Endpoints have none."""
        self._written = {p: v for p, v in self._written.items() if not p.startswith(f"{'/'.join(key)}:")}
        try:
            await self._client.delete(ENDPOINTS.path(*key))
        except ApiError as error:
            if error.status != 404:
                raise

    async def _write_endpoints(self, service: Service, pods: list[Pod]) -> None:
        groups: defaultdict[Any, tuple[list[Any], list[Any]]] = defaultdict(lambda: ([], []))
        for pod in pods[:CAPACITY]:
            ready = pod.ready or service.spec.publish_not_ready_addresses
            ports = tuple((p.name, n, p.protocol) for p, n in _ports(service, pod))
            groups[ports][0 if ready else 1].append(
                {"ip": pod.status.pod_ip, "nodeName": pod.spec.node_name, "targetRef": _reference(pod)}
            )
        subsets: list[dict[str, Any]] = []
        for ports, (ready_addresses, other_addresses) in groups.items():
            subset: dict[str, Any] = {}
            if ready_addresses:
                subset["addresses"] = ready_addresses
            if other_addresses:
                subset["notReadyAddresses"] = other_addresses
            subset["ports"] = [
                {**({"name": name} if name else {}), "port": number, "protocol": protocol}
                for name, number, protocol in ports
            ]
            subsets.append(subset)
        annotations = dict(service.metadata.annotations or {})
        annotations.pop("kubectl.kubernetes.io/last-applied-configuration", None)
        if len(pods) > CAPACITY:
            annotations["endpoints.kubernetes.io/over-capacity"] = "truncated"
        labels = dict(service.metadata.labels or {})
        labels["endpoints.kubernetes.io/managed-by"] = "endpoint-controller"
        if service.spec.cluster_ip == "None":
            labels["service.kubernetes.io/headless"] = ""
        meta = service.metadata
        metadata = {"name": meta.name, "namespace": meta.namespace, "labels": labels}
        if annotations:
            metadata["annotations"] = annotations
        body: dict[str, Any] = {"apiVersion": "v1", "kind": "Endpoints", "metadata": metadata}
        if subsets:
            body["subsets"] = subsets
        await self._write(ENDPOINTS.path(meta.namespace, meta.name), meta, body)

    async def _write_slices(self, service: Service, pods: list[Pod]) -> None:
        meta = service.metadata
        groups: defaultdict[Any, list[dict[str, Any]]] = defaultdict(list)
        for pod in pods:
            terminating = pod.metadata.deletion_timestamp is not None
            ready = service.spec.publish_not_ready_addresses or (pod.ready and not terminating)
            endpoint = {
                "addresses": [pod.status.pod_ip],
                "conditions": {"ready": ready, "serving": pod.ready, "terminating": terminating},
                "nodeName": pod.spec.node_name,
                "targetRef": _reference(pod),
            }
            groups[tuple((p.name, n, p.protocol, p.app_protocol) for p, n in _ports(service, pod))].append(
                endpoint
            )
        if not groups:
            groups[()] = []
        wanted: set[str] = set()
        for ports, endpoints in groups.items():
            for start in range(0, max(len(endpoints), 1), SLICE):
                name = f"{meta.name}-{_hash(meta.uid, ports, start)}"
                wanted.add(name)
                body = self._slice(service, name, ports, endpoints[start : start + SLICE])
                await self._write(ENDPOINT_SLICES.path(meta.namespace, name), meta, body)
        for item in list(self._slices.in_namespace(meta.namespace)):
            labels = item.metadata.labels or {}
            ours = labels.get("endpointslice.kubernetes.io/managed-by") == MANAGER
            if ours and labels.get("kubernetes.io/service-name") == meta.name:
                name = item.metadata.name
                if name not in wanted:
                    path = ENDPOINT_SLICES.path(meta.namespace, name)
                    self._written.pop(_mark(meta.namespace, meta.name, path), None)
                    try:
                        await self._client.delete(path, uid=item.metadata.uid)
                    except ApiError as error:
                        if error.status != 404:
                            raise

    def _slice(self, service: Service, name: str, ports: Any, endpoints: list[Any]) -> dict[str, Any]:
        meta = service.metadata
        labels = dict(meta.labels or {})
        labels["kubernetes.io/service-name"] = meta.name
        labels["endpointslice.kubernetes.io/managed-by"] = MANAGER
        if service.spec.cluster_ip == "None":
            labels["service.kubernetes.io/headless"] = ""
        owner = {
            "apiVersion": "v1",
            "kind": "Service",
            "name": meta.name,
            "uid": meta.uid,
            "controller": True,
            "blockOwnerDeletion": True,
        }
        metadata = {"name": name, "namespace": meta.namespace, "labels": labels, "ownerReferences": [owner]}
        return {
            "apiVersion": "discovery.k8s.io/v1",
            "kind": "EndpointSlice",
            "metadata": {**metadata, "generateName": f"{meta.name}-"},
            "addressType": "IPv4",
            "endpoints": endpoints,
            "ports": [
                {
                    "name": port,
                    "port": number,
                    "protocol": protocol,
                    **({"appProtocol": app} if app else {}),
                }
                for port, number, protocol, app in ports
            ],
        }

    async def _write(self, path: str, meta: Any, body: dict[str, Any]) -> None:
        """Create or replace, unless this very content was written before and is still there."""
        mark = _mark(meta.namespace, meta.name, path)
        digest = hashlib.blake2b(repr((meta.uid, body)).encode(), digest_size=16).digest()
        if self._written.get(mark) == digest:
            return
        try:
            await self._client.request("PUT", path, body=body)
        except ApiError as error:
            if error.status != 404:
                raise
            try:
                await self._client.create(path.rpartition("/")[0], body)
            except ApiError as refused:
                if refused.status in (403, 404):  # the namespace is going
                    return
                raise
        self._written[mark] = digest


def _mark(namespace: str, service: str, path: str) -> str:
    return f"{namespace}/{service}:{path}"


def _selected(pod: Pod, selector: dict[str, str]) -> bool:
    labels = pod.metadata.labels or {}
    return all(labels.get(name) == value for name, value in selector.items())


def _view(pod: Pod) -> tuple[Any, ...]:
    meta = pod.metadata
    gone = meta.deletion_timestamp is not None or pod.finished
    return pod.status.pod_ip, pod.ready, gone, meta.labels, meta.uid, pod.spec.node_name


def _reference(pod: Pod) -> dict[str, str]:
    meta = pod.metadata
    return {"kind": "Pod", "namespace": meta.namespace, "name": meta.name, "uid": meta.uid}


def _ports(service: Service, pod: Pod) -> list[tuple[ServicePort, int]]:
    """The ports of a service on this pod; one whose name the pod does not know is left out."""
    found: list[tuple[ServicePort, int]] = []
    for port in service.spec.ports or ():
        target: int | str | None = port.target_port if port.target_port not in (None, 0, "") else port.port
        if isinstance(target, str):
            target = next(
                (
                    candidate.container_port
                    for container in pod.spec.containers
                    for candidate in container.ports or ()
                    if candidate.name == target and candidate.protocol == port.protocol
                ),
                None,
            )
        if isinstance(target, int):
            found.append((port, target))
    return found


def _hash(*parts: object) -> str:
    """Five characters in the manner of generateName, the same for the same slice."""
    alphabet = "bcdfghjklmnpqrstvwxz2456789"
    digest = hashlib.blake2b(repr(parts).encode(), digest_size=5).digest()
    return "".join(alphabet[byte % len(alphabet)] for byte in digest)

"""Nodes: registered, kept alive by their leases, and marked when their kubelet has gone silent."""

from __future__ import annotations

import asyncio
import logging
import platform
from typing import Any

from controller_runtime.kube.errors import ApiError
from controller_runtime.kube.times import micro_timestamp, timestamp

from ..apiclient import MERGE, STRATEGIC, UNREACHABLE, Client
from ..apiobjects import LEASES, NAMESPACES, NODES, PODS, Node, Pod
from ..eventsink import EventSink
from ..sharedcache import Informers
from .knobs import GONE, REJECT, KubeletOptions

log = logging.getLogger(__name__)

LEASE_NAMESPACE = "kube-node-lease"
LEASE_SECONDS = 40
VERSION = "v1.36.2"
UNREACHABLE_TAINT = "node.kubernetes.io/unreachable"
NOT_READY_TAINT = "node.kubernetes.io/not-ready"  # admission puts it on every new node

CONDITIONS = (
    ("MemoryPressure", "False", "KubeletHasSufficientMemory", "kubelet has sufficient memory available"),
    ("DiskPressure", "False", "KubeletHasNoDiskPressure", "kubelet has no disk pressure"),
    ("PIDPressure", "False", "KubeletHasSufficientPID", "kubelet has sufficient PID available"),
    ("Ready", "True", "KubeletReady", "kubelet is posting ready status"),
)


def address_of(number: int) -> str:
    """The InternalIP of node `number`: loopback, for nothing here is reachable from outside."""
    return f"127.0.1.{number % 250}"


class Nodes:
    """The nodes of this kubelet by name, and which of them are gone."""

    def __init__(
        self, client: Client, informers: Informers, options: KubeletOptions, events: EventSink
    ) -> None:
        self._client = client
        self._options = options
        self._events = events
        self._pods = informers.of(PODS, Pod)
        self._informer = informers.of(NODES, Node)
        self.numbers = {f"node-{number}": number for number in range(1, options.nodes + 1)}
        self.gone: set[str] = set()
        self.changed = asyncio.Event()
        self._evictions: dict[str, asyncio.Task[None]] = {}

    def alive(self, name: str) -> bool:
        return name in self.numbers and name not in self.gone

    def rejection(self, name: str) -> str:
        """Why a node takes no new pods, "" when it does."""
        node = self._informer.get("", name)
        return (node.metadata.annotation(REJECT) or "") if node else ""

    async def register(self) -> None:
        """Make the nodes and their leases; one that is there already is brought up to date."""
        try:
            body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": LEASE_NAMESPACE}}
            await self._client.create(NAMESPACES.path(), body)
        except ApiError as error:
            if error.status != 409:
                raise
        await asyncio.gather(*map(self._register, self.numbers))
        self._informer.listen(self._seen)

    async def _register(self, name: str) -> None:
        node = self._node(name)
        try:
            await self._client.create(NODES.path(), node)
        except ApiError as error:
            if error.status != 409:
                raise
            await self._client.patch(NODES.path("", name), {"metadata": node["metadata"]}, MERGE)
        await self._write_status(name)
        await self._taint(name)
        await self._renew(name)
        self._events.node(name, ("kubelet", name), "Starting", "Starting kubelet.")
        text = f"Node {name} status is now: NodeReady"
        self._events.node(name, ("kubelet", name), "NodeReady", text)

    def _node(self, name: str) -> dict[str, Any]:
        number = self.numbers[name]
        machine = {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())
        labels = {
            "kubernetes.io/hostname": name,
            "kubernetes.io/os": "linux",
            "kubernetes.io/arch": machine,
        }
        pods = f"10.{243 + number}.0.0/16"
        return {
            "apiVersion": "v1",
            "kind": "Node",
            "metadata": {"name": name, "labels": labels},
            "spec": {"podCIDR": pods, "podCIDRs": [pods], "providerID": f"sandbox://{name}"},
        }

    async def _write_status(self, name: str) -> None:
        time = timestamp()
        node = self._informer.get("", name)
        before = {c.type: c.status for c in node.status.conditions or ()} if node else {}
        conditions = []
        for kind, value, reason, message in CONDITIONS:
            condition = {"type": kind, "status": value, "reason": reason, "message": message}
            condition["lastHeartbeatTime"] = time
            if before.get(kind) != value:
                condition["lastTransitionTime"] = time
            conditions.append(condition)
        capacity = {
            "cpu": "64",
            "memory": "256Gi",
            "ephemeral-storage": "100Gi",
            "pods": str(self._options.pods_per_node),
        }
        machine = platform.machine()
        status = {
            "capacity": capacity,
            "allocatable": capacity,
            "addresses": [
                {"type": "InternalIP", "address": address_of(self.numbers[name])},
                {"type": "Hostname", "address": name},
            ],
            "conditions": conditions,
            "nodeInfo": {
                "architecture": {"x86_64": "amd64", "aarch64": "arm64"}.get(machine, machine),
                "bootID": f"sandbox-{name}",
                "containerRuntimeVersion": f"sandbox://{self._options.runtime}",
                "kernelVersion": platform.release(),
                "kubeProxyVersion": "",
                "kubeletVersion": VERSION,
                "machineID": f"sandbox-{name}",
                "operatingSystem": "linux",
                "osImage": "Reconsole embedded cluster",
                "systemUUID": f"sandbox-{name}",
            },
        }
        await self._client.patch(NODES.path("", name, "status"), {"status": status}, STRATEGIC)

    async def _taint(self, name: str, key: str = "", since: str = "") -> None:
        """Set the taint of the node's condition, none when it is ready; others, like a person's, stay."""
        node = await self._client.get(NODES.path("", name))
        before = node["spec"].get("taints") or []
        taints = [t for t in before if t["key"] not in (UNREACHABLE_TAINT, NOT_READY_TAINT)]
        if key:
            taints += [
                {"key": key, "effect": effect, "timeAdded": since} for effect in ("NoSchedule", "NoExecute")
            ]
        if taints != before:
            await self._client.patch(NODES.path("", name), {"spec": {"taints": taints}})

    async def _renew(self, name: str) -> None:
        spec = {"holderIdentity": name, "leaseDurationSeconds": LEASE_SECONDS, "renewTime": micro_timestamp()}
        try:
            await self._client.patch(LEASES.path(LEASE_NAMESPACE, name), {"spec": spec})
        except ApiError as error:
            if error.status != 404:
                raise
            body = {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "spec": spec}
            body["metadata"] = {"name": name, "namespace": LEASE_NAMESPACE}
            await self._client.create(LEASES.path(LEASE_NAMESPACE), body)

    def _seen(self, kind: str, node: Node, old: Node | None) -> None:
        name = node.metadata.name
        if name not in self.numbers:
            return
        gone = kind == "DELETED" or (node.metadata.annotation(GONE) or "false") not in ("false", "")
        if gone != (name in self.gone):
            (self.gone.add if gone else self.gone.discard)(name)
            self.changed.set()
            if task := self._evictions.pop(name, None):
                task.cancel()
            if kind != "DELETED":
                work = self._lose(name) if gone else self._return(name)
                self._evictions[name] = asyncio.create_task(self._try(work))

    async def _try(self, work: Any) -> None:
        try:
            await work
        except (ApiError, *UNREACHABLE) as error:
            log.warning("A node could not be marked: %s", error)

    async def _lose(self, name: str) -> None:
        """What the node lifecycle controller does: Unknown, a taint, and pods that are not ready."""
        time = timestamp()
        conditions = [
            {
                "type": kind,
                "status": "Unknown",
                "reason": "NodeStatusUnknown",
                "message": "Kubelet stopped posting node status.",
                "lastTransitionTime": time,
            }
            for kind, *_ in CONDITIONS
        ]
        body: dict[str, Any] = {"status": {"conditions": conditions}}
        await self._client.patch(NODES.path("", name, "status"), body, STRATEGIC)
        await self._taint(name, UNREACHABLE_TAINT, time)
        text = f"Node {name} status is now: NodeNotReady"
        self._events.node(name, ("node-controller", ""), "NodeNotReady", text)
        pods = [pod for pod in self._pods.store.values() if pod.spec.node_name == name]
        for pod in pods:
            ready = {"type": "Ready", "status": "False", "reason": "NodeNotReady", "lastTransitionTime": time}
            body = {"metadata": {"uid": pod.metadata.uid}, "status": {"conditions": [ready]}}
            await self._patch(PODS.path(*pod.metadata.key, "status"), body)

    async def _patch(self, path: str, body: object) -> None:
        """Of what may be gone."""
        try:
            await self._client.patch(path, body, STRATEGIC)
        except ApiError as error:
            if error.status not in (404, 409):
                raise

    async def _return(self, name: str) -> None:
        await self._write_status(name)
        await self._taint(name)
        text = f"Node {name} status is now: NodeReady"
        self._events.node(name, ("kubelet", name), "NodeReady", text)

    async def run(self) -> None:
        """Renew the leases until cancelled; the status of the nodes every thirtieth time (5 minutes)."""
        beats = 0
        try:
            while True:
                await asyncio.sleep(self._options.heartbeat)
                beats += 1
                for name in self.numbers:
                    if name in self.gone:
                        continue
                    try:
                        await self._renew(name)
                        if beats % 30 == 0:
                            await self._write_status(name)
                    except (ApiError, *UNREACHABLE) as error:
                        log.debug("heartbeat of %s: %s", name, error)
        finally:
            for task in self._evictions.values():
                task.cancel()

"""What a fresh cluster has, and the loading of manifests through its own API."""

import json
from pathlib import Path

import yaml

from controller_runtime.kube.errors import ApiError
from sandbox.apiclient import Client
from sandbox.apiserver.machinery.jsonobject import Obj, copy
from sandbox.apiserver.registry.addresses import KUBERNETES_IP
from sandbox.apiserver.registry.cluster_state import Cluster
from sandbox.default_roles import BINDINGS, ROLES

_NAMESPACES = ("default", "kube-system", "kube-public", "kube-node-lease")
# What runs the operator as a Deployment; here it runs outside of the cluster.
_NOT_LOADED = "manager"
# pkg/apis/scheduling/v1/helpers.go of kubernetes/kubernetes
_PRIORITIES: list[Obj] = [
    {
        "apiVersion": "scheduling.k8s.io/v1",
        "kind": "PriorityClass",
        "metadata": {"name": f"system-{what}-critical"},
        "value": value,
        "description": f"Used for system critical pods that must {where}.",
    }
    for what, value, where in (
        ("node", 2_000_001_000, "not be moved from their current node"),
        ("cluster", 2_000_000_000, "run in the cluster, but can be moved to another node if necessary"),
    )
]


class BootstrapError(Exception):
    """The manifests cannot be loaded; one sentence says which and why."""


def bootstrap(cluster: Cluster, port: int) -> None:
    """Namespaces, the RBAC policy and the `kubernetes` service, as a real cluster has them."""

    def create(obj: Obj, namespace: str = "", renew: bool = False) -> None:
        """`renew`: what is there from an earlier life is brought up to date, for the port is another."""
        resource = cluster.registry.by_kind(obj["apiVersion"], obj["kind"])
        if resource is None:
            raise BootstrapError(f"{obj['kind']} is not served")
        body = copy({k: v for k, v in obj.items() if k not in ("apiVersion", "kind")})
        key = (namespace if resource.namespaced else "", obj["metadata"]["name"])
        if cluster.store.get(resource.storage_name, key) is None:
            cluster.create(resource, namespace, body)
        elif renew:
            rest = {k: v for k, v in body.items() if k != "metadata"}
            cluster.update(resource, key, lambda old: {**old, **rest})

    for name in _NAMESPACES:
        create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    for obj in [*ROLES, *BINDINGS, *_PRIORITIES]:
        create(obj)
    labels = {"component": "apiserver", "provider": "kubernetes"}
    ports = [{"name": "https", "port": 443, "targetPort": port, "protocol": "TCP"}]
    service: Obj = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "kubernetes", "labels": labels},
        "spec": {"clusterIP": KUBERNETES_IP, "ports": ports},
    }
    create(service, "default", renew=True)
    meta = {"name": "kubernetes", "labels": {"endpointslice.kubernetes.io/skip-mirror": "true"}}
    here, where = [{"name": "https", "port": port, "protocol": "TCP"}], "127.0.0.1"
    subsets = [{"addresses": [{"ip": where}], "ports": here}]
    create({"apiVersion": "v1", "kind": "Endpoints", "metadata": meta, "subsets": subsets}, "default", True)
    endpoint_slice: Obj = {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {"name": "kubernetes", "labels": {"kubernetes.io/service-name": "kubernetes"}},
        "addressType": "IPv4",
        "ports": here,
        "endpoints": [{"addresses": [where], "conditions": {"ready": True}}],
    }
    create(endpoint_slice, "default", renew=True)


def manifests(directory: Path, *, sample: bool = True) -> list[Obj]:
    """The objects of a kustomization in the order of its resources, then the sample Redis if wanted."""
    try:
        files = _files(directory)
        redis = directory / "samples" / "redis.yaml"
        files += [redis] if sample and redis.exists() else []
        documents = [d for f in files for d in yaml.safe_load_all(f.read_text()) if d]
    except (OSError, yaml.YAMLError, KeyError, TypeError) as error:
        raise BootstrapError(f"cannot read the manifests in {directory}: {error}") from error
    return documents


def _files(folder: Path) -> list[Path]:
    """Those of a kustomization, and of the folders that it names."""
    listed = yaml.safe_load((folder / "kustomization.yaml").read_text())["resources"]
    paths = [folder / name for name in listed if name != _NOT_LOADED]
    return [file for path in paths for file in (_files(path) if path.is_dir() else [path])]


LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"


async def load(client: Client, cluster: Cluster, objects: list[Obj]) -> None:
    """Create the objects over HTTP, one after the other."""
    for obj in objects:
        resource = cluster.registry.by_kind(obj["apiVersion"], obj["kind"])
        if resource is None:
            raise BootstrapError(f"{obj['kind']} of {obj['apiVersion']} is not served by the sandbox")
        base = f"/apis/{resource.group}/{resource.version}" if resource.group else "/api/v1"
        if resource.namespaced:
            obj = {**obj, "metadata": {"namespace": "default", **obj["metadata"]}}
            base += f"/namespaces/{obj['metadata']['namespace']}"
        try:
            await client.create(f"{base}/{resource.plural}", _applied(obj))
        except ApiError as error:
            if error.status != 409:  # it is there from an earlier life
                raise


def _applied(obj: Obj) -> Obj:
    """As kubectl apply would create it: with what was applied, so that the next apply finds it unchanged."""
    meta: Obj = {**obj["metadata"], "annotations": {**obj["metadata"].get("annotations", {})}}
    text = json.dumps({**obj, "metadata": meta}, separators=(",", ":"), sort_keys=True) + "\n"
    meta["annotations"][LAST_APPLIED] = text
    return {**obj, "metadata": meta}

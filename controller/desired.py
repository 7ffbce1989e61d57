"""What should exist for a Redis: its pods and its Service, as JSON objects ready to be created."""

from __future__ import annotations

from typing import Any

from controller.api import Redis
from controller.crd import GROUP, KIND, MAX_REPLICAS, VERSION
from controller_runtime.kube.kinds import Pod, Service

MANAGED_BY = "reconsole"


def pod_name(redis: Redis, ordinal: int) -> str:
    return f"{redis.metadata.name}-{ordinal}"


def ordinal_of(redis: Redis, pod: str) -> int | None:
    """The ordinal in a pod's name, or None when it is not one of this Redis' names."""
    head, _, tail = pod.rpartition("-")
    if head != redis.metadata.name or not tail.isascii() or not tail.isdigit() or str(int(tail)) != tail:
        return None
    return int(tail)


def ordinals(redis: Redis) -> range:
    """Of the pods that should exist; never more than MAX_REPLICAS."""
    if redis.metadata.deletion_timestamp is not None:
        return range(0)
    return range(min(max(redis.spec.replicas, 0), MAX_REPLICAS))


def selector(redis: Redis) -> dict[str, str]:
    return {"app": redis.metadata.name}


def labels(redis: Redis) -> dict[str, str]:
    """``app`` and the labels that Kubernetes' documentation recommends under "Recommended Labels"."""
    return selector(redis) | {
        "app.kubernetes.io/name": "redis",
        "app.kubernetes.io/instance": redis.metadata.name,
        "app.kubernetes.io/component": "database",
        "app.kubernetes.io/managed-by": MANAGED_BY,
    }


def _metadata(redis: Redis, name: str) -> dict[str, Any]:
    return {
        "name": name,
        "namespace": redis.metadata.namespace,
        "labels": labels(redis),
        "ownerReferences": [
            {
                "apiVersion": f"{GROUP}/{VERSION}",
                "kind": KIND,
                "name": redis.metadata.name,
                "uid": redis.metadata.uid,
                "controller": True,
                "blockOwnerDeletion": True,
            }
        ],
    }


def pod(redis: Redis, ordinal: int) -> dict[str, Any]:
    port = redis.spec.port
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": _metadata(redis, pod_name(redis, ordinal)),
        "spec": {
            "hostname": pod_name(redis, ordinal),
            "containers": [
                {
                    "name": "redis",
                    "image": redis.spec.image,
                    "args": ["redis-server", "--port", str(port)],
                    "ports": [{"name": "redis", "containerPort": port, "protocol": "TCP"}],
                    "readinessProbe": {"tcpSocket": {"port": "redis"}, "periodSeconds": 5},
                }
            ],
        },
    }


def service(redis: Redis) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": _metadata(redis, redis.metadata.name),
        "spec": service_spec(redis),
    }


def service_spec(redis: Redis) -> dict[str, Any]:
    port = redis.spec.port
    return {
        "selector": selector(redis),
        "ports": [{"name": "redis", "port": port, "targetPort": "redis", "protocol": "TCP"}],
    }


def is_current(redis: Redis, pod: Pod) -> bool:
    """Whether a pod runs the image and the port that the spec asks for."""
    container = next((c for c in pod.spec.containers if c.name == "redis"), None)
    if container is None:
        return False
    return container.image == redis.spec.image and any(
        p.container_port == redis.spec.port for p in container.ports
    )


def service_is_current(redis: Redis, found: Service) -> bool:
    """Whether a Service leads to the pods on the port of the spec."""
    return dict(found.spec.selector) == selector(redis) and any(
        p.port == redis.spec.port and p.target_port == "redis" for p in found.spec.ports
    )

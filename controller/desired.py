"""What should exist for a Redis: its pods and its Service, as JSON objects ready to be created.

Each carries, as an annotation, the hash of what was asked for when it was made. That is what the present spec
is compared with, and never the object as it is: webhooks, defaults and people may add to it what they want.
"""

from __future__ import annotations

import hashlib
import json
from functools import lru_cache
from typing import Any

from controller.api import GROUP, MAX_REPLICAS, Redis
from controller.wishes import is_fresh, restart
from controller_runtime.kube.kinds import Pod, Service
from controller_runtime.kube.ownership import set_controller_reference

MANAGED_BY = "reconsole"

# The user "redis" of the official images (github.com/redis/docker-library-redis).
REDIS_USER = 999

TEMPLATE_HASH = f"{GROUP}/template-hash"  # annotation of pods and Services


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
    return _selector(redis.metadata.name)


def _selector(name: str) -> dict[str, str]:
    return {"app": name}


def labels(redis: Redis) -> dict[str, str]:
    """``app`` and the labels that Kubernetes' documentation recommends under "Recommended Labels"."""
    return selector(redis) | {
        "app.kubernetes.io/name": "redis",
        "app.kubernetes.io/instance": redis.metadata.name,
        "app.kubernetes.io/component": "database",
        "app.kubernetes.io/managed-by": MANAGED_BY,
    }


def _metadata(redis: Redis, name: str, template: str) -> dict[str, Any]:
    meta: dict[str, Any] = {
        "name": name,
        "namespace": redis.metadata.namespace,
        "labels": labels(redis),
        "annotations": {TEMPLATE_HASH: template},
    }
    set_controller_reference(redis, {"metadata": meta})
    return meta


def pod(redis: Redis, ordinal: int) -> dict[str, Any]:
    name = pod_name(redis, ordinal)
    meta = _metadata(redis, name, pod_hash(redis))
    meta["annotations"] |= restart(redis)
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": meta,
        "spec": {"hostname": name, **_pod_template(redis.spec.image, redis.spec.port)},
    }


def pod_hash(redis: Redis) -> str:
    return _pod_hash(redis.spec.image, redis.spec.port)


def _pod_template(image: str, port: int) -> dict[str, Any]:
    """What all pods of a Redis share; the level ``restricted`` of PodSecurity admits it."""
    return {
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": REDIS_USER,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [
            {
                "name": "redis",
                "image": image,
                "args": ["redis-server", "--port", str(port)],
                "ports": [{"name": "redis", "containerPort": port, "protocol": "TCP"}],
                "readinessProbe": {"tcpSocket": {"port": "redis"}, "periodSeconds": 5},
                "securityContext": {
                    "allowPrivilegeEscalation": False,
                    "capabilities": {"drop": ["ALL"]},
                },
            }
        ],
    }


@lru_cache(maxsize=1024)
def _pod_hash(image: str, port: int) -> str:
    return _hash(_pod_template(image, port))


def _hash(asked: dict[str, Any]) -> str:
    text = json.dumps(asked, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def service(redis: Redis) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": _metadata(redis, redis.metadata.name, service_hash(redis)),
        "spec": _service_template(redis.metadata.name, redis.spec.port),
    }


def _service_template(name: str, port: int) -> dict[str, Any]:
    return {
        "selector": _selector(name),
        "ports": [{"name": "redis", "port": port, "targetPort": "redis", "protocol": "TCP"}],
    }


@lru_cache(maxsize=1024)
def _service_hash(name: str, port: int) -> str:
    return _hash(_service_template(name, port))


def service_hash(redis: Redis) -> str:
    return _service_hash(redis.metadata.name, redis.spec.port)


def is_current(redis: Redis, pod: Pod) -> bool:
    """Whether a pod was made from what the spec asks for, and since the last restart."""
    if not is_fresh(redis, pod):
        return False
    asked = pod.metadata.annotations.get(TEMPLATE_HASH)
    if asked is not None:
        return asked == pod_hash(redis)
    # Made before there was a hash: by what can be seen.
    container = next((c for c in pod.spec.containers if c.name == "redis"), None)
    if container is None:
        return False
    return container.image == redis.spec.image and any(
        p.container_port == redis.spec.port for p in container.ports
    )


def is_selected(redis: Redis, pod: Pod) -> bool:
    """Whether the Service leads to a pod."""
    return all(pod.metadata.labels.get(key) == value for key, value in selector(redis).items())


def service_patch(redis: Redis, found: Service) -> list[dict[str, Any]]:
    """The JSON Patch after which the Service leads to the pods; empty when it does.

    More ports, another type and whatever else somebody has given it stay.
    """
    patch: list[dict[str, Any]] = []
    if dict(found.spec.selector) != selector(redis):
        patch.append({"op": "add", "path": "/spec/selector", "value": selector(redis)})
    if found.spec.type == "ExternalName":
        patch.append({"op": "replace", "path": "/spec/type", "value": "ClusterIP"})
        patch.append({"op": "remove", "path": "/spec/externalName"})
    patch += _port_patch(redis, found)
    asked = service_hash(redis)
    if found.metadata.annotations.get(TEMPLATE_HASH) != asked:
        if found.metadata.annotations:
            path = f"/metadata/annotations/{TEMPLATE_HASH.replace('/', '~1')}"
            patch.append({"op": "add", "path": path, "value": asked})
        else:
            patch.append({"op": "add", "path": "/metadata/annotations", "value": {TEMPLATE_HASH: asked}})
    return patch


def _port_patch(redis: Redis, found: Service) -> list[dict[str, Any]]:
    port, ports = redis.spec.port, found.spec.ports
    if any(p.port == port and p.target_port in ("redis", port) and p.protocol == "TCP" for p in ports):
        return []
    ours = next((n for n, p in enumerate(ports) if "redis" in (p.name, p.target_port)), None)
    if ours is None:
        entry = _service_template(redis.metadata.name, port)["ports"][0]
        at = "/spec/ports/-" if ports else "/spec/ports"
        return [{"op": "add", "path": at, "value": entry if ports else [entry]}]
    path = f"/spec/ports/{ours}"
    return [
        {"op": "test", "path": f"{path}/port", "value": ports[ours].port},
        {"op": "replace", "path": f"{path}/port", "value": port},
        {"op": "replace", "path": f"{path}/targetPort", "value": "redis"},
        {"op": "add", "path": f"{path}/protocol", "value": "TCP"},
    ]

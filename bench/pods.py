"""The pods that are made."""

from __future__ import annotations

from typing import Any


def plain_pod(name: str, **metadata: Any) -> dict[str, Any]:
    """A pod of one container, as small as they come."""
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, **metadata},
        "spec": {"containers": [{"name": "main", "image": "redis:7"}]},
    }


def large_pod(index: int) -> dict[str, Any]:
    """A pod as real clusters have them: about 9.6 KB of JSON once it is stored."""
    pod = plain_pod(
        f"web-{index:05d}",
        labels={"app": "web", "pod-template-hash": "6f7f9c8d5b", "index": str(index)},
        annotations={f"example.com/note-{i}": f"{index}-{i} " + "n" * 140 for i in range(8)},
    )
    pod["spec"]["containers"] = [_container(name) for name in ("main", "proxy", "metrics")]
    return pod


def _container(name: str) -> dict[str, Any]:
    return {
        "name": name,
        "image": f"registry.example/{name}:1.27.4",
        "args": ["--listen=0.0.0.0:8080", "--verbose=2", "--drain=30s"],
        "ports": [{"containerPort": 8080, "name": "http"}],
        "env": [{"name": f"SETTING_{i}", "value": "v" * 60} for i in range(20)],
        "resources": {
            "requests": {"cpu": "100m", "memory": "128Mi"},
            "limits": {"cpu": "1", "memory": "512Mi"},
        },
        "readinessProbe": {"httpGet": {"path": "/ready", "port": 8080}, "periodSeconds": 5},
        "livenessProbe": {"httpGet": {"path": "/live", "port": 8080}, "periodSeconds": 10},
    }

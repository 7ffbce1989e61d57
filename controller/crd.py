"""The CustomResourceDefinition of Redis: everything that a plain API server can check is in its schema."""

from __future__ import annotations

from typing import Any

GROUP = "myapp.tangx.in"
VERSION = "v1"
KIND = "Redis"
PLURAL = "redis"

# Room for "-<ordinal>" up to five digits in the 63 characters of a DNS label (RFC 1123): a pod's name is
# also its hostname, and the name part of its finalizer.
MAX_NAME = 57

# Each pod has a finalizer on its Redis, and all of them have to fit into one object of 1.5 MB (etcd).
MAX_REPLICAS = 1000

# A reference as in https://github.com/distribution/reference: [host[:port]/]path[:tag][@digest]
IMAGE_PATTERN = (
    r"^(?:[a-zA-Z0-9](?:[a-zA-Z0-9.-]*[a-zA-Z0-9])?(?::[0-9]+)?/)?"
    r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*"
    r"(?::[a-zA-Z0-9_][a-zA-Z0-9_.-]{0,127})?(?:@[a-z0-9]+:[0-9a-f]{32,})?$"
)

_SPEC: dict[str, Any] = {
    "type": "object",
    "description": "The Redis pods that should exist.",
    "required": ["port"],
    "properties": {
        "replicas": {
            "type": "integer",
            "format": "int32",
            "minimum": 0,
            "maximum": MAX_REPLICAS,
            "default": 1,
            "description": "How many pods. They are named <name>-0, <name>-1 and so on.",
        },
        "port": {
            "type": "integer",
            "format": "int32",
            "minimum": 1234,
            "maximum": 54321,
            "description": "The port that Redis listens on in every pod, 6379 to 54321.",
            # Objects that are older than this rule keep their port: an unchanged value is not checked
            # again (KEP-4008, CRD validation ratcheting).
            "x-kubernetes-validations": [
                {"rule": "self >= 6379", "message": "a new Redis needs a port of 6379 or above"}
            ],
        },
        "image": {
            "type": "string",
            "minLength": 1,
            "maxLength": 255,
            "pattern": IMAGE_PATTERN,
            "default": "redis:7-alpine",
            "description": "The container image of every pod.",
        },
    },
}

_CONDITION: dict[str, Any] = {
    "type": "object",
    "required": ["type", "status", "lastTransitionTime", "reason", "message"],
    "properties": {
        "type": {"type": "string", "maxLength": 316},
        "status": {"type": "string", "enum": ["True", "False", "Unknown"]},
        "observedGeneration": {"type": "integer", "format": "int64", "minimum": 0},
        "lastTransitionTime": {"type": "string", "format": "date-time"},
        "reason": {"type": "string", "minLength": 1, "maxLength": 1024},
        "message": {"type": "string", "maxLength": 32768},
    },
}

_STATUS: dict[str, Any] = {
    "type": "object",
    "description": "What the operator last saw.",
    "properties": {
        "replicas": {"type": "integer", "format": "int32", "description": "Pods that exist."},
        "readyReplicas": {"type": "integer", "format": "int32", "description": "Pods that are ready."},
        "selector": {"type": "string", "description": "The label selector of the pods."},
        "observedGeneration": {
            "type": "integer",
            "format": "int64",
            "description": "The generation of the spec that this status describes.",
        },
        "conditions": {
            "type": "array",
            "description": "Ready, Progressing and Degraded.",
            "items": _CONDITION,
            "x-kubernetes-list-type": "map",
            "x-kubernetes-list-map-keys": ["type"],
        },
    },
}


def custom_resource_definition() -> dict[str, Any]:
    """The whole object, as ``manifests/crd/redis.yaml`` holds it."""
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{PLURAL}.{GROUP}"},
        "spec": {
            "group": GROUP,
            "scope": "Namespaced",
            "names": {"kind": KIND, "listKind": f"{KIND}List", "plural": PLURAL, "singular": "redis"},
            "versions": [
                {
                    "name": VERSION,
                    "served": True,
                    "storage": True,
                    "subresources": {
                        "status": {},
                        "scale": {
                            "specReplicasPath": ".spec.replicas",
                            "statusReplicasPath": ".status.replicas",
                            "labelSelectorPath": ".status.selector",
                        },
                    },
                    "additionalPrinterColumns": [
                        {"name": "Replicas", "type": "integer", "jsonPath": ".spec.replicas"},
                        {"name": "Ready", "type": "integer", "jsonPath": ".status.readyReplicas"},
                        {
                            "name": "Status",
                            "type": "string",
                            "jsonPath": '.status.conditions[?(@.type=="Ready")].reason',
                        },
                        {"name": "Port", "type": "integer", "jsonPath": ".spec.port"},
                        {"name": "Image", "type": "string", "jsonPath": ".spec.image", "priority": 1},
                        {"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"},
                    ],
                    "schema": {
                        "openAPIV3Schema": {
                            "type": "object",
                            "description": "Redis is a set of Redis pods behind one Service.",
                            "required": ["spec"],
                            "properties": {
                                "apiVersion": {"type": "string"},
                                "kind": {"type": "string"},
                                "metadata": {"type": "object"},
                                "spec": _SPEC,
                                "status": _STATUS,
                            },
                            "x-kubernetes-validations": [
                                {
                                    "rule": f"self.metadata.name.size() <= {MAX_NAME}",
                                    "message": f"the name may have at most {MAX_NAME} characters, "
                                    "so that its pods' names fit into 63",
                                },
                                {
                                    "rule": "self.metadata.name.matches('^[a-z]([-a-z0-9]*[a-z0-9])?$')",
                                    "message": "the name must start with a letter and have only a-z, 0-9 "
                                    "and '-', so that its Service can have it",
                                },
                            ],
                        }
                    },
                }
            ],
        },
    }

"""Asks the API server what we may do: SelfSubjectAccessReviews of what markers say is needed."""

from __future__ import annotations

from typing import NamedTuple

from controller_runtime.client.requests import Requests
from controller_runtime.kube.permissions import Permission

_PATH = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"


class Verdict(NamedTuple):
    """``reason`` is the server's; it says nothing when no rule was found."""

    permission: Permission
    allowed: bool
    reason: str


def review(client: Requests, permission: Permission) -> Verdict:
    """Ask for one. Raises ApiError, Unreachable."""
    if permission.url:
        spec = {"nonResourceAttributes": {"path": permission.url, "verb": permission.verb}}
    else:
        resource, _, subresource = permission.resource.partition("/")
        attributes = {
            "verb": permission.verb, "group": permission.group, "resource": resource,
            "subresource": subresource, "namespace": permission.namespace, "name": permission.name,
        }  # fmt: skip
        spec = {"resourceAttributes": {key: value for key, value in attributes.items() if value}}
    body = {"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview", "spec": spec}
    status = client.post(_PATH, body)["status"]
    return Verdict(permission, bool(status.get("allowed")), str(status.get("reason", "")))

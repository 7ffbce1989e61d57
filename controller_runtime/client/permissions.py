"""Asks the API server what we may do: SelfSubjectAccessReviews of what markers say is needed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from controller_runtime.client.requests import Requests
from controller_runtime.kube.markers import Marker

_PATH = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"


class Permission(NamedTuple):
    """One cell of what is needed. ``namespace`` "" is all of them, or none for what is in none.

    ``resource`` is ``pods`` or ``pods/log``; without one, ``url`` is what is to be got.
    """

    verb: str
    group: str
    resource: str
    namespace: str = ""
    name: str = ""
    url: str = ""

    def __str__(self) -> str:
        """As the server says it: ``list resource "pods" in API group "" in the namespace "x"``."""
        if self.url:
            return f'{self.verb} path "{self.url}"'
        where = f'in the namespace "{self.namespace}"' if self.namespace else "at the cluster scope"
        return f'{self.verb} resource "{self.resource}" in API group "{self.group}" {where}'


class Verdict(NamedTuple):
    """``reason`` is the server's; it says nothing when no rule was found."""

    permission: Permission
    allowed: bool
    reason: str


def permissions(markers: Iterable[Marker], namespaces: Sequence[str] = ()) -> list[Permission]:
    """The cells of these markers, in ``namespaces`` where a marker does not name its own."""
    found: dict[Permission, None] = {}
    for rule, namespace, _ in ((m.rule, m.namespace, m.role_name) for m in markers):
        for url in rule.non_resource_urls:
            found |= {Permission(verb, "", "", url=url): None for verb in rule.verbs}
        for where in (namespace,) if namespace else namespaces or ("",):
            for group in rule.api_groups:
                for resource in rule.resources:
                    for name in rule.resource_names or ("",):
                        cells = (Permission(verb, group, resource, where, name) for verb in rule.verbs)
                        found |= dict.fromkeys(cells)
    return list(found)


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

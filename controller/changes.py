"""Changes of one object that a person asks for: its scale, annotations and labels, a restart, an edit.

Each takes a client, and a ``Ref`` whose uid has to be the object's still. They return what was done, in a
sentence, and raise ApiError, Unreachable, NoKindMatch, or NotPossible with the reason.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from controller.api import Redis
from controller.rights import NotPossible
from controller.wishes import KUBECTL_RESTARTED_AT, PAUSED, RESTARTED_AT, RESTARTED_BY_TEMPLATE
from controller_runtime.client.client import Client
from controller_runtime.kube.errors import Conflict, NotFound
from controller_runtime.kube.resource import Ref
from controller_runtime.kube.unstructured import unstructured

TRIES = 5  # of a scale that somebody else gets in the way of
# apimachinery pkg/api/errors (NewGenericServerResponse): the path is served by nobody.
NO_SUCH_PATH = "the server could not find the requested resource"


def scale(client: Client, ref: Ref, replicas: int) -> str:
    """Through the scale subresource, whatever the kind. Raises NotPossible for a kind that has none."""
    resource = client.resource_of(ref)
    path = resource.path(ref.namespace, ref.name, "scale")
    for left in reversed(range(TRIES)):
        try:
            now = client.get_json(path)
        except NotFound as error:
            if NO_SUCH_PATH in error.message:
                raise NotPossible(f"{resource.plural} cannot be scaled: they have no scale") from error
            raise
        meta = now["metadata"]
        if ref.uid and meta.get("uid") != ref.uid:
            raise NotPossible(f"this {ref.kind} is gone; a newer one has its name")
        before = (now.get("spec") or {}).get("replicas", 0)
        body = {"metadata": {"resourceVersion": meta["resourceVersion"]}, "spec": {"replicas": replicas}}
        try:
            client.subresource("scale").patch(
                unstructured(client.resource_of(ref)), ref.namespace, ref.name, body
            )
        except Conflict:
            if not left:
                raise
        else:
            return f"{ref.kind} {ref.name} is scaled from {before} to {replicas}"
    raise AssertionError("unreachable")


def restart(client: Client, ref: Ref, now: str) -> str:
    """New pods one after the other, by the annotation that the controller of the kind honours.

    ``now`` is RFC 3339. Raises NotPossible for a kind of which no such annotation is known.
    """
    resource = client.resource_of(ref)
    if Redis.resource.is_kind(resource.api_version, resource.kind):
        _patch(client, ref, {"metadata": {"annotations": {RESTARTED_AT: now}}})
    elif resource.group == "apps" and resource.kind in RESTARTED_BY_TEMPLATE:
        annotations = {KUBECTL_RESTARTED_AT: now}
        _patch(client, ref, {"spec": {"template": {"metadata": {"annotations": annotations}}}})
    else:
        raise NotPossible(f"nobody restarts {resource.plural}; to have a pod made anew, delete it")
    return f"{ref.kind} {ref.name} gets new pods, one after the other"


def pause(client: Client, ref: Ref, *, paused: bool) -> str:
    """Let the operator leave the object alone, or look after it again.

    Raises NotPossible for a kind that is not this operator's.
    """
    if not Redis.resource.is_kind(ref.api_version, ref.kind):
        raise NotPossible(f"the operator of {ref.kind} is not known to pause")
    _patch(client, ref, {"metadata": {"annotations": {PAUSED: "true" if paused else None}}})
    return f"{ref.kind} {ref.name} is {'left alone until it is resumed' if paused else 'looked after again'}"


def mark(client: Client, ref: Ref, what: str, values: Mapping[str, str | None]) -> str:
    """Set labels or annotations, as ``what`` says; None takes one away."""
    _patch(client, ref, {"metadata": {what: dict(values)}})
    said = ", ".join(f"{k}={v}" if v is not None else f"{k} is gone" for k, v in values.items())
    return f"{what} of {ref.kind} {ref.name}: {said}"


def amend(client: Client, ref: Ref, patch: Mapping[str, Any]) -> str:
    """Change what ``patch`` (a JSON merge patch, RFC 7396) says and nothing else that others have changed."""
    _patch(client, ref, patch)
    return f"{ref.kind} {ref.name} is changed"


def _patch(client: Client, ref: Ref, body: Mapping[str, Any]) -> None:
    """A merge patch that Conflict refuses when another object has taken the name."""
    meta = dict(body.get("metadata") or {})
    if ref.uid:
        meta["uid"] = ref.uid
    client.patch(unstructured(client.resource_of(ref)), ref.namespace, ref.name, {**body, "metadata": meta})

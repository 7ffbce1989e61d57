"""What a story does to the cluster with a client of its own, as a person with kubectl would."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import msgspec

from controller import rights
from controller.browse import find
from controller.operator import MARKERS
from controller_runtime.client.client import Client
from controller_runtime.kube.errors import ApiError, NoKindMatch, Unreachable
from controller_runtime.kube.resource import Resource
from controller_runtime.kube.unstructured import unstructured
from reconsole.demo.script import Step

MANAGER = "kubectl"  # the field manager of kubectl apply --server-side


class Answer(NamedTuple):
    ok: bool
    words: str


class Hands:
    """Blocks. ``identity`` is the controller's, whose rights are given and taken."""

    def __init__(self, client: Client, identity: str) -> None:
        self._client = client
        self._identity = identity

    def do(self, step: Step) -> Answer:
        """The server's answer, or why there is none."""
        try:
            return Answer(True, self._do(step))
        except (ApiError, Unreachable, NoKindMatch, rights.NotPossible) as error:
            return Answer(False, error.message if isinstance(error, ApiError) else str(error))

    def _do(self, step: Step) -> str:
        client = self._client
        if step.apply is not None:
            meta = {"namespace": step.namespace, **step.apply["metadata"]}
            client.apply({**step.apply, "metadata": meta}, MANAGER)
            return "applied"
        if step.delete is not None:
            resource, name = self._object(step.delete)
            client.delete(resource, step.namespace if resource.namespaced else "", name)
            return "deleted"
        if step.scale is not None:
            resource, name = self._object(step.scale)
            body = {"spec": {"replicas": step.replicas}}
            client.subresource("scale").patch(unstructured(resource), step.namespace, name, body)
            return "scaled"
        if step.patch is not None:
            resource, name = self._object(step.patch)
            client.patch(unstructured(resource), step.namespace, name, step.merge)
            return "patched"
        if step.revoke is not None:
            return rights.revoke(client, self._identity, step.revoke)
        if step.grant is not None:
            rules = [marker.rule for marker in MARKERS if step.grant in marker.rule.resources]
            return rights.grant(client, self._identity, rules)
        client.post("/debug/faults", step.fault or {})
        return "done"

    def _object(self, name: str) -> tuple[Resource, str]:
        kind, _, name = name.partition("/")
        resource = find(self._client, kind)
        if resource is None:
            raise rights.NotPossible(f"the server has no resource type {kind!r}")
        return resource, name


def command(step: Step) -> str:
    """What a person would type for it; "" for what is not done with another client."""
    where = f" -n {step.namespace}" if step.namespace != "default" else ""
    words: dict[str, Callable[[Any], str]] = {
        "apply": lambda it: f"kubectl apply -f {it['kind'].lower()}.yaml{where}",
        "delete": lambda it: f"kubectl delete {it}{where}",
        "scale": lambda it: f"kubectl scale {it} --replicas {step.replicas}{where}",
        "patch": lambda it: (
            f"kubectl patch {it} --type merge -p '{msgspec.json.encode(step.merge).decode()}'{where}"
        ),
        "revoke": lambda it: f"kubectl edit clusterrole  # without {it}",
        "grant": lambda it: f"kubectl edit clusterrole  # with {it}",
        "fault": lambda it: f"kubectl create --raw /debug/faults: {msgspec.json.encode(it).decode()}",
    }
    return next((say(it) for name, say in words.items() if (it := getattr(step, name)) is not None), "")

"""Paths below an object that are more than a part of it: binding, eviction, scale, token, log."""

import re
import time
from collections.abc import AsyncIterator, Mapping
from typing import Protocol

from sandbox.apiserver.machinery.apierrors import (
    StatusError,
    bad_request,
    conflict,
    invalid,
    invalid_value,
    required,
    success,
)
from sandbox.apiserver.machinery.jsonobject import Obj, copy, dig, now, parse_time, put, stamp
from sandbox.apiserver.machinery.resources import Resource
from sandbox.apiserver.registry import lifecycle
from sandbox.apiserver.registry.cluster_state import Cluster
from sandbox.apiserver.requests import budgets, decoding, patch
from sandbox.apiserver.requests.negotiate import encode
from sandbox.apiserver.requests.requestinfo import truthy
from sandbox.apiserver.requests.verbs import Call, Verbs

STREAMS = ("attach", "exec", "portforward")


class LogSource(Protocol):
    """Where the output of containers comes from; ValueError, in the words of the answer, if there is none."""

    def open_log(
        self,
        namespace: str,
        name: str,
        container: str | None = None,
        *,
        follow: bool = False,
        tail_lines: int | None = None,
        since_seconds: float | None = None,
        timestamps: bool = False,
        previous: bool = False,
    ) -> AsyncIterator[bytes]: ...


class Subresources:
    """Answers for the subresources that are not simply status."""

    def __init__(self, cluster: Cluster, verbs: Verbs) -> None:
        self.cluster, self.verbs = cluster, verbs
        self.logs: LogSource | None = None

    # ---- pods

    async def binding(self, call: Call) -> bytes:
        """Put a pod on a node."""
        obj = decoding.checked("", "v1", "Binding", call.body())
        node = _target(obj, call)
        wanted = (obj.get("metadata") or {}).get("uid")
        origin = call.origin
        origin.follow = lambda pod, binding: put(pod, "spec.nodeName", _target(binding, call))

        def bind(pod: Obj) -> Obj:
            if wanted and wanted != pod["metadata"]["uid"]:
                raise conflict("", "pods/binding", call.info.name, "the pod was made anew under this name")
            if "deletionTimestamp" in pod["metadata"]:
                why = f"pod {call.info.name} is being deleted, cannot be assigned to a host"
                raise conflict("", "pods/binding", call.info.name, why)
            if bound := pod["spec"].get("nodeName"):
                why = f'pod {call.info.name} is already assigned to node "{bound}"'
                raise conflict("", "pods/binding", call.info.name, why)
            origin.body = {"kind": "Binding", "apiVersion": "v1", **obj}
            pod["spec"]["nodeName"] = node
            conditions = pod["status"].setdefault("conditions", [])
            conditions[:] = [c for c in conditions if c.get("type") != "PodScheduled"]
            conditions.append(
                {"type": "PodScheduled", "status": "True", "lastProbeTime": None, "lastTransitionTime": now()}
            )
            return pod

        await self.verbs.settle(self.cluster.updating(call.resource, call.key, bind, "binding", origin))
        return encode(success(201))

    async def eviction(self, call: Call) -> bytes:
        """Delete a pod as a drain does."""
        body = decoding.checked("policy", "v1", "Eviction", call.body())
        name = (body.get("metadata") or {}).get("name") or call.info.name
        if name != call.info.name:
            raise bad_request("name in URL does not match name in Eviction object")
        pod = self.cluster.get(call.resource, call.key).decode()
        options = body.get("deleteOptions")
        options = options if isinstance(options, dict) else {}
        if errors := lifecycle.option_errors(options):
            raise invalid("meta.k8s.io", "DeleteOptions", "", errors)
        origin = call.deletion(options)
        origin.body = {"kind": "Eviction", "apiVersion": "policy/v1", **body}
        budgets.charge(self.cluster, call, pod, origin.dry_run)
        await self.verbs.settle(self.cluster.deleting(call.resource, call.key, options, origin))
        return encode(success(201))

    def log(self, call: Call) -> AsyncIterator[bytes]:
        """The lines of a container; checked before the first is sent."""
        pod = self.cluster.get(call.resource, call.key).decode()
        query = call.info.query
        spec = pod["spec"]
        known = [c["name"] for g in ("containers", "initContainers") for c in spec.get(g) or []]
        container = query.get("container", "")
        if not container:
            if len(known) > 1:
                text = (
                    f"a container name must be specified for pod {call.info.name}, choose one of: "
                    f"[{' '.join(known)}]"
                )
                raise bad_request(text)
            container = known[0]
        elif container not in known:
            raise bad_request(f"container {container} is not valid for pod {call.info.name}")
        groups = ("containerStatuses", "initContainerStatuses")
        states = {c["name"]: c for g in groups for c in pod.get("status", {}).get(g) or []}
        state = states.get(container, {}).get("state") or {}
        if not spec.get("nodeName") or "waiting" in state or not state:
            reason = (state.get("waiting") or {}).get("reason") or "ContainerCreating"
            previous = (states.get(container, {}).get("lastState") or {}).get("terminated")
            if not spec.get("nodeName"):
                raise bad_request(f"pod {call.info.name} does not have a host assigned")
            if not previous:
                raise bad_request(
                    f'container "{container}" in pod "{call.info.name}" is waiting to start: {reason}'
                )
        if self.logs is None:
            raise StatusError(500, "InternalError", "there is no kubelet that keeps the logs of this pod", {})
        since: float | None = _number(query, "sinceSeconds")
        if moment := query.get("sinceTime"):
            try:
                since = max(time.time() - parse_time(moment), 0)
            except ValueError:
                raise bad_request(f"sinceTime: {moment!r} is not a time") from None
        try:
            lines = self.logs.open_log(
                call.info.namespace,
                call.info.name,
                container,
                follow=truthy(query.get("follow")),
                tail_lines=_number(query, "tailLines"),
                since_seconds=since,
                timestamps=truthy(query.get("timestamps")),
                previous=truthy(query.get("previous")),
            )
        except ValueError as error:
            raise bad_request(str(error)) from None
        limit = _number(query, "limitBytes")
        return lines if limit is None else _first_bytes(lines, limit)

    def no_stream(self, call: Call) -> StatusError:
        """Why there is nothing to exec in, attach to or forward a port to."""
        pod = self.cluster.get(call.resource, call.key).decode()
        if not pod["spec"].get("nodeName"):
            return bad_request(f"pod {call.info.name} does not have a host assigned")
        return bad_request(
            f"{call.info.subresource} is not served by the embedded cluster: the containers of pod "
            f"{call.info.name} are simulated, or a lone redis-server; its address, where it has a real one, "
            "can be reached from this machine"
        )

    # ---- service accounts

    def token(self, call: Call) -> bytes:
        """TokenRequest: a token for the service account."""
        obj = decoding.checked("authentication.k8s.io", "v1", "TokenRequest", call.body())
        account = self.cluster.get(call.resource, call.key).decode()
        spec = obj.get("spec") or {}
        seconds = spec.get("expirationSeconds") or 3600
        if not isinstance(seconds, int) or seconds < 600:
            text = "may not specify a duration less than 10 minutes"
            wrong = invalid_value("spec.expirationSeconds", seconds, text)
            raise invalid("authentication.k8s.io", "TokenRequest", call.info.name, [wrong])
        bound = spec.get("boundObjectRef")
        token = self.cluster.tokens.issue(account, seconds, spec.get("audiences") or [], bound)
        answer = {
            "kind": "TokenRequest",
            "apiVersion": "authentication.k8s.io/v1",
            "metadata": {
                "name": call.info.name,
                "namespace": call.info.namespace,
                "creationTimestamp": now(),
            },
            "spec": {
                "audiences": spec.get("audiences") or ["https://kubernetes.default.svc"],
                "expirationSeconds": seconds,
                "boundObjectRef": bound,
            },
            "status": {"token": token, "expirationTimestamp": stamp(time.time() + seconds)},
        }
        return encode(answer)

    # ---- scale

    async def scale(self, call: Call) -> bytes:
        """Get, update or patch the replicas of a custom resource."""
        resource = call.resource
        paths = _scale_paths(resource)
        if call.info.verb != "get":
            origin = call.origin
            origin.follow = lambda obj, scale: put(obj, paths["specReplicasPath"], _replicas(scale, call))

            def changed(obj: Obj) -> Obj:
                new = self._changed_scale(call, self._scale(resource, obj))
                put(obj, paths["specReplicasPath"], new)
                origin.body = self._scale(resource, obj)
                return obj

            entry = await self.verbs.settle(
                self.cluster.updating(resource, call.key, changed, "scale", origin, owner=call.owner)
            )
        else:
            entry = self.cluster.get(resource, call.key)
        entry = await self.verbs.converter.one(resource, entry)
        return encode(self._scale(resource, entry.decode()))

    def _scale(self, resource: Resource, obj: Obj) -> Obj:
        paths, meta = _scale_paths(resource), obj["metadata"]
        kept = ("name", "namespace", "uid", "resourceVersion", "creationTimestamp")
        spec: Obj = {}
        if replicas := dig(obj, paths["specReplicasPath"], 0):
            spec["replicas"] = replicas
        status: Obj = {"replicas": dig(obj, paths["statusReplicasPath"], 0)}
        selector = paths.get("labelSelectorPath") and dig(obj, paths["labelSelectorPath"], "")
        if isinstance(selector, dict):
            selector = ",".join(f"{k}={v}" for k, v in sorted(selector.items()))
        if selector:
            status["selector"] = selector
        return {
            "kind": "Scale",
            "apiVersion": "autoscaling/v1",
            "metadata": {k: meta[k] for k in kept if k in meta},
            "spec": spec,
            "status": status,
        }

    def _changed_scale(self, call: Call, current: Obj) -> int:
        if call.info.verb == "patch":
            self.verbs.check_patch_type(call.resource, call.content_type)
            change = decoding.parse(call.raw, "application/json")
            content_type = patch.MERGE if call.content_type == patch.APPLY else call.content_type
            new = patch.apply(content_type, "autoscaling", "Scale", copy(current), change)
        else:
            new = call.body()
        new = decoding.checked("autoscaling", "v1", "Scale", new)
        version = (new.get("metadata") or {}).get("resourceVersion")
        if version and version != current["metadata"]["resourceVersion"]:
            raise conflict(call.resource.group, call.resource.plural, call.info.name)
        return _replicas(new, call)


def _target(binding: Obj, call: Call) -> str:
    """The node of a Binding."""
    target = binding.get("target") or {}
    if not isinstance(target, dict) or not target.get("name"):
        raise invalid("", "Binding", call.info.name, [required("target.name")])
    if target.get("kind") not in (None, "", "Node"):
        message = invalid_value("target.kind", target["kind"], 'supported values: "Node", "<empty>"')
        raise invalid("", "Binding", call.info.name, [message])
    name: str = target["name"]
    return name


def _replicas(scale: Obj, call: Call) -> int:
    replicas: int = (scale.get("spec") or {}).get("replicas") or 0
    if replicas < 0:
        wrong = invalid_value("spec.replicas", replicas, "must be greater than or equal to 0")
        raise invalid("autoscaling", "Scale", call.info.name, [wrong])
    return replicas


_DEPLOYMENT_SCALE = {
    "specReplicasPath": ".spec.replicas",
    "statusReplicasPath": ".status.replicas",
    "labelSelectorPath": ".spec.selector.matchLabels",
}


def _scale_paths(resource: Resource) -> Obj:
    """Where a resource keeps what its Scale shows."""
    paths: Obj = resource.custom.scale if resource.custom else _DEPLOYMENT_SCALE
    return paths


def _number(query: Mapping[str, str], key: str) -> int | None:
    text = query.get(key)
    if text is None:
        return None
    if not re.fullmatch(r"\d+", text):
        raise bad_request(f'{key}: "{text}" is not a whole number of at least 0')
    return int(text)


async def _first_bytes(lines: AsyncIterator[bytes], limit: int) -> AsyncIterator[bytes]:
    async for line in lines:
        yield line[:limit]
        limit -= len(line)
        if limit <= 0:
            return

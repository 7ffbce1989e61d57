"""HorizontalPodAutoscaler: as many pods as the figures ask for (pkg/controller/podautoscaler).

Resource metrics alone, cpu and memory, as utilization of the requests or as an average value.
"""

from __future__ import annotations

import math
import time
from collections import defaultdict
from dataclasses import dataclass
from typing import Any

from controller_runtime.kube.errors import ApiError
from controller_runtime.kube.object import Decoder
from controller_runtime.kube.times import timestamp

from ..apiobjects import PODS, Pod
from ..quantities import number
from ..workloadobjects import AUTOSCALERS, Autoscaler, Json, Metric
from .workloads.base import WorkloadController, condition

TOLERANCE = 0.1  # of the ratio: nearer to 1 is near enough
STABLE = 300  # seconds for which the highest recommendation holds against scaling down
_pods = Decoder(Pod)


class NoFigures(Exception):
    """It cannot be computed; reason and sentence."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


@dataclass
class Wish:
    """What one metric asks for."""

    replicas: int
    why: str
    current: Json


class AutoscalerController(WorkloadController[Autoscaler]):
    resource, kind, component = AUTOSCALERS, Autoscaler, "horizontal-pod-autoscaler"
    period = 15.0  # seconds

    def __init__(self, *shared: Any) -> None:
        super().__init__(*shared)
        self._paths: dict[tuple[str, str], str] = {}  # by version and kind
        self._advice: defaultdict[str, list[tuple[float, int]]] = defaultdict(list)  # by UID: when, how many

    def _changed(self, name: str, item: Autoscaler, old: Autoscaler | None) -> None:
        if name == "DELETED":
            self._advice.pop(item.metadata.uid, None)
        elif old is None or old.spec != item.spec:
            self._queue.add(item.metadata.key)

    async def sync(self, item: Autoscaler) -> None:
        if item.deleting:
            return
        self._queue.add_after(item.metadata.key, self.period)
        conditions: list[Json] = item.status.get("conditions") or []
        status: Json = {"observedGeneration": item.metadata.generation}
        try:
            path = await self._scale_path(item)
            scale = await self._client.get(path)
        except ApiError as error:
            conditions = condition(conditions, "AbleToScale", False, "FailedGetScale", error.message)
            self.event(item, "FailedGetScale", error.message, warn=True)
            await self.write_status(item, {**status, "conditions": conditions})
            return
        now = int(scale.get("spec", {}).get("replicas", 0))
        status["currentReplicas"] = int(scale.get("status", {}).get("replicas", 0))
        if not now:
            text = "scaling is disabled since the replica count of the target is zero"
            conditions = condition(conditions, "ScalingActive", False, "ScalingDisabled", text)
            await self.write_status(item, {**status, "desiredReplicas": 0, "conditions": conditions})
            return
        text = "the HPA controller was able to get the target's current scale"
        conditions = condition(conditions, "AbleToScale", True, "SucceededGetScale", text)
        bound = min(max(now, item.spec.min_replicas or 1), item.spec.max_replicas)
        if bound != now:  # whatever the figures say
            await self._client.patch(path, {"spec": {"replicas": bound}})
            side = "below Spec.MinReplicas" if bound > now else "above Spec.MaxReplicas"
            reason = f"Current number of replicas {side}"
            self.event(item, "SuccessfulRescale", f"New size: {bound}; reason: {reason}")
            status |= {"desiredReplicas": bound, "lastScaleTime": timestamp()}
            await self.write_status(item, {**status, "conditions": conditions})
            return
        try:
            wishes = await self._wishes(item, scale.get("status", {}).get("selector", ""), now)
        except NoFigures as error:
            text = f"the HPA was unable to compute the replica count: {error}"
            conditions = condition(conditions, "ScalingActive", False, error.reason, text)
            self.event(item, error.reason, str(error), warn=True)
            await self.write_status(item, {**status, "desiredReplicas": now, "conditions": conditions})
            return
        best = max(wishes, key=lambda wish: wish.replicas)
        text = f"the HPA was able to successfully calculate a replica count from {best.why}"
        conditions = condition(conditions, "ScalingActive", True, "ValidMetricFound", text)
        wanted = self._stabilized(item, best.replicas, now)
        size, conditions = _limited(item, wanted, now, conditions)
        if size != now:
            await self._client.patch(path, {"spec": {"replicas": size}})
            status["lastScaleTime"] = timestamp()
            reason = f"{best.why} {'above' if size > now else 'below'} target"
            self.event(item, "SuccessfulRescale", f"New size: {size}; reason: {reason}")
            text = f"the HPA controller was able to update the target scale to {size}"
            conditions = condition(conditions, "AbleToScale", True, "SucceededRescale", text)
        else:
            text = "recommended size matches current size"
            conditions = condition(conditions, "AbleToScale", True, "ReadyForNewScale", text)
        status |= {"desiredReplicas": size, "currentMetrics": [wish.current for wish in wishes]}
        await self.write_status(item, {**status, "conditions": conditions})

    async def _scale_path(self, item: Autoscaler) -> str:
        """Of the target's scale; its resource is looked up once."""
        ref = item.spec.scale_target_ref
        key = ref.api_version, ref.kind
        if key not in self._paths:
            base = f"/apis/{ref.api_version}" if "/" in ref.api_version else f"/api/{ref.api_version}"
            served = (await self._client.get(base))["resources"]
            plural = next((r["name"] for r in served if r["kind"] == ref.kind and "/" not in r["name"]), None)
            if plural is None:
                raise ApiError(404, "NotFound", f"no matches for kind {ref.kind!r} in {ref.api_version!r}")
            self._paths[key] = f"{base}/namespaces/{{}}/{plural}/{{}}/scale"
        return self._paths[key].format(item.metadata.namespace, ref.name)

    async def _wishes(self, item: Autoscaler, selector: str, now: int) -> list[Wish]:
        namespace, query = item.metadata.namespace, {"labelSelector": selector}
        if not selector:
            raise NoFigures("InvalidSelector", "the target's scale is missing a selector")
        pods, _ = await self._client.list(PODS.path(namespace), _pods, query)
        try:
            answer = await self._client.get(
                f"/apis/metrics.k8s.io/v1beta1/namespaces/{namespace}/pods", query
            )
        except ApiError as error:
            raise NoFigures("FailedGetResourceMetric", f"unable to fetch metrics: {error.message}") from error
        used: dict[str, dict[str, float]] = {}
        for one in answer["items"]:
            sums = used.setdefault(one["metadata"]["name"], {})
            for container in one["containers"]:
                for name, text in container["usage"].items():
                    sums[name] = sums.get(name, 0.0) + float(number(text))
        ready = [pod for pod in pods if pod.ready and pod.active and pod.metadata.name in used]
        return [_wish(metric, ready, used, now) for metric in item.spec.metrics or _DEFAULT]

    def _stabilized(self, item: Autoscaler, wanted: int, now: int) -> int:
        """Not less than what was asked for in the last minutes, nor more than in the window of scaling up."""
        behavior, moment = item.spec.behavior, time.monotonic()
        down = behavior.scale_down.window if behavior and behavior.scale_down else None
        up = behavior.scale_up.window if behavior and behavior.scale_up else None
        window = STABLE if down is None else down
        advice = self._advice[item.metadata.uid]
        advice.append((moment, wanted))
        advice[:] = [(at, size) for at, size in advice if at > moment - max(window, up or 0, 1)]
        highest = max((size for at, size in advice if at > moment - window), default=wanted)
        lowest = min((size for at, size in advice if at > moment - (up or 0)), default=wanted)
        if wanted < now:
            return min(now, max(wanted, highest))
        return max(now, min(wanted, lowest)) if up else wanted


_DEFAULT = [Metric.cpu(80)]  # autoscaling/v2 defaults.go


def _wish(metric: Metric, pods: list[Pod], used: dict[str, dict[str, float]], now: int) -> Wish:
    """Raises NoFigures when nothing is measured, or nothing requested that it could be a share of."""
    if metric.type != "Resource" or metric.resource is None:
        raise NoFigures("InvalidMetricSourceType", f"metrics of type {metric.type} are not served here")
    name, target = metric.resource.name, metric.resource.target
    if not pods:
        text = f"failed to get {name} utilization: did not receive metrics for targeted pods"
        raise NoFigures("FailedGetResourceMetric", text)
    total = sum(used[pod.metadata.name].get(name, 0.0) for pod in pods)
    average = total / len(pods)
    shown = f"{round(average * 1000)}m" if name == "cpu" else str(round(average))
    current: Json = {"averageValue": shown}
    if target.average_utilization is not None:
        asked = 0.0
        for pod in pods:
            requests = [(c.requests or {}).get(name) for c in pod.spec.containers]
            if not all(requests):
                text = f"missing request for {name} in pod {pod.metadata.name}"
                raise NoFigures("FailedGetResourceMetric", text)
            asked += sum(float(number(text)) for text in requests if text)
        share = total / asked * 100
        current["averageUtilization"] = round(share)
        ratio, why = (
            share / target.average_utilization,
            f"{name} resource utilization (percentage of request)",
        )
    else:
        ratio, why = average / float(number(target.average_value or "1")), f"{name} resource"
    size = now if abs(ratio - 1) <= TOLERANCE else math.ceil(ratio * len(pods))
    if (size > now and ratio < 1) or (size < now and ratio > 1):
        size = now  # pods that are not ready yet count for neither way
    return Wish(size, why, {"type": "Resource", "resource": {"name": name, "current": current}})


def _limited(item: Autoscaler, wanted: int, now: int, conditions: list[Json]) -> tuple[int, list[Json]]:
    """Within the bounds, and at most twice as many or four more at a time."""
    least, most = item.spec.min_replicas or 1, item.spec.max_replicas
    fastest = max(2 * now, now + 4)
    size = min(max(wanted, least), most, fastest)
    if size == wanted:
        text = "the desired count is within the acceptable range"
        return size, condition(conditions, "ScalingLimited", False, "DesiredWithinRange", text)
    if size == least and wanted < least:
        reason, text = "TooFewReplicas", "the desired replica count is less than the minimum replica count"
    elif size == most:
        reason, text = "TooManyReplicas", "the desired replica count is more than the maximum replica count"
    else:
        text = "the desired replica count is increasing faster than the maximum scale rate"
        return size, condition(conditions, "ScalingLimited", True, "ScaleUpLimit", text)
    return size, condition(conditions, "ScalingLimited", True, reason, text)

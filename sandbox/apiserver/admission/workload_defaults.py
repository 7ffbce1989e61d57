"""Defaults of apps, batch, policy and autoscaling, as pkg/apis/*/defaults.go of kubernetes writes them."""

from collections.abc import Callable

from sandbox.apiserver.machinery.jsonobject import Obj

PodSpec = Callable[[Obj], None]


def defaults(pod_spec: PodSpec) -> dict[str, Callable[[Obj], None]]:
    """By storage name; `pod_spec` fills in a PodSpec."""

    def template(spec: Obj) -> Obj:
        found: Obj = spec.setdefault("template", {})
        found.setdefault("metadata", {})
        pod_spec(found.setdefault("spec", {}))
        return found

    def deployment(obj: Obj) -> None:
        spec = obj.setdefault("spec", {})
        spec.setdefault("replicas", 1)
        spec.setdefault("revisionHistoryLimit", 10)
        spec.setdefault("progressDeadlineSeconds", 600)
        _rolling(spec.setdefault("strategy", {}), maxSurge="25%", maxUnavailable="25%")
        template(spec)

    def replica_set(obj: Obj) -> None:
        spec = obj.setdefault("spec", {})
        spec.setdefault("replicas", 1)
        template(spec)

    def replication_controller(obj: Obj) -> None:
        replica_set(obj)
        if labels := obj["spec"]["template"]["metadata"].get("labels"):
            for place, key in ((obj["spec"], "selector"), (obj["metadata"], "labels")):
                if not place.get(key):
                    place[key] = dict(labels)

    def stateful_set(obj: Obj) -> None:
        spec = obj.setdefault("spec", {})
        spec.setdefault("replicas", 1)
        spec.setdefault("revisionHistoryLimit", 10)
        spec.setdefault("podManagementPolicy", "OrderedReady")
        spec.setdefault("serviceName", "")
        _rolling(spec.setdefault("updateStrategy", {}), partition=0)
        spec.setdefault(
            "persistentVolumeClaimRetentionPolicy", {"whenDeleted": "Retain", "whenScaled": "Retain"}
        )
        template(spec)
        for claim in spec.get("volumeClaimTemplates") or []:
            claim.setdefault("spec", {}).setdefault("volumeMode", "Filesystem")
            claim.setdefault("status", {"phase": "Pending"})

    def daemon_set(obj: Obj) -> None:
        spec = obj.setdefault("spec", {})
        spec.setdefault("revisionHistoryLimit", 10)
        _rolling(spec.setdefault("updateStrategy", {}), maxSurge=0, maxUnavailable=1)
        template(spec)

    def job_spec(spec: Obj) -> None:
        for key, value in (("completionMode", "NonIndexed"), ("suspend", False), ("backoffLimit", 6)):
            spec.setdefault(key, value)
        spec.setdefault("podReplacementPolicy", "TerminatingOrFailed")
        if spec.get("parallelism") is None:
            spec["parallelism"] = 1
            spec.setdefault("completions", 1)
        template(spec)

    def job(obj: Obj) -> None:
        job_spec(obj.setdefault("spec", {}))

    def cron_job(obj: Obj) -> None:
        spec = obj.setdefault("spec", {})
        spec.setdefault("concurrencyPolicy", "Allow")
        spec.setdefault("suspend", False)
        spec.setdefault("successfulJobsHistoryLimit", 3)
        spec.setdefault("failedJobsHistoryLimit", 1)
        below = spec.setdefault("jobTemplate", {}).setdefault("spec", {})
        pod_spec(below.setdefault("template", {}).setdefault("spec", {}))

    return {
        "deployments.apps": deployment,
        "replicasets.apps": replica_set,
        "replicationcontrollers": replication_controller,
        "statefulsets.apps": stateful_set,
        "daemonsets.apps": daemon_set,
        "jobs.batch": job,
        "cronjobs.batch": cron_job,
        "poddisruptionbudgets.policy": lambda obj: obj.setdefault("spec", {}) and None,
        "priorityclasses.scheduling.k8s.io": lambda obj: (
            obj.setdefault("preemptionPolicy", "PreemptLowerPriority") and None
        ),
        "persistentvolumeclaims": _claim,
        "limitranges": _limit_range,
        "networkpolicies.networking.k8s.io": _network_policy,
        "ingresses.networking.k8s.io": lambda obj: obj.setdefault("spec", {}) and None,
        "horizontalpodautoscalers.autoscaling": _autoscaler,
        "csidrivers.storage.k8s.io": _driver,
    }


def _claim(obj: Obj) -> None:
    obj.setdefault("spec", {}).setdefault("volumeMode", "Filesystem")
    obj.setdefault("status", {}).setdefault("phase", "Pending")


def _driver(obj: Obj) -> None:
    spec = obj.setdefault("spec", {})
    spec.setdefault("attachRequired", True)
    spec.setdefault("fsGroupPolicy", "ReadWriteOnceWithFSType")
    spec.setdefault("volumeLifecycleModes", ["Persistent"])
    for key in ("podInfoOnMount", "storageCapacity", "requiresRepublish", "seLinuxMount"):
        spec.setdefault(key, False)


def _network_policy(obj: Obj) -> None:
    spec = obj.setdefault("spec", {})
    if not spec.get("policyTypes"):
        spec["policyTypes"] = ["Ingress", *(["Egress"] if spec.get("egress") else [])]
    for rule in [*(spec.get("ingress") or []), *(spec.get("egress") or [])]:
        for port in rule.get("ports") or []:
            port.setdefault("protocol", "TCP")


def _autoscaler(obj: Obj) -> None:
    spec = obj.setdefault("spec", {})
    spec.setdefault("minReplicas", 1)
    if not spec.get("metrics"):
        target = {"type": "Utilization", "averageUtilization": 80}
        spec["metrics"] = [{"type": "Resource", "resource": {"name": "cpu", "target": target}}]


def _limit_range(obj: Obj) -> None:
    """The limits of containers fill each other in (pkg/apis/core/v1/defaults.go)."""
    for item in (obj.get("spec") or {}).get("limits") or []:
        if item.get("type") == "Container":
            limits = {**(item.get("max") or {}), **(item.get("default") or {})}
            requests = {**(item.get("min") or {}), **limits, **(item.get("defaultRequest") or {})}
            for key, value in (("default", limits), ("defaultRequest", requests)):
                if value:
                    item[key] = value


def _rolling(strategy: Obj, **defaults: object) -> None:
    if strategy.setdefault("type", "RollingUpdate") == "RollingUpdate":
        rolling = strategy.setdefault("rollingUpdate", {})
        for key, value in defaults.items():
            rolling.setdefault(key, value)


def new_job(obj: Obj) -> None:
    """The selector and labels that a new Job gets (pkg/registry/batch/job/strategy.go)."""
    spec, meta = obj["spec"], obj["metadata"]
    if spec.get("manualSelector"):
        return
    labels = spec["template"].setdefault("metadata", {}).setdefault("labels", {})
    for key, value in (("controller-uid", meta["uid"]), ("job-name", meta["name"])):
        labels[key] = labels[f"batch.kubernetes.io/{key}"] = value
    spec["selector"] = {"matchLabels": {"batch.kubernetes.io/controller-uid": meta["uid"]}}

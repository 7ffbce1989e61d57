"""What the workload controllers read of their own kinds, and of claims and volumes."""

from __future__ import annotations

from typing import Any

import msgspec

from controller_runtime.kube.resource import Resource

from .apiobjects import Object, Resources
from .selectors import LabelSelector, Part

Json = dict[str, Any]
"""An object, or a part of one, that is copied or compared whole."""


class WorkloadSpec(Part):
    replicas: int | None = None
    selector: LabelSelector = msgspec.field(default_factory=LabelSelector)
    template: Json = {}
    min_ready_seconds: int = 0
    revision_history_limit: int | None = None


class Workload(Object):
    """What makes pods. `status` is as the API has it, to be compared with what it should be."""

    status: Json = {}

    @property
    def deleting(self) -> bool:
        return self.metadata.deletion_timestamp is not None


class ReplicaSet(Workload):
    spec: WorkloadSpec = msgspec.field(default_factory=WorkloadSpec)

    @property
    def replicas(self) -> int:
        return 1 if self.spec.replicas is None else self.spec.replicas

    def count(self, name: str) -> int:
        """A figure of the status; 0 when it is not there."""
        return int(self.status.get(name) or 0)


class ReplicationControllerSpec(WorkloadSpec):
    """Its selector is labels alone; read here as any other selector."""

    selector: LabelSelector = msgspec.field(default_factory=LabelSelector, name="-")
    labels: dict[str, str] = msgspec.field(default_factory=dict, name="selector")

    def __post_init__(self) -> None:
        self.selector = LabelSelector(match_labels=self.labels)


class ReplicationController(ReplicaSet):
    spec: ReplicationControllerSpec = msgspec.field(default_factory=ReplicationControllerSpec)


class RollingUpdate(Part):
    max_surge: int | str | None = None
    max_unavailable: int | str | None = None
    partition: int | None = None


class Strategy(Part):
    type: str = "RollingUpdate"
    rolling_update: RollingUpdate | None = None

    @property
    def rolling(self) -> RollingUpdate:
        return self.rolling_update or RollingUpdate()


class DeploymentSpec(WorkloadSpec):
    strategy: Strategy = msgspec.field(default_factory=Strategy)
    paused: bool = False
    progress_deadline_seconds: int | None = None


class Deployment(ReplicaSet):
    spec: DeploymentSpec = msgspec.field(default_factory=DeploymentSpec)


class Ordinals(Part):
    start: int = 0


class Retention(Part):
    when_deleted: str = "Retain"
    when_scaled: str = "Retain"


class StatefulSetSpec(WorkloadSpec):
    service_name: str = ""
    pod_management_policy: str = "OrderedReady"
    update_strategy: Strategy = msgspec.field(default_factory=Strategy)
    volume_claim_templates: list[Json] = []
    ordinals: Ordinals = msgspec.field(default_factory=Ordinals)
    retention: Retention = msgspec.field(
        default_factory=Retention, name="persistentVolumeClaimRetentionPolicy"
    )


class StatefulSet(ReplicaSet):
    spec: StatefulSetSpec = msgspec.field(default_factory=StatefulSetSpec)


class DaemonSetSpec(WorkloadSpec):
    update_strategy: Strategy = msgspec.field(default_factory=Strategy)


class DaemonSet(Workload):
    spec: DaemonSetSpec = msgspec.field(default_factory=DaemonSetSpec)


class ControllerRevision(Object):
    data: Json = {}
    revision: int = 0


class JobSpec(Part):
    parallelism: int | None = None
    completions: int | None = None
    completion_mode: str = "NonIndexed"
    backoff_limit: int = 6
    active_deadline_seconds: int | None = None
    ttl_seconds_after_finished: int | None = None
    suspend: bool = False
    selector: LabelSelector = msgspec.field(default_factory=LabelSelector)
    template: Json = {}


class Job(Workload):
    spec: JobSpec = msgspec.field(default_factory=JobSpec)

    def condition(self, kind: str) -> Json | None:
        """The condition of that type, if it is True."""
        found: list[Json] = self.status.get("conditions") or []
        return next((c for c in found if c["type"] == kind and c["status"] == "True"), None)

    @property
    def finished(self) -> bool:
        return bool(self.condition("Complete") or self.condition("Failed"))


class JobTemplate(Part):
    metadata: Json = {}
    spec: Json = {}


class CronJobSpec(Part):
    schedule: str = ""
    time_zone: str = ""
    concurrency_policy: str = "Allow"
    suspend: bool = False
    starting_deadline_seconds: int | None = None
    successful_jobs_history_limit: int | None = None
    failed_jobs_history_limit: int | None = None
    job_template: JobTemplate = msgspec.field(default_factory=JobTemplate)


class CronJob(Workload):
    spec: CronJobSpec = msgspec.field(default_factory=CronJobSpec)


class ClaimSpec(Part):
    access_modes: list[str] | None = None
    resources: Resources = msgspec.field(default_factory=Resources)
    storage_class_name: str | None = None
    volume_name: str = ""
    volume_mode: str = "Filesystem"
    selector: LabelSelector | None = None


class Phase(Part):
    phase: str = ""


class Claim(Object):
    spec: ClaimSpec = msgspec.field(default_factory=ClaimSpec)
    status: Phase = msgspec.field(default_factory=Phase)


class ClaimReference(Part):
    namespace: str = ""
    name: str = ""
    uid: str = ""


class VolumeSpec(Part):
    access_modes: list[str] | None = None
    capacity: dict[str, str] | None = None
    storage_class_name: str = ""
    claim_ref: ClaimReference | None = None
    reclaim_policy: str = msgspec.field(default="Retain", name="persistentVolumeReclaimPolicy")
    volume_mode: str = "Filesystem"


class Volume(Object):
    spec: VolumeSpec = msgspec.field(default_factory=VolumeSpec)
    status: Phase = msgspec.field(default_factory=Phase)


class BudgetSpec(Part):
    selector: LabelSelector | None = None
    min_available: int | str | None = None
    max_unavailable: int | str | None = None


class Budget(Workload):
    """A PodDisruptionBudget."""

    spec: BudgetSpec = msgspec.field(default_factory=BudgetSpec)


class MetricTarget(Part):
    average_utilization: int | None = None  # per cent of the requests
    average_value: str | None = None


class ResourceMetric(Part):
    name: str = ""
    target: MetricTarget = msgspec.field(default_factory=MetricTarget)


class Metric(Part):
    type: str = ""
    resource: ResourceMetric | None = None

    @classmethod
    def cpu(cls, utilization: int) -> Metric:
        target = MetricTarget(average_utilization=utilization)
        return cls("Resource", ResourceMetric("cpu", target))


class ScaleTarget(Part):
    api_version: str = ""
    kind: str = ""
    name: str = ""


class ScalingRules(Part):
    window: int | None = msgspec.field(default=None, name="stabilizationWindowSeconds")


class Behavior(Part):
    scale_up: ScalingRules | None = None
    scale_down: ScalingRules | None = None


class AutoscalerSpec(Part):
    scale_target_ref: ScaleTarget = msgspec.field(default_factory=ScaleTarget)
    min_replicas: int | None = None
    max_replicas: int = 0
    metrics: list[Metric] | None = None
    behavior: Behavior | None = None


class Autoscaler(Workload):
    spec: AutoscalerSpec = msgspec.field(default_factory=AutoscalerSpec)


REPLICATION_CONTROLLERS = Resource("", "v1", "ReplicationController", "replicationcontrollers")
REPLICA_SETS = Resource("apps", "v1", "ReplicaSet", "replicasets")
DEPLOYMENTS = Resource("apps", "v1", "Deployment", "deployments")
STATEFUL_SETS = Resource("apps", "v1", "StatefulSet", "statefulsets")
DAEMON_SETS = Resource("apps", "v1", "DaemonSet", "daemonsets")
REVISIONS = Resource("apps", "v1", "ControllerRevision", "controllerrevisions")
JOBS = Resource("batch", "v1", "Job", "jobs")
CRON_JOBS = Resource("batch", "v1", "CronJob", "cronjobs")
BUDGETS = Resource("policy", "v1", "PodDisruptionBudget", "poddisruptionbudgets")
AUTOSCALERS = Resource("autoscaling", "v2", "HorizontalPodAutoscaler", "horizontalpodautoscalers")
CLAIMS = Resource("", "v1", "PersistentVolumeClaim", "persistentvolumeclaims")
VOLUMES = Resource("", "v1", "PersistentVolume", "persistentvolumes", namespaced=False)
STORAGE_CLASSES = Resource("storage.k8s.io", "v1", "StorageClass", "storageclasses", namespaced=False)

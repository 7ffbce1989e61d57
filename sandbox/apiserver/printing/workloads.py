"""The columns and cells of what makes pods, and of volumes and budgets (pkg/printers/internalversion)."""

from collections.abc import Callable
from typing import Any

from sandbox.apiserver.machinery.jsonobject import Obj, dig, parse_time
from sandbox.apiserver.printing.printers import NONE, age, human_duration, labels_text, since

Cell = Callable[[Obj], Any]
Shown = tuple[str, str, str, int, Cell]
"""Name, type, description ("=Definition.field": that field's own), priority, and what the cell shows."""

_APPS, _BATCH, _CORE = "io.k8s.api.apps.v1.", "io.k8s.api.batch.v1.", "io.k8s.api.core.v1."
_MODES = {"ReadWriteOnce": "RWO", "ReadOnlyMany": "ROX", "ReadWriteMany": "RWX", "ReadWriteOncePod": "RWOP"}


def _text(name: str, description: str, cell: Cell, priority: int = 0) -> Shown:
    return (name, "string", description, priority, cell)


def _figure(name: str, definition: str, path: str, otherwise: int = 0) -> Shown:
    """A number at a path, described by the field at its end."""
    described = f"={definition}.{path.rpartition('.')[2]}"
    return (name, "integer", described, 0, lambda obj: dig(obj, path, otherwise))


def _containers(obj: Obj, what: str) -> str:
    template = dig(obj, "spec.jobTemplate.spec.template") or dig(obj, "spec.template") or {}
    return ",".join(c.get(what, "") for c in dig(template, "spec.containers") or [])


_NAME: Shown = _text(
    "Name", "=io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta.name", lambda o: o["metadata"]["name"]
)
_AGE = _text("Age", "=io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta.creationTimestamp", age)
_CONTAINERS = [
    _text("Containers", "Names of each container in the template.", lambda o: _containers(o, "name"), 1),
    _text(
        "Images", "Images referenced by each container in the template.", lambda o: _containers(o, "image"), 1
    ),
]


def _selector(definition: str, path: str = "spec.selector.matchLabels") -> Shown:
    def cell(obj: Obj) -> str:
        return labels_text(dig(obj, path))

    return _text("Selector", f"={definition}.selector", cell, 1)


def _of(count: str, wanted: str) -> Cell:
    return lambda obj: f"{dig(obj, count, 0)}/{dig(obj, wanted, 1)}"


def _job_state(obj: Obj) -> str:
    true = {c["type"] for c in dig(obj, "status.conditions") or [] if c.get("status") == "True"}
    for kind, word in (
        ("Complete", "Complete"),
        ("Failed", "Failed"),
        ("Suspended", "Suspended"),
        ("FailureTarget", "FailureTarget"),
        ("SuccessCriteriaMet", "SuccessCriteriaMet"),
    ):
        if kind in true:
            return word
    return "Terminating" if obj["metadata"].get("deletionTimestamp") else "Running"


def _completions(obj: Obj) -> str:
    done, wanted = dig(obj, "status.succeeded", 0), dig(obj, "spec.completions")
    if wanted is not None:
        return f"{done}/{wanted}"
    parallelism = dig(obj, "spec.parallelism", 0)
    return f"{done}/1 of {parallelism}" if parallelism > 1 else f"{done}/1"


def _lasted(obj: Obj) -> str:
    begun, ended = dig(obj, "status.startTime"), dig(obj, "status.completionTime")
    if not begun:
        return ""
    return human_duration(parse_time(ended) - parse_time(begun)) if ended else since(begun)


def _modes(obj: Obj, path: str) -> str:
    return ",".join(_MODES.get(mode, mode) for mode in dig(obj, path) or [])


def _claim_phase(obj: Obj) -> str:
    return "Terminating" if obj["metadata"].get("deletionTimestamp") else dig(obj, "status.phase", "")


def _bound(obj: Obj, path: str) -> Any:
    """Of a claim, once it has a volume."""
    return dig(obj, path, "") if dig(obj, "spec.volumeName") else ""


def _owner(obj: Obj) -> str:
    ref = dig(obj, "spec.claimRef")
    return f"{ref.get('namespace', '')}/{ref.get('name', '')}" if ref else ""


def _targets(obj: Obj) -> str:
    """Present and wanted figure of each metric of an autoscaler."""
    now = dig(obj, "status.currentMetrics") or []
    shown = []
    if (share := dig(obj, "spec.targetCPUUtilizationPercentage")) is not None:  # autoscaling/v1
        have = dig(obj, "status.currentCPUUtilizationPercentage")
        shown.append(f"cpu: {UNKNOWN if have is None else f'{have}%'}/{share}%")
    for index, metric in enumerate(dig(obj, "spec.metrics") or []):
        kind = metric.get("type", "")
        part = metric.get(kind[:1].lower() + kind[1:]) or {}
        measured = now[index].get("resource", {}).get("current", {}) if index < len(now) else {}
        target = part.get("target") or {}
        if "averageUtilization" in target:
            have = measured.get("averageUtilization")
            text = f"{UNKNOWN if have is None else f'{have}%'}/{target['averageUtilization']}%"
        else:
            text = f"{measured.get('averageValue', UNKNOWN)}/{target.get('averageValue', '')}"
        shown.append(f"{part['name']}: {text}" if part.get("name") else text)
    return ", ".join(shown) or NONE


UNKNOWN = "<unknown>"
_HPA = "io.k8s.api.autoscaling.v2.HorizontalPodAutoscaler"
_PDB = "io.k8s.api.policy.v1.PodDisruptionBudget"

SHOWN: dict[tuple[str, str], list[Shown]] = {
    ("", "ReplicationController"): [
        _NAME,
        _figure("Desired", f"{_CORE}ReplicationControllerSpec", "spec.replicas"),
        _figure("Current", f"{_CORE}ReplicationControllerStatus", "status.replicas"),
        _figure("Ready", f"{_CORE}ReplicationControllerStatus", "status.readyReplicas"),
        _AGE,
        *_CONTAINERS,
        _selector(f"{_CORE}ReplicationControllerSpec", "spec.selector"),
    ],
    ("apps", "ReplicaSet"): [
        _NAME,
        _figure("Desired", f"{_APPS}ReplicaSetSpec", "spec.replicas"),
        _figure("Current", f"{_APPS}ReplicaSetStatus", "status.replicas"),
        _figure("Ready", f"{_APPS}ReplicaSetStatus", "status.readyReplicas"),
        _AGE,
        *_CONTAINERS,
        _selector(f"{_APPS}ReplicaSetSpec"),
    ],
    ("apps", "StatefulSet"): [
        _NAME,
        _text("Ready", "Number of the pod with ready state", _of("status.readyReplicas", "spec.replicas")),
        _AGE,
        *_CONTAINERS,
    ],
    ("apps", "DaemonSet"): [
        _NAME,
        _figure("Desired", f"{_APPS}DaemonSetStatus", "status.desiredNumberScheduled"),
        _figure("Current", f"{_APPS}DaemonSetStatus", "status.currentNumberScheduled"),
        _figure("Ready", f"{_APPS}DaemonSetStatus", "status.numberReady"),
        _figure("Up-to-date", f"{_APPS}DaemonSetStatus", "status.updatedNumberScheduled"),
        _figure("Available", f"{_APPS}DaemonSetStatus", "status.numberAvailable"),
        _text(
            "Node Selector",
            f"={_CORE}PodSpec.nodeSelector",
            lambda o: labels_text(dig(o, "spec.template.spec.nodeSelector")),
        ),
        _AGE,
        *_CONTAINERS,
        _selector(f"{_APPS}DaemonSetSpec"),
    ],
    ("apps", "ControllerRevision"): [
        _NAME,
        _text(
            "Controller",
            "Controller of the object",
            lambda o: next(
                (
                    f"{r['kind'].lower()}.{r['apiVersion'].rpartition('/')[0]}/{r['name']}"
                    for r in o["metadata"].get("ownerReferences") or ()
                    if r.get("controller")
                ),
                NONE,
            ),
        ),
        ("Revision", "integer", f"={_APPS}ControllerRevision.revision", 0, lambda o: o.get("revision", 0)),
        _AGE,
    ],
    ("batch", "Job"): [
        _NAME,
        _text("Status", "Status of the job.", _job_state),
        _text("Completions", f"={_BATCH}JobStatus.succeeded", _completions),
        _text("Duration", "Time required to complete the job.", _lasted),
        _AGE,
        *_CONTAINERS,
        _selector(f"{_BATCH}JobSpec"),
    ],
    ("batch", "CronJob"): [
        _NAME,
        _text("Schedule", f"={_BATCH}CronJobSpec.schedule", lambda o: dig(o, "spec.schedule", "")),
        _text("Timezone", f"={_BATCH}CronJobSpec.timeZone", lambda o: dig(o, "spec.timeZone") or NONE),
        (
            "Suspend",
            "boolean",
            f"={_BATCH}CronJobSpec.suspend",
            0,
            lambda o: "True" if dig(o, "spec.suspend") else "False",
        ),
        (
            "Active",
            "integer",
            f"={_BATCH}CronJobStatus.active",
            0,
            lambda o: len(dig(o, "status.active") or []),
        ),
        _text(
            "Last Schedule",
            f"={_BATCH}CronJobStatus.lastScheduleTime",
            lambda o: since(at) if (at := dig(o, "status.lastScheduleTime")) else NONE,
        ),
        _AGE,
        *_CONTAINERS,
    ],
    ("", "PersistentVolumeClaim"): [
        _NAME,
        _text("Status", f"={_CORE}PersistentVolumeClaimStatus.phase", _claim_phase),
        _text(
            "Volume", f"={_CORE}PersistentVolumeClaimSpec.volumeName", lambda o: dig(o, "spec.volumeName", "")
        ),
        _text(
            "Capacity",
            f"={_CORE}PersistentVolumeClaimStatus.capacity",
            lambda o: _bound(o, "status.capacity.storage"),
        ),
        _text(
            "Access Modes",
            f"={_CORE}PersistentVolumeClaimStatus.accessModes",
            lambda o: _modes(o, "status.accessModes") if dig(o, "spec.volumeName") else "",
        ),
        _text(
            "StorageClass",
            f"={_CORE}PersistentVolumeClaimSpec.storageClassName",
            lambda o: dig(o, "spec.storageClassName", ""),
        ),
        _AGE,
        _text(
            "VolumeMode",
            f"={_CORE}PersistentVolumeClaimSpec.volumeMode",
            lambda o: dig(o, "spec.volumeMode", ""),
            1,
        ),
    ],
    ("", "PersistentVolume"): [
        _NAME,
        _text(
            "Capacity",
            f"={_CORE}PersistentVolumeSpec.capacity",
            lambda o: dig(o, "spec.capacity.storage", ""),
        ),
        _text(
            "Access Modes",
            f"={_CORE}PersistentVolumeSpec.accessModes",
            lambda o: _modes(o, "spec.accessModes"),
        ),
        _text(
            "Reclaim Policy",
            f"={_CORE}PersistentVolumeSpec.persistentVolumeReclaimPolicy",
            lambda o: dig(o, "spec.persistentVolumeReclaimPolicy", ""),
        ),
        _text("Status", f"={_CORE}PersistentVolumeStatus.phase", _claim_phase),
        _text("Claim", f"={_CORE}PersistentVolumeSpec.claimRef", _owner),
        _text(
            "StorageClass",
            "StorageClass of the pv",
            lambda o: dig(o, "spec.storageClassName", ""),
        ),
        _text("Reason", f"={_CORE}PersistentVolumeStatus.reason", lambda o: dig(o, "status.reason", "")),
        _AGE,
    ],
    ("storage.k8s.io", "StorageClass"): [
        _text(
            "Name",
            _NAME[2],
            lambda o: (
                o["metadata"]["name"]
                + (
                    " (default)"
                    if (o["metadata"].get("annotations") or {}).get(
                        "storageclass.kubernetes.io/is-default-class"
                    )
                    == "true"
                    else ""
                )
            ),
        ),
        _text(
            "Provisioner",
            "=io.k8s.api.storage.v1.StorageClass.provisioner",
            lambda o: o.get("provisioner", ""),
        ),
        _text(
            "ReclaimPolicy",
            "=io.k8s.api.storage.v1.StorageClass.reclaimPolicy",
            lambda o: o.get("reclaimPolicy") or "Delete",
        ),
        _text(
            "VolumeBindingMode",
            "=io.k8s.api.storage.v1.StorageClass.volumeBindingMode",
            lambda o: o.get("volumeBindingMode") or "Immediate",
        ),
        _AGE,
    ],
    ("policy", "PodDisruptionBudget"): [
        _NAME,
        _text(
            "Min Available",
            "The minimum number of pods that must be available.",
            lambda o: str(dig(o, "spec.minAvailable", "N/A")),
        ),
        _text(
            "Max Unavailable",
            "The maximum number of pods that may be unavailable.",
            lambda o: str(dig(o, "spec.maxUnavailable", "N/A")),
        ),
        _figure("Allowed Disruptions", f"{_PDB}Status", "status.disruptionsAllowed"),
        _AGE,
    ],
    ("autoscaling", "HorizontalPodAutoscaler"): [
        _NAME,
        _text(
            "Reference",
            f"={_HPA}Spec.scaleTargetRef",
            lambda o: f"{dig(o, 'spec.scaleTargetRef.kind', '')}/{dig(o, 'spec.scaleTargetRef.name', '')}",
        ),
        _text("Targets", f"={_HPA}Spec.metrics", _targets),
        _text(
            "MinPods",
            f"={_HPA}Spec.minReplicas",
            lambda o: str(dig(o, "spec.minReplicas", "<unset>")),
        ),
        _figure("MaxPods", f"{_HPA}Spec", "spec.maxReplicas"),
        _figure("Replicas", f"{_HPA}Status", "status.currentReplicas"),
        _AGE,
    ],
}

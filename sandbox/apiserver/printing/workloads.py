"""The columns and cells of what makes pods, and of budgets and autoscalers (pkg/printers/internalversion)."""

from sandbox.apiserver.machinery.jsonobject import Obj, dig, parse_time
from sandbox.apiserver.printing.printers import NONE, human_duration, labels_text, since
from sandbox.apiserver.printing.shown import AGE, NAME, Cell, Shown, figure, text

_APPS, _BATCH, _CORE = "io.k8s.api.apps.v1.", "io.k8s.api.batch.v1.", "io.k8s.api.core.v1."


def _containers(obj: Obj, what: str) -> str:
    template = dig(obj, "spec.jobTemplate.spec.template") or dig(obj, "spec.template") or {}
    return ",".join(c.get(what, "") for c in dig(template, "spec.containers") or [])


_CONTAINERS = [
    text("Containers", "Names of each container in the template.", lambda o: _containers(o, "name"), 1),
    text(
        "Images", "Images referenced by each container in the template.", lambda o: _containers(o, "image"), 1
    ),
]


def _selector(definition: str, path: str = "spec.selector.matchLabels") -> Shown:
    def cell(obj: Obj) -> str:
        return labels_text(dig(obj, path))

    return text("Selector", f"={definition}.selector", cell, 1)


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


def _hosted(obj: Obj) -> str:
    """Where an APIService is served from."""
    service = dig(obj, "spec.service")
    return f"{service.get('namespace', '')}/{service.get('name', '')}" if service else "Local"


def _available(obj: Obj) -> str:
    for found in dig(obj, "status.conditions") or []:
        if found.get("type") == "Available":
            return "True" if found.get("status") == "True" else f"False ({found.get('reason', '')})"
    return "Unknown"


UNKNOWN = "<unknown>"
_HPA = "io.k8s.api.autoscaling.v2.HorizontalPodAutoscaler"
_PDB = "io.k8s.api.policy.v1.PodDisruptionBudget"

SHOWN: dict[tuple[str, str], list[Shown]] = {
    ("", "ReplicationController"): [
        NAME,
        figure("Desired", f"{_CORE}ReplicationControllerSpec", "spec.replicas"),
        figure("Current", f"{_CORE}ReplicationControllerStatus", "status.replicas"),
        figure("Ready", f"{_CORE}ReplicationControllerStatus", "status.readyReplicas"),
        AGE,
        *_CONTAINERS,
        _selector(f"{_CORE}ReplicationControllerSpec", "spec.selector"),
    ],
    ("apps", "ReplicaSet"): [
        NAME,
        figure("Desired", f"{_APPS}ReplicaSetSpec", "spec.replicas"),
        figure("Current", f"{_APPS}ReplicaSetStatus", "status.replicas"),
        figure("Ready", f"{_APPS}ReplicaSetStatus", "status.readyReplicas"),
        AGE,
        *_CONTAINERS,
        _selector(f"{_APPS}ReplicaSetSpec"),
    ],
    ("apps", "StatefulSet"): [
        NAME,
        text("Ready", "Number of the pod with ready state", _of("status.readyReplicas", "spec.replicas")),
        AGE,
        *_CONTAINERS,
    ],
    ("apps", "DaemonSet"): [
        NAME,
        figure("Desired", f"{_APPS}DaemonSetStatus", "status.desiredNumberScheduled"),
        figure("Current", f"{_APPS}DaemonSetStatus", "status.currentNumberScheduled"),
        figure("Ready", f"{_APPS}DaemonSetStatus", "status.numberReady"),
        figure("Up-to-date", f"{_APPS}DaemonSetStatus", "status.updatedNumberScheduled"),
        figure("Available", f"{_APPS}DaemonSetStatus", "status.numberAvailable"),
        text(
            "Node Selector",
            f"={_CORE}PodSpec.nodeSelector",
            lambda o: labels_text(dig(o, "spec.template.spec.nodeSelector")),
        ),
        AGE,
        *_CONTAINERS,
        _selector(f"{_APPS}DaemonSetSpec"),
    ],
    ("apps", "ControllerRevision"): [
        NAME,
        text(
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
        AGE,
    ],
    ("batch", "Job"): [
        NAME,
        text("Status", "Status of the job.", _job_state),
        text("Completions", f"={_BATCH}JobStatus.succeeded", _completions),
        text("Duration", "Time required to complete the job.", _lasted),
        AGE,
        *_CONTAINERS,
        _selector(f"{_BATCH}JobSpec"),
    ],
    ("batch", "CronJob"): [
        NAME,
        text("Schedule", f"={_BATCH}CronJobSpec.schedule", lambda o: dig(o, "spec.schedule", "")),
        text("Timezone", f"={_BATCH}CronJobSpec.timeZone", lambda o: dig(o, "spec.timeZone") or NONE),
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
        text(
            "Last Schedule",
            f"={_BATCH}CronJobStatus.lastScheduleTime",
            lambda o: since(at) if (at := dig(o, "status.lastScheduleTime")) else NONE,
        ),
        AGE,
        *_CONTAINERS,
    ],
    ("apiregistration.k8s.io", "APIService"): [
        NAME,
        text("Service", "The reference to the service that hosts this API endpoint.", _hosted),
        text("Available", "Whether this service is available.", _available),
        AGE,
    ],
    ("policy", "PodDisruptionBudget"): [
        NAME,
        text(
            "Min Available",
            "The minimum number of pods that must be available.",
            lambda o: str(dig(o, "spec.minAvailable", "N/A")),
        ),
        text(
            "Max Unavailable",
            "The maximum number of pods that may be unavailable.",
            lambda o: str(dig(o, "spec.maxUnavailable", "N/A")),
        ),
        figure("Allowed Disruptions", f"{_PDB}Status", "status.disruptionsAllowed"),
        AGE,
    ],
    ("autoscaling", "HorizontalPodAutoscaler"): [
        NAME,
        text(
            "Reference",
            f"={_HPA}Spec.scaleTargetRef",
            lambda o: f"{dig(o, 'spec.scaleTargetRef.kind', '')}/{dig(o, 'spec.scaleTargetRef.name', '')}",
        ),
        text("Targets", f"={_HPA}Spec.metrics", _targets),
        text(
            "MinPods",
            f"={_HPA}Spec.minReplicas",
            lambda o: str(dig(o, "spec.minReplicas", "<unset>")),
        ),
        figure("MaxPods", f"{_HPA}Spec", "spec.maxReplicas"),
        figure("Replicas", f"{_HPA}Status", "status.currentReplicas"),
        AGE,
    ],
}

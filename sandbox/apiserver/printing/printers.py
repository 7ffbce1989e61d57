"""The cells of each built-in kind, as pkg/printers/internalversion of Kubernetes fills them."""

import time
from collections.abc import Callable
from typing import Any

from sandbox.apiserver.machinery.jsonobject import Obj, dig, parse_time

NONE = "<none>"
UNKNOWN = "<unknown>"
Cells = list[Any]


def human_duration(seconds: float) -> str:
    """apimachinery's duration.HumanDuration: two figures at most, shorter as it grows."""
    total = int(seconds)
    if total < -1:
        return "<invalid>"
    if total < 0:
        return "0s"
    if total < 120:
        return f"{total}s"
    minutes, hours = total // 60, total // 3600
    if minutes < 10:
        return _pair(minutes, "m", total % 60, "s")
    if minutes < 180:
        return f"{minutes}m"
    if hours < 8:
        return _pair(hours, "h", minutes % 60, "m")
    if hours < 48:
        return f"{hours}h"
    if hours < 24 * 8:
        return _pair(hours // 24, "d", hours % 24, "h")
    if hours < 24 * 365 * 2:
        return f"{hours // 24}d"
    if hours < 24 * 365 * 8:
        return _pair(hours // 24 // 365, "y", hours // 24 % 365, "d")
    return f"{hours // 24 // 365}y"


def _pair(large: int, one: str, small: int, two: str) -> str:
    return f"{large}{one}{small}{two}" if small else f"{large}{one}"


def since(stamp: Any) -> str:
    """The age of a time in RFC 3339; "<unknown>" without one."""
    if not stamp:
        return UNKNOWN
    try:
        return human_duration(time.time() - parse_time(str(stamp)))
    except ValueError:
        return "<invalid>"


def age(obj: Obj) -> str:
    """Time since creation."""
    return since(obj["metadata"].get("creationTimestamp"))


def labels_text(labels: Obj | None) -> str:
    """Labels as `a=1,b=2`; "<none>" without any."""
    return ",".join(f"{k}={v}" for k, v in sorted((labels or {}).items())) or NONE


def _shortened(texts: list[str], limit: int = 3) -> str:
    more = len(texts) - limit
    return ",".join(texts[:limit]) + (f" + {more} more..." if more > 0 else "")


def _name(obj: Obj) -> str:
    return str(obj["metadata"].get("name", ""))


def _count(obj: Obj, *keys: str) -> int:
    return sum(len(obj.get(key) or ()) for key in keys)


def _condition(status: Obj, kind: str) -> Obj:
    return next((c for c in status.get("conditions") or () if c.get("type") == kind), {})


def _exit_reason(state: Obj) -> str:
    if state.get("reason"):
        return str(state["reason"])
    return f"Signal:{state['signal']}" if state.get("signal") else f"ExitCode:{state.get('exitCode', 0)}"


class _Restarts:
    """A number of restarts and when the last one was."""

    def __init__(self) -> None:
        self.count, self.last = 0, ""

    def add(self, container: Obj) -> None:
        self.count += container.get("restartCount", 0)
        ended = dig(container, "lastState.terminated.finishedAt") or ""
        self.last = max(self.last, str(ended))

    def __str__(self) -> str:
        return f"{self.count} ({since(self.last)} ago)" if self.count and self.last else str(self.count)


def pod_summary(pod: Obj) -> tuple[int, int, str, str]:
    """(ready containers, containers, status word, restarts) of a pod, as `kubectl get pods` counts them."""
    spec, status = pod.get("spec") or {}, pod.get("status") or {}
    reason = str(status.get("reason") or status.get("phase", ""))
    gate = _condition(status, "PodScheduled")
    if gate.get("reason") == "SchedulingGated":
        reason = "SchedulingGated"
    inits = spec.get("initContainers") or []
    sidecars = {c["name"] for c in inits if c.get("restartPolicy") == "Always"}
    total = len(spec.get("containers") or ()) + len(sidecars)
    restarts, sidecar_restarts = _Restarts(), _Restarts()
    ready, word = _init_state(status, sidecars, len(inits), restarts, sidecar_restarts)
    if word:
        reason = word
    if not word or _condition(status, "Initialized").get("status") == "True":
        restarts = sidecar_restarts
        running = False
        for container in reversed(status.get("containerStatuses") or []):
            restarts.add(container)
            state = container.get("state") or {}
            waiting, ended = state.get("waiting") or {}, state.get("terminated")
            if waiting.get("reason"):
                reason = str(waiting["reason"])
            elif ended is not None:
                reason = _exit_reason(ended)
            elif container.get("ready") and state.get("running") is not None:
                running = True
                ready += 1
        if reason == "Completed" and running:
            reason = "Running" if _condition(status, "Ready").get("status") == "True" else "NotReady"
    if pod["metadata"].get("deletionTimestamp"):
        if status.get("reason") == "NodeLost":
            reason = "Unknown"
        elif status.get("phase") not in ("Succeeded", "Failed"):
            reason = "Terminating"
    return ready, total, reason, str(restarts)


def _init_state(
    status: Obj, sidecars: set[str], count: int, restarts: _Restarts, sidecar_restarts: _Restarts
) -> tuple[int, str]:
    """(ready sidecars, the word while it is still initializing or "")."""
    ready = 0
    for index, container in enumerate(status.get("initContainerStatuses") or []):
        restarts.add(container)
        sidecar = container.get("name") in sidecars
        if sidecar:
            sidecar_restarts.add(container)
        state = container.get("state") or {}
        ended, waiting = state.get("terminated"), state.get("waiting") or {}
        if ended is not None and ended.get("exitCode", 0) == 0:
            continue
        if sidecar and container.get("started"):
            ready += bool(container.get("ready"))
            continue
        if ended is not None:
            return ready, "Init:" + _exit_reason(ended)
        if waiting.get("reason") and waiting["reason"] != "PodInitializing":
            return ready, f"Init:{waiting['reason']}"
        return ready, f"Init:{index}/{count}"
    return ready, ""


def pod(obj: Obj) -> Cells:
    spec, status = obj.get("spec") or {}, obj.get("status") or {}
    ready, total, reason, restarts = pod_summary(obj)
    ips = status.get("podIPs") or []
    gates = [gate.get("conditionType") for gate in spec.get("readinessGates") or ()]
    met = sum(_condition(status, str(gate)).get("status") == "True" for gate in gates)
    return [
        _name(obj),
        f"{ready}/{total}",
        reason,
        restarts,
        age(obj),
        (ips[0].get("ip") if ips else status.get("podIP")) or NONE,
        spec.get("nodeName") or NONE,
        status.get("nominatedNodeName") or NONE,
        f"{met}/{len(gates)}" if gates else NONE,
    ]


def pod_conditions(obj: Obj) -> list[Obj]:
    """The conditions of a pod's row: that it has ended."""
    phase = dig(obj, "status.phase")
    texts = {"Succeeded": "The pod has completed successfully.", "Failed": "The pod failed."}
    if phase not in texts:
        return []
    return [{"type": "Completed", "status": "True", "reason": phase, "message": texts[phase]}]


def service(obj: Obj) -> Cells:
    spec = obj.get("spec") or {}
    kind = spec.get("type") or "ClusterIP"
    ips = spec.get("clusterIPs") or [spec.get("clusterIP")]
    external = ",".join(spec.get("externalIPs") or ())
    if kind == "ExternalName":
        external = spec.get("externalName", "")
    elif kind == "LoadBalancer":
        given = dig(obj, "status.loadBalancer.ingress") or []
        found = [str(i.get("ip") or i.get("hostname")) for i in given] + (spec.get("externalIPs") or [])
        external = ",".join(dict.fromkeys(found)) or "<pending>"
    ports = [
        f"{p['port']}:{p['nodePort']}/{p.get('protocol', 'TCP')}"
        if p.get("nodePort")
        else f"{p['port']}/{p.get('protocol', 'TCP')}"
        for p in spec.get("ports") or ()
    ]
    ports_text = ",".join(ports) or NONE
    selector = labels_text(spec.get("selector"))
    return [_name(obj), kind, ips[0] or NONE, external or NONE, ports_text, age(obj), selector]


def node(obj: Obj) -> Cells:
    spec, status = obj.get("spec") or {}, obj.get("status") or {}
    ready = _condition(status, "Ready").get("status")
    words = ["Unknown" if ready is None else "Ready" if ready == "True" else "NotReady"]
    if spec.get("unschedulable"):
        words.append("SchedulingDisabled")
    roles = set()
    for key, value in (obj["metadata"].get("labels") or {}).items():
        if key.startswith("node-role.kubernetes.io/"):
            roles.add(key.partition("/")[2])
        elif key == "kubernetes.io/role":
            roles.add(value)
    info = status.get("nodeInfo") or {}

    def address(kind: str) -> str:
        given = status.get("addresses") or ()
        return next((a.get("address", "") for a in given if a.get("type") == kind), NONE)

    return [
        _name(obj),
        ",".join(words),
        ",".join(sorted(filter(None, roles))) or NONE,
        age(obj),
        info.get("kubeletVersion", ""),
        address("InternalIP"),
        address("ExternalIP"),
        info.get("osImage") or UNKNOWN,
        info.get("kernelVersion") or UNKNOWN,
        info.get("containerRuntimeVersion") or UNKNOWN,
    ]


def event(obj: Obj) -> Cells:
    """Both forms, core/v1 and events.k8s.io/v1."""

    def either(core: str, new: str) -> Any:
        return obj.get(core) or obj.get(new)

    about = either("involvedObject", "regarding") or {}
    first_stamp = either("firstTimestamp", "deprecatedFirstTimestamp") or obj.get("eventTime")
    last_stamp = either("lastTimestamp", "deprecatedLastTimestamp") or first_stamp
    count = either("count", "deprecatedCount") or 1
    if series := obj.get("series"):
        last_stamp, count = series.get("lastObservedTime"), series.get("count", 0)
    source = either("source", "deprecatedSource") or {}
    component = source.get("component") or either("reportingComponent", "reportingController") or ""
    host = source.get("host") or obj.get("reportingInstance") or ""
    target = str(about.get("kind", "")).lower()
    return [
        since(last_stamp),
        obj.get("type", ""),
        obj.get("reason", ""),
        f"{target}/{about['name']}" if about.get("name") else target,
        about.get("fieldPath", ""),
        f"{component}, {host}" if host else component,
        str(either("message", "note") or "").strip(),
        since(first_stamp),
        count,
        _name(obj),
    ]


def endpoints(obj: Obj) -> Cells:
    texts: list[str] = []
    for subset in obj.get("subsets") or ():
        ips = [a.get("ip", "") for a in subset.get("addresses") or ()]
        ports = [p["port"] for p in subset.get("ports") or ()]
        texts += (
            [f"{ip}:{port}" if ":" not in ip else f"[{ip}]:{port}" for port in ports for ip in ips]
            if ports
            else ips
        )
    return [_name(obj), _shortened(texts) or NONE, age(obj)]


def endpoint_slice(obj: Obj) -> Cells:
    ports = [str(p["port"]) if p.get("port") is not None else "*" for p in obj.get("ports") or ()]
    addresses = [a for e in obj.get("endpoints") or () for a in e.get("addresses") or ()]
    unset = "<unset>"
    return [
        _name(obj),
        obj.get("addressType", ""),
        _shortened(ports) or unset,
        _shortened(addresses) or unset,
        age(obj),
    ]


def binding(obj: Obj) -> Cells:
    subjects = obj.get("subjects") or ()
    of_kind: dict[str, list[str]] = {"User": [], "Group": [], "ServiceAccount": []}
    for subject in subjects:
        name = str(subject.get("name", ""))
        if subject.get("kind") == "ServiceAccount":
            name = f"{subject.get('namespace', '')}/{name}"
        of_kind.setdefault(str(subject.get("kind")), []).append(name)
    role = obj.get("roleRef") or {}
    texts = [", ".join(of_kind[kind]) for kind in ("User", "Group", "ServiceAccount")]
    return [_name(obj), f"{role.get('kind', '')}/{role.get('name', '')}", age(obj), *texts]


def _ready_of(obj: Obj) -> Cells:
    status = obj.get("status") or {}
    wanted = dig(obj, "spec.replicas", 1)
    containers = dig(obj, "spec.template.spec.containers") or []
    return [
        _name(obj),
        f"{status.get('readyReplicas', 0)}/{wanted}",
        status.get("updatedReplicas", 0),
        status.get("availableReplicas", 0),
        age(obj),
        ",".join(c.get("name", "") for c in containers),
        ",".join(c.get("image", "") for c in containers),
        labels_text(dig(obj, "spec.selector.matchLabels")),
    ]


def _certificate(obj: Obj) -> Cells:
    spec, status = obj.get("spec") or {}, obj.get("status") or {}
    kinds = [c.get("type", "") for c in status.get("conditions") or ()]
    words = [k for k in ("Approved", "Denied", "Failed") if k in kinds] or ["Pending"]
    words += ["Issued"] if status.get("certificate") else []
    seconds = spec.get("expirationSeconds")
    wanted = human_duration(seconds) if seconds else "<none>"
    return [
        _name(obj),
        age(obj),
        spec.get("signerName", ""),
        spec.get("username", ""),
        wanted,
        ",".join(words),
    ]


_ADMISSION = "admissionregistration.k8s.io"


def _admission_policy(obj: Obj) -> Cells:
    kind = dig(obj, "spec.paramKind")
    shown = f"{kind.get('apiVersion', '')}/{kind.get('kind', '')}" if kind else "<unset>"
    return [_name(obj), len(dig(obj, "spec.validations") or []), shown, age(obj)]


def _admission_binding(obj: Obj) -> Cells:
    ref = dig(obj, "spec.paramRef")
    shown = "<unset>"
    if ref:
        place = ref.get("namespace") or "*"
        shown = f"{place}/{ref['name']}" if ref.get("name") else f"{place}/*"
    return [_name(obj), dig(obj, "spec.policyName", ""), shown, age(obj)]


CELLS: dict[tuple[str, str], Callable[[Obj], Cells]] = {
    ("", "Pod"): pod,
    ("", "Service"): service,
    ("", "Node"): node,
    ("", "Event"): event,
    ("events.k8s.io", "Event"): event,
    ("", "Namespace"): lambda o: [_name(o), dig(o, "status.phase", ""), age(o)],
    ("", "ConfigMap"): lambda o: [_name(o), _count(o, "data", "binaryData"), age(o)],
    ("", "Secret"): lambda o: [_name(o), o.get("type", ""), _count(o, "data"), age(o)],
    ("", "ServiceAccount"): lambda o: [_name(o), _count(o, "secrets"), age(o)],
    ("", "Endpoints"): endpoints,
    ("apps", "Deployment"): _ready_of,
    ("discovery.k8s.io", "EndpointSlice"): endpoint_slice,
    ("coordination.k8s.io", "Lease"): lambda o: [_name(o), dig(o, "spec.holderIdentity", ""), age(o)],
    ("certificates.k8s.io", "CertificateSigningRequest"): _certificate,
    (_ADMISSION, "MutatingWebhookConfiguration"): lambda o: [_name(o), _count(o, "webhooks"), age(o)],
    (_ADMISSION, "ValidatingWebhookConfiguration"): lambda o: [_name(o), _count(o, "webhooks"), age(o)],
    (_ADMISSION, "ValidatingAdmissionPolicy"): _admission_policy,
    (_ADMISSION, "ValidatingAdmissionPolicyBinding"): _admission_binding,
    ("rbac.authorization.k8s.io", "RoleBinding"): binding,
    ("rbac.authorization.k8s.io", "ClusterRoleBinding"): binding,
}
"""(group, kind) -> the cells of one object; other kinds show their name and when they were created."""

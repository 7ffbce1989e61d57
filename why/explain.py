"""explain: one sentence on why an object is not well, or why it is, and the findings behind it."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from why import others, pods, services, workloads
from why.finding import Explanation, Finding, ranked
from why.world import Obj, World, ref

Rule = Callable[[Obj, World], Iterable[Finding]]

_WORKLOADS = ("Deployment", "ReplicaSet", "StatefulSet", "DaemonSet", "Job")
_RULES: dict[tuple[str, str], Rule] = {
    ("", "Pod"): pods.explain_pod,
    ("", "Service"): services.explain_service,
    ("", "Node"): others.explain_node,
    ("", "Namespace"): others.explain_namespace,
    ("", "PersistentVolumeClaim"): others.explain_claim,
    ("apiextensions.k8s.io", "CustomResourceDefinition"): others.explain_definition,
    ("apps", "Deployment"): workloads.explain_workload,
    ("apps", "ReplicaSet"): workloads.explain_workload,
    ("apps", "StatefulSet"): workloads.explain_workload,
    ("apps", "DaemonSet"): workloads.explain_workload,
    ("batch", "Job"): workloads.explain_workload,
}


def explain(obj: Obj, world: World, more: Iterable[Finding] = ()) -> Explanation:
    """Of the object as it is in ``world``. ``more`` are findings of others, such as an operator's own."""
    group = obj["apiVersion"].rpartition("/")[0]
    rule = _RULES.get((group, obj["kind"]), others.explain_any)
    extra, about = list(more), ref(obj)
    # Who reconciles this very object knows best; of what owns it, the object itself says more.
    own = [finding for finding in extra if (finding.about.kind, finding.about.key) == (about.kind, about.key)]
    found = [*own, *rule(obj, world), *(finding for finding in extra if finding not in own)]
    if not any(finding.severity == "broken" for finding in found):
        found += others.warnings(obj, world)
    findings = ranked(found)
    unseen = tuple(f"{what}: {why}" for what, why in sorted(world.unseen.items()))
    return Explanation(ref(obj), _sentence(obj, findings, world), findings, unseen)


def _sentence(obj: Obj, findings: tuple[Finding, ...], world: World) -> str:
    name = f"{obj['kind']} {obj['metadata']['name']}"
    if not findings or findings[0].severity == "note":
        grounds = [_grounds(obj, world), *(finding.says for finding in findings[:1])]
        return f"{name} is well: {'; '.join(filter(None, grounds))}"
    return f"{name}: {findings[0].says}"


def _grounds(obj: Obj, world: World) -> str:
    match obj["kind"]:
        case "Pod":
            return pods.well(obj)
        case "Service":
            return services.well(obj, world)
        case kind if kind in _WORKLOADS:
            return workloads.well(obj)
    conditions = (obj.get("status") or {}).get("conditions") or ()
    good = [c["type"] for c in conditions if c.get("status") == "True"]
    return (
        f"{', '.join(good)} {'is' if len(good) == 1 else 'are'} True" if good else "nothing speaks against it"
    )

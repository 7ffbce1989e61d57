"""Whether the disruption budgets of a pod allow its eviction (registry/core/pod/storage/eviction.go)."""

from sandbox.apiserver.admission.workloads import matches
from sandbox.apiserver.machinery.apierrors import StatusError
from sandbox.apiserver.machinery.jsonobject import Obj, dig, now
from sandbox.apiserver.registry.cluster_state import Cluster
from sandbox.apiserver.requests.verbs import Call

BUDGETS = "poddisruptionbudgets.policy"
_REFUSED = "Cannot evict pod as it would violate the pod's disruption budget."


def charge(cluster: Cluster, call: Call, pod: Obj, dry_run: bool) -> None:
    """Take one disruption from the pod's budget. StatusError 429 when none is left, 500 for two budgets."""
    status = pod.get("status") or {}
    if "deletionTimestamp" in pod["metadata"] or status.get("phase") in ("Succeeded", "Failed", "Pending"):
        return
    labels = pod["metadata"].get("labels") or {}
    found = [
        budget
        for key, entry in cluster.store.bucket(BUDGETS).objects.items()
        if key[0] == call.key[0] and matches(dig(budget := entry.decode(), "spec.selector"), labels)
    ]
    if not found:
        return
    if len(found) > 1:
        text = (
            "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support."
        )
        raise StatusError(500, "InternalError", text, {})
    budget = found[0]
    if not _is_ready(status) and _may_go_unready(budget):
        return
    name, state = budget["metadata"]["name"], budget.get("status") or {}
    if state.get("observedGeneration", 0) < budget["metadata"].get("generation", 0):
        text = f"The disruption budget {name} is still being processed by the server."
        raise _refusal(text, 10)
    if state.get("disruptionsAllowed", 0) <= 0:
        needs, has = state.get("desiredHealthy", 0), state.get("currentHealthy", 0)
        raise _refusal(f"The disruption budget {name} needs {needs} healthy pods and has {has} currently")
    resource = cluster.registry.by_storage(BUDGETS)
    if resource is None or dry_run:
        return

    def take(obj: Obj) -> Obj:
        obj["status"]["disruptionsAllowed"] -= 1
        obj["status"].setdefault("disruptedPods", {})[call.key[1]] = now()
        return obj

    cluster.update(resource, (call.key[0], name), take, "status")


def _refusal(text: str, after: int = 0) -> StatusError:
    details: Obj = {"causes": [{"reason": "DisruptionBudget", "message": text}]}
    return StatusError(429, "TooManyRequests", _REFUSED, details, after)


def _is_ready(status: Obj) -> bool:
    return any(c.get("type") == "Ready" and c.get("status") == "True" for c in status.get("conditions") or ())


def _may_go_unready(budget: Obj) -> bool:
    """A pod that does not serve anyway: always, or while enough others do."""
    if dig(budget, "spec.unhealthyPodEvictionPolicy") == "AlwaysAllow":
        return True
    wanted = dig(budget, "status.desiredHealthy", 0)
    return bool(wanted > 0 and dig(budget, "status.currentHealthy", 0) >= wanted)

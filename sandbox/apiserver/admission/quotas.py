"""The admission plugin ResourceQuota, and the quota controller: what is used, counted as the store changes.

Source: staging/src/k8s.io/apiserver/pkg/admission/plugin/resourcequota/controller.go and pkg/quota/v1 of
kubernetes/kubernetes. Usage is never stale here, for it is counted in the step that stores the object.
"""

from dataclasses import dataclass
from fractions import Fraction

from sandbox.apiserver.admission.writes import CREATE, DELETE, Write
from sandbox.apiserver.machinery import quantity
from sandbox.apiserver.machinery.jsonobject import Obj, dig
from sandbox.apiserver.storage.revisions import Change, Entry, Key, Store

QUOTAS = "resourcequotas"
Amounts = dict[str, Fraction]
_ONE = Fraction(1)
# Kinds that are counted under their own name too; the rest only as count/KIND.GROUP.
_NAMED = ("configmaps", "persistentvolumeclaims", "resourcequotas", "secrets", "services")
_SIZED = ("pods", "services", "persistentvolumeclaims")
_IGNORED = ("events",)
_COMPUTE = ("cpu", "memory", "ephemeral-storage")
# What every container must say when a quota counts it.
_ASKED = ("cpu", "memory", "requests.cpu", "requests.memory", "limits.cpu", "limits.memory")


def pod_amounts(spec: Obj, group: str) -> Amounts:
    """The requests or limits of a whole pod: the sum of its containers, or its greediest init container."""
    out: Amounts = {}
    for container in spec.get("containers") or []:
        for name, amount in ((container.get("resources") or {}).get(group) or {}).items():
            out[name] = out.get(name, Fraction()) + quantity.value(amount)
    side: Amounts = {}
    for container in spec.get("initContainers") or []:
        for name, amount in ((container.get("resources") or {}).get(group) or {}).items():
            value = quantity.value(amount)
            if container.get("restartPolicy") == "Always":  # a sidecar runs beside all that follows it
                side[name] = side.get(name, Fraction()) + value
                out[name] = out.get(name, Fraction()) + value
            else:
                out[name] = max(out.get(name, Fraction()), side.get(name, Fraction()) + value)
    for name, amount in (spec.get("overhead") or {}).items():
        if name in out:
            out[name] += quantity.value(amount)
    return out


def usage(kind: str, obj: Obj) -> Amounts:
    """What one object counts for, by the names that a quota has for it."""
    out: Amounts = {f"count/{kind}": _ONE}
    if kind in _NAMED:
        out[kind] = _ONE
    if kind == "pods" and dig(obj, "status.phase") not in ("Succeeded", "Failed"):
        out["pods"] = _ONE
        for name, amount in pod_amounts(obj["spec"], "requests").items():
            out[f"requests.{name}"] = amount
            if name in _COMPUTE or name.startswith("hugepages-"):
                out[name] = amount
        for name, amount in pod_amounts(obj["spec"], "limits").items():
            if name in _COMPUTE:
                out[f"limits.{name}"] = amount
    elif kind == "services":
        spec = obj["spec"]
        balanced = spec.get("type") == "LoadBalancer"
        if balanced:
            out["services.loadbalancers"] = _ONE
        if spec.get("type") == "NodePort" or (balanced and spec.get("allocateLoadBalancerNodePorts", True)):
            out["services.nodeports"] = Fraction(len(spec.get("ports") or []))
    elif kind == "persistentvolumeclaims":
        asked = quantity.value(dig(obj, "spec.resources.requests", {}).get("storage", "0"))
        out["requests.storage"] = asked
        if named := dig(obj, "spec.storageClassName"):
            out[f"{named}.storageclass.storage.k8s.io/requests.storage"] = asked
            out[f"{named}.storageclass.storage.k8s.io/persistentvolumeclaims"] = _ONE
    return out


@dataclass(slots=True)
class _Quota:
    hard: Amounts
    scopes: list[Obj]  # as the matchExpressions of a scopeSelector
    used: Amounts

    def matches(self, kind: str, obj: Obj) -> bool:
        return not self.scopes or (kind == "pods" and all(_in_scope(s, obj["spec"]) for s in self.scopes))

    def counted(self, kind: str, obj: Obj) -> Amounts:
        """What an object counts for here."""
        if not self.matches(kind, obj):
            return {}
        return {name: amount for name, amount in usage(kind, obj).items() if name in self.hard}


def _in_scope(scope: Obj, spec: Obj) -> bool:
    name = scope.get("scopeName")
    if name in ("Terminating", "NotTerminating"):
        bounded = spec.get("activeDeadlineSeconds") is not None
        return bounded == bool(name == "Terminating")
    if name in ("BestEffort", "NotBestEffort"):
        bare = not pod_amounts(spec, "requests") and not pod_amounts(spec, "limits")
        return bare == bool(name == "BestEffort")
    if name == "PriorityClass":
        have, values = spec.get("priorityClassName", ""), scope.get("values") or []
        return {
            "In": have in values,
            "NotIn": have not in values,
            "Exists": bool(have),
            "DoesNotExist": not have,
        }.get(scope.get("operator", ""), False)
    return False


class Quotas:
    """Every ResourceQuota with what its namespace uses; `status` in the store is kept the same."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._quotas: dict[str, dict[str, _Quota]] = {}
        store.listeners.append(self._changed)

    # ---- admission

    def check(self, write: Write) -> None:
        """StatusError 403 when the write would use more than there is."""
        known = self._quotas.get(write.namespace)
        if not known or write.operation == DELETE or write.subresource or write.kind in _IGNORED:
            return
        if write.operation != CREATE and write.kind not in ("services", "persistentvolumeclaims"):
            return
        for name, quota in sorted(known.items()):
            self._check(name, quota, write)

    @staticmethod
    def _check(name: str, quota: _Quota, write: Write) -> None:
        if not quota.matches(write.kind, write.obj):
            return
        if write.kind == "pods" and (missing := _unsaid(write.obj["spec"], quota.hard)):
            raise write.forbidden(f"failed quota: {name}: must specify {missing}")
        asked = quota.counted(write.kind, write.obj)
        before = quota.counted(write.kind, write.old) if write.old else {}
        delta = {key: amount - before.get(key, 0) for key, amount in asked.items()}
        over = [
            k for k, amount in delta.items() if amount > 0 and quota.used.get(k, 0) + amount > quota.hard[k]
        ]
        if over:
            requested, used, limited = (
                ",".join(f"{key}={_written(key, values.get(key, Fraction()))}" for key in sorted(over))
                for values in (delta, quota.used, quota.hard)
            )
            raise write.forbidden(
                f"exceeded quota: {name}, requested: {requested}, used: {used}, limited: {limited}"
            )

    # ---- counting

    def recount(self) -> None:
        """Count what the store has been given back from disk."""
        for entry in list(self._store.bucket(QUOTAS).objects.values()):
            self._quota(Change(entry.rv, None, entry, False))

    def _changed(self, kind: str, change: Change) -> None:
        namespace = change.new.key[0]
        if kind == QUOTAS:
            self._quota(change)
        known = self._quotas.get(namespace)
        if not known or kind in _IGNORED:
            return
        new = None if change.deleted else change.new
        if kind not in _SIZED and (new is None) == (change.old is None):
            return  # only the number of them counts, and it is the same
        after = _decoded(kind, new)
        before = _decoded(kind, change.old)
        for name, quota in list(known.items()):
            if kind == QUOTAS and name == change.new.key[1]:
                continue  # it has just been counted
            plus = quota.counted(kind, after) if after is not None else {}
            minus = quota.counted(kind, before) if before is not None else {}
            if plus != minus:
                for key in {*plus, *minus}:
                    quota.used[key] += plus.get(key, Fraction()) - minus.get(key, Fraction())
                self._publish((namespace, name), quota)

    def _quota(self, change: Change) -> None:
        """A quota has come, changed or gone."""
        namespace, name = change.new.key
        if change.deleted:
            known = self._quotas.get(namespace, {})
            known.pop(name, None)
            if not known:
                self._quotas.pop(namespace, None)
            return
        spec = change.new.decode().get("spec") or {}
        hard = {key: quantity.value(amount) for key, amount in (spec.get("hard") or {}).items()}
        scopes = [{"scopeName": s} for s in spec.get("scopes") or []]
        scopes += dig(spec, "scopeSelector.matchExpressions") or []
        have = self._quotas.get(namespace, {}).get(name)
        if have is not None and (have.hard, have.scopes) == (hard, scopes):
            return
        quota = _Quota(hard, scopes, dict.fromkeys(hard, Fraction()))
        self._quotas.setdefault(namespace, {})[name] = quota
        for kind, bucket in self._store.buckets.items():
            if kind in _IGNORED:
                continue
            for key, entry in bucket.objects.items():
                if key[0] == namespace:
                    for what, amount in quota.counted(kind, _decoded(kind, entry) or {}).items():
                        quota.used[what] += amount
        self._publish((namespace, name), quota)

    def _publish(self, key: Key, quota: _Quota) -> None:
        """Write status.hard and status.used."""
        entry = self._store.get(QUOTAS, key)
        if entry is None:
            return
        obj = entry.decode()
        status = {
            "hard": (obj.get("spec") or {}).get("hard") or {},
            "used": {name: _written(name, amount) for name, amount in sorted(quota.used.items())},
        }
        if obj.get("status") != status:
            self._store.put(QUOTAS, key, {**obj, "status": status}, ())


def _decoded(kind: str, entry: Entry | None) -> Obj | None:
    """The object where its content counts, an empty one where only its being there does."""
    if entry is None:
        return None
    return entry.decode() if kind in _SIZED else {}


def _unsaid(spec: Obj, hard: Amounts) -> str:
    """`limits.cpu for: c; requests.memory for: a,b`: what the containers must say and do not."""
    missing: dict[str, list[str]] = {}
    for container in [*(spec.get("containers") or []), *(spec.get("initContainers") or [])]:
        resources = container.get("resources") or {}
        for name in _ASKED:
            group, _, what = name.rpartition(".")
            if name in hard and what not in (resources.get(group or "requests") or {}):
                missing.setdefault(name, []).append(container["name"])
    return "; ".join(f"{name} for: {','.join(sorted(who))}" for name, who in sorted(missing.items()))


def _written(name: str, amount: Fraction) -> str:
    return quantity.written(amount, binary="memory" in name or "storage" in name)

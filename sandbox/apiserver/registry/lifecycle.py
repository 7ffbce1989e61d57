"""What a create, an update and a delete do to an object besides what was asked: upstream's strategies."""

import time
from functools import cache

from sandbox.apiserver.admission import canonical, certificates, defaulting, workload_defaults
from sandbox.apiserver.machinery import schemas
from sandbox.apiserver.machinery.apierrors import (
    FieldError,
    conflict,
    forbidden_field,
    invalid_value,
    not_supported,
)
from sandbox.apiserver.machinery.jsonobject import Obj, copy, dig, now, parse_time, stamp
from sandbox.apiserver.machinery.names import common_metadata_errors
from sandbox.apiserver.machinery.resources import Resource

_SYSTEM_METADATA = (
    "name",
    "namespace",
    "uid",
    "creationTimestamp",
    "generateName",
    "generation",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "selfLink",
)


def prepare_create(resource: Resource, obj: Obj) -> None:
    """Status and spec as a new object has them, whatever the client sent."""
    if resource.custom:
        if resource.custom.has_status:
            obj.pop("status", None)
    elif resource.storage_name == "pods":
        obj["status"] = {"phase": "Pending", "qosClass": defaulting.qos_class(obj["spec"])}
    elif resource.storage_name == "namespaces":
        finalizers = obj["spec"].setdefault("finalizers", [])
        if "kubernetes" not in finalizers:
            finalizers.append("kubernetes")
        obj["status"] = {"phase": "Active"}
        obj["metadata"].setdefault("labels", {})["kubernetes.io/metadata.name"] = obj["metadata"].get(
            "name", ""
        )
    elif resource.storage_name == "services":
        obj["status"] = {"loadBalancer": {}}
    elif resource.storage_name == "jobs.batch":
        workload_defaults.new_job(obj)
        obj["status"] = {}
    elif resource.plural == "customresourcedefinitions":
        obj.pop("status", None)
    elif resource.subresource("status") is not None and resource.storage_name != "nodes":
        # The kubelet of a node brings its status along.
        obj["status"] = _new_status(resource)


@cache
def _counts(resource: Resource) -> tuple[str, ...]:
    """The numbers that a Go type writes even when they are zero."""
    schema = schemas.schema_of(resource.group, resource.version, resource.kind) or {}
    name = str(dig(schema, "properties.status.$ref", "")).removeprefix(schemas.PREFIX)
    fields = schemas.definitions().get(name, {}).get("properties") or {}
    return tuple(k for k in canonical.written(name) if fields[k].get("type") == "integer")


def _new_status(resource: Resource) -> Obj:
    status: Obj = dict.fromkeys(_counts(resource), 0)
    return {"phase": "Pending"} if resource.plural.startswith("persistentvolume") else status


def keep_metadata(meta: Obj, was: Obj) -> None:
    """What only the system may set stays as it was."""
    for key in _SYSTEM_METADATA:
        if key in was:
            meta[key] = was[key]
        else:
            meta.pop(key, None)


def prepare_update(resource: Resource, new: Obj, old: Obj, subresource: str) -> None:
    """Keep apart what belongs to the main resource and what to a subresource; count generations."""
    if resource.storage_name == certificates.KIND:
        certificates.prepare_update(new, old, subresource)
        return
    if subresource == "status":
        if resource.custom:
            status = new.get("status")
            managed = new["metadata"].get("managedFields")
            new.clear()
            new.update(copy(old))
            _set(new, "status", status)
            _set(new["metadata"], "managedFields", managed)
        else:
            _set(new, "spec", old.get("spec"))
            _set(new["metadata"], "ownerReferences", old["metadata"].get("ownerReferences"))
        return
    if subresource == "finalize":
        _set(new, "status", old.get("status"))
        return
    if subresource == "binding":
        return
    if resource.subresource("status") is not None:
        _set(new, "status", old.get("status"))
    if resource.storage_name == "namespaces":
        _set(new["spec"], "finalizers", old["spec"].get("finalizers"))
    elif resource.storage_name == "services" and new["spec"]["type"] != "ExternalName":
        for field in ("clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy"):
            if not new["spec"].get(field) and field in old["spec"]:
                new["spec"][field] = old["spec"][field]
    elif resource.storage_name == "pods":
        for field in (
            "nodeName",
            "priority",
            "preemptionPolicy",
            "tolerations",
            "serviceAccountName",
            "serviceAccount",
        ):
            if field not in new["spec"] and field in old["spec"]:
                new["spec"][field] = old["spec"][field]
    if resource.has_generation and _counted(resource, new) != _counted(resource, old):
        new["metadata"]["generation"] = old["metadata"].get("generation", 0) + 1


def _counted(resource: Resource, obj: Obj) -> Obj:
    """The part of an object whose change makes a new generation."""
    skip = {"metadata", "kind", "apiVersion"}
    if resource.subresource("status"):
        skip.add("status")
    return {k: v for k, v in obj.items() if k not in skip}


def _set(obj: Obj, key: str, value: object) -> None:
    if value is None:
        obj.pop(key, None)
    else:
        obj[key] = value


def metadata_update_errors(new: Obj, old: Obj) -> list[FieldError]:
    """Errors of metadata that an update brings."""
    out: list[FieldError] = []
    if "deletionTimestamp" in old:
        added = [f for f in new.get("finalizers") or [] if f not in (old.get("finalizers") or [])]
        if added:
            listed = ", ".join(f'"{f}"' for f in sorted(added))
            text = (
                "no new finalizers can be added if the object is being deleted, "
                f"found new finalizers []string{{{listed}}}"
            )
            # Upstream checks it in the store and in the strategy, and so says it twice.
            out += [forbidden_field("metadata.finalizers", text)] * 2
    return out + common_metadata_errors(new)


def same(new: Obj, old: Obj) -> bool:
    """Would the write change nothing? managedFields alone is no change, as only its times may differ."""
    if new == old:
        return True

    def bare(obj: Obj) -> Obj:
        meta = {k: v for k, v in obj["metadata"].items() if v not in (None, {}, [], "")}
        return {**{k: v for k, v in obj.items() if k not in ("kind", "apiVersion")}, "metadata": meta}

    return bare(new) == bare(old)


def gone_after_update(resource: Resource, obj: Obj) -> bool:
    """Has the update removed the last thing that held a deleted object?"""
    meta = obj["metadata"]
    if "deletionTimestamp" not in meta or meta.get("finalizers"):
        return False
    if resource.storage_name == "namespaces" and obj["spec"].get("finalizers"):
        return False
    return not meta.get("deletionGracePeriodSeconds")


# ---- deletion


def check_preconditions(resource: Resource, name: str, meta: Obj, options: Obj) -> None:
    """StatusError 409 when the object is not the one that was meant."""
    wanted = options.get("preconditions") or {}
    for key, label in (("uid", "UID"), ("resourceVersion", "ResourceVersion")):
        value = wanted.get(key)
        if value is not None and value != meta[key]:
            why = (
                f"Precondition failed: {label} in precondition: {value}, {label} in object meta: {meta[key]}"
            )
            raise conflict(resource.group, resource.kind, name, why)


def mark_deleting(meta: Obj) -> None:
    """Deleted, but held by finalizers."""
    meta["deletionGracePeriodSeconds"] = 0
    if "deletionTimestamp" not in meta:
        meta["deletionTimestamp"] = now()
        if meta.get("generation"):
            meta["generation"] += 1


def begin_deletion(resource: Resource, obj: Obj, options: Obj) -> bool:
    """Write a DELETE into the object; True when nothing holds it and it goes at once."""
    meta = obj["metadata"]
    already = "deletionTimestamp" in meta
    graceful = False
    if resource.storage_name == "pods":
        if already:
            have = meta.get("deletionGracePeriodSeconds") or 0
            period = options.get("gracePeriodSeconds")
            if have:
                if period is None or period >= have:
                    return False
                period = max(period, 0)
                start = parse_time(meta["deletionTimestamp"]) - have
                meta["deletionTimestamp"], meta["deletionGracePeriodSeconds"] = stamp(start + period), period
                graceful = True
        else:
            period = _pod_grace(obj, options.get("gracePeriodSeconds"))
            meta["deletionTimestamp"] = stamp(time.time() + period)
            meta["deletionGracePeriodSeconds"] = period
            if meta.get("generation"):
                meta["generation"] += 1
            graceful = True
    _propagation_finalizers(meta, options)
    if resource.storage_name == "namespaces":
        mark_deleting(meta)
        meta.pop("deletionGracePeriodSeconds")
        obj.setdefault("status", {})["phase"] = "Terminating"
        return not meta.get("finalizers") and not obj["spec"].get("finalizers")
    if meta.get("finalizers"):
        if not graceful:
            mark_deleting(meta)
        return False
    return not (graceful and meta["deletionGracePeriodSeconds"] > 0)


def _pod_grace(pod: Obj, asked: int | None) -> int:
    spec, status = pod["spec"], pod.get("status") or {}
    if not spec.get("nodeName") or status.get("phase") in ("Succeeded", "Failed"):
        return 0
    period = asked if asked is not None else spec.get("terminationGracePeriodSeconds", 30)
    return 1 if period < 0 else int(period)


def _propagation_finalizers(meta: Obj, options: Obj) -> None:
    policy = options.get("propagationPolicy")
    orphan = options.get("orphanDependents")
    if policy is None and orphan is not None:
        policy = "Orphan" if orphan else "Background"
    if policy is None:
        return
    finalizers = [f for f in meta.get("finalizers") or [] if f not in ("orphan", "foregroundDeletion")]
    if policy == "Orphan":
        finalizers.append("orphan")
    elif policy == "Foreground":
        finalizers.append("foregroundDeletion")
    _set(meta, "finalizers", finalizers or None)


def option_errors(options: Obj) -> list[FieldError]:
    """Errors of DeleteOptions."""
    out: list[FieldError] = []
    policy = options.get("propagationPolicy")
    if policy is not None and options.get("orphanDependents") is not None:
        text = "orphanDependents and deletionPropagation cannot be both set"
        out.append(invalid_value("propagationPolicy", policy, text))
    if policy is not None and policy not in ("Foreground", "Background", "Orphan"):
        allowed = '"Background", "Foreground", "Orphan"'
        message = f'Unsupported value: "{policy}": supported values: {allowed}'
        out.append(FieldError("FieldValueNotSupported", "propagationPolicy", message))
    if any(value != "All" for value in options.get("dryRun") or ()):
        out.append(not_supported("dryRun", options["dryRun"], ["All"]))
    return out

"""Server-side apply and the bookkeeping of field managers, as structured-merge-diff does them."""

import json
from typing import Any, NamedTuple

from sandbox.apiserver.machinery import schemas
from sandbox.apiserver.machinery.apierrors import StatusError, bad_request
from sandbox.apiserver.machinery.jsonobject import Obj, copy, now
from sandbox.apiserver.registry.fieldsets import (
    Set,
    added,
    children,
    compare,
    difference,
    intersection,
    is_member,
    of_value,
    paths,
    union,
)

_UNTRACKED = frozenset(
    [
        "creationTimestamp",
        "generation",
        "managedFields",
        "name",
        "namespace",
        "resourceVersion",
        "selfLink",
        "uid",
    ]
)
_MAX_DEPTH = 100
_MOST_UPDATES, _ANCIENT = 10, "ancient-changes"  # managedfields/capmanagers.go of apimachinery
_KUBECTL, LAST_APPLIED = "kubectl", "kubectl.kubernetes.io/last-applied-configuration"
_BEFORE_FIRST = "before-first-apply"
# What a typed object of Go has before anything is set: those members are not added by a create.
_ZERO: Obj = {
    "metadata": {},
    "spec": {
        "containers": None,
        "strategy": {},
        "template": {"metadata": {}, "spec": {"containers": None}},
        "names": {},
        "versions": None,
    },
    "status": {"loadBalancer": {}, "daemonEndpoints": {"kubeletEndpoint": {}}, "nodeInfo": {}},
    "involvedObject": {},
    "source": {},
    "regarding": {},
    "deprecatedSource": {},
}


class Owner(NamedTuple):
    """Who writes, and through which subresource ("" for the object itself)."""

    manager: str
    subresource: str = ""


class Conflict(StatusError):
    """409 with a cause for each field that another manager owns."""

    def __init__(self, conflicts: list[tuple[Obj, str]]) -> None:
        causes = [
            {
                "reason": "FieldManagerConflict",
                "message": f"conflict with {_printed(entry)}",
                "field": path,
            }
            for entry, path in conflicts
        ]
        if len(conflicts) == 1:
            entry, path = conflicts[0]
            message = f"Apply failed with 1 conflict: conflict with {_printed(entry)}: {path}"
        else:
            by_manager: dict[str, list[str]] = {}
            for entry, path in conflicts:
                by_manager.setdefault(_printed(entry), []).append(path)
            lines = [
                line
                for manager in sorted(by_manager)
                for line in (f"conflicts with {manager}:", *(f"- {path}" for path in by_manager[manager]))
            ]
            message = f"Apply failed with {len(conflicts)} conflicts: " + "\n".join(lines)
        super().__init__(409, "Conflict", message, {"causes": causes})


def _printed(entry: Obj) -> str:
    text = f'"{entry["manager"]}"'
    if entry.get("subresource"):
        text += f' with subresource "{entry["subresource"]}"'
    if entry["operation"] == "Update":
        text += f" using {entry['apiVersion']}"
        if entry.get("time"):
            text += f" at {entry['time']}"
    return text


def schema_for(resource: Any) -> Obj:
    """The schema that ownership is reckoned by: of the built-in kind, or of the custom resource's version."""
    if resource.custom is None:
        return schemas.schema_of(resource.group, resource.version, resource.kind) or {}
    schema = resource.custom.schema
    meta = {"$ref": schemas.PREFIX + schemas.OBJECT_META}
    return {**schema, "properties": {**(schema.get("properties") or {}), "metadata": meta}}


def track(resource: Any, old: Obj | None, new: Obj, owner: Owner) -> None:
    """Write metadata.managedFields of `new` after a create (`old` is None), an update or a patch.

    An empty list, or one empty entry, in `new` is the wish to forget every manager; nonsense is not heeded.
    """
    meta = new["metadata"]
    given, known = meta.get("managedFields"), (old or {}).get("metadata", {}).get("managedFields")
    if old is not None and isinstance(given, list) and not any(given):
        meta.pop("managedFields")
        return
    heeded = given is not None and old is not None and (given == known or well_formed(given))
    entries = _entries(given if heeded else known)
    schema, version = schema_for(resource), resource.api_version
    changed: Set | None
    removed: Set | None = None
    if old is None:
        changed = added(_ZERO if resource.custom is None else {"metadata": {}}, _tracked(new), schema)
    else:
        changed, removed = compare(_tracked(old), _tracked(new), schema)
    changed, removed = _no_meta(changed or {}), _no_meta(removed or {})
    if changed or removed:
        entry = _entry_of(entries, owner.manager, "Update", version, owner.subresource)
        lost = union(changed, removed)
        for other in entries:
            if other is not entry:
                other["fieldsV1"] = difference(other["fieldsV1"], lost)
        fields = union(difference(entry["fieldsV1"], removed), changed)
        if fields != entry["fieldsV1"] or "time" not in entry:
            entry["fieldsV1"], entry["time"] = fields, now()
    _put(meta, entries)


def apply(resource: Any, live: Obj | None, applied: Obj, owner: Owner, force: bool = False) -> Obj:
    """The live object with an applied configuration merged in, before defaulting; neither is changed.

    Conflict when another manager owns a field that would change and `force` is not given.
    """
    manager, subresource = owner
    schema, api_version = schema_for(resource), resource.api_version
    has_status = resource.subresource("status") is not None
    if applied.get("metadata", {}).get("managedFields"):
        raise bad_request("metadata.managedFields must be nil")
    config = _configured(applied, subresource, has_status)
    if live is None:
        out: Obj = copy(config)
        entries: list[Obj] = []
    else:
        entries = _entries(live["metadata"].get("managedFields"))
        if not entries:
            owned = _no_meta(compare(_ZERO, _tracked(live), schema)[0] or {})
            entries = [_new_entry(_BEFORE_FIRST, "Update", api_version, "", owned)]
        out = _merge(live, config, schema)
    fields = _no_meta(of_value(_tracked(config), schema))
    entry = _entry_of(entries, manager, "Apply", api_version, subresource)
    last = entry["fieldsV1"]
    owned_by_any = fields
    for other in entries:
        if other is not entry:
            owned_by_any = union(owned_by_any, other["fieldsV1"])
    if live is not None and manager == _KUBECTL:
        force = force or _all_last_applied(live, out, entries, entry, schema)
    if live is not None:
        if last:
            meta = out["metadata"]
            out = _prune(out, last, owned_by_any, schema)
            out.setdefault("metadata", {k: meta[k] for k in _UNTRACKED if k in meta})
        _take(entries, entry, _tracked(live), _tracked(out), schema, force)
    if fields != last or "time" not in entry or entry["apiVersion"] != api_version:
        entry |= {"fieldsV1": fields, "time": now(), "apiVersion": api_version}
    _put(out["metadata"], entries)
    if manager == _KUBECTL and LAST_APPLIED in (out["metadata"].get("annotations") or {}):
        # A later client-side apply must not undo this one.
        out["metadata"]["annotations"][LAST_APPLIED] = _as_applied(applied)
    return out


def _as_applied(applied: Obj) -> str:
    annotations = {**(applied["metadata"].get("annotations") or {})}
    annotations.pop(LAST_APPLIED, None)
    body = {**applied, "metadata": {**applied["metadata"], "annotations": annotations}}
    return json.dumps(body, separators=(",", ":"), sort_keys=True) + "\n"


def _all_last_applied(live: Obj, out: Obj, entries: list[Obj], mine: Obj, schema: Obj) -> bool:
    """Is all that is contested what `kubectl apply` wrote itself, by the annotation that it keeps?

    managedfields/lastappliedmanager.go of apimachinery: the annotation and the manager `kubectl` are one.
    """
    text = (live["metadata"].get("annotations") or {}).get(LAST_APPLIED)
    try:
        before = json.loads(text) if text else None
    except ValueError:
        before = None
    if not isinstance(before, dict) or not isinstance(before.get("metadata"), dict):
        return False
    known = _no_meta(of_value(_tracked(before), schema))
    changed = _no_meta(compare(_tracked(live), _tracked(out), schema)[0] or {})
    contested: Set = {}
    for other in entries:
        if other is not mine:
            contested = union(contested, intersection(other["fieldsV1"], changed))
    return not difference(contested, known)


def _configured(applied: Obj, subresource: str, has_status: bool) -> Obj:
    """What of the configuration this endpoint may write."""
    if subresource == "status":
        names = ("name", "namespace", "uid", "resourceVersion")
        meta = {k: v for k, v in applied.get("metadata", {}).items() if k in names}
        return {k: v for k, v in applied.items() if k in ("apiVersion", "kind", "status")} | {
            "metadata": meta
        }
    out = {k: v for k, v in applied.items() if not (k == "status" and has_status)}
    meta = out.get("metadata") or {}
    return out | {
        "metadata": {k: v for k, v in meta.items() if k not in ("managedFields", "creationTimestamp")}
    }


def _take(entries: list[Obj], mine: Obj, live: Obj, new: Obj, schema: Obj, force: bool) -> None:
    """Move what the apply changes to its manager, or raise the Conflict."""
    changed, removed = compare(live, new, schema)
    changed, removed = _no_meta(changed or {}), _no_meta(removed or {})
    conflicts: list[tuple[Obj, str]] = []
    for other in entries:
        if other is mine:
            continue
        contested = intersection(other["fieldsV1"], changed)
        conflicts += [(other, path) for path in paths(contested)]
        other["fieldsV1"] = difference(difference(other["fieldsV1"], contested), removed)
    if conflicts and not force:
        raise Conflict(conflicts)


def _entries(given: Any) -> list[Obj]:
    return [dict(e) for e in given or ()]


def well_formed(given: Any) -> bool:
    """Whether managedFields that came from a client can be reckoned with."""
    words = ("manager", "operation", "apiVersion")
    return isinstance(given, list) and all(
        isinstance(entry, dict)
        and all(isinstance(entry.get(word), str) for word in words)
        and isinstance(entry.get("time", ""), str)
        and isinstance(entry.get("subresource", ""), str)
        and _is_set(entry.get("fieldsV1"))
        for entry in given
    )


def _is_set(fields: Any, depth: int = 0) -> bool:
    if not isinstance(fields, dict) or depth > _MAX_DEPTH:
        return False
    known = (key == "." or key[:2] in ("f:", "k:", "v:", "i:") for key in fields)
    return all(known) and all(_is_set(node, depth + 1) for node in fields.values())


def _new_entry(manager: str, operation: str, api_version: str, subresource: str, fields: Set) -> Obj:
    out: Obj = {"manager": manager, "operation": operation, "apiVersion": api_version}
    out |= {"fieldsType": "FieldsV1", "fieldsV1": fields}
    return out | {"subresource": subresource} if subresource else out


def _entry_of(entries: list[Obj], manager: str, operation: str, api_version: str, subresource: str) -> Obj:
    """The manager's entry, made when it has none. An Apply is the same manager in every version."""
    for entry in entries:
        same_version = operation == "Apply" or entry.get("apiVersion") == api_version
        who = (entry["manager"], entry.get("operation"), entry.get("subresource", ""))
        if who == (manager, operation, subresource) and same_version:
            return entry
    entry = _new_entry(manager, operation, api_version, subresource, {})
    entries.append(entry)
    return entry


def _put(meta: Obj, entries: list[Obj]) -> None:
    kept = _capped([e for e in entries if e["fieldsV1"]])
    kept.sort(key=lambda e: (e["operation"], e.get("time", ""), e["manager"], e["apiVersion"]))
    if kept:
        meta["managedFields"] = kept
    else:
        meta.pop("managedFields", None)


def _capped(entries: list[Obj]) -> list[Obj]:
    """No more than ten managers by Update: of each version, the oldest are merged into one."""
    updates = [e for e in entries if e["operation"] == "Update" and not e.get("subresource")]
    over = len([e for e in entries if e["operation"] == "Update"]) - _MOST_UPDATES
    if over <= 0:
        return entries
    updates.sort(key=lambda e: (e["manager"] != _ANCIENT, e.get("time", ""), e["manager"]))
    merged: dict[str, Obj] = {}
    for old in updates:
        if old["manager"] == _ANCIENT:
            merged[old["apiVersion"]] = old
            continue
        if over <= 0:
            break
        entries = [e for e in entries if e is not old]
        ancient = merged.get(old["apiVersion"])
        if ancient is None:
            ancient = _new_entry(_ANCIENT, "Update", old["apiVersion"], "", old["fieldsV1"])
            ancient["time"] = old.get("time") or now()
            merged[old["apiVersion"]] = ancient
            entries.append(ancient)
        else:
            ancient["fieldsV1"] = union(ancient["fieldsV1"], old["fieldsV1"])
            ancient["time"] = max(ancient.get("time", ""), old.get("time", ""))
            over -= 1
    return entries


def _tracked(obj: Obj) -> Obj:
    """The object without what no manager owns."""
    out = {k: v for k, v in obj.items() if k not in ("apiVersion", "kind")}
    out["metadata"] = {k: v for k, v in obj.get("metadata", {}).items() if k not in _UNTRACKED}
    return out


def _no_meta(fields: Set) -> Set:
    """A set without metadata itself, whose members stay."""
    meta = fields.get("f:metadata")
    if meta is None:
        return fields
    rest = {k: v for k, v in fields.items() if k != "f:metadata"}
    meta = {k: v for k, v in meta.items() if k != "."}
    return {"f:metadata": meta, **rest} if meta else rest


def _merge(live: Any, config: Any, field: Obj) -> Any:
    """Structured merge: maps by key, associative lists by their keys in the configuration's order."""
    before, after = children(live, field), children(config, field)
    if before is None or after is None:
        return copy(config)
    was = {key: item for key, item, _ in before}
    wanted = {key for key, _, _ in after}
    if isinstance(config, dict) and isinstance(live, dict):
        out = copy(live)
        for key, item, schema in after:
            name = key[2:]
            out[name] = _merge(was[key], item, schema) if key in was else copy(item)
        return out
    if not isinstance(live, list):
        return copy(config)
    merged: list[Any] = []
    waiting = list(before)
    for key, item, schema in after:
        if key in was:
            # What only the server has stays in front of what it was in front of.
            while waiting and waiting[0][0] != key and waiting[0][0] not in wanted:
                merged.append(copy(waiting.pop(0)[1]))
            waiting = [w for w in waiting if w[0] != key]
        merged.append(_merge(was[key], item, schema) if key in was else copy(item))
    return merged + [copy(item) for key, item, _ in waiting if key not in wanted]


def _prune(value: Any, last: Set, owned: Set, field: Obj) -> Any:
    """Without what the manager applied before, applies no more, and nobody else owns."""
    parts = children(value, field)
    if parts is None:
        return value
    kept: list[tuple[str, Any]] = []
    for key, item, schema in parts:
        node = last.get(key)
        if node is not None:
            if key not in owned and is_member(node):
                continue
            had, item = bool(item), _prune(item, node, owned.get(key) or {}, schema)
            if had and not item and key not in owned:
                continue  # nobody asked for what its last member has left empty
        kept.append((key, item))
    if isinstance(value, dict):
        return {key[2:]: item for key, item in kept}
    return [item for _, item in kept]

"""Discovery: /api, /apis, their versions, the aggregated form, and /version."""

import platform

from sandbox.apiserver.machinery.jsonobject import Obj
from sandbox.apiserver.machinery.resources import Registry, Resource

VERSION = "v1.36.2"
_GROUP_ORDER = (
    "apps",
    "events.k8s.io",
    "authentication.k8s.io",
    "authorization.k8s.io",
    "autoscaling",
    "batch",
    "networking.k8s.io",
    "policy",
    "rbac.authorization.k8s.io",
    "storage.k8s.io",
    "admissionregistration.k8s.io",
    "apiextensions.k8s.io",
    "scheduling.k8s.io",
    "coordination.k8s.io",
    "discovery.k8s.io",
)


def version() -> Obj:
    """What /version answers."""
    machine = {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())
    return {
        "major": "1",
        "minor": "36",
        "emulationMajor": "1",
        "emulationMinor": "36",
        "minCompatibilityMajor": "1",
        "minCompatibilityMinor": "35",
        "gitVersion": VERSION + "+reconsole",
        "gitCommit": "",
        "gitTreeState": "clean",
        "buildDate": "2026-01-01T00:00:00Z",
        "goVersion": "none",
        "compiler": f"python{platform.python_version()}",
        "platform": f"{platform.system().lower()}/{machine}",
    }


def api_versions(address: str) -> Obj:
    """What /api answers."""
    return {
        "kind": "APIVersions",
        "versions": ["v1"],
        "serverAddressByClientCIDRs": [{"clientCIDR": "0.0.0.0/0", "serverAddress": address}],
    }


def _ordered(registry: Registry) -> list[tuple[str, list[str]]]:
    groups = {g: v for g, v in registry.groups().items() if g}
    first = [(g, groups[g]) for g in _GROUP_ORDER if g in groups]
    return first + sorted((g, v) for g, v in groups.items() if g not in _GROUP_ORDER)


def group_list(registry: Registry) -> Obj:
    """What /apis answers."""
    groups = [_group(g, v) for g, v in _ordered(registry)]
    return {"kind": "APIGroupList", "apiVersion": "v1", "groups": groups}


def group(registry: Registry, name: str) -> Obj | None:
    """What /apis/NAME answers, None for a group that is not served."""
    versions = registry.groups().get(name) if name else None
    return {"kind": "APIGroup", "apiVersion": "v1", **_group(name, versions)} if versions else None


def _group(name: str, versions: list[str]) -> Obj:
    listed = [{"groupVersion": f"{name}/{v}", "version": v} for v in versions]
    return {"name": name, "versions": listed, "preferredVersion": listed[0]}


def resource_list(registry: Registry, name: str, version_name: str) -> Obj | None:
    """What /api/v1 and /apis/GROUP/VERSION answer, None when not served."""
    resources = registry.of_version(name, version_name)
    if not resources:
        return None
    resources.sort(key=lambda r: r.plural)
    out: Obj = {"kind": "APIResourceList"}
    if name:
        out["apiVersion"] = "v1"
    out["groupVersion"] = f"{name}/{version_name}" if name else version_name
    out["resources"] = [entry for r in resources for entry in _entries(r)]
    return out


def _entries(resource: Resource) -> list[Obj]:
    main: Obj = {
        "name": resource.plural,
        "singularName": resource.singular,
        "namespaced": resource.namespaced,
        "kind": resource.kind,
        "verbs": list(resource.verbs),
    }
    if resource.short_names:
        main["shortNames"] = list(resource.short_names)
    if resource.categories:
        main["categories"] = list(resource.categories)
    if resource.stored:
        main["storageVersionHash"] = resource.storage_hash
    out = [main]
    for sub in resource.subresources:
        entry: Obj = {
            "name": f"{resource.plural}/{sub.name}",
            "singularName": "",
            "namespaced": resource.namespaced,
        }
        if sub.group:
            entry |= {"group": sub.group, "version": sub.version}
        out.append({**entry, "kind": sub.kind or resource.kind, "verbs": list(sub.verbs)})
    return out


def aggregated(registry: Registry, core: bool) -> Obj:
    """The APIGroupDiscoveryList of /api (core) or /apis."""
    chosen = [("", ["v1"])] if core else _ordered(registry)
    items: list[Obj] = []
    for name, versions in chosen:
        listed = [
            {
                "version": v,
                "resources": [
                    _aggregated(r) for r in sorted(registry.of_version(name, v), key=lambda r: r.plural)
                ],
                "freshness": "Current",
            }
            for v in versions
        ]
        meta: Obj = {"creationTimestamp": None}
        if name:
            meta["name"] = name
        items.append({"metadata": meta, "versions": listed})
    return {
        "kind": "APIGroupDiscoveryList",
        "apiVersion": "apidiscovery.k8s.io/v2",
        "metadata": {},
        "items": items,
    }


def _aggregated(resource: Resource) -> Obj:
    out: Obj = {
        "resource": resource.plural,
        "responseKind": {"group": resource.group, "version": resource.version, "kind": resource.kind},
        "scope": "Namespaced" if resource.namespaced else "Cluster",
        "singularResource": resource.singular,
        "verbs": list(resource.verbs),
    }
    if resource.short_names:
        out["shortNames"] = list(resource.short_names)
    if resource.categories:
        out["categories"] = list(resource.categories)
    if resource.subresources:
        out["subresources"] = [
            {
                "subresource": sub.name,
                "responseKind": {
                    "group": sub.group or resource.group,
                    "version": sub.version or resource.version,
                    "kind": sub.kind or resource.kind,
                },
                "verbs": list(sub.verbs),
            }
            for sub in resource.subresources
        ]
    return out

"""The checks of the Pod Security Standard `restricted`, besides those of `baseline`."""

from sandbox.apiserver.admission.podbaseline import (
    apart,
    containers,
    context,
    quoted,
    seccomp,
    some,
    uses,
    where,
)
from sandbox.apiserver.machinery.jsonobject import Obj


def _windows(pod: Obj, minor: int) -> bool:
    return minor >= 25 and (pod["spec"].get("os") or {}).get("name") == "windows"


def _own_users(pod: Obj, minor: int) -> bool:
    return minor >= 35 and pod["spec"].get("hostUsers") is False


def escalation(pod: Obj, minor: int) -> tuple[str, str] | None:
    bad = [c["name"] for c in containers(pod) if context(c).get("allowPrivilegeEscalation") is not False]
    if not bad or _windows(pod, minor):
        return None
    detail = f"{some('container', bad)} must set securityContext.allowPrivilegeEscalation=false"
    return "allowPrivilegeEscalation != false", detail


def drop_all(pod: Obj, minor: int) -> tuple[str, str] | None:
    if _windows(pod, minor):
        return None
    kept: list[str] = []
    added: dict[str, list[str]] = {}
    for c in containers(pod):
        capabilities = context(c).get("capabilities") or {}
        if "ALL" not in (capabilities.get("drop") or []):
            kept.append(c["name"])
        extra = [a for a in capabilities.get("add") or [] if a != "NET_BIND_SERVICE"]
        if extra:
            added[c["name"]] = extra
    details: list[str] = []
    if kept:
        details.append(f'{some("container", kept)} must set securityContext.capabilities.drop=["ALL"]')
    if added:
        listed = quoted(apart([a for extra in added.values() for a in extra]))
        who = some("container", list(added))
        details.append(f"{who} must not include {listed} in securityContext.capabilities.add")
    return ("unrestricted capabilities", "; ".join(details)) if details else None


_VOLUMES = {"configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "image", "persistentVolumeClaim"}
_VOLUMES |= {"projected", "secret"}


def volumes(pod: Obj, minor: int) -> tuple[str, str] | None:
    kinds: dict[str, str] = {}
    for volume in pod["spec"].get("volumes") or []:
        sources = [k for k in volume if k != "name" and volume[k] is not None]
        if not any(s in _VOLUMES for s in sources):
            kinds[volume["name"]] = sources[0] if sources else "unknown"
    if not kinds:
        return None
    bad, listed = list(kinds), apart(list(kinds.values()))
    detail = f"{some('volume', bad)} {uses(bad)} {some('restricted volume type', listed)}"
    return "restricted volume types", detail


def non_root(pod: Obj, minor: int) -> tuple[str, str] | None:
    if _own_users(pod, minor):
        return None
    who, _ = where(pod, lambda c: c.get("runAsNonRoot") is False)
    if who:
        return "runAsNonRoot != true", f"{who} must not set securityContext.runAsNonRoot=false"
    if context(pod["spec"]).get("runAsNonRoot"):
        return None
    bad = [c["name"] for c in containers(pod) if context(c).get("runAsNonRoot") is None]
    if not bad:
        return None
    detail = f"pod or {some('container', bad)} must set securityContext.runAsNonRoot=true"
    return "runAsNonRoot != true", detail


def root_user(pod: Obj, minor: int) -> tuple[str, str] | None:
    if _own_users(pod, minor):
        return None
    who, _ = where(pod, lambda c: c.get("runAsUser") == 0)
    return ("runAsUser=0", f"{who} must not set runAsUser=0") if who else None


def needs_seccomp(pod: Obj, minor: int) -> tuple[str, str] | None:
    if _windows(pod, minor):
        return None
    if found := seccomp(pod, minor):
        return found
    if context(pod["spec"]).get("seccompProfile"):
        return None
    bad = [c["name"] for c in containers(pod) if not context(c).get("seccompProfile")]
    if not bad:
        return None
    kinds = 'securityContext.seccompProfile.type to "RuntimeDefault" or "Localhost"'
    return "seccompProfile", f"pod or {some('container', bad)} must set {kinds}"

"""The checks of the Pod Security Standard `baseline`, and what all checks are written with.

Source: policy/check_*.go of kubernetes/pod-security-admission. A check takes a pod, or a template of one, and
the minor version of the standard; it answers (reason, detail), or None when nothing is wrong.
"""

from collections.abc import Callable, Iterator
from typing import Any

from sandbox.apiserver.machinery.jsonobject import Obj


def containers(pod: Obj) -> Iterator[Obj]:
    for group in ("initContainers", "containers", "ephemeralContainers"):
        yield from pod["spec"].get(group) or []


def context(holder: Obj) -> Obj:
    return holder.get("securityContext") or {}


def quoted(items: list[str]) -> str:
    return ", ".join(f'"{i}"' for i in items)


def some(word: str, items: list[str], in_quotes: bool = True) -> str:
    """`container "a"`, `containers "a", "b"`."""
    return f"{word}{'' if len(items) == 1 else 's'} {quoted(items) if in_quotes else ', '.join(items)}"


def uses(items: list[str]) -> str:
    return "uses" if len(items) == 1 else "use"


def where(pod: Obj, wrong: Callable[[Obj], Any]) -> tuple[str, list[Any]]:
    """Who sets something wrong in a securityContext (`pod and container "c"`), and what the values are."""
    values: list[Any] = []
    who: list[str] = []
    if value := wrong(context(pod["spec"])):
        who.append("pod")
        values.append(value)
    bad: list[str] = []
    for container in containers(pod):
        if value := wrong(context(container)):
            bad.append(container["name"])
            values.append(value)
    if bad:
        who.append(some("container", bad))
    return " and ".join(who), values


def apart(values: list[str]) -> list[str]:
    return sorted(set(values))


def app_armor(pod: Obj, minor: int) -> tuple[str, str] | None:
    prefix = "container.apparmor.security.beta.kubernetes.io/"

    def wrong(context: Obj) -> str:
        kind: str = (context.get("appArmorProfile") or {}).get("type", "")
        return kind if kind not in ("RuntimeDefault", "Localhost") else ""

    who, values = where(pod, wrong)
    listed = apart(values)
    annotations = sorted(
        f'{key}="{value}"'
        for key, value in ((pod.get("metadata") or {}).get("annotations") or {}).items()
        if key.startswith(prefix) and value not in ("", "runtime/default") and value[:10] != "localhost/"
    )
    if annotations:
        word = "annotation" if len(annotations) == 1 else "annotations"
        who = f"{who} and {word}" if who else word
        listed += annotations
    if not listed:
        return None
    profile = "profile" if len(listed) == 1 else "profiles"
    return f"forbidden AppArmor {profile}", f"{who} must not set AppArmor profile type to {quoted(listed)}"


_USUAL = {"AUDIT_WRITE", "CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "MKNOD"}
_USUAL |= {"NET_BIND_SERVICE", "SETFCAP", "SETGID", "SETPCAP", "SETUID", "SYS_CHROOT"}


def capabilities(pod: Obj, minor: int) -> tuple[str, str] | None:
    added = {
        c["name"]: [a for a in (context(c).get("capabilities") or {}).get("add") or [] if a not in _USUAL]
        for c in containers(pod)
    }
    bad = [name for name, extra in added.items() if extra]
    if not bad:
        return None
    listed = quoted(apart([a for extra in added.values() for a in extra]))
    detail = f"{some('container', bad)} must not include {listed} in securityContext.capabilities.add"
    return "non-default capabilities", detail


def host_namespaces(pod: Obj, minor: int) -> tuple[str, str] | None:
    shared = [f"{k}=true" for k in ("hostNetwork", "hostPID", "hostIPC") if pod["spec"].get(k)]
    return ("host namespaces", ", ".join(shared)) if shared else None


def host_paths(pod: Obj, minor: int) -> tuple[str, str] | None:
    bad = [v["name"] for v in pod["spec"].get("volumes") or [] if v.get("hostPath") is not None]
    return ("hostPath volumes", some("volume", bad)) if bad else None


def host_ports(pod: Obj, minor: int) -> tuple[str, str] | None:
    ports = {
        c["name"]: [str(p["hostPort"]) for p in c.get("ports") or [] if p.get("hostPort")]
        for c in containers(pod)
    }
    bad = [name for name, found in ports.items() if found]
    if not bad:
        return None
    listed = apart([p for found in ports.values() for p in found])
    return "hostPort", f"{some('container', bad)} {uses(bad)} {some('hostPort', listed, in_quotes=False)}"


def probe_hosts(pod: Obj, minor: int) -> tuple[str, str] | None:
    hosts: dict[str, list[str]] = {}
    for c in containers(pod):
        lifecycle = c.get("lifecycle") or {}
        handlers = [c.get(p) for p in ("livenessProbe", "readinessProbe", "startupProbe")]
        handlers += [lifecycle.get("postStart"), lifecycle.get("preStop")]
        for handler in handlers:
            for how in ("httpGet", "tcpSocket"):
                if host := ((handler or {}).get(how) or {}).get("host"):
                    hosts.setdefault(c["name"], []).append(host)
    if not hosts:
        return None
    bad, listed = apart(list(hosts)), apart([h for found in hosts.values() for h in found])
    word = "probe or lifecycle host"
    return word, f"{some('container', bad)} {uses(bad)} {some(word, listed)}"


def privileged(pod: Obj, minor: int) -> tuple[str, str] | None:
    bad = [c["name"] for c in containers(pod) if context(c).get("privileged")]
    if not bad:
        return None
    return "privileged", f"{some('container', bad)} must not set securityContext.privileged=true"


def proc_mount(pod: Obj, minor: int, restricted: bool = False) -> tuple[str, str] | None:
    if minor >= 35 and not restricted and pod["spec"].get("hostUsers") is False:
        return None
    mounts = {c["name"]: context(c).get("procMount") or "Default" for c in containers(pod)}
    bad = [name for name, mount in mounts.items() if mount != "Default"]
    if not bad:
        return None
    listed = quoted(apart([mounts[name] for name in bad]))
    return "procMount", f"{some('container', bad)} must not set securityContext.procMount to {listed}"


def selinux(pod: Obj, minor: int) -> tuple[str, str] | None:
    allowed = ["", "container_t", "container_init_t", "container_kvm_t"]
    allowed += ["container_engine_t"] if minor >= 31 else []

    def wrong(context: Obj) -> Obj | None:
        options: Obj = context.get("seLinuxOptions") or {}
        bad = options.get("type", "") not in allowed or options.get("user") or options.get("role")
        return options if bad else None

    who, values = where(pod, wrong)
    if not who:
        return None
    types = apart([v["type"] for v in values if v.get("type", "") not in allowed])
    data = [some("type", types)] if types else []
    data += [f"{key} may not be set" for key in ("user", "role") if any(v.get(key) for v in values)]
    return "seLinuxOptions", f"{who} set forbidden securityContext.seLinuxOptions: {'; '.join(data)}"


def _bad_seccomp(context: Obj) -> str:
    kind: str = (context.get("seccompProfile") or {}).get("type", "RuntimeDefault")
    return "" if kind in ("RuntimeDefault", "Localhost") else kind


def seccomp(pod: Obj, minor: int) -> tuple[str, str] | None:
    who, values = where(pod, _bad_seccomp)
    if not who:
        return None
    listed = quoted(apart(values))
    return "seccompProfile", f"{who} must not set securityContext.seccompProfile.type to {listed}"


_SYSCTLS = {
    "kernel.shm_rmid_forced": 0,
    "net.ipv4.ip_local_port_range": 0,
    "net.ipv4.tcp_syncookies": 0,
    "net.ipv4.ping_group_range": 0,
    "net.ipv4.ip_unprivileged_port_start": 0,
    "net.ipv4.ip_local_reserved_ports": 27,
    "net.ipv4.tcp_keepalive_time": 29,
    "net.ipv4.tcp_fin_timeout": 29,
    "net.ipv4.tcp_keepalive_intvl": 29,
    "net.ipv4.tcp_keepalive_probes": 29,
    "net.ipv4.tcp_rmem": 32,
    "net.ipv4.tcp_wmem": 32,
}


def sysctls(pod: Obj, minor: int) -> tuple[str, str] | None:
    set_ = [s.get("name", "") for s in context(pod["spec"]).get("sysctls") or []]
    bad = [name for name in set_ if _SYSCTLS.get(name, minor + 1) > minor]
    return ("forbidden sysctls", ", ".join(bad)) if bad else None


def host_process(pod: Obj, minor: int) -> tuple[str, str] | None:
    who, _ = where(pod, lambda c: (c.get("windowsOptions") or {}).get("hostProcess"))
    if not who:
        return None
    return "hostProcess", f"{who} must not set securityContext.windowsOptions.hostProcess=true"

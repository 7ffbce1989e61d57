"""The Pod Security Standards: what of a pod is above the levels baseline and restricted.

Source: policy/check_*.go of kubernetes/pod-security-admission; the checks are those of Kubernetes 1.36, and
those of older versions where a namespace asks for one are the same but for the first version each is from.
"""

from collections.abc import Callable
from dataclasses import dataclass

from sandbox.apiserver.admission import podbaseline as baseline
from sandbox.apiserver.admission import podrestricted as restricted
from sandbox.apiserver.machinery.jsonobject import Obj

Check = Callable[[Obj, int], tuple[str, str] | None]
_RANKS = {"privileged": 0, "baseline": 1, "restricted": 2}
_LATEST = 36


@dataclass(frozen=True, slots=True)
class Level:
    """`restricted:latest`, `baseline:v1.28`."""

    name: str
    version: str

    def __str__(self) -> str:
        return f"{self.name}:{self.version}"

    @property
    def rank(self) -> int:
        return _RANKS[self.name]

    @property
    def minor(self) -> int:
        return _LATEST if self.version == "latest" else min(int(self.version[3:]), _LATEST)


def violations(level: Level, pod: Obj) -> list[tuple[str, str]]:
    """(reason, detail) of each check that a pod, or a template of one, does not pass."""
    if level.rank == 0:
        return []
    out: list[tuple[str, str]] = []
    overridden = {name for _, since, _, name in _RESTRICTED if level.minor >= since} if level.rank > 1 else ()
    for name, since, check, _ in [*_BASELINE, *(_RESTRICTED if level.rank > 1 else ())]:
        if level.minor >= since and name not in overridden and (found := check(pod, level.minor)):
            out.append(found)
    return out


# (id, the minor version it is from, the check, the baseline check that it takes the place of)
_Row = tuple[str, int, Check, str]
_BASELINE: tuple[_Row, ...] = (
    ("appArmorProfile", 0, baseline.app_armor, ""),
    ("capabilities_baseline", 0, baseline.capabilities, ""),
    ("hostNamespaces", 0, baseline.host_namespaces, ""),
    ("hostPathVolumes", 0, baseline.host_paths, ""),
    ("hostPorts", 0, baseline.host_ports, ""),
    ("hostProbesAndhostLifecycle", 34, baseline.probe_hosts, ""),
    ("privileged", 0, baseline.privileged, ""),
    ("procMount", 0, baseline.proc_mount, ""),
    ("seLinuxOptions", 0, baseline.selinux, ""),
    ("seccompProfile_baseline", 19, baseline.seccomp, ""),
    ("sysctls", 0, baseline.sysctls, ""),
    ("windowsHostProcess", 0, baseline.host_process, ""),
)
_RESTRICTED: tuple[_Row, ...] = (
    ("allowPrivilegeEscalation", 8, restricted.escalation, ""),
    ("capabilities_restricted", 22, restricted.drop_all, "capabilities_baseline"),
    ("procMount_restricted", 35, lambda pod, minor: baseline.proc_mount(pod, minor, True), "procMount"),
    ("restrictedVolumes", 0, restricted.volumes, "hostPathVolumes"),
    ("runAsNonRoot", 0, restricted.non_root, ""),
    ("runAsUser", 23, restricted.root_user, ""),
    ("seccompProfile_restricted", 19, restricted.needs_seccomp, "seccompProfile_baseline"),
)

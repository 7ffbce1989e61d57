"""The command line ``:``: what can be typed, found by the beginnings of its words, with a history. Pure."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field

from tui.kinds.registry import described

# Words that do something by themselves, and what they do.
ACTIONS = {
    "q": "quit", "quit": "quit", "q!": "quit", "qa": "quit",
    "save-recording": "app.save_recording", "save": "app.save", "save-screen": "app.save_screen",
    "delete": "change('delete')", "edit": "change('edit')", "restart": "change('restart')",
    "pause-reconciling": "change('pause')", "resume-reconciling": "change('pause')",
    "help": "help", "errors": "errors", "faults": "faults", "pause": "pause", "problems": "problems",
    "notify": "ring", "journal": "board('journal')",
    "heals": "board('heals')", "watches": "board('watches')", "controllers": "board('controllers')",
    "queue": "board('queue')", "pulse": "board('pulse')", "pulses": "board('pulse')",
}  # fmt: skip
# Words that take one more, and what they do with it.
WITH_NAME = {
    "why": "explain", "bundle": "bundle", "namespace": "namespace", "ns": "namespace",
    "scale": "scale", "label": "label", "annotate": "annotate",
    "can-i": "app.can_i", "permissions": "app.can_i", "revoke": "app.revoke", "grant": "app.grant",
}  # fmt: skip
# Kinds that every cluster serves; any other can be typed as well.
COMMON = (
    "configmaps", "cronjobs", "customresourcedefinitions", "daemonsets", "deployments", "endpointslices",
    "ingresses", "jobs", "leases", "namespaces", "networkpolicies", "nodes", "persistentvolumeclaims",
    "persistentvolumes", "poddisruptionbudgets", "replicasets", "resourcequotas", "rolebindings", "roles",
    "secrets", "serviceaccounts", "statefulsets",
)  # fmt: skip
SHORT = {
    "cm": "configmaps", "crd": "customresourcedefinitions", "crds": "customresourcedefinitions",
    "deploy": "deployments", "dp": "deployments", "ds": "daemonsets", "ing": "ingresses", "no": "nodes",
    "ns": "namespaces", "pdb": "poddisruptionbudgets", "pv": "persistentvolumes",
    "pvc": "persistentvolumeclaims", "quota": "resourcequotas", "rs": "replicasets",
    "sa": "serviceaccounts", "sts": "statefulsets", "ep": "endpointslices",
}  # fmt: skip


@dataclass(frozen=True)
class Command:
    """``action`` is one of ``ACTIONS``' or ``WITH_NAME``'s values, "show" for a kind, or "" for nothing."""

    action: str
    name: str = ""  # of the kind, or what else stands behind the word
    filter: str = ""  # for its table


def parse(text: str) -> Command:
    """As in ``pods /redis``, ``deploy app=x``, ``q``."""
    name, _, rest = text.strip().lstrip(":").partition(" ")
    if not name:
        return Command("")
    if name in ACTIONS and not rest:
        return Command(ACTIONS[name])
    rest = text.strip().lstrip(":").partition(" ")[2].strip()
    if name in WITH_NAME and (rest or kind_name(name) != "namespaces"):  # alone it is the table of them
        return Command(WITH_NAME[name], rest)
    wanted = (
        rest[1:] if rest.startswith("/") else f"-l {rest}" if "=" in rest else f"ns:{rest}" if rest else ""
    )
    return Command("show", kind_name(name), wanted)


def kind_name(name: str) -> str:
    """The plural of a kind by any of its names; as it is when nobody here knows it."""
    lower = name.lower()
    for kind in described().values():
        plural = kind.resource.plural
        if lower in (plural, kind.resource.kind.lower(), f"{kind.resource.kind.lower()}s", *kind.short_names):
            return plural
    return SHORT.get(lower, lower)


def words() -> list[str]:
    """Everything that is completed."""
    kinds = [kind.resource.plural for kind in described().values()]
    return sorted({*kinds, *COMMON, *WITH_NAME, *(word for word in ACTIONS if len(word) > 2)})


def complete(text: str, more: Iterable[str] = ()) -> str:
    """The shortest word that begins like ``text``; "" when none does."""
    begun = text.lstrip(":").lower()
    if not begun or " " in begun:
        return ""
    found = [w for w in {*words(), *more} if w.startswith(begun)]
    return min(found, key=lambda w: (len(w), w), default="")


@dataclass
class History:
    """What was typed before, the newest first; ``older`` and ``newer`` walk in it."""

    lines: deque[str] = field(default_factory=lambda: deque(maxlen=50))
    place: int = -1

    def add(self, line: str) -> None:
        if line in self.lines:
            self.lines.remove(line)
        self.lines.appendleft(line)
        self.place = -1

    def older(self) -> str | None:
        if self.place + 1 < len(self.lines):
            self.place += 1
            return self.lines[self.place]
        return None

    def newer(self) -> str:
        self.place = max(self.place - 1, -1)
        return self.lines[self.place] if self.place >= 0 else ""

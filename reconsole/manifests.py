"""``reconsole manifests``: the YAML of ``manifests/``. The CRD and the role are made from the code."""

from __future__ import annotations

import sys
from typing import Any

import yaml

from controller.crd import custom_resource_definition
from controller.permissions import cluster_role
from reconsole.embedded import MANIFESTS

GENERATED = {"crd/redis.yaml": custom_resource_definition, "rbac/role.yaml": cluster_role}


class _Dumper(yaml.SafeDumper):
    """Indents lists the way kubectl's users write them."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        super().increase_indent(flow, False)

    def ignore_aliases(self, data: object) -> bool:
        return True


def to_yaml(document: dict[str, Any]) -> str:
    return yaml.dump(document, Dumper=_Dumper, sort_keys=False, width=100, allow_unicode=True)


def documents(what: str) -> list[str]:
    """The texts for ``crd``, ``rbac`` or ``all``, in the order in which they are to be applied."""
    resources = yaml.safe_load((MANIFESTS / "kustomization.yaml").read_text())["resources"]
    chosen = [r for r in resources if what == "all" or r.startswith(f"{what}/")]
    return [
        to_yaml(GENERATED[name]()) if name in GENERATED else (MANIFESTS / name).read_text() for name in chosen
    ]


def print_manifests(what: str) -> int:
    sys.stdout.write("---\n".join(documents(what)))
    return 0


def write_generated() -> None:
    """Bring the generated files up to date: ``make manifests``."""
    for name, make in GENERATED.items():
        (MANIFESTS / name).write_text(to_yaml(make()))


if __name__ == "__main__":
    write_generated()

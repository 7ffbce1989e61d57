"""``reconsole manifests``: the YAML of ``manifests/``, and the roles of an operator. Made from the code."""

from __future__ import annotations

import sys
from itertools import takewhile
from typing import Any

import yaml

from controller.crd import custom_resource_definition
from controller.permissions import cluster_role
from controller_runtime.bus import EventBus
from controller_runtime.client.client import Client
from controller_runtime.client.config import Configuration
from controller_runtime.controller.rbac import manager_markers
from controller_runtime.kube.errors import Unreachable
from controller_runtime.kube.roles import roles
from controller_runtime.manager.manager import Manager
from reconsole.embedded import MANIFESTS
from reconsole.operators import load_operator
from reconsole.options import Failure

GENERATED = {"crd/redis.yaml": custom_resource_definition, "rbac/role.yaml": cluster_role}


ROLE_NAME = "manager-role"  # kubebuilder's


class _Dumper(yaml.SafeDumper):
    """Writes as controller-gen does: ``""`` in double quotes, no aliases."""

    def ignore_aliases(self, data: object) -> bool:
        return True


def _text(dumper: _Dumper, value: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=None if value else '"')


_Dumper.add_representer(str, _text)


def to_yaml(document: dict[str, Any]) -> str:
    return yaml.dump(document, Dumper=_Dumper, sort_keys=False, width=100, allow_unicode=True)


def roles_of(where: str, namespace: str = "") -> list[str]:
    """The roles of the operator in FILE.py or module:function, for all namespaces or one. Raises Failure."""
    operator = load_operator(where)
    client = Client(Configuration("http://localhost:1"))
    manager = Manager(client, EventBus())
    try:
        operator.setup(manager)
    except Unreachable as error:
        raise Failure(
            f"the setup of {where} asks an API server ({error}); move that into the reconciler or a runnable"
        ) from error
    except Exception as error:
        raise Failure(f"the setup of {where} failed: {type(error).__name__}: {error}") from error
    clustered = [(k.resource.group, k.resource.plural) for k in operator.kinds if not k.resource.namespaced]
    markers = [*manager_markers(manager), *operator.markers]
    return [to_yaml(r) for r in roles(markers, ROLE_NAME, namespace=namespace, cluster_scoped=clustered)]


def documents(what: str) -> list[str]:
    """The texts for ``crd``, ``rbac`` or ``all``, in the order in which they are to be applied.

    Before ``all`` stands, as a comment, how to install and how to remove it.
    """
    kustomization = (MANIFESTS / "kustomization.yaml").read_text()
    resources = yaml.safe_load(kustomization)["resources"]
    chosen = [r for r in resources if what == "all" or r.startswith(f"{what}/")]
    texts = [
        to_yaml(GENERATED[name]()) if name in GENERATED else (MANIFESTS / name).read_text() for name in chosen
    ]
    if what == "all":
        texts[0] = "".join(takewhile(_is_comment, kustomization.splitlines(keepends=True))) + texts[0]
    return texts


def _is_comment(line: str) -> bool:
    return line.startswith("#")


def definitions_of(where: str) -> list[str]:
    """The CRDs of the kinds that the operator in FILE.py or module:function declares. Raises Failure."""
    found = load_operator(where).definitions()
    if not found:
        raise Failure(
            f"{where} declares no kind with a definition: add definition = Definition() to its class"
        )
    return [to_yaml(definition) for definition in found]


def print_manifests(what: str, operator: str | None = None, namespace: str = "") -> int:
    """The exit code. What is printed can be given to ``kubectl apply -f -``."""
    try:
        if operator is None:
            texts = documents(what)
        else:
            texts = definitions_of(operator) if what == "crd" else roles_of(operator, namespace)
    except Failure as failure:
        print(f"error: {failure}", file=sys.stderr)
        return 1
    sys.stdout.write("---\n".join(texts))
    return 0


def write_generated() -> None:
    """Bring the generated files up to date: ``make manifests``."""
    for name, make in GENERATED.items():
        (MANIFESTS / name).write_text(to_yaml(make()))


if __name__ == "__main__":
    write_generated()

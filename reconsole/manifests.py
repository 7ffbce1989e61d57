"""``reconsole manifests``: the YAML of ``manifests/``. The CRD and the roles in it are made from the code."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from itertools import takewhile
from pathlib import Path
from typing import Any

import yaml

from controller.api import Redis
from controller.operator import MARKERS
from controller_runtime.kube.crd import custom_resource_definition
from controller_runtime.kube.roles import roles
from reconsole.embedded import MANIFESTS
from reconsole.operator_manifests import definitions_of, roles_of
from reconsole.options import Failure
from reconsole.yamltext import to_yaml

ROLE = "k8s-operator-demo-manager-role"
LABELS = {"app.kubernetes.io/name": "reconsole"}
NAMESPACE = "default"  # of the files in manifests/namespaced, until kustomize sets another
CLUSTER_WIDE = ("CustomResourceDefinition", "ClusterRole", "ClusterRoleBinding")


def role(namespace: str = "") -> dict[str, Any]:
    """The operator's role: for all namespaces, or for one."""
    (made,) = roles(MARKERS, ROLE, namespace=namespace)
    made["metadata"]["labels"] = LABELS
    return made


GENERATED: dict[str, Callable[[], dict[str, Any]]] = {
    "crd/redis.yaml": partial(custom_resource_definition, Redis),
    "rbac/role.yaml": role,
    "namespaced/role.yaml": partial(role, NAMESPACE),
}


def files(folder: Path) -> list[Path]:
    """The files of a kustomization, in the order in which they are to be applied."""
    listed = yaml.safe_load((folder / "kustomization.yaml").read_text())["resources"]
    paths = [folder / name for name in listed]
    return [file for path in paths for file in (files(path) if path.is_dir() else [path])]


def documents(what: str) -> list[str]:
    """The texts for ``crd``, ``rbac`` or ``all``, in the order in which they are to be applied.

    Before ``all`` stands, as a comment, how to install and how to remove it.
    """
    texts = [file.read_text() for file in files(MANIFESTS if what == "all" else MANIFESTS / what)]
    if what == "all":
        kustomization = (MANIFESTS / "kustomization.yaml").read_text()
        texts[0] = "".join(takewhile(_is_comment, kustomization.splitlines(keepends=True))) + texts[0]
    return texts


def _is_comment(line: str) -> bool:
    return line.startswith("#")


def documents_in(what: str, namespace: str) -> list[str]:
    """The same for an operator that looks after ``namespace``, lives there and has no right elsewhere."""
    chosen = [
        *(files(MANIFESTS / "crd") if what in ("crd", "all") else ()),
        *(files(MANIFESTS / "rbac") if what in ("rbac", "all") else ()),
        *(sorted((MANIFESTS / "namespaced").glob("role*.yaml")) if what in ("rbac", "all") else ()),
        *(files(MANIFESTS / "manager") if what == "all" else ()),
    ]
    found = [d for file in chosen for d in yaml.safe_load_all(file.read_text())]
    return [to_yaml(_in(d, namespace)) for d in found if d["kind"] not in CLUSTER_WIDE[1:]]


def _in(document: dict[str, Any], namespace: str) -> dict[str, Any]:
    if document["kind"] not in CLUSTER_WIDE:
        document["metadata"]["namespace"] = namespace
    for subject in document.get("subjects", ()):
        subject["namespace"] = namespace
    if document["kind"] == "Deployment":
        document["spec"]["template"]["spec"]["containers"][0]["args"].append(f"--namespace={namespace}")
    return document


def print_manifests(what: str, operator: str | None = None, namespace: str = "") -> int:
    """The exit code. What is printed can be given to ``kubectl apply -f -``."""
    try:
        if operator is None:
            texts = documents_in(what, namespace) if namespace else documents(what)
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

import shutil
import subprocess
import sys
from typing import Any

import pytest
import yaml

from controller.operator import MARKERS, add_redis_controller
from controller_runtime.bus import EventBus
from controller_runtime.client.client import Client
from controller_runtime.client.config import Configuration
from controller_runtime.controller.rbac import controller_rules
from controller_runtime.kube.rules import PolicyRule
from controller_runtime.manager.manager import Manager
from reconsole.embedded import MANIFESTS
from reconsole.manifests import GENERATED, documents, documents_in, files
from reconsole.yamltext import to_yaml

VARIANTS = [".", "crd", "rbac", "manager", "namespaced", "prometheus"]


def test_the_generated_files_are_up_to_date() -> None:
    for name, make in GENERATED.items():
        assert (MANIFESTS / name).read_text() == to_yaml(make()), f"{name} is old: run make manifests"


def test_the_role_lets_the_operator_watch_all_that_it_is_put_together_from() -> None:
    configuration = Configuration("http://localhost")
    manager = Manager(Client(configuration), EventBus())
    needed = controller_rules([add_redis_controller(manager)])
    assert _permissions(needed) <= _permissions([marker.rule for marker in MARKERS])


def _permissions(rules: list[PolicyRule]) -> set[tuple[str, str, str]]:
    return {(g, r, v) for rule in rules for g in rule.api_groups for r in rule.resources for v in rule.verbs}


def test_every_file_is_in_a_kustomization() -> None:
    listed = {file for variant in VARIANTS for file in files(MANIFESTS / variant)}
    there = {file for file in MANIFESTS.rglob("*.yaml") if file.name != "kustomization.yaml"}
    assert there - {file.resolve() for file in listed} == {MANIFESTS / "samples" / "redis.yaml"}


@pytest.mark.skipif(shutil.which("kubectl") is None, reason="kubectl is not installed")
@pytest.mark.parametrize("variant", VARIANTS)
def test_kubectl_takes_every_variant(variant: str) -> None:
    command = ["kubectl", "kustomize", str(MANIFESTS / variant)]
    built = subprocess.run(command, capture_output=True, text=True)
    assert built.returncode == 0, built.stderr
    assert list(yaml.safe_load_all(built.stdout))


@pytest.mark.skipif(shutil.which("kubectl") is None, reason="kubectl is not installed")
def test_for_one_namespace_nothing_is_cluster_wide_and_both_ways_give_the_same() -> None:
    ours = {_name(d): d for text in documents_in("all", "default") for d in yaml.safe_load_all(text)}
    command = ["kubectl", "kustomize", str(MANIFESTS / "namespaced")]
    output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    kustomized = {_name(d): d for d in yaml.safe_load_all(output)}
    assert {key: ours.pop(key) for key in list(ours) if key not in kustomized}.keys() == {
        ("CustomResourceDefinition", None, "redis.myapp.tangx.in")
    }
    deployment = ("Deployment", "default", "k8s-operator-demo-controller-manager")
    (by_kustomize,) = kustomized.pop(deployment)["spec"]["template"]["spec"]["containers"]
    (by_us,) = ours.pop(deployment)["spec"]["template"]["spec"]["containers"]
    assert by_kustomize["args"][-1] == "--namespace=$(POD_NAMESPACE)"
    assert by_us["args"] == [*by_kustomize["args"][:-1], "--namespace=default"]
    assert ours == kustomized


def _name(document: dict[str, Any]) -> tuple[str, str | None, str]:
    meta = document["metadata"]
    return document["kind"], meta.get("namespace"), meta["name"]


def test_how_to_remove_it_is_said_wherever_it_is_installed_from() -> None:
    text = documents("all")[0]
    commands = [line.removeprefix("#     ") for line in text.splitlines() if line.startswith("#     ")]
    removal = commands[1:3]
    assert removal[0] == "kubectl delete redis --all --all-namespaces"
    assert removal[1].startswith("kubectl delete -k manifests/")  # not found: gone with the namespace
    readme, guide = ((MANIFESTS.parent / name).read_text() for name in ("README.md", "docs/redis.md"))
    assert all(f"    {command}\n" in readme for command in removal)
    assert all(f"    {command}\n" in guide for command in commands[1:])


def test_all_is_one_stream_of_documents() -> None:
    kinds = [d["kind"] for d in yaml.safe_load_all("---\n".join(documents("all")))]
    assert kinds[:2] == ["Namespace", "CustomResourceDefinition"]
    assert kinds.index("ServiceAccount") < kinds.index("Deployment")


def test_the_command_prints_yaml() -> None:
    run = subprocess.run(
        [sys.executable, "-m", "reconsole", "manifests", "crd"], capture_output=True, text=True, check=True
    )
    assert yaml.safe_load(run.stdout)["metadata"]["name"] == "redis.myapp.tangx.in"
    assert run.stderr == ""

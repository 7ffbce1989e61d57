import subprocess
import sys

import yaml

from controller.operator import add_redis_controller
from controller.permissions import RULES
from controller_runtime.bus import EventBus
from controller_runtime.client.client import Client
from controller_runtime.client.config import Configuration
from controller_runtime.controller.rbac import controller_rules
from controller_runtime.kube.rules import PolicyRule
from controller_runtime.manager.manager import Manager
from reconsole.embedded import MANIFESTS
from reconsole.manifests import GENERATED, documents, to_yaml


def test_the_generated_files_are_up_to_date() -> None:
    for name, make in GENERATED.items():
        assert (MANIFESTS / name).read_text() == to_yaml(make()), f"{name} is old: run make manifests"


def test_the_role_lets_the_operator_watch_all_that_it_is_put_together_from() -> None:
    configuration = Configuration("http://localhost")
    manager = Manager(Client(configuration), EventBus())
    needed = controller_rules([add_redis_controller(manager)])
    assert _permissions(needed) <= _permissions(RULES)


def _permissions(rules: list[PolicyRule]) -> set[tuple[str, str, str]]:
    return {(g, r, v) for rule in rules for g in rule.api_groups for r in rule.resources for v in rule.verbs}


def test_every_file_is_in_the_kustomization() -> None:
    listed = set(yaml.safe_load((MANIFESTS / "kustomization.yaml").read_text())["resources"])
    there = {str(p.relative_to(MANIFESTS)) for p in MANIFESTS.rglob("*.yaml")}
    assert there - listed == {"kustomization.yaml", "samples/redis.yaml"}


def test_how_to_remove_it_is_said_wherever_it_is_installed_from() -> None:
    text = documents("all")[0]
    commands = [line.removeprefix("#     ") for line in text.splitlines() if line.startswith("#     ")]
    removal = commands[1:3]
    assert removal == ["kubectl delete redis --all --all-namespaces", "kubectl delete -k manifests/"]
    readme, guide = ((MANIFESTS.parent / name).read_text() for name in ("README.md", "docs/redis.md"))
    assert all(f"    {command}\n" in readme for command in removal)
    assert all(f"    {command}\n" in guide for command in commands[1:])


def test_all_is_one_stream_of_documents() -> None:
    kinds = [d["kind"] for d in yaml.safe_load_all("---\n".join(documents("all")))]
    assert kinds[:2] == ["Namespace", "CustomResourceDefinition"]
    assert kinds[-1] == "Deployment"


def test_the_command_prints_yaml() -> None:
    run = subprocess.run(
        [sys.executable, "-m", "reconsole", "manifests", "crd"], capture_output=True, text=True, check=True
    )
    assert yaml.safe_load(run.stdout)["metadata"]["name"] == "redis.myapp.tangx.in"
    assert run.stderr == ""

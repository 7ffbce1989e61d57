"""``reconsole doctor``: each fault of a cluster is named, with what mends it."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from controller.api import Redis
from controller_runtime import Client
from controller_runtime.envtest import Environment
from controller_runtime.kube.crd import custom_resource_definition
from reconsole.cli import main

Doctor = Callable[..., tuple[int, dict[str, list[dict[str, Any]]]]]


@pytest.fixture
def environment() -> Any:
    with Environment() as environment:
        yield environment


@pytest.fixture
def doctor(environment: Environment, capsys: pytest.CaptureFixture[str]) -> Doctor:
    """Its exit code, and its findings by what was looked at."""

    def run(*arguments: str) -> tuple[int, dict[str, list[dict[str, Any]]]]:
        code = main(["doctor", "--kubeconfig", str(environment.kubeconfig), "-o", "json", *arguments])
        found: dict[str, list[dict[str, Any]]] = {}
        for line in capsys.readouterr().out.splitlines():
            finding = json.loads(line)
            found.setdefault(finding["check"], []).append(finding)
        return code, found

    return run


def test_a_cluster_from_bare_to_ready(environment: Environment, doctor: Doctor) -> None:
    admin = environment.client()
    code, found = doctor()
    assert code == 1
    assert [f["remedy"] for f in found["crd"]] == ["reconsole manifests crd | kubectl apply -f -"]
    assert "is not installed" in found["crd"][0]["says"]

    crds = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
    definition = copy.deepcopy(custom_resource_definition(Redis))
    replicas = definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]
    admin.post(crds, _without(definition, replicas["properties"]["replicas"], "maximum"))
    code, found = doctor()
    assert code == 1
    assert found["crd"][0]["says"].endswith(".properties.replicas.maximum")

    admin.transport.request("DELETE", f"{crds}/{definition['metadata']['name']}")
    admin.post(crds, custom_resource_definition(Redis))
    code, found = doctor()
    assert code == 0, found
    assert {f["state"] for fs in found.values() for f in fs} == {"ok"}


def test_what_the_operator_may_not_and_who_has_a_say(environment: Environment, doctor: Doctor) -> None:
    admin = environment.client()
    admin.post("/apis/apiextensions.k8s.io/v1/customresourcedefinitions", custom_resource_definition(Redis))
    _quota(admin)
    _webhook(admin)
    code, found = doctor("--as", "nobody", "-n", "default")
    assert code == 1
    says = [f["says"] for f in found["permissions"]]
    assert (
        'we cannot list, watch, create, patch resource "services" in API group "" in the namespace "default"'
        in [_ordered(text) for text in says]
    )
    assert {f["remedy"] for f in found["permissions"]} == {
        "reconsole manifests rbac -n default | kubectl apply -f -"
    }
    assert [f["says"] for f in found["quotas"]] == ["default has no room for more pods: 0 of 0"]
    assert "webhook check.example.com is asked; when it does not answer, the server refuses" in [
        f["says"] for f in found["admission"]
    ]
    assert found["identity"][0]["says"] == "nobody"


def test_no_connection_is_one_finding(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    config = tmp_path / "config"
    config.write_text(
        "{current-context: x, contexts: [{name: x, context: {cluster: x, user: x}}],"
        " users: [{name: x, user: {}}], clusters: [{name: x, cluster: {server: 'https://127.0.0.1:1'}}]}"
    )
    assert main(["doctor", "--kubeconfig", str(config)]) == 1
    said = capsys.readouterr().out.splitlines()
    assert said[0].startswith("FAILED   connection   cannot reach the API server at https://127.0.0.1:1")
    assert said[1].strip() == "curl -k https://127.0.0.1:1/version"
    assert len(said) == 2


def test_without_a_cluster_it_says_how_to_get_one(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["doctor", "--sandbox-dir", str(tmp_path)]) == 1
    assert "no embedded cluster runs: start one with reconsole sandbox" in capsys.readouterr().err


def _ordered(text: str) -> str:
    verbs, _, rest = text.removeprefix("we cannot ").partition(" resource ")
    order = ("list", "watch", "create", "patch", "delete", "update")
    return f"we cannot {', '.join(sorted(verbs.split(', '), key=order.index))} resource {rest}"


def _without(definition: dict[str, Any], where: dict[str, Any], key: str) -> dict[str, Any]:
    """An older version of the CRD, which lacks a rule."""
    del where[key]
    return definition


def _quota(admin: Client) -> None:
    quota = {
        "apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "none"},
        "spec": {"hard": {"pods": "0"}}, "status": {"hard": {"pods": "0"}, "used": {"pods": "0"}},
    }  # fmt: skip
    path = "/api/v1/namespaces/default/resourcequotas"
    admin.post(path, quota)
    body = json.dumps({"status": quota["status"]}).encode()
    patch = "application/merge-patch+json"
    admin.transport.request("PATCH", f"{path}/none/status", body=body, content_type=patch)


def _webhook(admin: Client) -> None:
    configuration = {
        "apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingWebhookConfiguration",
        "metadata": {"name": "check"},
        "webhooks": [{
            "name": "check.example.com", "admissionReviewVersions": ["v1"], "sideEffects": "None",
            "clientConfig": {"url": "https://127.0.0.1:1/"},
            "rules": [
                {"apiGroups": [""], "apiVersions": ["v1"], "resources": ["pods"], "operations": ["CREATE"]}
            ],
        }],
    }  # fmt: skip
    admin.post("/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations", configuration)

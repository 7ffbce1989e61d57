"""The official client's classes, on our credentials and connections."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from controller_runtime import Client, load_configuration
from controller_runtime.client.official import official_client


@pytest.mark.cluster
def test_its_classes_work_as_who_we_are(kubeconfig: Path, namespace: str) -> None:
    from kubernetes.client import CoreV1Api
    from kubernetes.client.exceptions import ApiException

    client = Client(load_configuration(kubeconfig))
    seen: list[tuple[str, int]] = []
    client.transport.observers.append(lambda exchange: seen.append((exchange.method, exchange.status)))
    core = CoreV1Api(official_client(client))
    body: dict[str, Any] = {"metadata": {"name": "a"}, "data": {"x": "ü"}}
    core.create_namespaced_config_map(namespace, body)
    core.patch_namespaced_config_map("a", namespace, {"data": {"y": "2"}})
    assert core.read_namespaced_config_map("a", namespace).data == {"x": "ü", "y": "2"}
    assert seen == [("POST", 201), ("PATCH", 200), ("GET", 200)]

    nobody = Client(load_configuration(kubeconfig, impersonate="nobody"))
    with pytest.raises(ApiException, match='User \\\\"nobody\\\\" cannot list'):
        CoreV1Api(official_client(nobody)).list_namespaced_pod(namespace)


def test_without_credentials_nothing_is_sent(tmp_path: Path, kubeconfig: Path) -> None:
    from kubernetes.client import CoreV1Api

    from controller_runtime.kube.errors import NoCredentials

    text = kubeconfig.read_text()
    head = text[: text.index("users:")]
    config = tmp_path / "config"
    name = text[text.index("users:") :].split("name: ")[1].split()[0]
    plugin = "{apiVersion: client.authentication.k8s.io/v1, command: 'false', interactiveMode: Never}"
    config.write_text(f"{head}users:\n- name: {name}\n  user: {{exec: {plugin}}}\n")
    core = CoreV1Api(official_client(Client(load_configuration(config))))
    with pytest.raises(NoCredentials):
        core.list_namespace()

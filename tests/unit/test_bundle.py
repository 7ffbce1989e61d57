"""The bundle holds what helps, and withholds what nobody else should read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from controller_runtime import Client, load_configuration
from reconsole.cli import main
from why.bundle import bundle
from why.explain import explain
from why.world import World

META = {"namespace": "ns", "creationTimestamp": "2026-01-01T00:00:00Z"}


def pod() -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            **META, "name": "web-0", "uid": "p", "managedFields": [{"manager": "m"}],
            "annotations": {
                "kubectl.kubernetes.io/last-applied-configuration": "{hunter1}",
                "example.com/api-key": "hunter2", "example.com/note": "```kept```",
            },
            "ownerReferences": [{"uid": "r", "kind": "Redis", "name": "web", "controller": True}],
        },
        "spec": {
            "containers": [{
                "name": "c", "image": "web:1", "args": ["--password=hunter3", "--port=80"],
                "env": [{"name": "DB_PASSWORD", "value": "hunter4"}, {"name": "MODE", "value": "kept-mode"}],
            }],
        },
        "status": {"phase": "Running"},
    }  # fmt: skip


def written() -> str:
    owner = {
        "apiVersion": "v1", "kind": "Redis", "metadata": {**META, "name": "web", "uid": "r"},
        "spec": {"replicas": 3},
    }  # fmt: skip
    event = {
        "apiVersion": "v1", "kind": "Event", "metadata": {**META, "name": "e"}, "type": "Warning",
        "reason": "BackOff", "message": "it said token: hunter5",
        "involvedObject": {"uid": "p", "kind": "Pod"},
    }  # fmt: skip
    logs = {("ns", "web-0", "c"): "connecting with api_key=hunter6 to db\nrefused"}
    world = World((pod(), owner, event), 1_800_000_000.0, logs, {"Secret": "secrets is forbidden"})
    versions = {"Kubernetes": "v1.32.0"}
    return bundle(pod(), world, explain(pod(), world), versions=versions, timeline=["12:00 MODIFIED web-0"])


def test_it_holds_what_is_known_and_says_so_first() -> None:
    text = written()
    front = text.partition("## ")[0]
    for title in (
        "Explanation", "Versions", "Object Pod ns/web-0", "Owner Redis ns/web", "Events, the newest first",
        "Timeline", "End of the log of ns/web-0, container c",
    ):  # fmt: skip
        assert f"* {title}" in front
        assert f"## {title}\n" in text
    for words in ("replicas: 3", "kept-mode", "v1.32.0", "12:00 MODIFIED web-0", "refused", "BackOff"):
        assert words in text
    assert "managedFields" not in text
    assert "````yaml" in text, "a fence that what is inside cannot close"


def test_it_withholds_what_looks_like_a_credential_and_counts_it() -> None:
    text = written()
    assert "hunter" not in text
    front = text.partition("## ")[0]
    for words in (
        "* last-applied configurations: 1",
        "* fields and annotations that look like credentials: 1",
        "* values of environment variables that look like credentials: 1",
        "* Secret, which could not be read: secrets is forbidden",
    ):
        assert words in front
    assert "values in texts and logs that look like credentials: " in front


def test_the_command_prints_one_of_a_cluster_and_anonymizes_it(
    kubeconfig: Path, namespace: str, capsys: pytest.CaptureFixture[str]
) -> None:
    admin = Client(load_configuration(kubeconfig))
    secret = {
        "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "topsecret", "namespace": namespace},
        "stringData": {"x": "hunter7"},
    }  # fmt: skip
    web = pod()
    web["metadata"] = {"name": "webshop", "namespace": namespace}
    web["spec"]["containers"][0]["envFrom"] = [{"secretRef": {"name": "topsecret"}}]
    admin.create(secret)
    admin.create(web)
    where = ["--kubeconfig", str(kubeconfig), "-n", namespace]
    assert main(["bundle", "pod/webshop", *where]) == 0
    text = capsys.readouterr().out
    assert f"# Pod {namespace}/webshop" in text
    assert "hunter" not in text
    assert main(["bundle", "pod/webshop", "--anonymize", *where]) == 0
    hidden = capsys.readouterr().out
    assert "webshop" not in hidden
    assert namespace not in hidden
    assert "kind: Pod" in hidden
    assert main(["bundle", "pod/nobody", *where]) == 1
    assert 'pods "nobody" not found' in capsys.readouterr().err

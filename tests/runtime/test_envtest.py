"""The test environment that the library brings for other people's operators."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from controller_runtime import Forbidden
from controller_runtime.envtest import Environment, StartError
from controller_runtime.kube.kinds import ConfigMap
from controller_runtime.kube.rules import PolicyRule

CRD = """
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: widgets.example.com}
spec:
  group: example.com
  scope: Namespaced
  names: {plural: widgets, singular: widget, kind: Widget, listKind: WidgetList}
  versions:
  - name: v1
    served: true
    storage: true
    schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}
"""
TEST = """
import os
from collections.abc import Iterator
from pathlib import Path
import pytest

pytest_plugins = ["controller_runtime.envtest.pytest_plugin"]

@pytest.fixture(scope="session")
def envtest_crds():
    return [Path("crds")]

NAMES = []

@pytest.mark.parametrize("turn", [1, 2])
def test_each_has_a_namespace_of_its_own(envtest, envtest_namespace, turn):
    path = f"/apis/example.com/v1/namespaces/{envtest_namespace}/widgets"
    widget = {"apiVersion": "example.com/v1", "kind": "Widget", "metadata": {"name": "one"}}
    envtest.client().post(path, widget)
    NAMES.append(envtest_namespace)
    assert len(set(NAMES)) == turn
"""


@pytest.fixture(scope="module")
def environment() -> Iterator[Environment]:
    with Environment() as environment:
        yield environment


def test_crds_are_served_when_it_has_started(environment: Environment, tmp_path: Path) -> None:
    (tmp_path / "crds").mkdir()
    (tmp_path / "crds" / "widgets.yaml").write_text("# a comment\n---\n" + CRD)
    (tmp_path / "crds" / "README.md").write_text("not YAML: {")
    assert environment.install_crds(tmp_path / "crds") == ["widgets.example.com"]
    assert environment.client().get_json("/apis/example.com/v1/widgets")["items"] == []


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("a: [", "broken.yaml is not YAML"),
        (CRD.replace("scope: Namespaced", "scope: Galactic"), "the CRD widgets.example.com was refused"),
        (None, "no such file or folder"),
    ],
)
def test_what_is_wrong_with_a_crd_is_said(
    environment: Environment, tmp_path: Path, text: str | None, says: str
) -> None:
    path = tmp_path / "broken.yaml"
    if text is not None:
        path.write_text(text)
    with pytest.raises(StartError, match=says):
        environment.install_crds(path)


def test_a_user_may_do_what_was_given_and_no_more(environment: Environment) -> None:
    reads = PolicyRule(("",), ("configmaps",), ("get", "list"))
    user = environment.client(environment.add_user("jane@example.com", rules=[reads], namespace="default"))
    assert user.identity() == "jane@example.com"
    assert isinstance(user.list(ConfigMap, "default"), list)
    with pytest.raises(Forbidden, match="jane"):
        user.list(ConfigMap, "kube-system")
    with pytest.raises(Forbidden, match="cannot create"):
        user.create(
            {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "namespace": "default"}}
        )


def test_the_pytest_fixtures(tmp_path: Path) -> None:
    (tmp_path / "crds").mkdir()
    (tmp_path / "crds" / "widgets.yaml").write_text(CRD)
    (tmp_path / "test_mine.py").write_text(TEST)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_mine.py"]
    ran = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "2 passed" in ran.stdout

"""``reconsole run``: somebody's operator, by file or by module and function."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from controller_runtime import Client, load_configuration
from reconsole.operators import load_operator
from reconsole.options import Failure
from tests.cluster import eventually
from tests.e2e.conftest import Headless
from tests.examples import EXAMPLES, folders

EXAMPLE = EXAMPLES / "copy_configmap.py"


def test_an_operator_runs_on_the_embedded_cluster_where_its_kind_is_installed(tmp_path: Path) -> None:
    run = Headless(tmp_path, "run", str(EXAMPLES / "folder.py"), "--sandbox-dir", str(tmp_path))
    try:
        kubeconfig = tmp_path / "kubeconfig"
        eventually(lambda: kubeconfig.exists() or run.process.poll(), 30)
        admin = Client(load_configuration(kubeconfig))
        folders(admin, "default", tmp_path)
        assert run.find(type="RECONCILE", controller="folder", result="success"), run.log
        assert not run.find(type="RECONCILE", controller="redis")
    finally:
        assert run.stop() == 0


def test_on_another_cluster_a_kind_that_is_missing_is_asked_for(tmp_path: Path, kubeconfig: Path) -> None:
    (tmp_path / "mine.py").write_text(MISSING)
    command = ["--kubeconfig", str(kubeconfig), "run", str(tmp_path / "mine.py"), "--no-ui"]
    ran = subprocess.run(
        [sys.executable, "-m", "reconsole", *command], capture_output=True, text=True, timeout=60
    )
    assert ran.returncode == 1
    assert f"install it with: reconsole manifests crd {tmp_path}/mine.py | kubectl apply -f -" in ran.stderr


MISSING = """
from controller_runtime import *

class Ghost(KubeObject, frozen=True):
    resource = Resource("nowhere.example.com", "v1", "Ghost", "ghosts")
    definition = Definition()

def setup(manager): ...
"""


def test_an_operator_that_builds_nothing_is_said(tmp_path: Path, kubeconfig: Path) -> None:
    (tmp_path / "none.py").write_text(NOTHING)
    command = ["--kubeconfig", str(kubeconfig), "run", str(tmp_path / "none.py"), "--no-ui"]
    ran = subprocess.run(
        [sys.executable, "-m", "reconsole", *command], capture_output=True, text=True, timeout=60
    )
    assert ran.returncode == 1
    assert "built no controller: end its builder with complete(reconciler)" in ran.stderr


NOTHING = """
from controller_runtime import *

def setup(manager):
    new_controller_managed_by(manager).for_(ConfigMap)
"""


def test_with_observe_it_looks_and_does_nothing_and_a_missing_namespace_is_said(tmp_path: Path) -> None:
    run = Headless(
        tmp_path, "run", str(EXAMPLE), "--observe", "-n", "nowhere", "--sandbox-dir", str(tmp_path)
    )
    try:
        eventually(lambda: run.find(type="ADDED", kind="Namespace") or run.process.poll(), 30)
        assert run.find(type="ADDED", kind="Namespace", name="default"), run.log
        assert not run.find(type="RECONCILE")
        assert "There is no namespace nowhere" in run.log
    finally:
        assert run.stop() == 0


def test_its_kinds_are_those_that_the_file_names() -> None:
    by_file = load_operator(str(EXAMPLE))
    assert [kind.resource.kind for kind in by_file.kinds] == ["ConfigMap", "Namespace"]
    assert [k.resource.kind for k in load_operator("examples.copy_configmap:setup").kinds] == [
        "ConfigMap",
        "Namespace",
    ]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (None, "no such file"),
        ("x = 1", r"has no function setup\(manager\): add one"),
        ("def setup(", "cannot load .*SyntaxError"),
        ("1 / 0", "cannot load .*ZeroDivisionError"),
        ("raise SystemExit('bye')", "cannot load .*SystemExit: bye"),
    ],
)
def test_what_cannot_be_loaded_is_said_in_a_sentence(tmp_path: Path, text: str | None, sentence: str) -> None:
    path = tmp_path / "operator_under_test.py"
    if text is not None:
        path.write_text(text)
    with pytest.raises(Failure, match=sentence):
        load_operator(str(path))


def test_the_least_role_that_a_run_used_is_written_down(tmp_path: Path) -> None:
    arguments = ["--sandbox-dir", str(tmp_path), "--record-rbac", str(tmp_path / "role.yaml")]
    run = Headless(tmp_path, "run", str(EXAMPLES / "folder.py"), *arguments)
    try:
        kubeconfig = tmp_path / "kubeconfig"
        eventually(lambda: kubeconfig.exists() or run.process.poll(), 30)
        folders(Client(load_configuration(kubeconfig)), "default", tmp_path)
    finally:
        assert run.stop() == 0
    used = list(yaml.safe_load_all((tmp_path / "role.yaml").read_text()))
    group = ["examples.reconsole.dev"]
    assert [(r["kind"], r["metadata"].get("namespace"), r["rules"]) for r in used] == [
        ("ClusterRole", None, [{"apiGroups": group, "resources": ["folders"], "verbs": ["list", "watch"]}]),
        (
            "Role",
            "default",
            [
                {"apiGroups": group, "resources": ["folders"], "verbs": ["get", "update"]},
                {"apiGroups": group, "resources": ["folders/status"], "verbs": ["update"]},
            ],
        ),
    ]


def test_a_file_for_the_role_that_cannot_be_written_ends_it_with_a_sentence(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "reconsole", "run", str(EXAMPLE), "--no-ui"]
    command += ["--sandbox-dir", str(tmp_path), "--record-rbac", str(tmp_path / "no" / "role.yaml")]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert ran.returncode == 1
    assert "role.yaml: No such file or directory; name another file" in ran.stderr


LOOP = """
import time
from controller_runtime import *
from controller_runtime.kube.kinds import ConfigMap

class Ghost(KubeObject, frozen=True):
    resource = Resource("nowhere.example.com", "v1", "Ghost", "ghosts")

class Loop:
    def __init__(self, manager):
        self.client = manager.client
        new_controller_managed_by(manager).named("loop").for_(ConfigMap).complete(self)

    def reconcile(self, request: Request) -> None:
        if request.name == "looks":
            self.client.patch(ConfigMap, *request, {"data": {"at": str(time.time())}})

def setup(manager): Loop(manager)
"""


def test_a_problem_of_the_operator_and_a_kind_without_a_crd_are_said(tmp_path: Path) -> None:
    (tmp_path / "loop.py").write_text(LOOP)
    arguments = ["--sandbox-dir", str(tmp_path), "--metrics-bind-address", "127.0.0.1:0"]
    run = Headless(tmp_path, "run", str(tmp_path / "loop.py"), *arguments)
    try:
        kubeconfig = tmp_path / "kubeconfig"
        eventually(lambda: kubeconfig.exists() or run.process.poll(), 30)
        meta = {"name": "looks", "namespace": "default"}
        admin = Client(load_configuration(kubeconfig))
        admin.create({"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta})
        (line,) = eventually(lambda: run.find(type="PROBLEM"), 30)
    finally:
        assert run.stop() == 0
    assert (line["state"], line["problem"]) == ("began", "reconcile loop")
    assert line["about"] == "loop default/looks"
    assert "data.at changes each time" in line["says"]
    assert "does not know ghosts.nowhere.example.com: add definition = Definition()" in run.log

"""``reconsole manifests rbac FILE.py``: with the role that it prints, an operator is refused nothing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from controller_runtime import Client, EventBus, Manager, load_configuration
from controller_runtime.events import ApiWrite, WatchStatus
from reconsole.cli import main
from reconsole.operators import load_operator
from tests.examples import EXAMPLES, SCENARIOS, install
from tests.runtime.sandboxed import Recording, running

ROOT = Path(__file__).parents[2]
RBAC = "/apis/rbac.authorization.k8s.io/v1"


def printed(capsys: pytest.CaptureFixture[str], *arguments: str) -> list[dict[str, Any]]:
    assert main(["manifests", "rbac", *arguments]) == 0
    return list(yaml.safe_load_all(capsys.readouterr().out))


def grant(admin: Client, role: dict[str, Any], user: str) -> Callable[[], None]:
    """Give ``user`` a ClusterRole; what is returned takes it away again."""
    name = f"{user}-{role['metadata']['name']}"
    metadata = {"name": name}
    admin.post(f"{RBAC}/clusterroles", {**role, "metadata": metadata})
    reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": name}
    subject = {"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": user}
    binding = {
        "apiVersion": role["apiVersion"], "kind": "ClusterRoleBinding", "metadata": metadata,
        "roleRef": reference, "subjects": [subject],
    }  # fmt: skip
    admin.post(f"{RBAC}/clusterrolebindings", binding)

    def take_away() -> None:
        for plural in ("clusterroles", "clusterrolebindings"):
            admin.transport.request("DELETE", f"{RBAC}/{plural}/{name}")

    return take_away


@pytest.mark.parametrize("example", SCENARIOS)
def test_with_its_role_an_example_is_refused_nothing(
    capsys: pytest.CaptureFixture[str],
    admin: Client,
    kubeconfig: Path,
    namespace: str,
    example: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    install(admin, example)
    (role,) = printed(capsys, str(EXAMPLES / example))
    user = f"{example}-{namespace}"
    take_away = grant(admin, role, user)
    bus = EventBus()
    recording = Recording(bus)
    manager = Manager(Client(load_configuration(kubeconfig, impersonate=user), bus=bus), bus)
    load_operator(str(EXAMPLES / example)).setup(manager)
    try:
        with running(manager):
            SCENARIOS[example](admin, namespace, tmp_path)
    finally:
        take_away()
    # (A namespace that ends refuses all that is created in it.)
    assert [w.error for w in recording.of(ApiWrite) if w.status == 403 and "cannot" in w.error] == []
    assert "forbidden" not in {s.state for s in recording.of(WatchStatus)}


OPERATOR = """
from controller_runtime import *
from controller_runtime.kube.kinds import Namespace, Pod

# +kubebuilder:rbac:groups="",resources=pods/eviction,verbs=create

@rbac(groups="", resources="secrets", verbs="get", namespace="vault")
class Quiet:
    def reconcile(self, request: Request) -> None: ...

@rbac(urls="/metrics", verbs="get")
def setup(manager):
    manager.event_recorder("quiet")
    manager.informer(Namespace)
    new_controller_managed_by(manager).for_(Pod).complete(Quiet())
"""


def test_comments_decorators_and_what_is_watched_in_one_namespace(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "quiet.py").write_text(OPERATOR)
    found = printed(capsys, str(tmp_path / "quiet.py"), "-n", "mine")
    assert {(r["kind"], r["metadata"].get("namespace")): _flat(r) for r in found} == {
        ("ClusterRole", None): {"get /metrics", "list namespaces", "watch namespaces"},
        ("Role", "mine"): {
            "create events", "patch events", "create pods/eviction", "list pods", "watch pods",
        },
        ("Role", "vault"): {"get secrets"},
    }  # fmt: skip


def _flat(role: dict[str, Any]) -> set[str]:
    return {
        f"{verb} {thing}"
        for rule in role["rules"]
        for thing in rule.get("resources", rule.get("nonResourceURLs"))
        for verb in rule["verbs"]
    }


@pytest.mark.parametrize(
    ("source", "says"),
    [
        (
            "# +kubebuilder:rbac:group=x\ndef setup(m): ...",
            "line 1: # +kubebuilder:rbac:group=x: there is no",
        ),
        ("def setup(m):\n    m.client.version()", "asks an API server"),
        ("def setup(m):\n    raise KeyError('x')", "failed: KeyError: 'x'"),
    ],
)
def test_what_no_role_can_be_made_of_is_said(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, source: str, says: str
) -> None:
    (tmp_path / "broken.py").write_text(source)
    assert main(["manifests", "rbac", str(tmp_path / "broken.py")]) == 1
    said = capsys.readouterr()
    assert says in said.err
    assert said.out == ""

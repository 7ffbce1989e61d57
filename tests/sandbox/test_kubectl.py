"""kubectl against the embedded cluster: what people type, and what a real server makes of it."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
MANIFESTS = REPOSITORY / "manifests"

pytestmark = pytest.mark.skipif(shutil.which("kubectl") is None, reason="kubectl is not on PATH")


class Kubectl:
    """Runs kubectl with the sandbox's kubeconfig and a cache of its own."""

    def __init__(self, kubeconfig: Path, home: Path) -> None:
        self.home = home
        self.environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(home),
            "KUBECONFIG": str(kubeconfig),
            "KUBECACHEDIR": str(home / "cache"),
        }

    def run(self, *words: str, stdin: str = "", **more: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["kubectl", *words],
            input=stdin,
            capture_output=True,
            text=True,
            timeout=30,
            env={**self.environment, **more},
        )

    def __call__(self, *words: str, stdin: str = "", **more: str) -> str:
        done = self.run(*words, stdin=stdin, **more)
        assert done.returncode == 0, f"kubectl {' '.join(words)}: {done.stderr or done.stdout}"
        return done.stdout

    def refused(self, *words: str, stdin: str = "") -> str:
        done = self.run(*words, stdin=stdin)
        assert done.returncode != 0, f"kubectl {' '.join(words)} should fail, but: {done.stdout}"
        return done.stderr

    def file(self, name: str, text: str) -> str:
        path = self.home / name
        path.write_text(text)
        return str(path)


@pytest.fixture(scope="module")
def kubectl(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kubectl]:
    folder = tmp_path_factory.mktemp("kubectl")
    command = [sys.executable, "-m", "sandbox", "--dir", str(folder), "--manifests", str(MANIFESTS)]
    command += ["--runtime", "simulated"]
    process = subprocess.Popen(
        command, cwd=REPOSITORY, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    try:
        assert process.stdout
        ready = json.loads(process.stdout.readline() or b"{}")
        assert ready.get("ready"), process.stderr and process.stderr.read().decode()
        yield Kubectl(Path(ready["kubeconfig"]), folder)
    finally:
        process.terminate()
        process.communicate(timeout=10)


@pytest.fixture(scope="module")
def web(kubectl: Kubectl) -> str:
    """A pod that runs."""
    kubectl("run", "web", "--image=nginx", "--labels=app=web", "--port=80")
    kubectl("wait", "--for=condition=Ready", "pod/web", "--timeout=10s")
    return "web"


def config_map(name: str, **data: str) -> str:
    lines = "".join(f"  {k}: {json.dumps(v)}\n" for k, v in data.items())
    return f"apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {name}\ndata:\n{lines}"


def lines(text: str) -> list[list[str]]:
    return [re.split(r"\s{2,}", line.rstrip()) for line in text.splitlines()]


def test_get_in_every_form(kubectl: Kubectl, web: str) -> None:
    head, row = lines(kubectl("get", "pod", web))
    assert head == ["NAME", "READY", "STATUS", "RESTARTS", "AGE"]
    assert row[:4] == ["web", "1/1", "Running", "0"]
    wide = lines(kubectl("get", "pod", web, "-o", "wide"))
    assert wide[0][5:] == ["IP", "NODE", "NOMINATED NODE", "READINESS GATES"]
    assert wide[1][6].startswith("node-")
    assert "phase: Running" in kubectl("get", "pod", web, "-o", "yaml")
    assert json.loads(kubectl("get", "pods", "-o", "json"))["kind"] == "List"
    assert kubectl("get", "pod", web, "-o", "jsonpath={.status.phase}") == "Running"
    assert kubectl("get", "pods", "-l", "app=web", "-o", "name") == "pod/web\n"
    assert kubectl("get", "pods", "-l", "app!=web", "-o", "name") == ""
    assert kubectl("get", "pods", "--field-selector=status.phase=Running,metadata.name=web", "-o", "name")
    assert 'pods "nope" not found' in kubectl.refused("get", "pod", "nope")


@pytest.mark.parametrize(
    "words", [("exec", "web", "--", "ls"), ("attach", "web"), ("port-forward", "web", "0:80")]
)
def test_what_needs_a_container_is_refused_with_the_reason(
    kubectl: Kubectl, web: str, words: tuple[str, ...]
) -> None:
    assert "the containers of pod web are simulated" in kubectl.refused(*words)


def test_get_other_kinds(kubectl: Kubectl) -> None:
    redis = lines(kubectl("get", "redis", "my-op-redis", "-o", "wide"))
    assert redis[0] == ["NAME", "REPLICAS", "READY", "STATUS", "PORT", "IMAGE", "AGE"]
    assert lines(kubectl("get", "svc", "kubernetes"))[1][1:5] == [
        "ClusterIP",
        "10.96.0.1",
        "<none>",
        "443/TCP",
    ]
    assert lines(kubectl("get", "nodes"))[1][:3] == ["node-1", "Ready", "<none>"]
    assert lines(kubectl("get", "crd"))[0] == ["NAME", "CREATED AT"]
    assert "Active" in kubectl("get", "ns", "default")
    assert "deployments" in kubectl("api-resources", "-o", "name")


def test_watch_shows_every_event(kubectl: Kubectl) -> None:
    watch = subprocess.Popen(
        ["kubectl", "get", "cm", "-w", "--output-watch-events", "--field-selector=metadata.name=seen"],
        env=kubectl.environment,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        time.sleep(0.7)
        kubectl("create", "cm", "seen", "--from-literal=a=1")
        kubectl("patch", "cm", "seen", "-p", '{"data":{"b":"2"}}')
        kubectl("delete", "cm", "seen")
        assert watch.stdout
        seen = [watch.stdout.readline().split()[:3] for _ in range(4)]
    finally:
        watch.kill()
        watch.wait()
    assert seen[0] == ["EVENT", "NAME", "DATA"]
    assert seen[1:] == [["ADDED", "seen", "1"], ["MODIFIED", "seen", "2"], ["DELETED", "seen", "2"]]


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        ("pod web", "Successfully assigned default/web to node-"),
        ("svc kubernetes", "Endpoints:                127.0.0.1:"),
        ("redis my-op-redis", "API Version:  myapp.tangx.in/v1"),
        ("node node-1", "KubeletReady"),
        ("ns default", "Status:       Active"),
        ("clusterrole view", "PolicyRule:"),
    ],
)
def test_describe(kubectl: Kubectl, web: str, words: str, wanted: str) -> None:
    assert wanted in kubectl("describe", *words.split())


def test_apply_three_ways(kubectl: Kubectl) -> None:
    path = kubectl.file("three.yaml", config_map("three", x="1", gone="2"))
    assert "created" in kubectl("apply", "-f", path)
    assert "unchanged" in kubectl("apply", "-f", path)
    kubectl("patch", "cm", "three", "-p", '{"data":{"theirs":"3"}}')
    kubectl.file("three.yaml", config_map("three", x="1", new="4"))
    changed = kubectl.run("diff", "-f", path)
    assert changed.returncode == 1
    assert "-  gone:" in changed.stdout
    assert "+  new:" in changed.stdout
    assert "configured" in kubectl("apply", "-f", path)
    data = json.loads(kubectl("get", "cm", "three", "-o", "jsonpath={.data}"))
    assert data == {"x": "1", "new": "4", "theirs": "3"}


def test_apply_of_a_custom_resource(kubectl: Kubectl) -> None:
    text = "apiVersion: myapp.tangx.in/v1\nkind: Redis\nmetadata: {name: applied}\nspec: {port: 7000}\n"
    path = kubectl.file("redis.yaml", text)
    assert "created" in kubectl("apply", "-f", path)
    assert "unchanged" in kubectl("apply", "-f", path)
    kubectl.file("redis.yaml", text.replace("7000", "80"))
    assert "should be greater than or equal to 1234" in kubectl.refused("apply", "-f", path)


def test_server_side_apply_and_its_conflicts(kubectl: Kubectl) -> None:
    path = kubectl.file("ssa.yaml", config_map("ssa", x="1", w="2"))
    assert "serverside-applied" in kubectl("apply", "--server-side", "-f", path)
    before = kubectl("get", "cm", "ssa", "-o", "jsonpath={.metadata.resourceVersion}")
    kubectl("apply", "--server-side", "-f", path)
    assert kubectl("get", "cm", "ssa", "-o", "jsonpath={.metadata.resourceVersion}") == before
    other = kubectl.file("ssa2.yaml", config_map("ssa", x="9"))
    refused = kubectl.refused("apply", "--server-side", "-f", other, "--field-manager=other")
    assert 'Apply failed with 1 conflict: conflict with "kubectl": .data.x' in refused
    kubectl("apply", "--server-side", "-f", other, "--field-manager=other", "--force-conflicts")
    found = json.loads(kubectl("get", "cm", "ssa", "-o", "json", "--show-managed-fields"))
    owners = {m["manager"]: m["fieldsV1"]["f:data"] for m in found["metadata"]["managedFields"]}
    assert owners == {"kubectl": {"f:w": {}}, "other": {"f:x": {}}}
    # What an applier leaves out goes, when nobody else owns it.
    kubectl("apply", "--server-side", "-f", kubectl.file("ssa3.yaml", config_map("ssa", z="3")))
    data = json.loads(kubectl("get", "cm", "ssa", "-o", "jsonpath={.data}"))
    assert data == {"x": "9", "z": "3"}


def test_apply_a_kustomization(kubectl: Kubectl) -> None:
    assert "deployment.apps" in kubectl("apply", "-k", str(MANIFESTS))
    again = kubectl("apply", "-k", str(MANIFESTS))
    changed = [line for line in again.splitlines() if not line.endswith("unchanged")]
    # The selector of a PodDisruptionBudget has the patch strategy "replace": kubectl sends it every time.
    assert changed == ["poddisruptionbudget.policy/k8s-operator-demo-controller-manager configured"]
    assert kubectl("diff", "-k", str(MANIFESTS)) == ""


def test_validation(kubectl: Kubectl) -> None:
    bad = config_map("bad", a="1").replace("\ndata:", "\ndta:")
    assert 'strict decoding error: unknown field "dta"' in kubectl.refused("apply", "-f", "-", stdin=bad)
    assert 'unknown field "dta"' in kubectl.run("create", "-f", "-", "--validate=warn", stdin=bad).stderr
    assert "field not declared in schema" in kubectl.refused("apply", "--server-side", "-f", "-", stdin=bad)
    dry = kubectl("create", "cm", "dry", "--from-literal=a=b", "--dry-run=server", "-o", "yaml")
    assert "uid:" in dry
    assert "resourceVersion" not in dry
    assert "not found" in kubectl.refused("get", "cm", "dry")


def test_unknown_kinds(kubectl: Kubectl) -> None:
    bar = "apiVersion: foo.io/v1\nkind: Bar\nmetadata: {name: x}\n"
    refused = kubectl.refused("apply", "-f", "-", stdin=bar)
    assert 'no matches for kind "Bar" in version "foo.io/v1"' in refused
    assert "ensure CRDs are installed first" in refused


def test_create_of_every_sort(kubectl: Kubectl) -> None:
    """These commands send protobuf."""
    kubectl("create", "ns", "made")
    kubectl("create", "sa", "robot", "-n", "made")
    kubectl("create", "cm", "plain", "-n", "made", "--from-literal=a=b")
    kubectl("create", "secret", "generic", "hidden", "-n", "made", "--from-literal=a=b")
    kubectl("create", "service", "clusterip", "svc", "-n", "made", "--tcp=80:8080")
    kubectl("create", "role", "reader", "-n", "made", "--verb=get,list", "--resource=pods")
    kubectl("create", "rolebinding", "rb", "-n", "made", "--role=reader", "--serviceaccount=made:robot")
    kubectl("create", "deployment", "web", "-n", "made", "--image=nginx", "--replicas=0")
    robot = "--as=system:serviceaccount:made:robot"
    assert kubectl("auth", "can-i", "list", "pods", "-n", "made", robot) == "yes\n"
    assert kubectl.run("auth", "can-i", "delete", "pods", "-n", "made", robot).stdout == "no\n"
    assert kubectl("get", "secret", "hidden", "-n", "made", "-o", "jsonpath={.data.a}") == "Yg=="
    target = "jsonpath={.spec.ports[0].targetPort}"
    assert kubectl("get", "svc", "svc", "-n", "made", "-o", target) == "8080"
    assert kubectl("get", "deploy", "web", "-n", "made", "-o", "jsonpath={.spec.replicas}") == "0"
    token = kubectl("create", "token", "robot", "-n", "made", "--duration=1h").strip()
    assert token.count(".") == 2
    kubectl("delete", "ns", "made", "--timeout=20s")
    assert "not found" in kubectl.refused("get", "ns", "made")


def test_auth(kubectl: Kubectl) -> None:
    assert "Username" in kubectl("auth", "whoami")
    assert "[*]" in kubectl("auth", "can-i", "--list")
    operator = "--as=system:serviceaccount:k8s-operator-demo-system:k8s-operator-demo-controller-manager"
    listed = kubectl("auth", "can-i", "--list", operator)
    assert "redis.myapp.tangx.in/status" in listed
    assert 'User "bob" cannot list resource "pods"' in kubectl.refused("get", "pods", "--as=bob")


def test_labels_annotations_patches(kubectl: Kubectl, web: str) -> None:
    assert "labeled" in kubectl("label", "pod", web, "tier=front")
    assert "already has a value" in kubectl.refused("label", "pod", web, "tier=back")
    kubectl("label", "pod", web, "tier=back", "--overwrite")
    assert "unlabeled" in kubectl("label", "pod", web, "tier-")
    assert "annotated" in kubectl("annotate", "pod", web, "note=1")
    kubectl("create", "cm", "patched", "--from-literal=a=1")
    kubectl("patch", "cm", "patched", "-p", '{"data":{"b":"2"}}')
    kubectl("patch", "cm", "patched", "--type=merge", "-p", '{"data":{"a":null}}')
    kubectl("patch", "cm", "patched", "--type=json", "-p", '[{"op":"add","path":"/data/c","value":"3"}]')
    assert json.loads(kubectl("get", "cm", "patched", "-o", "jsonpath={.data}")) == {"b": "2", "c": "3"}


def test_edit_and_replace(kubectl: Kubectl) -> None:
    path = kubectl.file("edited.yaml", config_map("edited", a="before"))
    kubectl("create", "-f", path)
    assert "edited" in kubectl("edit", "cm", "edited", EDITOR="sed -i s/before/after/")
    assert kubectl("get", "cm", "edited", "-o", "jsonpath={.data.a}") == "after"
    assert "replaced" in kubectl("replace", "-f", path)
    assert kubectl("get", "cm", "edited", "-o", "jsonpath={.data.a}") == "before"
    assert "replaced" in kubectl("replace", "--force", "-f", path)


def test_scale(kubectl: Kubectl) -> None:
    name = "redis/my-op-redis"
    assert "scaled" in kubectl("scale", name, "--replicas=3")
    assert kubectl("get", name, "-o", "jsonpath={.spec.replicas}") == "3"
    assert "Expected replicas to be 9, was 3" in kubectl.refused(
        "scale", name, "--replicas=1", "--current-replicas=9"
    )


def test_logs_and_events(kubectl: Kubectl, web: str) -> None:
    assert kubectl("logs", web)
    assert len(kubectl("logs", web, "--tail=1").splitlines()) == 1
    assert kubectl("logs", web, "--since=1h", "--timestamps").startswith("20")
    follow = subprocess.Popen(
        ["kubectl", "logs", "-f", web], env=kubectl.environment, stdout=subprocess.PIPE, text=True
    )
    try:
        assert follow.stdout
        assert follow.stdout.readline()
        assert follow.poll() is None
    finally:
        follow.kill()
        follow.wait()
    assert "Started container web" in kubectl("events", "--for", f"pod/{web}")
    assert "Scheduled" in kubectl("get", "events", "--field-selector", f"involvedObject.name={web}")


def test_wait_and_delete(kubectl: Kubectl) -> None:
    for name in ("soon", "forced", "left"):
        kubectl("run", name, "--image=nginx")
    kubectl("wait", "--for=condition=Ready", "pod/soon", "pod/forced", "pod/left", "--timeout=10s")
    kubectl("wait", "--for=jsonpath={.status.phase}=Running", "pod/soon", "--timeout=5s")
    assert "timed out" in kubectl.refused("wait", "--for=delete", "pod/soon", "--timeout=1s")
    assert 'pod "soon" deleted' in kubectl("delete", "pod", "soon", "--now")
    assert "force deleted" in kubectl("delete", "pod", "forced", "--force")
    kubectl("delete", "pod", "left", "--wait=false", "--grace-period=1")
    kubectl("wait", "--for=delete", "pod/left", "--timeout=10s")
    assert "not found" in kubectl.refused("get", "pod", "soon")


@pytest.mark.parametrize(
    ("cascade", "left"), [("background", False), ("foreground", False), ("orphan", True)]
)
def test_delete_cascades(kubectl: Kubectl, cascade: str, left: bool) -> None:
    owner, owned = f"owner-{cascade}", f"owned-{cascade}"
    kubectl("create", "cm", owner)
    uid = kubectl("get", "cm", owner, "-o", "jsonpath={.metadata.uid}")
    reference = f"{{apiVersion: v1, kind: ConfigMap, name: {owner}, uid: {uid}, blockOwnerDeletion: true}}"
    meta = f"metadata:\n  ownerReferences: [{reference}]"
    kubectl("create", "-f", "-", stdin=config_map(owned, a="1").replace("metadata:", meta))
    kubectl("delete", "cm", owner, f"--cascade={cascade}", "--timeout=15s")
    if cascade == "orphan":
        assert kubectl("get", "cm", owned, "-o", "jsonpath={.metadata.ownerReferences}") == ""
    else:
        kubectl("wait", "--for=delete", f"cm/{owned}", "--timeout=15s")


def test_explain(kubectl: Kubectl) -> None:
    assert "containers\t<[]Container> -required-" in kubectl("explain", "pod.spec")
    assert "FIELD: ports <[]ContainerPort>" in kubectl("explain", "pod.spec.containers.ports")
    assert "GROUP:      myapp.tangx.in" in kubectl("explain", "redis")
    assert "port\t<integer> -required-" in kubectl("explain", "redis.spec")
    assert "RESOURCE: spec <Object>" in kubectl("explain", "redis.spec", "--output=plaintext-openapiv2")
    assert "does not exist" in kubectl.refused("explain", "redis.spec.nope")


def test_cluster(kubectl: Kubectl) -> None:
    assert "is running at" in kubectl("cluster-info")
    assert "Server Version: v1.36" in kubectl("version")
    assert kubectl("get", "--raw", "/readyz") == "ok"
    assert "cordoned" in kubectl("drain", "node-2", "--ignore-daemonsets", "--force")
    assert "SchedulingDisabled" in kubectl("get", "node", "node-2")
    assert "uncordoned" in kubectl("uncordon", "node-2")


def test_what_reconsole_prints_can_be_applied(kubectl: Kubectl) -> None:
    for arguments in (["all"], ["all", "-n", "default"]):
        command = [sys.executable, "-m", "reconsole", "manifests", *arguments]
        text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        said = kubectl("apply", "--dry-run=server", "-f", "-", stdin=text)
        assert "deployment.apps/k8s-operator-demo-controller-manager" in said

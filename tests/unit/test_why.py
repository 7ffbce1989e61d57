"""Explanations: from what is known of a cluster to what is wrong, without a cluster."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from controller_runtime.envtest import Environment
from controller_runtime.kube.times import timestamp
from reconsole.cli import main
from why.explain import explain
from why.finding import Explanation
from why.world import World

NOW = 1_800_000_000.0
CRDS = "apiextensions.k8s.io/v1"
Obj = dict[str, Any]


def ago(seconds: float) -> str:
    return timestamp(NOW - seconds)


def make(kind: str, name: str, api: str = "v1", *, old: float = 60, **fields: Any) -> Obj:
    meta = {"name": name, "namespace": "ns", "uid": f"uid-{name}", "creationTimestamp": ago(old)}
    return {"apiVersion": api, "kind": kind, "metadata": meta | fields.pop("metadata", {}), **fields}


def pod(name: str = "p", *, state: Obj | None = None, node: str = "n1", old: float = 60, **more: Any) -> Obj:
    """A pod with one container ``c`` in this state."""
    container = {"name": "c", "image": "img:1", **more.pop("container", {})}
    status = {
        "phase": "Running",
        "containerStatuses": [{"name": "c", **(state or {})}],
        **more.pop("status", {}),
    }
    spec = {"containers": [container], **({"nodeName": node} if node else {}), **more.pop("spec", {})}
    return make("Pod", name, old=old, spec=spec, status=status, **more)


def event(about: Obj, reason: str, note: str, type_: str = "Warning", old: float = 5) -> Obj:
    involved = {"uid": about["metadata"]["uid"]}
    return make("Event", reason.lower(), reason=reason, message=note, type=type_, involvedObject=involved,
                lastTimestamp=ago(old))  # fmt: skip


def why(obj: Obj, *others: Obj, logs: str = "", unseen: dict[str, str] | None = None) -> Explanation:
    found = {("ns", obj["metadata"]["name"], "c"): logs} if logs else {}
    return explain(obj, World((obj, *others), NOW, found, unseen or {}))


def waiting(reason: str, message: str = "", **more: Any) -> Obj:
    return {"state": {"waiting": {"reason": reason, "message": message}}, **more}


def told(type_: str, status: str, reason: str = "") -> Obj:
    return {"conditions": [{"type": type_, "status": status, "reason": reason, "message": ""}]}


OLD = {"observedGeneration": 2}
RUNNING: Obj = {"state": {"running": {"startedAt": ago(50)}}, "ready": True, "started": True}
CRASHED = {"exitCode": 137, "reason": "OOMKilled", "finishedAt": ago(9)}


@pytest.mark.parametrize(
    ("obj", "sentence"),
    [
        (pod(state=RUNNING), "Pod p is well: Running, 1/1 ready"),
        (
            pod(status={"phase": "Succeeded"}),
            "Pod p is well: it has done its work: all containers ended with code 0",
        ),
        (
            pod(state=waiting("ImagePullBackOff", "Back-off pulling")),
            "Pod p: the image img:1 of container c cannot be pulled",
        ),
        (
            pod(state=waiting("CrashLoopBackOff", restartCount=4, lastState={"terminated": CRASHED}),
                container={"resources": {"limits": {"memory": "64Mi"}}}),
            "Pod p: container c crashes, 4 times so far: it needed more memory than its limit of 64Mi",
        ),
        (
            pod(state={"state": {"terminated": {"exitCode": 139, "reason": "Error"}}}),
            "Pod p: container c has failed: exit code 139 (SIGSEGV)",
        ),
        (
            pod(state=waiting("CreateContainerConfigError", 'secret "x" not found')),
            "Pod p: container c cannot be started",
        ),
        (pod(node="", status={"phase": "Pending"}), "Pod p: no scheduler has looked at it"),
        (pod(node="", spec={"schedulingGates": [{"name": "g"}]}),
         "Pod p: it waits for its scheduling gates to be taken away: g"),
        (
            pod(status={"phase": "Failed", "reason": "Evicted", "message": "low on memory"}),
            "Pod p: node n1 has evicted it",
        ),
        (pod(status={"phase": "Failed", "reason": "OutOfcpu"}), "Pod p: node n1 has rejected it: OutOfcpu"),
        (
            pod(metadata={"deletionTimestamp": ago(300), "finalizers": ["a/b"]}),
            "Pod p: it is being deleted and waits for whoever takes the finalizer a/b off",
        ),
        (
            pod(metadata={"deletionTimestamp": ago(2)}),
            "Pod p is well: Running, 0/1 ready; it is being deleted",
        ),
        (
            make("Widget", "w", "example.com/v1", spec={"x": 1}),
            "Widget w: no controller has been seen at work on it",
        ),
        (
            make("Widget", "w", "example.com/v1", metadata={"generation": 3}, status=OLD),
            "Widget w: its controller has not looked at the newest spec yet",
        ),
        (
            make("Widget", "w", "example.com/v1", status={"conditions": [
                {"type": "Ready", "status": "True"}, {"type": "Progressing", "status": "False"},
                {"type": "Degraded", "status": "True", "reason": "NoQuota", "message": "full"}]}),
            "Widget w: Degraded is True: NoQuota",
        ),
        (
            make("Widget", "w", "example.com/v1", status=told("Ready", "True")),
            "Widget w is well: Ready is True",
        ),
        (
            make("Node", "n1", status=told("Ready", "Unknown", "NodeStatusUnknown")),
            "Node n1: Ready is Unknown: NodeStatusUnknown",
        ),
        (
            make("CustomResourceDefinition", "d", CRDS, status=told("NamesAccepted", "False")),
            "CustomResourceDefinition d: its names are in use by another kind",
        ),
    ],
)  # fmt: skip
def test_one_sentence_says_what_is_wrong(obj: Obj, sentence: str) -> None:
    assert why(obj).sentence == sentence


def test_a_crash_is_shown_with_the_last_words_of_its_log() -> None:
    crashed = pod(
        state=waiting("CrashLoopBackOff", restartCount=1, lastState={"terminated": {"exitCode": 1}})
    )
    (finding,) = why(crashed, logs="starting\npanic: no database\n").findings
    assert finding.evidence.endswith("its last words: panic: no database")
    assert finding.look == "logs"


def test_a_probe_that_fails_is_named_by_its_event() -> None:
    unready = pod(state={**RUNNING, "ready": False}, container={"readinessProbe": {}})
    (guess,) = why(unready).findings
    assert guess.inferred
    (sure,) = why(unready, event(unready, "Unhealthy", "Readiness probe failed: 503")).findings
    assert sure.says == "container c is not ready: its readiness probe fails"
    assert sure.evidence == "Readiness probe failed: 503"
    assert not sure.inferred


def test_what_a_pod_names_and_is_not_there() -> None:
    needs = pod(state=waiting("ContainerCreating"), spec={"volumes": [
        {"name": "v", "configMap": {"name": "cm"}},
        {"name": "o", "secret": {"secretName": "s", "optional": True}},
    ]})  # fmt: skip
    (missing,) = why(needs).findings
    assert missing.says == "there is no ConfigMap cm"
    assert missing.about.kind == "ConfigMap"
    assert why(needs, make("ConfigMap", "cm")).is_well
    # What could not be looked at is not said to be missing.
    blind = why(needs, unseen={"ConfigMap": "forbidden"})
    assert blind.is_well
    assert blind.unseen == ("ConfigMap: forbidden",)


def test_a_pod_that_cannot_end_because_of_its_node() -> None:
    stuck = pod(metadata={"deletionTimestamp": ago(300)})
    silent = {"type": "Ready", "status": "Unknown", "message": "Kubelet stopped posting node status."}
    node = make("Node", "n1", metadata={"namespace": ""}, status={"conditions": [silent]})
    assert why(stuck, node).sentence == "Pod p: it cannot end: its node n1 does not answer"


def service(**spec: Any) -> Obj:
    return make("Service", "s", spec={"selector": {"app": "redis"}, **spec})


def test_services_that_lead_nowhere() -> None:
    ready = {"conditions": [{"type": "Ready", "status": "True"}]}
    near = pod("near", state=RUNNING, metadata={"labels": {"app": "rediss"}})
    far = pod("far", state=RUNNING, metadata={"labels": {"tier": "web"}})
    mine = pod("mine", state=RUNNING, metadata={"labels": {"app": "redis"}}, status=ready)
    piece = make("EndpointSlice", "s-1", "discovery.k8s.io/v1", metadata={
        "labels": {"kubernetes.io/service-name": "s"}}, endpoints=[{"addresses": ["10.0.0.1"]}])  # fmt: skip

    typo = why(service(), far, near)
    assert typo.sentence == "Service s: its selector app=redis matches no pod; perhaps app=rediss is meant"
    assert typo.findings[0].inferred
    assert why(service(), far).sentence == "Service s: its selector app=redis matches no pod"
    unready = pod("mine", metadata={"labels": {"app": "redis"}})
    assert why(service(), unready).sentence == "Service s: none of its 1 pods is ready"
    named = service(ports=[{"port": 80, "targetPort": "http"}])
    assert why(named, mine, piece).sentence == "Service s: no container of its pods has a port named http"
    assert why(service(), mine).findings[0].says == "its pods are ready, and no endpoints were made of them"
    assert why(service(), mine, piece).sentence == "Service s is well: it leads to 1 ready address"


def test_a_deployment_names_the_fault_of_its_pods_once() -> None:
    deployment = make("Deployment", "d", "apps/v1", spec={"replicas": 2}, status={"replicas": 2})
    owner = {"ownerReferences": [{"uid": "uid-d", "controller": True}]}
    replicas = make("ReplicaSet", "r", "apps/v1", metadata=owner)
    below = {"ownerReferences": [{"uid": "uid-r", "controller": True}]}
    pods = [pod(name, state=waiting("ErrImagePull"), metadata=below) for name in ("d-1", "d-2")]
    found = why(deployment, replicas, *pods)
    assert [f.says for f in found.findings] == [
        "Pod d-1: the image img:1 of container c cannot be pulled", "0 of 2 pods are ready",
    ]  # fmt: skip
    assert found.findings[0].about.name == "d-1"


def test_a_namespace_that_does_not_end_names_who_holds_it() -> None:
    held = told("NamespaceFinalizersRemaining", "True")["conditions"][0]
    meta = {"namespace": "", "deletionTimestamp": ago(90)}
    namespace = make("Namespace", "ns", metadata=meta, status={"phase": "Terminating", "conditions": [held]})
    left = make("ConfigMap", "held", metadata={"finalizers": ["x/y"]})
    assert [f.says for f in why(namespace, left).findings] == [
        "it cannot end: ConfigMap held waits for whoever takes x/y off",
        "it cannot end: something in it waits for its finalizers",
    ]  # fmt: skip


def test_warnings_of_the_last_hour_when_nothing_else_is_known() -> None:
    widget = make("Widget", "w", "example.com/v1", status={"x": 1})
    found = why(widget, event(widget, "SyncFailed", "no room"), event(widget, "Old", "x", old=7200))
    assert [f.says for f in found.findings] == ["Warning SyncFailed"]


def test_the_command_on_an_api_server(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    with Environment() as environment:
        admin = environment.client()
        path = "/api/v1/namespaces/default"
        selector = {"selector": {"app": "a"}, "ports": [{"port": 1}]}
        admin.post(
            f"{path}/services",
            {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "s"}, "spec": selector},
        )
        where = ["--kubeconfig", str(environment.kubeconfig)]
        assert main(["why", "svc/s", *where]) == 1
        said = capsys.readouterr().out.splitlines()
        assert said[0] == "Service s: its selector app=a matches no pod"
        assert main(["why", "ConfigMap/kube-root-ca.crt", "-o", "json", *where]) == 0
        assert json.loads(capsys.readouterr().out)["about"]["kind"] == "ConfigMap"
        for words, says in (("nonsense/x", "the server serves no 'nonsense'"), ("svc", "write KIND/NAME"),
                            ("svc/none", "name its namespace with -n")):  # fmt: skip
            assert main(["why", words, *where]) == 1
            assert says in capsys.readouterr().err

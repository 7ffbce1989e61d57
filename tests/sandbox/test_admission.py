"""The admission plugins that are always on: quota, limits, pod security, priority, service accounts."""

import base64
from pathlib import Path
from typing import Any

import pytest

from tests.sandbox.nodeside import sandbox_process
from tests.sandbox.server import Api, until

Json = dict[str, Any]
SECURE: Json = {
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "runAsNonRoot": True,
    "seccompProfile": {"type": "RuntimeDefault"},
}


def pod(name: str = "p", container: Json | None = None, **spec: Any) -> Json:
    holder = {"name": "c", "image": "i", **(container or {})}
    return {"metadata": {"name": name}, "spec": {"containers": [holder], **spec}}


def core(namespace: str, plural: str, name: str = "") -> str:
    return f"/api/v1/namespaces/{namespace}/{plural}" + (f"/{name}" if name else "")


def refusal(api: Api, path: str, body: Json, code: int = 403) -> str:
    status, answer = api("POST", path, body)
    assert status == code, answer
    return str(answer["message"])


def warnings(api: Api, method: str, path: str, body: Json, **more: Any) -> list[str]:
    connection, answer = api.send(method, path, body, **more)
    assert answer.status < 300, answer.read()
    found = answer.headers.get_all("Warning") or []
    connection.close()
    return found


# ---- ResourceQuota


def quota(api: Api, namespace: str, hard: Json, **spec: Any) -> None:
    body = {"metadata": {"name": "q"}, "spec": {"hard": hard, **spec}}
    api.ok("POST", core(namespace, "resourcequotas"), body)


def used(api: Api, namespace: str) -> Json:
    status: Json = api.ok("GET", core(namespace, "resourcequotas", "q"))["status"]
    assert status["used"].keys() == status["hard"].keys()
    return dict(status["used"])


def test_a_quota_refuses_what_is_one_too_many_and_admits_it_after_a_deletion(
    api: Api, namespace: str
) -> None:
    pods = core(namespace, "pods")
    api.ok("POST", pods, pod("before"))
    quota(api, namespace, {"pods": "2", "count/deployments.apps": "1"})
    assert used(api, namespace) == {"pods": "1", "count/deployments.apps": "0"}
    api.ok("POST", pods + "?dryRun=All", pod("tried"))
    api.ok("POST", pods, pod("a"))
    assert refusal(api, pods, pod("b")) == (
        'pods "b" is forbidden: exceeded quota: q, requested: pods=1, used: pods=2, limited: pods=2'
    )
    api.ok("DELETE", f"{pods}/a")
    assert used(api, namespace)["pods"] == "1"
    api.ok("POST", pods, pod("b"))
    # A pod that has ended holds nothing any more.
    assert api.patch(f"{pods}/b/status", {"status": {"phase": "Failed"}})[0] == 200
    assert used(api, namespace)["pods"] == "1"


def test_a_quota_of_amounts_wants_them_said_and_adds_them_up(api: Api, namespace: str) -> None:
    pods = core(namespace, "pods")
    quota(api, namespace, {"requests.cpu": "1", "limits.memory": "1Gi"})
    assert refusal(api, pods, pod()) == (
        'pods "p" is forbidden: failed quota: q: must specify limits.memory for: c; requests.cpu for: c'
    )
    asks = {"resources": {"requests": {"cpu": "600m"}, "limits": {"memory": "512Mi"}}}
    api.ok("POST", pods, pod("a", asks))
    assert used(api, namespace) == {"requests.cpu": "600m", "limits.memory": "512Mi"}
    assert refusal(api, pods, pod("b", asks)).endswith(
        "exceeded quota: q, requested: requests.cpu=600m, used: requests.cpu=600m, limited: requests.cpu=1"
    )
    assert (
        api.patch(core(namespace, "resourcequotas", "q"), {"spec": {"hard": {"requests.cpu": "2"}}})[0] == 200
    )
    api.ok("POST", pods, pod("b", asks))
    assert used(api, namespace) == {"requests.cpu": "1200m", "limits.memory": "1Gi"}


def test_a_quota_counts_services_claims_and_what_a_scope_holds(api: Api, namespace: str) -> None:
    quota(api, namespace, {"services": "5", "services.nodeports": "1", "requests.storage": "1Gi"})
    ports = [{"port": 1}]
    body: Json = {"metadata": {"name": "s"}, "spec": {"type": "NodePort", "ports": ports}}
    api.ok("POST", core(namespace, "services"), body)
    body["metadata"]["name"] = "t"
    assert "services.nodeports=1" in refusal(api, core(namespace, "services"), body)
    claim: Json = {"metadata": {"name": "c"}, "spec": {"resources": {"requests": {"storage": "600Mi"}}}}
    api.ok("POST", core(namespace, "persistentvolumeclaims"), claim)
    claim["metadata"]["name"] = "d"
    assert "requests.storage=600Mi" in refusal(api, core(namespace, "persistentvolumeclaims"), claim)
    body = {"metadata": {"name": "best"}, "spec": {"hard": {"pods": "0"}, "scopes": ["BestEffort"]}}
    api.ok("POST", core(namespace, "resourcequotas"), body)
    assert "exceeded quota: best" in refusal(api, core(namespace, "pods"), pod())
    api.ok("POST", core(namespace, "pods"), pod(container={"resources": {"requests": {"cpu": "1"}}}))


# ---- LimitRange


def test_limits_are_filled_in_and_kept_to(api: Api, namespace: str) -> None:
    item: Json = {
        "type": "Container",
        "max": {"cpu": "1"},
        "min": {"cpu": "100m"},
        "default": {"memory": "64Mi"},
    }
    body = {"metadata": {"name": "l"}, "spec": {"limits": [item]}}
    stored = api.ok("POST", core(namespace, "limitranges"), body)["spec"]["limits"][0]
    assert stored["default"] == stored["defaultRequest"] == {"cpu": "1", "memory": "64Mi"}
    pods = core(namespace, "pods")
    made = api.ok("POST", pods, pod())
    assert made["spec"]["containers"][0]["resources"]["limits"] == {"cpu": "1", "memory": "64Mi"}
    assert made["metadata"]["annotations"]["kubernetes.io/limit-ranger"] == (
        "LimitRanger plugin set: cpu, memory request for container c; cpu, memory limit for container c"
    )
    assert refusal(api, pods, pod("b", {"resources": {"limits": {"cpu": "2"}}})) == (
        'pods "b" is forbidden: maximum cpu usage per Container is 1, but limit is 2'
    )
    assert refusal(api, pods, pod("b", {"resources": {"requests": {"cpu": "50m"}}})) == (
        'pods "b" is forbidden: minimum cpu usage per Container is 100m, but request is 50m'
    )


# ---- PodSecurity


def labelled(api: Api, namespace: str, **labels: str) -> None:
    full = {f"pod-security.kubernetes.io/{k}": v for k, v in labels.items()}
    status, answer = api.patch(f"/api/v1/namespaces/{namespace}", {"metadata": {"labels": full}})
    assert status == 200, answer


def test_restricted_refuses_with_every_reason_and_admits_what_is_secure(api: Api, namespace: str) -> None:
    labelled(api, namespace, enforce="restricted")
    assert refusal(api, core(namespace, "pods"), pod()) == (
        'pods "p" is forbidden: violates PodSecurity "restricted:latest": allowPrivilegeEscalation != false '
        '(container "c" must set securityContext.allowPrivilegeEscalation=false), unrestricted capabilities '
        '(container "c" must set securityContext.capabilities.drop=["ALL"]), runAsNonRoot != true (pod or '
        'container "c" must set securityContext.runAsNonRoot=true), seccompProfile (pod or container "c" '
        'must set securityContext.seccompProfile.type to "RuntimeDefault" or "Localhost")'
    )
    api.ok("POST", core(namespace, "pods"), pod(container={"securityContext": SECURE}))
    template = {"metadata": {"labels": {"a": "b"}}, "spec": pod()["spec"]}
    body = {
        "metadata": {"name": "d"},
        "spec": {"selector": {"matchLabels": {"a": "b"}}, "template": template},
    }
    found = warnings(api, "POST", f"/apis/apps/v1/namespaces/{namespace}/deployments", body)
    assert any('would violate PodSecurity \\"restricted:latest\\"' in text for text in found)


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ({"hostNetwork": True, "hostPID": True}, "host namespaces (hostNetwork=true, hostPID=true)"),
        (
            {"container": {"securityContext": {"privileged": True}}},
            'privileged (container "c" must not set securityContext.privileged=true)',
        ),
        (
            {"container": {"securityContext": {"capabilities": {"add": ["SYS_ADMIN"]}}}},
            'non-default capabilities (container "c" must not include "SYS_ADMIN" in '
            "securityContext.capabilities.add)",
        ),
        ({"volumes": [{"name": "v", "hostPath": {"path": "/"}}]}, 'hostPath volumes (volume "v")'),
        (
            {"container": {"ports": [{"containerPort": 80, "hostPort": 80}]}},
            'hostPort (container "c" uses hostPort 80)',
        ),
        (
            {"securityContext": {"sysctls": [{"name": "kernel.msgmax", "value": "1"}]}},
            "forbidden sysctls (kernel.msgmax)",
        ),
        (
            {"securityContext": {"seLinuxOptions": {"user": "u", "type": "t"}}},
            'seLinuxOptions (pod set forbidden securityContext.seLinuxOptions: type "t"; user may not be '
            "set)",
        ),
        (
            {"securityContext": {"seccompProfile": {"type": "Unconfined"}}},
            'seccompProfile (pod must not set securityContext.seccompProfile.type to "Unconfined")',
        ),
    ],
)
def test_baseline(api: Api, namespace: str, spec: Json, words: str) -> None:
    labelled(api, namespace, enforce="baseline", **{"enforce-version": "v1.35"})
    api.ok("POST", core(namespace, "pods"), pod("plain"))
    lead = 'pods "p" is forbidden: violates PodSecurity "baseline:v1.35": '
    assert refusal(api, core(namespace, "pods"), pod(**spec)) == lead + words


def test_levels_that_warn_and_levels_that_are_none(api: Api, namespace: str) -> None:
    api.ok("POST", core(namespace, "pods"), pod("old"))
    labelled(api, namespace, warn="restricted")
    found = warnings(api, "POST", core(namespace, "pods"), pod())
    assert found[0].startswith('299 - "would violate PodSecurity \\"restricted:latest\\": allowPrivilege')
    path, kind = f"/api/v1/namespaces/{namespace}", {"Content-Type": "application/merge-patch+json"}
    labels = {"metadata": {"labels": {"pod-security.kubernetes.io/enforce": "restricted"}}}
    found = warnings(api, "PATCH", path, labels, headers=kind)
    assert f'existing pods in namespace \\"{namespace}\\" violate' in found[0]
    assert "old (and 1 other pod): allowPrivilegeEscalation != false, unrestricted" in found[1]
    labels["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] = "strict"
    status, answer = api.patch(path, labels)
    assert status == 422
    assert '"strict": must be one of privileged, baseline, restricted' in answer["message"]


# ---- PriorityClass


def test_priority_comes_from_the_class(api: Api, namespace: str) -> None:
    pods = core(namespace, "pods")
    assert refusal(api, pods, pod(priorityClassName="none")) == (
        'pods "p" is forbidden: no PriorityClass with name none was found'
    )
    made = api.ok("POST", pods, pod(priorityClassName="system-node-critical"))
    assert made["spec"]["priority"] == 2_000_001_000
    assert "must not be provided in pod spec" in refusal(api, pods, pod("q", priority=5))


# ---- ServiceAccount


def test_pods_of_a_whole_cluster_run_as_an_account(tmp_path: Path) -> None:
    with sandbox_process(tmp_path, "--nodes", "1", "--runtime", "simulated") as ready:
        api = Api(Path(ready["kubeconfig"]))
        api.ok("POST", "/api/v1/namespaces", {"metadata": {"name": "n"}})
        spec = api.ok("POST", core("n", "pods"), pod())["spec"]  # its account is made in this moment
        assert (spec["serviceAccountName"], spec["serviceAccount"]) == ("default", "default")
        name = spec["volumes"][0]["name"]
        assert name.startswith("kube-api-access-")
        assert spec["volumes"][0]["projected"]["sources"][0] == {
            "serviceAccountToken": {"expirationSeconds": 3607, "path": "token"}
        }
        mount = {"name": name, "readOnly": True, "mountPath": "/var/run/secrets/kubernetes.io/serviceaccount"}
        assert spec["containers"][0]["volumeMounts"] == [mount]
        assert refusal(api, core("n", "pods"), pod("q", serviceAccountName="who")) == (
            'pods "q" is forbidden: error looking up service account n/who: serviceaccount "who" not found'
        )
        plain = api.ok("POST", core("n", "pods"), pod("r", automountServiceAccountToken=False))["spec"]
        assert "volumes" not in plain


def test_a_token_secret_is_filled_in_and_goes_with_its_account(api: Api, namespace: str) -> None:
    api.ok("POST", core(namespace, "serviceaccounts"), {"metadata": {"name": "robot"}})
    meta = {"name": "t", "annotations": {"kubernetes.io/service-account.name": "robot"}}
    api.ok(
        "POST", core(namespace, "secrets"), {"metadata": meta, "type": "kubernetes.io/service-account-token"}
    )

    def secret() -> tuple[int, Json]:
        return api("GET", core(namespace, "secrets", "t"))

    filled = until(secret, lambda found: "token" in (found[1].get("data") or {}))[1]
    assert base64.b64decode(filled["data"]["namespace"]).decode() == namespace
    assert b"BEGIN CERTIFICATE" in base64.b64decode(filled["data"]["ca.crt"])
    bearer = {"Authorization": "Bearer " + base64.b64decode(filled["data"]["token"]).decode()}
    review = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
    who = api.ok("POST", "/apis/authentication.k8s.io/v1/selfsubjectreviews", review, headers=bearer)
    assert who["status"]["userInfo"]["username"] == f"system:serviceaccount:{namespace}:robot"
    api.ok("DELETE", core(namespace, "serviceaccounts", "robot"))
    until(secret, lambda found: found[0] == 404)

"""Admission webhooks over real HTTPS: who is asked, what an answer does, and what a failure says."""

import base64
import json
import shutil
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sandbox import tls
from tests.sandbox.server import Api
from tests.sandbox.webhookserver import SERVICE, Hook

Json = dict[str, Any]
GROUP = "/apis/admissionregistration.k8s.io/v1/"
MERGE = "application/merge-patch+json"
JANE = {"Impersonate-User": "jane", "Impersonate-Group": "system:masters"}


@pytest.fixture(scope="module")
def server() -> Iterator[Hook]:
    hook = Hook()
    yield hook
    hook.close()


@pytest.fixture
def hook(server: Hook, api: Api) -> Iterator[Hook]:
    server.asked.clear()
    server.answer = lambda request: {"allowed": True}
    yield server
    for plural in ("mutatingwebhookconfigurations", "validatingwebhookconfigurations"):
        api.ok("DELETE", GROUP + plural)


def configure(api: Api, namespace: str, client: Json, *, mutating: bool = False, **more: Any) -> Json:
    """A configuration of one webhook for config maps of a namespace; what was stored."""
    while api("GET", maps(namespace, "kube-root-ca.crt"))[0] != 200:
        pass  # a controller makes it, and is not to be asked about here
    kind = "Mutating" if mutating else "Validating"
    rule = {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["*"], "resources": ["configmaps"]}
    one = {
        "name": more.pop("name", "one.example.com"),
        "clientConfig": client,
        "rules": [rule],
        "sideEffects": "None",
        "admissionReviewVersions": ["v1"],
        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}},
        **more,
    }
    body = {"metadata": {"name": one["name"]}, "webhooks": [one]}
    stored: Json = api.ok("POST", f"{GROUP}{kind.lower()}webhookconfigurations", body)
    return stored


def maps(namespace: str, name: str = "") -> str:
    return f"/api/v1/namespaces/{namespace}/configmaps" + (f"/{name}" if name else "")


def patch_of(*operations: Json) -> Json:
    text = base64.b64encode(json.dumps(operations).encode()).decode()
    return {"allowed": True, "patch": text, "patchType": "JSONPatch"}


def test_what_a_webhook_is_told(api: Api, namespace: str, hook: Hook) -> None:
    stored = configure(api, namespace, hook.client("/check"))["webhooks"][0]
    assert (stored["failurePolicy"], stored["matchPolicy"], stored["timeoutSeconds"]) == (
        "Fail",
        "Equivalent",
        10,
    )
    api.ok("POST", maps(namespace) + "?fieldManager=me", {"metadata": {"name": "m"}, "data": {"a": "b"}})
    api.ok("PUT", maps(namespace, "m"), {"metadata": {"name": "m"}, "data": {"a": "c"}}, headers=JANE)
    api.ok("DELETE", maps(namespace, "m") + "?dryRun=All")
    api.ok("POST", f"/api/v1/namespaces/{namespace}/secrets", {"metadata": {"name": "s"}})
    made, changed, gone = hook.asked
    assert made["path"] == "/check?timeout=10s"
    assert made["kind"] == made["requestKind"] == {"group": "", "version": "v1", "kind": "ConfigMap"}
    assert made["resource"] == {"group": "", "version": "v1", "resource": "configmaps"}
    assert (made["operation"], made["namespace"], made["name"]) == ("CREATE", namespace, "m")
    assert made["object"]["metadata"]["uid"]
    assert (made["object"]["kind"], made["oldObject"]) == ("ConfigMap", None)
    options = {"kind": "CreateOptions", "apiVersion": "meta.k8s.io/v1", "fieldManager": "me"}
    assert (made["options"], made["dryRun"]) == (options, False)
    assert changed["userInfo"]["username"] == "jane"
    assert (changed["oldObject"]["data"], changed["object"]["data"]) == ({"a": "b"}, {"a": "c"})
    assert (gone["operation"], gone["object"], gone["dryRun"]) == ("DELETE", None, True)
    assert gone["oldObject"]["data"] == {"a": "c"}


def test_a_refusal_has_the_words_and_the_code_of_the_webhook(api: Api, namespace: str, hook: Hook) -> None:
    configure(api, namespace, hook.client())
    body = {"metadata": {"name": "m"}}
    denial = 'admission webhook "one.example.com" denied the request'
    for status, code, words in (
        ({"code": 403, "reason": "Forbidden", "message": "not on Fridays"}, 403, f"{denial}: not on Fridays"),
        ({}, 400, f"{denial} without explanation"),
    ):
        hook.answer = lambda request, status=status: {  # type: ignore[misc]
            "allowed": False,
            "status": status,
            "warnings": ["think again"],
        }
        connection, answer = api.send("POST", maps(namespace), body)
        assert (answer.status, json.loads(answer.read())["message"]) == (code, words)
        assert answer.getheader("Warning") == '299 - "think again"'
        connection.close()
    assert api("GET", maps(namespace, "m"))[0] == 404


def test_a_patch_is_applied_defaulted_and_seen_by_those_who_come_after(
    api: Api, namespace: str, hook: Hook
) -> None:
    def answer(request: Json) -> Json:
        if request["path"].startswith("/check"):
            return {"allowed": True}
        data = (request["object"] or {}).get("data") or {}
        if request["path"].startswith("/first"):
            return patch_of({"op": "add", "path": "/data", "value": {"n": str(len(data))}})
        if "second" in data:
            return {"allowed": True}
        return patch_of({"op": "add", "path": "/data/second", "value": "yes"})

    hook.answer = lambda request: answer({**request, "path": hook.asked[-1]["path"]})
    configure(api, namespace, hook.client("/first"), mutating=True, reinvocationPolicy="IfNeeded")
    configure(api, namespace, hook.client("/second"), mutating=True, name="two.example.com")
    configure(api, namespace, hook.client("/check"), name="three.example.com")
    made = api.ok("POST", maps(namespace), {"metadata": {"name": "m"}})
    # The second found what the first had done; the first was asked once more because of the second.
    assert [a["path"].partition("?")[0] for a in hook.asked] == ["/first", "/second", "/first", "/check"]
    assert hook.asked[-1]["object"]["data"] == made["data"] == {"n": "2"}


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (500, 'failed to call webhook: an error on the server ("\\"no\\"") has prevented the request'),
        (404, "failed to call webhook: the server could not find the requested resource"),
        ({"uid": "other", "allowed": True}, "received invalid webhook response: expected response.uid="),
        (
            {"allowed": True, "patch": "W10=", "patchType": "JSONPatch"},
            "received invalid webhook response: validating webhook may not return response.patch",
        ),
    ],
)
def test_a_webhook_that_answers_nonsense(
    api: Api, namespace: str, hook: Hook, answer: Any, words: str
) -> None:
    hook.answer = lambda request: answer
    configure(api, namespace, hook.client())
    status, failure = api("POST", maps(namespace), {"metadata": {"name": "m"}})
    assert (status, failure["reason"]) == (500, "InternalError")
    assert failure["message"].startswith(
        f'Internal error occurred: failed calling webhook "one.example.com": {words}'
    )


def test_a_webhook_that_is_not_there_slow_or_not_trusted(api: Api, namespace: str, hook: Hook) -> None:
    lead = 'Internal error occurred: failed calling webhook "one.example.com": failed to call webhook: '
    body = {"metadata": {"name": "m"}}
    url = hook.client()["url"]

    def refused(client: Json, **more: Any) -> str:
        configure(api, namespace, client, **more)
        message: str = api("POST", maps(namespace), body)[1]["message"]
        api.ok("DELETE", GROUP + "validatingwebhookconfigurations")
        return message

    gone = {"url": "https://127.0.0.1:1/x", "caBundle": hook.ca}
    assert refused(gone) == (
        f'{lead}Post "https://127.0.0.1:1/x?timeout=10s": dial tcp 127.0.0.1:1: connect: connection refused'
    )
    stranger = base64.b64encode(tls.make().ca).decode()
    assert refused({"url": url, "caBundle": stranger}) == (
        f'{lead}Post "{url}?timeout=10s": tls: failed to verify certificate: x509: certificate signed by '
        "unknown authority"
    )
    late = threading.Event()
    hook.answer = lambda request: {"allowed": late.wait(5)}
    assert (
        refused(hook.client(), timeoutSeconds=1)
        == f'{lead}Post "{url}?timeout=1s": context deadline exceeded'
    )
    configure(api, namespace, gone, failurePolicy="Ignore")
    api.ok("POST", maps(namespace), body)


def test_a_webhook_behind_a_service(api: Api, namespace: str, hook: Hook) -> None:
    service: Json = {"name": "hook", "namespace": "webhooks", "path": "/in", "port": 8443}
    client = {"service": service, "caBundle": hook.ca}
    configure(api, namespace, client)
    lead = (
        'Internal error occurred: failed calling webhook "one.example.com": failed to call webhook: '
        f'Post "https://{SERVICE}:8443/in?timeout=10s": '
    )
    body = {"metadata": {"name": "m"}}
    assert api("POST", maps(namespace), body)[1]["message"] == lead + 'service "hook" not found'
    api.ok("POST", "/api/v1/namespaces", {"metadata": {"name": "webhooks"}})
    ports = [{"name": "https", "port": 8443, "targetPort": 9443}]
    api.ok(
        "POST",
        "/api/v1/namespaces/webhooks/services",
        {"metadata": {"name": "hook"}, "spec": {"ports": ports}},
    )
    assert (
        api("POST", maps(namespace), body)[1]["message"] == lead + 'no endpoints available for service "hook"'
    )
    slices = "/apis/discovery.k8s.io/v1/namespaces/webhooks/endpointslices"
    piece = {
        "metadata": {"name": "hook-1", "labels": {"kubernetes.io/service-name": "hook"}},
        "addressType": "IPv4",
        "ports": [{"name": "https", "port": hook.port}],
        "endpoints": [{"addresses": ["127.0.0.1"], "conditions": {"ready": True}}],
    }
    api.ok("POST", slices, piece)
    api.ok("POST", maps(namespace), body)
    assert hook.asked[-1]["path"] == "/in?timeout=10s"


def test_conditions_selectors_and_subresources_narrow_it_down(api: Api, namespace: str, hook: Hook) -> None:
    rule = {
        "apiGroups": ["*"],
        "apiVersions": ["*"],
        "operations": ["*"],
        "resources": ["pods/binding", "*/scale"],
    }
    configure(
        api,
        namespace,
        hook.client(),
        rules=[rule],
        matchConditions=[{"name": "not-me", "expression": "request.userInfo.username != 'me'"}],
    )
    pods, apps = f"/api/v1/namespaces/{namespace}/pods", f"/apis/apps/v1/namespaces/{namespace}/deployments"
    spec = {"containers": [{"name": "c", "image": "i"}]}
    api.ok("POST", pods, {"metadata": {"name": "p"}, "spec": spec})
    template = {"metadata": {"labels": {"a": "b"}}, "spec": spec}
    body = {
        "metadata": {"name": "d"},
        "spec": {"selector": {"matchLabels": {"a": "b"}}, "template": template},
    }
    api.ok("POST", apps, body)
    assert hook.asked == []
    api.ok("POST", f"{pods}/p/binding", {"metadata": {"name": "p"}, "target": {"name": "n"}})
    api.ok("PATCH", f"{apps}/d/scale", {"spec": {"replicas": 2}}, headers={"Content-Type": MERGE})
    bound, scaled = hook.asked
    assert (bound["operation"], bound["subResource"], bound["kind"]["kind"]) == (
        "CREATE",
        "binding",
        "Binding",
    )
    assert bound["object"]["target"] == {"name": "n"}
    assert (scaled["operation"], scaled["object"]["spec"]) == ("UPDATE", {"replicas": 2})
    assert scaled["kind"] == {"group": "autoscaling", "version": "v1", "kind": "Scale"}
    api.ok(
        "POST", f"{pods}/p/eviction", {"metadata": {"name": "p"}}, headers={**JANE, "Impersonate-User": "me"}
    )
    assert len(hook.asked) == 2


def test_a_patch_for_a_scale_or_a_binding_reaches_the_object(api: Api, namespace: str, hook: Hook) -> None:
    rule = {"apiGroups": ["*"], "apiVersions": ["*"], "operations": ["*"]}
    rules = [{**rule, "resources": ["pods/binding", "*/scale"]}]
    configure(api, namespace, hook.client(), mutating=True, rules=rules)
    pods, apps = f"/api/v1/namespaces/{namespace}/pods", f"/apis/apps/v1/namespaces/{namespace}/deployments"
    spec = {"containers": [{"name": "c", "image": "i"}]}
    api.ok("POST", pods, {"metadata": {"name": "p"}, "spec": spec})
    template = {"metadata": {"labels": {"a": "b"}}, "spec": spec}
    selected = {"selector": {"matchLabels": {"a": "b"}}, "template": template}
    before = api.ok("POST", apps, {"metadata": {"name": "d"}, "spec": selected})["metadata"]["generation"]
    hook.answer = lambda request: patch_of({"op": "replace", "path": "/spec/replicas", "value": 7})
    # Asked for as many as there are: what changes the object is the webhook.
    scaled = api.ok("PATCH", f"{apps}/d/scale", {"spec": {"replicas": 1}}, headers={"Content-Type": MERGE})
    assert scaled["spec"] == {"replicas": 7}
    found = api.ok("GET", f"{apps}/d")
    assert (found["spec"]["replicas"], found["metadata"]["generation"]) == (7, before + 1)
    binding = {"metadata": {"name": "p"}, "target": {"name": "n"}}
    hook.answer = lambda request: patch_of({"op": "remove", "path": "/target/name"})
    status, answer = api("POST", f"{pods}/p/binding", binding)
    assert (status, "target.name: Required value" in answer["message"]) == (500, True)
    hook.answer = lambda request: patch_of({"op": "replace", "path": "/target/name", "value": "other"})
    api.ok("POST", f"{pods}/p/binding", binding)
    assert api.ok("GET", f"{pods}/p")["spec"]["nodeName"] == "other"


def test_a_write_that_came_between_is_not_lost(api: Api, namespace: str, hook: Hook) -> None:
    api.ok("POST", maps(namespace), {"metadata": {"name": "m"}, "data": {"a": "1"}})
    configure(api, namespace, hook.client())

    def answer(request: Json) -> Json:
        if len(hook.asked) == 1:
            assert api.patch(maps(namespace, "m"), {"data": {"b": "2"}})[0] == 200
        return {"allowed": True}

    hook.answer = answer
    assert api.patch(maps(namespace, "m"), {"data": {"c": "3"}})[0] == 200
    assert api.ok("GET", maps(namespace, "m"))["data"] == {"a": "1", "b": "2", "c": "3"}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            {"name": "short"},
            'webhooks[0].name: Invalid value: "short": should be a domain with at least three',
        ),
        ({"sideEffects": "Some"}, 'webhooks[0].sideEffects: Unsupported value: "Some"'),
        ({"timeoutSeconds": 31}, "webhooks[0].timeoutSeconds: Invalid value: 31: the timeout value must be"),
        (
            {"client": {}},
            "webhooks[0].clientConfig: Required value: exactly one of url or service is required",
        ),
        ({"client": {"url": "http://x"}}, "'https' is the only allowed URL scheme"),
        (
            {"matchConditions": [{"name": "a", "expression": "1 +"}]},
            'webhooks[0].matchConditions[0].expression: Invalid value: "1 +": compilation failed: ERROR: <i',
        ),
    ],
)
def test_configurations_that_are_refused(api: Api, change: Json, words: str) -> None:
    one = {
        "name": "one.example.com",
        "clientConfig": change.pop("client", {"url": "https://x"}),
        "sideEffects": "None",
        "admissionReviewVersions": ["v1"],
        **change,
    }
    body = {"metadata": {"name": "c"}, "webhooks": [one]}
    status, answer = api("POST", GROUP + "validatingwebhookconfigurations", body)
    assert status == 422
    assert words in answer["message"]


@pytest.mark.skipif(shutil.which("kubectl") is None, reason="kubectl is not on PATH")
def test_kubectl_shows_the_refusal(bare_kubeconfig: Path, api: Api, namespace: str, hook: Hook) -> None:
    configure(api, namespace, hook.client())
    hook.answer = lambda request: {"allowed": False, "status": {"message": "no"}}
    command = ["kubectl", "--kubeconfig", str(bare_kubeconfig), "-n", namespace, "create", "configmap", "m"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert 'admission webhook "one.example.com" denied the request: no' in done.stderr
    listed = subprocess.run(
        [*command[:3], "get", "validatingwebhookconfigurations"], capture_output=True, text=True
    )
    assert listed.stdout.split()[:5] == ["NAME", "WEBHOOKS", "AGE", "one.example.com", "1"]

"""Custom resources in several versions: by name alone, by webhook, and what is stored in which."""

import itertools
import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.sandbox.server import Api
from tests.sandbox.webhookserver import Hook

Json = dict[str, Any]
CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
MERGE = {"Content-Type": "application/merge-patch+json"}
_numbers = itertools.count()


class Kind:
    """A definition with v1 (spec.size) and v2 (spec.sizes), stored as v1."""

    def __init__(self, api: Api, namespace: str, webhook: Json | None = None) -> None:
        self.api, self.namespace = api, namespace
        self.plural = f"boxes{next(_numbers)}"
        self.group = f"{self.plural}.example.com"
        self.name = f"{self.plural}.{self.group}"
        self.spec: Json = {
            "group": self.group,
            "scope": "Namespaced",
            "names": {"plural": self.plural, "kind": "Box"},
            "versions": [
                self._version("v1", True, {"size": {"type": "integer"}}),
                self._version("v2", False, {"sizes": {"type": "array", "items": {"type": "integer"}}}),
            ],
        }
        if webhook:
            self.spec["conversion"] = {
                "strategy": "Webhook",
                "webhook": {"clientConfig": webhook, "conversionReviewVersions": ["v1"]},
            }
        self.stored = api.ok("POST", CRDS, {"metadata": {"name": self.name}, "spec": self.spec})

    @staticmethod
    def _version(name: str, storage: bool, properties: Json) -> Json:
        spec = {"type": "object", "properties": properties}
        schema = {"openAPIV3Schema": {"type": "object", "properties": {"spec": spec}}}
        return {
            "name": name,
            "served": True,
            "storage": storage,
            "schema": schema,
            "subresources": {"status": {}},
        }

    def path(self, version: str, name: str = "") -> str:
        base = f"/apis/{self.group}/{version}/namespaces/{self.namespace}/{self.plural}"
        return f"{base}/{name}" if name else base

    def box(self, version: str, **spec: Any) -> Json:
        head = {"apiVersion": f"{self.group}/{version}", "kind": "Box"}
        return {**head, "metadata": {"name": "b", "labels": {"a": "b"}}, "spec": spec}

    def store_as(self, version: str) -> None:
        for one in self.spec["versions"]:
            one["storage"] = one["name"] == version
        body = {"spec": {"versions": self.spec["versions"]}}
        assert self.api.patch(f"{CRDS}/{self.name}", body)[0] == 200


@pytest.fixture
def hook() -> Iterator[Hook]:
    hook = Hook()

    def convert(request: Json) -> Json:
        out = []
        for obj in request["objects"]:
            spec = obj.get("spec", {})
            if request["desiredAPIVersion"].endswith("/v2") and "size" in spec:
                spec = {"sizes": [spec["size"]]}
            elif "sizes" in spec:
                spec = {"size": sum(spec["sizes"])}
            out.append({**obj, "apiVersion": request["desiredAPIVersion"], "spec": spec})
        return {"result": {"status": "Success"}, "convertedObjects": out}

    hook.answer = convert
    yield hook
    hook.close()


def asked_for(hook: Hook, version: str) -> list[Json]:
    """The objects that the webhook was asked to convert to a version."""
    return [o for a in hook.asked if a["desiredAPIVersion"].endswith(f"/{version}") for o in a["objects"]]


def test_without_a_webhook_only_the_name_differs(api: Api, namespace: str) -> None:
    kind = Kind(api, namespace)
    assert kind.stored["spec"]["conversion"] == {"strategy": "None"}
    api.ok("POST", kind.path("v1"), kind.box("v1", size=3))
    other = api.ok("GET", kind.path("v2", "b"))
    assert (other["apiVersion"], other["spec"]) == (f"{kind.group}/v2", {"size": 3})
    assert [e["object"]["apiVersion"] for e in api.watch(kind.path("v2"))] == [f"{kind.group}/v2"]


def test_a_webhook_converts_what_is_read_and_what_is_written(api: Api, namespace: str, hook: Hook) -> None:
    kind = Kind(api, namespace, hook.client("/convert"))
    made = api.ok("POST", kind.path("v1"), kind.box("v1", size=3))
    other = api.ok("GET", kind.path("v2", "b"))
    assert (other["apiVersion"], other["spec"]) == (f"{kind.group}/v2", {"sizes": [3]})
    assert other["metadata"] == made["metadata"]
    assert hook.asked[0]["desiredAPIVersion"] == f"{kind.group}/v2"
    assert [i["spec"] for i in api.ok("GET", kind.path("v2"))["items"]] == [{"sizes": [3]}]
    changed = api.ok("PATCH", kind.path("v2", "b"), {"spec": {"sizes": [1, 4]}}, headers=MERGE)
    assert changed["spec"] == {"sizes": [5]}  # as it is stored, and converted back
    assert changed["metadata"]["generation"] == 2
    assert api.ok("GET", kind.path("v1", "b"))["spec"] == {"size": 5}
    hook.asked.clear()
    events = api.watch(f"{kind.path('v2')}?resourceVersion={made['metadata']['resourceVersion']}")
    assert [(e["type"], e["object"]["spec"]) for e in events] == [("MODIFIED", {"sizes": [5]})]
    columns = api.ok(
        "GET", kind.path("v2"), headers={"Accept": "application/json;as=Table;g=meta.k8s.io;v=v1"}
    )
    assert columns["rows"][0]["cells"][0] == "b"


def test_what_is_stored_moves_when_it_is_written_again(api: Api, namespace: str, hook: Hook) -> None:
    kind = Kind(api, namespace, hook.client())
    api.ok("POST", kind.path("v1"), kind.box("v1", size=3))
    kind.store_as("v2")
    assert api.ok("GET", f"{CRDS}/{kind.name}")["status"]["storedVersions"] == ["v1", "v2"]
    assert api.ok("GET", kind.path("v1", "b"))["spec"] == {"size": 3}
    assert not asked_for(hook, "v1")  # it is still stored so (and a controller reads it as v2)
    assert api.ok("GET", kind.path("v2", "b"))["spec"] == {"sizes": [3]}
    written = api.ok("PUT", kind.path("v2", "b"), api.ok("GET", kind.path("v2", "b")))
    api.ok("GET", kind.path("v2", "b"))
    now = written["metadata"]["resourceVersion"]
    assert now not in [o["metadata"]["resourceVersion"] for o in asked_for(hook, "v2")]
    assert api.ok("GET", kind.path("v1", "b"))["spec"] == {"size": 3}
    drop = {"status": {"storedVersions": ["v2"]}}
    assert api.patch(f"{CRDS}/{kind.name}/status", drop)[1]["status"]["storedVersions"] == ["v2"]


def test_a_conversion_that_fails_says_why(api: Api, namespace: str, hook: Hook) -> None:
    kind = Kind(api, namespace, hook.client())
    api.ok("POST", kind.path("v1"), kind.box("v1", size=3))
    lead = f"conversion webhook for {kind.group}/v1, Kind=Box "
    for answer, words in (
        ({"result": {"status": "Failed", "message": "too big"}}, "failed: too big"),
        ({"result": {"status": "Success"}, "convertedObjects": []}, "returned 0 objects, expected 1"),
        (500, 'failed: an error on the server ("\\"no\\"") has prevented the request from succeeding'),
        (
            {"result": {"status": "Success"}, "convertedObjects": [kind.box("v1")]},
            f"returned invalid converted object at index 0: invalid groupVersion (expected {kind.group}/v2, "
            f"received {kind.group}/v1)",
        ),
    ):
        hook.answer = lambda request, answer=answer: answer  # type: ignore[misc]
        status, failure = api("GET", kind.path("v2", "b"))
        assert (status, failure["message"]) == (500, lead + words)
    connection, stream = api.send("GET", kind.path("v2") + "?watch=true&timeoutSeconds=2")
    event = json.loads(stream.readline())
    connection.close()
    assert (event["type"], event["object"]["code"]) == ("ERROR", 500)
    api.ok("DELETE", kind.path("v1", "b"))


@pytest.mark.parametrize(
    ("conversion", "words"),
    [
        (
            {"strategy": "Some"},
            'spec.conversion.strategy: Unsupported value: "Some": supported values: "None"',
        ),
        (
            {"strategy": "Webhook"},
            "spec.conversion.webhookClientConfig: Required value: required when strategy",
        ),
        (
            {"strategy": "None", "webhook": {"conversionReviewVersions": ["v1"]}},
            "spec.conversion.webhookClientConfig: Forbidden: should not be set when strategy is not set to",
        ),
    ],
)
def test_conversions_that_are_refused(api: Api, namespace: str, conversion: Json, words: str) -> None:
    kind = Kind(api, namespace)
    status, answer = api.patch(f"{CRDS}/{kind.name}", {"spec": {"conversion": conversion}})
    assert status == 422
    assert words in answer["message"]
    status, answer = api.patch(f"{CRDS}/{kind.name}", {"spec": {"versions": kind.spec["versions"][1:]}})
    assert status == 422
    assert "must have exactly one version marked as storage version" in answer["message"]
    only = [{**kind.spec["versions"][1], "storage": True}]
    status, answer = api.patch(f"{CRDS}/{kind.name}", {"spec": {"versions": only}})
    assert status == 422
    assert 'status.storedVersions[0]: Invalid value: "v1": must appear in spec.versions' in answer["message"]


def test_what_was_there_before_a_rule_may_stay(api: Api, namespace: str) -> None:
    kind = Kind(api, namespace)
    properties: Json = {
        "size": {"type": "integer"},
        "parts": {
            "type": "array",
            "x-kubernetes-list-type": "map",
            "x-kubernetes-list-map-keys": ["name"],
            "items": {
                "type": "object",
                "required": ["name"],
                "properties": {"name": {"type": "string"}, "width": {"type": "integer"}},
            },
        },
    }
    change = {"spec": {"versions": [kind._version("v1", True, properties), kind.spec["versions"][1]]}}
    assert api.patch(f"{CRDS}/{kind.name}", change)[0] == 200
    parts = [{"name": "a", "width": 9}, {"name": "b", "width": 1}]
    api.ok("POST", kind.path("v1"), kind.box("v1", size=9, parts=parts))
    properties["size"]["maximum"] = 5
    properties["parts"]["items"]["properties"]["width"]["maximum"] = 5
    assert api.patch(f"{CRDS}/{kind.name}", change)[0] == 200
    fine = {"metadata": {"labels": {"c": "d"}}, "spec": {"parts": [{"name": "b", "width": 2}, parts[0]]}}
    assert api.patch(kind.path("v1", "b"), fine)[0] == 200
    status, answer = api.patch(kind.path("v1", "b"), {"spec": {"size": 8}})
    assert status == 422
    assert "spec.size in body should be less than or equal to 5" in answer["message"]
    worse = [{"name": "a", "width": 9}, {"name": "b", "width": 7}]
    status, answer = api.patch(kind.path("v1", "b"), {"spec": {"parts": worse}})
    assert status == 422
    assert answer["message"].endswith("spec.parts[1].width in body should be less than or equal to 5")


def test_the_watches_of_a_kind_end_with_its_definition(api: Api, namespace: str) -> None:
    kind = Kind(api, namespace)
    api.ok("POST", kind.path("v1"), kind.box("v1", size=1))
    connection, answer = api.send("GET", f"{kind.path('v1')}?watch=true&timeoutSeconds=60", timeout=10)
    api.ok("DELETE", f"{CRDS}/{kind.name}")
    events = [json.loads(line)["type"] for line in answer.read().splitlines()]
    connection.close()
    assert events == ["ADDED", "DELETED"]

"""OpenAPI documents, field validation from the schemas, and bodies in protobuf."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sandbox.apiserver.admission.definitions import CustomVersion
from sandbox.apiserver.machinery import protobuf, schemas
from sandbox.apiserver.machinery.apierrors import StatusError
from sandbox.apiserver.machinery.builtin import registry
from sandbox.apiserver.machinery.resources import STATUS, Resource
from sandbox.apiserver.printing import openapi_wire
from sandbox.apiserver.printing.openapi import OpenAPI
from sandbox.apiserver.requests import fieldvalidation

Json = dict[str, Any]


@pytest.fixture(scope="module")
def api() -> OpenAPI:
    served = registry()
    schema = {
        "type": "object",
        "description": "A thing.",
        "properties": {"spec": {"type": "object", "properties": {"size": {"type": "integer"}}}},
    }
    custom = CustomVersion(schema, True, None, [], False)
    served.add(Resource("a.example.com", "v1", "Thing", "things", subresources=(STATUS,), custom=custom))
    return OpenAPI(served, "v1.36.2")


def document(api: OpenAPI, path: str) -> Json:
    data = api.group_version(path)
    assert data
    out: Json = json.loads(data)
    return out


def references(value: Any) -> set[str]:
    if isinstance(value, dict):
        found = set().union(*map(references, value.values()))
        return found | {value["$ref"]} if isinstance(value.get("$ref"), str) else found
    return set().union(*map(references, value)) if isinstance(value, list) else set()


def test_the_index_lists_every_document(api: OpenAPI) -> None:
    paths = json.loads(api.index())["paths"]
    assert {"api/v1", "apis/rbac.authorization.k8s.io/v1", "apis/a.example.com/v1"} <= set(paths)
    assert paths["api/v1"]["serverRelativeURL"].startswith("/openapi/v3/api/v1?hash=")
    for path in paths:
        found = document(api, path)
        known = {f"#/components/schemas/{name}" for name in found["components"]["schemas"]}
        assert references(found) <= known, path


@pytest.mark.parametrize("path", ["api/v2", "apis/nope/v1", "apis", "api/v1/pods", ""])
def test_what_is_not_served_has_none(api: OpenAPI, path: str) -> None:
    assert api.group_version(path) is None


def test_v2_is_whole(api: OpenAPI) -> None:
    found = json.loads(api.v2())
    assert references(found) <= {f"#/definitions/{name}" for name in found["definitions"]}
    assert "com.example.a.v1.Thing" in found["definitions"]


def test_patches_say_what_they_take(api: OpenAPI) -> None:
    """kubectl reads here whether fields are validated and whether it may send strategic patches."""
    pods = document(api, "api/v1")["paths"]["/api/v1/namespaces/{namespace}/pods/{name}"]["patch"]
    assert {"fieldValidation", "fieldManager", "dryRun", "force"} <= {p["name"] for p in pods["parameters"]}
    assert pods["x-kubernetes-group-version-kind"] == {"group": "", "version": "v1", "kind": "Pod"}
    strategic = "application/strategic-merge-patch+json"
    assert strategic in pods["requestBody"]["content"]
    path = "/apis/a.example.com/v1/namespaces/{namespace}/things/{name}"
    things = document(api, "apis/a.example.com/v1")["paths"][path]["patch"]
    assert strategic not in things["requestBody"]["content"]


def test_a_changed_registry_makes_new_documents() -> None:
    served = registry()
    api = OpenAPI(served, "v1")
    assert api.group_version("apis/policy/v1")
    served.remove("policy", "poddisruptionbudgets")
    assert api.group_version("apis/policy/v1") is None


def test_the_protobuf_document_has_the_same_parts(api: OpenAPI) -> None:
    found = json.loads(api.v2())
    parts = {number: value for number, _, value in protobuf.fields(openapi_wire.encode(found))}
    names = [
        dict((n, v) for n, _, v in protobuf.fields(value))[1] for _, _, value in protobuf.fields(parts[9])
    ]
    assert [name.decode() for name in names] == list(found["definitions"])
    assert parts[1] == b"2.0"


POD = {"metadata": {"name": "p"}, "spec": {"containers": [{"name": "c"}]}}


@pytest.mark.parametrize(
    ("kind", "obj", "unknown"),
    [
        ("Pod", POD, []),
        (
            "Pod",
            {"spec": {"containers": [{"nme": "c"}], "x": 1}, "y": 2},
            ["spec.containers[0].nme", "spec.x", "y"],
        ),
        ("ConfigMap", {"data": {"any": "thing"}, "dta": {}}, ["dta"]),
        ("ConfigMap", {"metadata": {"labels": {"a": "b"}, "lables": {}}}, ["metadata.lables"]),
    ],
)
def test_unknown_fields(kind: str, obj: Json, unknown: list[str]) -> None:
    assert fieldvalidation.check("", "v1", kind, obj)[0] == unknown


@pytest.mark.parametrize(
    ("kind", "obj", "wrong"),
    [
        ("Pod", {"spec": []}, "cannot unmarshal array into Go struct field Pod.spec of type v1.PodSpec"),
        (
            "Pod",
            {"spec": {"containers": [{"ports": [{"containerPort": "80"}]}]}},
            "cannot unmarshal string into Go struct field ContainerPort.spec.containers.ports.containerPort",
        ),
        (
            "ConfigMap",
            {"data": {"a": 1}},
            "cannot unmarshal number into Go struct field ConfigMap.data of type string",
        ),
        ("Secret", {"data": {"a": "!"}}, "illegal base64 data at input byte 0"),
        ("Pod", {"metadata": {"creationTimestamp": "soon"}}, 'parsing time "soon"'),
        ("Pod", {"spec": {"activeDeadlineSeconds": 1.5}}, "cannot unmarshal number 1.5"),
    ],
)
def test_wrong_types(kind: str, obj: Json, wrong: str) -> None:
    assert wrong in fieldvalidation.check("", "v1", kind, obj)[1]


def test_quantities_and_ports_take_several_types() -> None:
    spec = {"containers": [{"resources": {"limits": {"cpu": 1, "memory": "1Gi"}}}]}
    assert fieldvalidation.check("", "v1", "Pod", {"spec": spec}) == ([], "")
    ports = {"spec": {"ports": [{"port": 1, "targetPort": "http"}, {"port": 2, "targetPort": 3}]}}
    assert fieldvalidation.check("", "v1", "Service", ports) == ([], "")


def test_repeated_fields() -> None:
    raw = b'{"a":1,"data":{"x":1,"x":2},"l":[{"b":1,"b":1}]}'
    assert fieldvalidation.repeated_fields(raw) == ["data.x", "l[0].b"]
    assert fieldvalidation.repeated_fields(b"{") == []


def envelope(api_version: str, kind: str, body: bytes) -> bytes:
    def part(number: int, data: bytes) -> bytes:
        return bytes([number << 3 | 2, len(data)]) + data

    return b"k8s\x00" + part(1, part(1, api_version.encode()) + part(2, kind.encode())) + part(2, body)


def test_protobuf_bodies() -> None:
    # metadata{name: "m"}, data{"k": "v"}
    body = b"\x0a\x03\x0a\x01m" + b"\x12\x06\x0a\x01k\x12\x01v"
    assert protobuf.decode(envelope("v1", "ConfigMap", body)) == {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "m"},
        "data": {"k": "v"},
    }


@settings(max_examples=300, deadline=None)
@given(kind=st.sampled_from(["Pod", "Service", "ConfigMap", "Event", "Nope"]), body=st.binary(max_size=100))
def test_broken_protobuf_is_refused_or_read(kind: str, body: bytes) -> None:
    try:
        out = protobuf.decode(envelope("v1", kind, body))
    except StatusError as error:
        refused = error.code
    else:
        refused = 400 if out["kind"] == kind else 0
    assert refused == 400


def test_every_built_in_kind_that_is_stored_has_a_schema() -> None:
    for resource in registry():
        assert schemas.name_of(resource.group, resource.version, resource.kind), resource.kind


def test_v2_says_no_type_where_anything_may_be() -> None:
    free = {
        "type": "object",
        "x-kubernetes-preserve-unknown-fields": True,
        "properties": {"a": {"type": "string"}},
    }
    schema = {
        "type": "object",
        "required": ["maybe", "kept"],
        "properties": {
            "free": free,
            "maybe": {"type": "string", "nullable": True},
            "kept": {"type": "array", "items": {"type": "string"}, "oneOf": [{}]},
        },
    }
    served = registry()
    custom = CustomVersion(schema, True, None, [], False)
    served.add(Resource("a.example.com", "v1", "Thing", "things", custom=custom))
    api = OpenAPI(served, "v1.36.2")
    found = json.loads(api.v2())["definitions"]["com.example.a.v1.Thing"]
    assert found["properties"]["free"] == {"x-kubernetes-preserve-unknown-fields": True}
    assert found["properties"]["maybe"] == {}
    assert found["properties"]["kept"] == {"type": "array", "items": {"type": "string"}}
    assert found["required"] == ["kept"]
    kept = document(api, "apis/a.example.com/v1")["components"]["schemas"]["com.example.a.v1.Thing"]
    assert kept["properties"]["free"] == free

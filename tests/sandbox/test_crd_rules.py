"""Rules of custom resources in CEL: what they see, what they can call, and what they say."""

import itertools
from typing import Any

import pytest

from tests.sandbox.server import Api

Json = dict[str, Any]
CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
_numbers = itertools.count()


def crd(rules: list[Json]) -> tuple[str, Json]:
    """(the group, a definition whose spec has these rules)."""
    group = f"r{next(_numbers)}.example.com"
    part = {
        "type": "object",
        "properties": {"name": {"type": "string"}, "size": {"type": "integer"}},
        "x-kubernetes-validations": [{"rule": "self.size >= oldSelf.size", "message": "parts only grow"}],
    }
    spec = {
        "type": "object",
        "properties": {
            "text": {"type": "string"},
            "memory": {"type": "string"},
            "words": {"type": "array", "items": {"type": "string"}},
            "namespace": {"type": "string"},
            "with-dash": {"type": "integer"},
            "parts": {
                "type": "array",
                "items": part,
                "x-kubernetes-list-type": "map",
                "x-kubernetes-list-map-keys": ["name"],
            },
        },
        "x-kubernetes-validations": rules,
    }
    schema = {"openAPIV3Schema": {"type": "object", "properties": {"spec": spec}}}
    version = {"name": "v1", "served": True, "storage": True, "schema": schema}
    names = {"plural": "things", "kind": "Thing"}
    body = {"group": group, "scope": "Namespaced", "names": names, "versions": [version]}
    return group, {"metadata": {"name": f"things.{group}"}, "spec": body}


def things(api: Api, namespace: str, *rules: Json) -> tuple[str, Json]:
    """(path, an object of the kind)."""
    group, body = crd(list(rules))
    api.ok("POST", CRDS, body)
    thing: Json = {"apiVersion": f"{group}/v1", "kind": "Thing", "metadata": {"name": "t"}}
    return f"/apis/{group}/v1/namespaces/{namespace}/things", thing


SPEC: Json = {
    "text": "a-b",
    "memory": "1Gi",
    "words": ["b", "a"],
    "namespace": "n",
    "with-dash": 1,
    "parts": [{"name": "x", "size": 2}],
}


@pytest.mark.parametrize(
    ("rule", "holds"),
    [
        ("self.text.split('-').size() == 2", True),
        ("self.text.upperAscii() == 'A-B'", True),
        ("self.words.isSorted()", False),
        ("quantity(self.memory).isLessThan(quantity('2Gi'))", True),
        ("isIP(self.text)", False),
        ("self.__namespace__ == 'n' && self.with__dash__dash == 1", True),
        ("self.words.all(w, self.words.exists_one(o, o == w))", True),
        ("has(self.other)", False),
    ],
)
def test_rules(api: Api, namespace: str, rule: str, holds: bool) -> None:
    path, thing = things(api, namespace, {"rule": rule})
    status, answer = api("POST", path, {**thing, "spec": SPEC})
    assert (status == 201) is holds, answer
    assert holds or answer["message"].endswith(f'spec: Invalid value: "object": failed rule: {rule}')


def test_what_a_rule_says(api: Api, namespace: str) -> None:
    path, thing = things(
        api,
        namespace,
        {
            "rule": "self.text != 'no'",
            "message": "unused",
            "messageExpression": "'not ' + self.text",
            "fieldPath": ".text",
            "reason": "FieldValueForbidden",
        },
        {"rule": "self.memory != ''", "message": "needs memory"},
    )
    status, answer = api("POST", path, {**thing, "spec": {"text": "no"}})
    assert status == 422
    causes = {c["field"]: (c["reason"], c["message"]) for c in answer["details"]["causes"]}
    assert causes["spec.text"] == ("FieldValueForbidden", 'Invalid value: "object": not no')
    assert causes["spec"][1].endswith("no such key: memory evaluating rule: needs memory")


def test_items_are_compared_with_what_they_were(api: Api, namespace: str) -> None:
    path, thing = things(api, namespace)
    api.ok("POST", path, {**thing, "spec": SPEC})
    assert (
        api.patch(f"{path}/t", {"spec": {"parts": [{"name": "y", "size": 1}, {"name": "x", "size": 3}]}})[0]
        == 200
    )
    status, answer = api.patch(f"{path}/t", {"spec": {"parts": [{"name": "x", "size": 2}]}})
    assert status == 422
    assert answer["message"].endswith('spec.parts[0]: Invalid value: "object": parts only grow')


def test_a_rule_that_does_not_compile_is_refused_with_the_definition(api: Api) -> None:
    status, answer = api("POST", CRDS, crd([{"rule": "self.text +"}])[1])
    assert status == 422
    field = "spec.versions[0].schema.openAPIV3Schema.properties[spec].x-kubernetes-validations[0].rule"
    assert f'{field}: Invalid value: "self.text +": compilation failed: ERROR: <input>' in answer["message"]

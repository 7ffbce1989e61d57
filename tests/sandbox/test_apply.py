"""Server-side apply and field managers."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sandbox.apiserver.admission.definitions import CustomVersion
from sandbox.apiserver.machinery.builtin import registry
from sandbox.apiserver.machinery.jsonobject import copy
from sandbox.apiserver.machinery.resources import Resource, Subresource
from sandbox.apiserver.registry import apply, fieldsets
from sandbox.apiserver.registry.apply import Conflict, Owner
from tests.sandbox.server import Api

Json = dict[str, Any]
BUILT_IN = registry()


def resource(group: str, plural: str) -> Resource:
    found = BUILT_IN.get(group, "v1", plural)
    assert found
    return found


MAPS, PODS = resource("", "configmaps"), resource("", "pods")


def config_map(**data: str) -> Json:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "m"}, "data": data}


def pod(*containers: Json) -> Json:
    return {"metadata": {"name": "p"}, "spec": {"containers": list(containers)}}


def owned(obj: Json) -> dict[str, Json]:
    return {e["manager"]: e["fieldsV1"] for e in obj["metadata"].get("managedFields", [])}


def test_create_by_apply_owns_what_was_applied() -> None:
    out = apply.apply(MAPS, None, config_map(a="1"), Owner("me"))
    assert owned(out) == {"me": {"f:data": {"f:a": {}}}}
    entry = out["metadata"]["managedFields"][0]
    assert (entry["operation"], entry["apiVersion"], entry["fieldsType"]) == ("Apply", "v1", "FieldsV1")


def test_what_is_applied_no_more_goes() -> None:
    live = apply.apply(MAPS, None, config_map(a="1", b="2"), Owner("me"))
    out = apply.apply(MAPS, live, config_map(a="1"), Owner("me"))
    assert out["data"] == {"a": "1"}


def test_what_another_owns_too_stays() -> None:
    live = apply.apply(MAPS, None, config_map(a="1", b="2"), Owner("me"))
    live = apply.apply(MAPS, live, config_map(b="2"), Owner("you"))
    out = apply.apply(MAPS, live, config_map(a="1"), Owner("me"))
    assert out["data"] == {"a": "1", "b": "2"}
    assert owned(out) == {"me": {"f:data": {"f:a": {}}}, "you": {"f:data": {"f:b": {}}}}


def test_applying_the_same_again_changes_nothing() -> None:
    live = apply.apply(MAPS, None, config_map(a="1"), Owner("me"))
    assert apply.apply(MAPS, live, config_map(a="1"), Owner("me")) == live


def test_conflicts_and_force() -> None:
    live = apply.apply(MAPS, None, config_map(a="1", b="2"), Owner("me"))
    with pytest.raises(Conflict) as one:
        apply.apply(MAPS, live, config_map(a="9"), Owner("you"))
    body = one.value.body()
    assert body["message"] == 'Apply failed with 1 conflict: conflict with "me": .data.a'
    assert body["details"]["causes"] == [
        {"reason": "FieldManagerConflict", "message": 'conflict with "me"', "field": ".data.a"}
    ]
    with pytest.raises(Conflict) as two:
        apply.apply(MAPS, live, config_map(a="9", b="9"), Owner("you"))
    assert two.value.message == 'Apply failed with 2 conflicts: conflicts with "me":\n- .data.a\n- .data.b'
    out = apply.apply(MAPS, live, config_map(a="9"), Owner("you"), force=True)
    assert owned(out) == {"me": {"f:data": {"f:b": {}}}, "you": {"f:data": {"f:a": {}}}}


def test_lists_with_keys() -> None:
    live = pod({"name": "a", "image": "1", "ports": [{"containerPort": 80, "protocol": "TCP"}]})
    apply.track(PODS, None, live, Owner("creator"))
    fields = owned(live)["creator"]["f:spec"]["f:containers"]['k:{"name":"a"}']
    assert fields["f:ports"] == {
        ".": {},
        'k:{"containerPort":80,"protocol":"TCP"}': {".": {}, "f:containerPort": {}, "f:protocol": {}},
    }
    with pytest.raises(Conflict) as caught:
        apply.apply(PODS, live, pod({"name": "a", "image": "2"}), Owner("me"))
    assert '.spec.containers[name="a"].image' in caught.value.message
    out = apply.apply(PODS, live, pod({"name": "b", "image": "2"}, {"name": "a"}), Owner("me"))
    assert [c["name"] for c in out["spec"]["containers"]] == ["b", "a"]
    gone = apply.apply(PODS, out, pod({"name": "a"}), Owner("me"))
    assert [c["name"] for c in gone["spec"]["containers"]] == ["a"]


def test_the_default_of_a_key_counts() -> None:
    port = {"containerPort": 80, "protocol": "TCP", "name": "http"}
    live = pod({"name": "a", "ports": [port]})
    apply.track(PODS, None, live, Owner("creator"))
    out = apply.apply(PODS, live, pod({"name": "a", "ports": [{"containerPort": 80}]}), Owner("me"))
    assert out["spec"]["containers"][0]["ports"] == [port]


def test_ordinary_writes_move_what_they_change() -> None:
    old = config_map(a="1", b="2")
    apply.track(MAPS, None, old, Owner("first"))
    new = copy(old)
    new["data"] = {"a": "9", "c": "3"}
    apply.track(MAPS, old, new, Owner("second"))
    assert owned(new) == {
        "first": {"f:data": {}},
        "second": {"f:data": {"f:a": {}, "f:c": {}}},
    }
    same = copy(new)
    apply.track(MAPS, new, same, Owner("third"))
    assert same == new


def test_a_client_that_sends_no_managers_loses_none_and_an_empty_one_resets() -> None:
    old = config_map(a="1")
    apply.track(MAPS, None, old, Owner("first"))
    new = config_map(a="1", b="2")
    apply.track(MAPS, old, new, Owner("second"))
    assert set(owned(new)) == {"first", "second"}
    reset = copy(new)
    reset["metadata"]["managedFields"] = [{}]
    apply.track(MAPS, new, reset, Owner("third"))
    assert "managedFields" not in reset["metadata"]


@pytest.mark.parametrize(
    "nonsense",
    ["x", [3], [{"manager": 1}], [{"manager": "m", "operation": "Update", "fieldsV1": {"f:a": 1}}]],
)
def test_nonsense_in_managed_fields_is_not_heeded(nonsense: Any) -> None:
    old = config_map(a="1")
    apply.track(MAPS, None, old, Owner("first"))
    new = config_map(a="2")
    new["metadata"]["managedFields"] = nonsense
    apply.track(MAPS, old, new, Owner("second"))
    assert "second" in owned(new)


def test_what_was_there_before_the_first_apply_has_an_owner() -> None:
    live = config_map(a="1")
    with pytest.raises(Conflict) as caught:
        apply.apply(MAPS, live, config_map(a="2"), Owner("me"))
    assert '"before-first-apply" using v1' in caught.value.message


def test_status_is_apart() -> None:
    schema = {
        "type": "object",
        "properties": {
            "spec": {"type": "object", "properties": {"n": {"type": "integer"}}},
            "status": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
        },
    }
    status = Subresource("status", ("get", "patch", "update"))
    custom = CustomVersion(schema, True, None, [], False)
    things = Resource("g.io", "v1", "Thing", "things", subresources=(status,), custom=custom)
    both = {"metadata": {"name": "t"}, "spec": {"n": 1}, "status": {"s": "x"}}
    live = apply.apply(things, None, both, Owner("me"))
    assert "status" not in live
    out = apply.apply(things, live, both, Owner("me", "status"))
    assert out["status"] == {"s": "x"}
    last = out["metadata"]["managedFields"][-1]
    assert (last["subresource"], last["fieldsV1"]) == ("status", {"f:status": {"f:s": {}}})


def test_sets_of_fields() -> None:
    a: Json = {"f:x": {".": {}, "f:y": {}}, "f:z": {}}
    b: Json = {"f:x": {"f:y": {}}}
    assert fieldsets.difference(a, b) == {"f:x": {}, "f:z": {}}
    assert fieldsets.intersection(a, b) == b
    assert fieldsets.union(b, {"f:x": {}}) == {"f:x": {".": {}, "f:y": {}}}
    assert fieldsets.paths({"f:l": {'k:{"a":1,"b":"c"}': {}, 'v:"q"': {}}}) == ['.l[a=1,b="c"]', '.l[="q"]']


ANYTHING = Resource(
    "g.io",
    "v1",
    "Thing",
    "things",
    custom=CustomVersion(
        {"type": "object", "x-kubernetes-preserve-unknown-fields": True}, False, None, [], True
    ),
)
scalars = st.integers(0, 3) | st.sampled_from(["a", "b"]) | st.booleans()
trees = st.dictionaries(
    st.sampled_from("abc"),
    st.recursive(
        scalars,
        lambda inner: (
            st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from("abc"), inner, min_size=1)
        ),
        max_leaves=6,
    ),
    max_size=3,
)


def thing(spec: Json) -> Json:
    return {"metadata": {"name": "t"}, **spec}


def body(obj: Json) -> Json:
    return {key: value for key, value in obj.items() if key != "metadata"}


@settings(max_examples=300, deadline=None)
@given(first=trees, second=trees)
def test_a_lone_manager_gets_exactly_what_it_applies(first: Json, second: Json) -> None:
    live = apply.apply(ANYTHING, None, thing(first), Owner("me"))
    assert body(live) == first
    out = apply.apply(ANYTHING, live, thing(second), Owner("me"))
    assert body(out) == second
    assert apply.apply(ANYTHING, out, thing(second), Owner("me")) == out


@settings(max_examples=300, deadline=None)
@given(mine=trees, yours=trees)
def test_forced_fields_change_hands_and_nothing_is_lost(mine: Json, yours: Json) -> None:
    live = apply.apply(ANYTHING, None, thing(mine), Owner("me"))
    out = apply.apply(ANYTHING, live, thing(yours), Owner("you"), force=True)
    # What you apply is there, whoever owned it; applied again it is no conflict.
    assert apply.apply(ANYTHING, out, thing(yours), Owner("you")) == out
    for key in mine.keys() - yours.keys():
        assert out[key] == mine[key]


@pytest.mark.parametrize("version", ["apps/v1", ""])
def test_another_version_than_the_path_says_is_refused(api: Api, namespace: str, version: str) -> None:
    status, answer = api.patch(
        f"/api/v1/namespaces/{namespace}/configmaps/m?fieldManager=me",
        {**config_map(a="1"), "apiVersion": version},
        "application/apply-patch+yaml",
    )
    assert status == 400
    assert answer["message"] == (
        f"Incorrect version specified in apply patch. Specified patch version: {version}, expected: v1"
    )

"""Strategic merge patch: the cases of apimachinery's own documentation, and hostile ones."""

import contextlib
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from sandbox.apiserver.machinery.apierrors import StatusError
from sandbox.apiserver.requests.strategic import merge

Json = dict[str, Any]


def containers(*items: Json) -> Json:
    return {"spec": {"containers": list(items)}}


A, B = {"name": "a", "image": "1"}, {"name": "b", "image": "1"}


@pytest.mark.parametrize(
    ("patch", "wanted"),
    [
        (containers({"name": "a", "image": "2"}), [{"name": "a", "image": "2"}, B]),
        (containers({"name": "c"}), [{"name": "c"}, A, B]),
        (containers({"name": "a", "$patch": "delete"}), [B]),
        (containers({"name": "c"}, {"$patch": "replace"}), [{"name": "c"}]),
        (containers({"name": "a", "image": None}), [{"name": "a"}, B]),
        (
            {"spec": {"$setElementOrder/containers": [{"name": "b"}, {"name": "a"}]}},
            [B, A],
        ),
        (
            {
                "spec": {
                    "$setElementOrder/containers": [{"name": "b"}, {"name": "n"}, {"name": "a"}],
                    "containers": [{"name": "n"}],
                }
            },
            [B, {"name": "n"}, A],
        ),
    ],
)
def test_lists_merge_by_their_key(patch: Json, wanted: list[Json]) -> None:
    current = containers(A, B)
    assert merge("", "Pod", current, patch)["spec"]["containers"] == wanted
    assert current == containers(A, B)


def test_new_ports_stand_before_those_that_only_the_server_has() -> None:
    current = {"spec": {"ports": [{"name": "first", "port": 1, "targetPort": 9}]}}
    patch = {"spec": {"ports": [{"name": "second", "port": 2}, {"name": "first", "port": 1}]}}
    ports = merge("", "Service", current, patch)["spec"]["ports"]
    assert ports == [{"name": "second", "port": 2}, {"name": "first", "port": 1, "targetPort": 9}]


def test_lists_of_plain_values() -> None:
    current = {"metadata": {"finalizers": ["x/a", "x/b"]}}
    added = merge("", "ConfigMap", current, {"metadata": {"finalizers": ["x/c", "x/a"]}})
    assert sorted(added["metadata"]["finalizers"]) == ["x/a", "x/b", "x/c"]
    less = merge("", "ConfigMap", current, {"metadata": {"$deleteFromPrimitiveList/finalizers": ["x/a"]}})
    assert less["metadata"]["finalizers"] == ["x/b"]


def test_lists_without_a_strategy_are_replaced() -> None:
    current = {"rules": [{"verbs": ["get"]}]}
    patch = {"rules": [{"verbs": ["list"]}]}
    assert merge("rbac.authorization.k8s.io", "Role", current, patch) == patch


def test_maps() -> None:
    current = {"data": {"a": "1", "b": "2"}}
    assert merge("", "ConfigMap", current, {"data": {"a": None, "c": "3"}})["data"] == {"b": "2", "c": "3"}
    assert merge("", "ConfigMap", current, {"data": {"$patch": "replace", "z": "9"}})["data"] == {"z": "9"}
    assert merge("", "ConfigMap", current, {"data": {"$patch": "delete"}})["data"] == {}
    assert merge("", "ConfigMap", {}, {"data": {"a": None, "b": "1"}}) == {"data": {"b": "1"}}


def test_retain_keys() -> None:
    volume = {"name": "v", "emptyDir": {}}
    patch = {"name": "v", "$retainKeys": ["name", "hostPath"], "hostPath": {"path": "/x"}}
    out = merge("", "Pod", {"spec": {"volumes": [volume]}}, {"spec": {"volumes": [patch]}})
    assert out["spec"]["volumes"] == [{"name": "v", "hostPath": {"path": "/x"}}]


@pytest.mark.parametrize(
    "patch",
    [
        containers({"image": "x"}),
        {"spec": {"$patch": "nonsense"}},
        {"spec": {"$setElementOrder/containers": "a"}},
        {"spec": {"$setElementOrder/containers": [], "containers": 3}},
        {"spec": {"$retainKeys": "a"}},
    ],
)
def test_nonsense_is_refused(patch: Json) -> None:
    with pytest.raises(StatusError) as caught:
        merge("", "Pod", containers(A), patch)
    assert caught.value.code == 400


words = st.sampled_from(
    ["name", "containers", "$patch", "$setElementOrder/containers", "$retainKeys", "ports"]
)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.sampled_from(["a", "delete", "replace"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=4),
    max_leaves=12,
)


@settings(max_examples=200, deadline=None)
@given(spec=values)
@example(spec={"containers": False, "$setElementOrder/containers": []})
def test_any_patch_is_applied_or_refused(spec: Any) -> None:
    with contextlib.suppress(StatusError):
        merge("", "Pod", containers(A, B), {"spec": spec})

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from controller_runtime.kube.kinds import Namespace
from controller_runtime.kube.object import ObjectMeta, OwnerReference
from controller_runtime.kube.ownership import (
    AlreadyOwnedError,
    add_finalizer,
    contains_finalizer,
    finalizers_under,
    has_controller_reference,
    remove_finalizer,
    set_controller_reference,
    set_finalizers_under,
    set_owner_reference,
)
from tests.runtime.fakes import configmap


def body(namespace: str = "ns") -> dict[str, Any]:
    return {"kind": "Pod", "metadata": {"name": "p", "namespace": namespace}}


def test_a_controller_reference() -> None:
    pod = body()
    set_controller_reference(configmap("owner"), pod)
    reference = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "name": "owner",
        "uid": "uid-owner",
        "controller": True,
        "blockOwnerDeletion": True,
    }
    assert pod["metadata"]["ownerReferences"] == [reference]
    set_controller_reference(configmap("owner"), pod)
    assert pod["metadata"]["ownerReferences"] == [reference]


def test_only_one_controller_but_many_owners() -> None:
    pod = body()
    set_controller_reference(configmap("owner"), pod)
    with pytest.raises(
        AlreadyOwnedError, match="ns/p is already owned by another ConfigMap controller owner"
    ):
        set_controller_reference(configmap("second"), pod)
    set_owner_reference(configmap("second"), pod)
    assert [r["name"] for r in pod["metadata"]["ownerReferences"]] == ["owner", "second"]
    assert "controller" not in pod["metadata"]["ownerReferences"][1]


def test_owners_that_the_api_would_not_accept() -> None:
    with pytest.raises(
        ValueError, match="cross-namespace owner references are disallowed, owner's namespace ns"
    ):
        set_controller_reference(configmap("owner"), body("other"))
    with pytest.raises(ValueError, match="cluster-scoped resource must not have a namespace-scoped owner"):
        set_controller_reference(configmap("owner"), body(""))
    set_controller_reference(Namespace(metadata=ObjectMeta(name="n", uid="u")), body("other"))


def test_who_controls() -> None:
    owner = configmap("owner")
    reference = OwnerReference("v1", "ConfigMap", "owner", "uid-owner", True)
    assert has_controller_reference(configmap("x", owner_references=(reference,)), owner)
    earlier = OwnerReference("v1", "ConfigMap", "owner", "uid-of-the-one-before", True)
    assert not has_controller_reference(configmap("x", owner_references=(earlier,)), owner)
    assert not has_controller_reference(configmap("x"), owner)


def test_references_of_typed_objects_are_other_objects() -> None:
    owner, obj = configmap("owner"), configmap("x")
    owned = set_controller_reference(owner, obj)
    assert has_controller_reference(owned, owner)
    assert obj.metadata.owner_references == ()
    assert set_controller_reference(owner, owned) is owned
    with pytest.raises(AlreadyOwnedError, match="ns/x is already owned"):
        set_controller_reference(configmap("second"), owned)
    newer = configmap("owner", version="2")
    again = replace(newer, metadata=replace(newer.metadata, uid="uid-of-the-next"))
    (reference,) = set_controller_reference(again, owned).metadata.owner_references
    assert reference.uid == "uid-of-the-next"


def test_finalizers() -> None:
    obj, data = configmap("x", finalizers=("a/b",)), body()
    assert add_finalizer(obj, "a/b") is obj
    both = add_finalizer(obj, "c")
    assert (both.metadata.finalizers, obj.metadata.finalizers) == (("a/b", "c"), ("a/b",))
    assert remove_finalizer(both, "a/b").metadata.finalizers == ("c",)
    assert remove_finalizer(obj, "c") is obj
    assert not contains_finalizer(data, "a/b")
    assert add_finalizer(data, "a/b") is data
    assert contains_finalizer(data, "a/b")
    assert remove_finalizer(data, "a/b")["metadata"]["finalizers"] == []


def test_finalizers_as_a_ledger() -> None:
    obj = configmap("x", finalizers=("pods/a", "other", "pods/b"))
    assert finalizers_under(obj, "pods/") == ["a", "b"]
    changed = set_finalizers_under(obj, "pods/", ["b", "c"])
    assert changed.metadata.finalizers == ("other", "pods/b", "pods/c")
    assert set_finalizers_under(changed, "pods/", ["b", "c"]) is changed

from __future__ import annotations

from typing import Any

import pytest

from controller_runtime.kube.kinds import Namespace
from controller_runtime.kube.object import ObjectMeta, OwnerReference
from controller_runtime.kube.ownership import (
    AlreadyOwnedError,
    has_controller_reference,
    set_controller_reference,
    set_owner_reference,
    with_finalizer,
    without_finalizer,
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


def test_finalizers() -> None:
    assert with_finalizer((), "a/b") == ["a/b"]
    assert with_finalizer(("a/b", "c"), "a/b") == ["a/b", "c"]
    assert without_finalizer(("a/b", "c"), "a/b") == ["c"]
    assert without_finalizer(("c",), "a/b") == ["c"]

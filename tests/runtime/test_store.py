"""The store, its indexes, and the bound on raw bytes."""

from __future__ import annotations

import msgspec
import pytest

from controller_runtime.cache.store import RawCache, Store
from controller_runtime.kube.kinds import Pod
from controller_runtime.kube.object import ObjectMeta, OwnerReference


def pod(name: str, namespace: str = "default", owner: str = "", **labels: str) -> Pod:
    owners = (OwnerReference(uid=owner),) if owner else ()
    return Pod(metadata=ObjectMeta(name=name, namespace=namespace, labels=labels, owner_references=owners))


def names(pods: list[Pod]) -> list[str]:
    return sorted(p.metadata.name for p in pods)


@pytest.fixture
def store() -> Store[Pod]:
    made: Store[Pod] = Store(Pod)
    made.put(pod("a", app="x", tier="1"))
    made.put(pod("b", owner="u1", app="x"))
    made.put(pod("c", "other", owner="u1", app="y"))
    return made


def test_reads(store: Store[Pod]) -> None:
    assert store.get("default", "a") is not None
    assert store.get("other", "a") is None
    assert names(store.list()) == ["a", "b", "c"]
    assert names(store.list("other")) == ["c"]
    assert names(store.list(labels={"app": "x"})) == ["a", "b"]
    assert names(store.list(labels={"app": "x", "tier": "1"})) == ["a"]
    assert names(store.list("other", labels={"app": "x"})) == []
    assert names(store.by_index("owner", "u1")) == ["b", "c"]
    assert (len(store), store.count("other"), store.count()) == (3, 1, 3)
    assert store.keys("other") == {("other", "c")}


def test_indexes_follow_changes(store: Store[Pod]) -> None:
    store.put(pod("b", app="z"))
    assert names(store.by_index("owner", "u1")) == ["c"]
    assert names(store.list(labels={"app": "x"})) == ["a"]
    assert names(store.list(labels={"app": "z"})) == ["b"]
    gone = store.remove(("other", "c"))
    assert gone is not None
    assert store.by_index("owner", "u1") == []
    assert store.remove(("other", "c")) is None
    assert store.count("other") == 0


def test_own_indexes(store: Store[Pod]) -> None:
    store.add_index("first letter", lambda p: [p.metadata.name[0]])
    assert names(store.by_index("first letter", "a")) == ["a"]
    store.put(pod("apple"))
    assert names(store.by_index("first letter", "a")) == ["a", "apple"]
    with pytest.raises(ValueError, match="choose another name"):
        store.add_index("owner", lambda p: [])
    with pytest.raises(KeyError):
        store.by_index("last letter", "a")


def test_raw_bytes_are_bounded() -> None:
    cache = RawCache(limit=100)
    for number in range(20):
        cache.put(f"u{number}", msgspec.Raw(b"x" * 30))
    assert cache.size == 90
    assert cache.get("u0") is None
    assert cache.get("u19") is not None
    cache.put("u19", msgspec.Raw(b"y" * 10))
    assert cache.size == 70
    assert cache.pop("u19") == msgspec.Raw(b"y" * 10)
    assert cache.pop("u19") is None
    assert cache.size == 60

"""The garbage collector and the namespace controller, through the API."""

from __future__ import annotations

from typing import Any

import pytest

from controller_runtime.kube.errors import ApiError
from controller_runtime.kube.resource import Resource
from sandbox.apiobjects import CONFIG_MAPS, CRDS, SERVICE_ACCOUNTS
from sandbox.controllers.served import Discovery
from sandbox.sharedcache import Informers

from .nodeside import World, kubeconfig, world

__all__ = ["kubeconfig", "world"]

THINGS = Resource("gc.example.org", "v1", "Thing", "things")


async def config_map(world: World, name: str, *owners: Any, block: bool = True, **metadata: Any) -> Any:
    references = [
        {
            "apiVersion": owner["apiVersion"],
            "kind": owner["kind"],
            "name": owner["metadata"]["name"],
            "uid": owner["metadata"]["uid"],
            "blockOwnerDeletion": block,
        }
        for owner in owners
    ]
    metadata |= {"name": name, "ownerReferences": references}
    return await world.create(CONFIG_MAPS, {"metadata": metadata})


async def fault(world: World, **wish: Any) -> None:
    await world.client.request("POST", "/debug/faults", body=wish)


async def test_a_chain_goes_with_its_owner(world: World) -> None:
    first = await config_map(world, "first")
    second = await config_map(world, "second", first)
    await config_map(world, "third", second)
    await world.client.delete(CONFIG_MAPS.path(world.namespace, "first"))
    await world.gone(CONFIG_MAPS, "third")


async def test_one_owner_left_keeps_the_dependent_and_the_other_reference_goes(world: World) -> None:
    one, two = await config_map(world, "one"), await config_map(world, "two")
    await config_map(world, "both", one, two)
    await world.client.delete(CONFIG_MAPS.path(world.namespace, "one"))
    kept = await world.until(CONFIG_MAPS, "both", lambda o: len(o["metadata"]["ownerReferences"]) == 1)
    assert kept["metadata"]["ownerReferences"][0]["name"] == "two"


async def test_an_owner_that_never_was_is_absent(world: World) -> None:
    owner = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "never", "uid": "no-such-uid"}}
    await config_map(world, "lost", owner)
    await world.gone(CONFIG_MAPS, "lost")


async def test_another_object_under_the_owners_name_is_not_the_owner(world: World) -> None:
    await config_map(world, "owner")
    old = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "owner", "uid": "an-older-uid"}}
    await config_map(world, "late", old)
    await world.gone(CONFIG_MAPS, "late")
    assert await world.get(CONFIG_MAPS, "owner")


async def test_foreground_waits_for_a_dependent_that_is_held(world: World) -> None:
    owner = await config_map(world, "owner")
    await config_map(world, "held", owner, finalizers=["example.org/hold"])
    await config_map(world, "free", owner)
    await world.client.delete(CONFIG_MAPS.path(world.namespace, "owner"), propagation="Foreground")
    await world.until(CONFIG_MAPS, "held", lambda o: o["metadata"].get("deletionTimestamp"))
    await world.gone(CONFIG_MAPS, "free")
    waiting = await world.get(CONFIG_MAPS, "owner")
    assert waiting is not None
    assert waiting["metadata"]["finalizers"] == ["foregroundDeletion"]
    release = {"metadata": {"finalizers": None}}
    await world.client.patch(CONFIG_MAPS.path(world.namespace, "held"), release)
    await world.gone(CONFIG_MAPS, "owner")


async def test_foreground_does_not_wait_where_nothing_blocks(world: World) -> None:
    owner = await config_map(world, "owner")
    await config_map(world, "held", owner, block=False, finalizers=["example.org/hold"])
    await world.client.delete(CONFIG_MAPS.path(world.namespace, "owner"), propagation="Foreground")
    await world.gone(CONFIG_MAPS, "owner")
    await world.until(CONFIG_MAPS, "held", lambda o: o["metadata"].get("deletionTimestamp"))
    await world.client.patch(CONFIG_MAPS.path(world.namespace, "held"), {"metadata": {"finalizers": None}})


async def test_orphans_stay_without_their_reference(world: World) -> None:
    owner = await config_map(world, "owner")
    other = await config_map(world, "other")
    await config_map(world, "orphan", owner, other)
    await world.client.delete(CONFIG_MAPS.path(world.namespace, "owner"), propagation="Orphan")
    await world.gone(CONFIG_MAPS, "owner")
    orphan = await world.get(CONFIG_MAPS, "orphan")
    assert orphan is not None
    assert [ref["name"] for ref in orphan["metadata"]["ownerReferences"]] == ["other"]


async def test_an_owner_that_came_and_went_while_its_watch_was_down(world: World) -> None:
    await fault(world, status=500, resource="serviceaccounts", verb="watch", seconds=60)
    await fault(world, dropWatches=True)
    try:
        owner = await world.create(SERVICE_ACCOUNTS, {"metadata": {"name": "owner"}})
        await config_map(world, "left", owner)
        # Something that is collected after it shows that it has been looked at.
        absent = {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": "never", "uid": "no-such-uid"},
        }
        await config_map(world, "sign", absent)
        await world.gone(CONFIG_MAPS, "sign")
        await world.client.delete(SERVICE_ACCOUNTS.path(world.namespace, "owner"))
        await fault(world, compact=True)
    finally:
        await fault(world, clear=True)
    await world.gone(CONFIG_MAPS, "left")


async def test_orphans_are_found_while_their_watch_is_down(world: World) -> None:
    owner = await world.create(SERVICE_ACCOUNTS, {"metadata": {"name": "owner"}})
    await fault(world, status=500, resource="configmaps", verb="watch", seconds=60)
    await fault(world, dropWatches=True)
    try:
        await config_map(world, "unseen", owner)
        await world.client.delete(SERVICE_ACCOUNTS.path(world.namespace, "owner"), propagation="Orphan")
        await world.gone(SERVICE_ACCOUNTS, "owner")
        unseen = await world.get(CONFIG_MAPS, "unseen")
        assert unseen is not None
        assert "ownerReferences" not in unseen["metadata"]
    finally:
        await fault(world, clear=True)


async def test_a_group_that_does_not_answer_is_served_all_the_same() -> None:
    class Server:
        down = False

        async def get(self, path: str) -> Any:
            if path == "/apis":
                return {"groups": []}
            if self.down:
                raise ApiError(503, "ServiceUnavailable", "not now")
            pods = {"name": "pods", "kind": "Pod", "namespaced": True, "verbs": ["list", "watch", "delete"]}
            return {"resources": [pods]}

    server = Server()
    discovery = Discovery(Informers(server))  # type: ignore[arg-type]
    changes: list[int] = []
    discovery.listen(lambda: changes.append(len(discovery.collectable())))
    for server.down in (False, True, False):
        await discovery._refresh()
    assert changes == [1]


async def test_a_kind_that_is_not_served_is_no_reason_to_delete(world: World) -> None:
    owner = {"apiVersion": "none.example.org/v1", "kind": "None", "metadata": {"name": "a", "uid": "b"}}
    await config_map(world, "kept", owner)
    # Something that is collected after it shows that it has been looked at.
    absent = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "never", "uid": "no-such-uid"}}
    await config_map(world, "sign", absent)
    await world.gone(CONFIG_MAPS, "sign")
    assert await world.get(CONFIG_MAPS, "kept")


@pytest.fixture
async def things(world: World) -> Any:
    names = {"plural": "things", "singular": "thing", "kind": "Thing", "listKind": "ThingList"}
    schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    version = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
    spec = {"group": THINGS.group, "scope": "Namespaced", "names": names, "versions": [version]}
    body = {"apiVersion": "apiextensions.k8s.io/v1", "kind": CRDS.kind, "spec": spec}
    await world.client.create(CRDS.path(), body | {"metadata": {"name": "things.gc.example.org"}})

    def established(crd: Any) -> bool:
        conditions = crd.get("status", {}).get("conditions", ())
        return any(c["type"] == "Established" and c["status"] == "True" for c in conditions)

    await world.until(CRDS, "things.gc.example.org", established)
    yield THINGS
    try:
        await world.client.delete(CRDS.path("", "things.gc.example.org"))
    except ApiError as error:
        if error.status != 404:
            raise


async def test_custom_resources_own_and_are_owned(world: World, things: Resource) -> None:
    owner = await world.create(things, {"metadata": {"name": "owner"}})
    await config_map(world, "dependent", owner)
    reference = {k: owner[k] for k in ("apiVersion", "kind")}
    reference |= {"name": "owner", "uid": owner["metadata"]["uid"]}
    await world.create(things, {"metadata": {"name": "child", "ownerReferences": [reference]}})
    await world.client.delete(things.path(world.namespace, "owner"))
    await world.gone(CONFIG_MAPS, "dependent")
    await world.gone(things, "child")


async def test_every_namespace_has_an_account_and_the_root_certificate(world: World) -> None:
    await world.until(SERVICE_ACCOUNTS, "default", bool)
    published = await world.until(CONFIG_MAPS, "kube-root-ca.crt", bool)
    assert published["data"]["ca.crt"].startswith("-----BEGIN CERTIFICATE-----")
    await world.client.delete(SERVICE_ACCOUNTS.path(world.namespace, "default"))
    await world.client.patch(CONFIG_MAPS.path(world.namespace, "kube-root-ca.crt"), {"data": {"x": "y"}})
    await world.until(SERVICE_ACCOUNTS, "default", bool)
    await world.until(CONFIG_MAPS, "kube-root-ca.crt", lambda o: "x" not in o["data"])

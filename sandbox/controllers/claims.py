"""Claims get volumes: one that is there and fits, or a new one in a (simulated) folder of the host.

In the manner of pkg/controller/volume/persistentvolume, with a provisioner of our own.
"""

from __future__ import annotations

from controller_runtime.kube.errors import ApiError

from ..apiobjects import Key, Object
from ..eventsink import EventSink
from ..keyqueue import WorkQueue
from ..quantities import number
from ..sharedcache import Informers
from ..workloadobjects import CLAIMS, STORAGE_CLASSES, VOLUMES, Claim, Json, Volume

WORKERS = 4
PROVISIONER = "sandbox.reconsole.dev/host-folder"
CLASS = "standard"
DEFAULT_CLASS = "storageclass.kubernetes.io/is-default-class"
FOLDER = "/var/lib/reconsole/volumes"  # on the nodes; nothing is ever written there
SOURCE = ("persistentvolume-controller", "")


class ClaimController:
    def __init__(self, informers: Informers, events: EventSink) -> None:
        self._client = informers.client
        self._events = events
        self._queue: WorkQueue[tuple[str, Key]] = WorkQueue()
        self._claims = informers.of(CLAIMS, Claim)
        self._volumes = informers.of(VOLUMES, Volume)
        self._classes = informers.of(STORAGE_CLASSES, Object)
        self._claims.listen(self._claim)
        self._volumes.listen(self._volume)

    def _claim(self, name: str, item: Claim, old: Claim | None) -> None:
        self._queue.add(("claim", item.metadata.key))
        if name == "DELETED" and item.spec.volume_name:
            self._queue.add(("volume", ("", item.spec.volume_name)))

    def _volume(self, name: str, item: Volume, old: Volume | None) -> None:
        if name != "DELETED":
            self._queue.add(("volume", item.metadata.key))
        if name == "ADDED":
            for key, claim in self._claims.store.items():
                if claim.status.phase != "Bound":
                    self._queue.add(("claim", key))

    async def run(self) -> None:
        body: Json = {
            "apiVersion": "storage.k8s.io/v1",
            "kind": "StorageClass",
            "metadata": {"name": CLASS, "annotations": {DEFAULT_CLASS: "true"}},
            "provisioner": PROVISIONER,
        }
        try:
            await self._client.create(STORAGE_CLASSES.path(), body)
        except ApiError as error:
            if error.status != 409:
                raise
        for informer in (self._claims, self._volumes, self._classes):
            await informer.synced.wait()
        await self._queue.run(self._process, WORKERS)

    async def _process(self, which: tuple[str, Key]) -> None:
        what, key = which
        if what == "claim":
            claim = self._claims.store.get(key)
            if claim is not None and claim.status.phase != "Bound" and not claim.metadata.deletion_timestamp:
                await self._bind(claim)
        elif volume := self._volumes.store.get(key):
            await self._follow(volume)

    async def _bind(self, claim: Claim) -> None:
        """One that is there, or one made for it; without either it waits."""
        volume = self._find(claim)
        if volume is None:
            name = self._class_of(claim)
            if claim.spec.volume_name or not name:
                text = "no persistent volumes available for this claim and no storage class is set"
                self._events.about(CLAIMS, claim.metadata, SOURCE, "FailedBinding", text)
                return
            if self._classes.get("", name) is None:
                text = f'storageclass.storage.k8s.io "{name}" not found'
                self._events.about(CLAIMS, claim.metadata, SOURCE, "ProvisioningFailed", text, warn=True)
                return
            await self._provision(claim, name)
            volume_name, capacity = f"pvc-{claim.metadata.uid}", dict(claim.spec.resources.requests or {})
        else:
            name, volume_name = volume.spec.storage_class_name, volume.metadata.name
            capacity = dict(volume.spec.capacity or {})
            if volume.spec.claim_ref is None or not volume.spec.claim_ref.uid:
                spec = {"claimRef": self._reference(claim)}
                kept = {"resourceVersion": volume.metadata.resource_version}
                await self._client.patch(VOLUMES.path("", volume_name), {"metadata": kept, "spec": spec})
        path = CLAIMS.path(*claim.metadata.key)
        changes: Json = {"volumeName": volume_name}
        if name and claim.spec.storage_class_name is None:
            changes["storageClassName"] = name
        metadata: Json = {
            "uid": claim.metadata.uid,
            "annotations": {"pv.kubernetes.io/bind-completed": "yes"},
        }
        await self._patch(path, {"metadata": metadata, "spec": changes})
        modes = claim.spec.access_modes or []
        status = {"phase": "Bound", "accessModes": modes, "capacity": capacity}
        await self._patch(f"{path}/status", {"metadata": {"uid": claim.metadata.uid}, "status": status})

    async def _patch(self, path: str, body: Json) -> None:
        try:
            await self._client.patch(path, body)
        except ApiError as error:
            if error.status != 404:
                raise

    def _class_of(self, claim: Claim) -> str:
        """The class that is asked for; the default one when the claim is silent; "" for none."""
        if claim.spec.storage_class_name is not None:
            return claim.spec.storage_class_name
        defaults = (c for c in self._classes.store.values() if c.metadata.annotation(DEFAULT_CLASS) == "true")
        return next((c.metadata.name for c in defaults), "")

    def _find(self, claim: Claim) -> Volume | None:
        """The smallest volume that is free, or kept for this claim, and fits."""
        meta = claim.metadata
        wanted = number((claim.spec.resources.requests or {}).get("storage", "0"))
        found = []
        for volume in self._volumes.store.values():
            spec, ref = volume.spec, volume.spec.claim_ref
            mine = ref is not None and (ref.namespace, ref.name) == meta.key and ref.uid in ("", meta.uid)
            if mine or claim.spec.volume_name == volume.metadata.name:
                return volume if mine or ref is None else None
            size = number((spec.capacity or {}).get("storage", "0"))
            if (
                ref is None
                and not claim.spec.volume_name
                and volume.metadata.deletion_timestamp is None
                and size >= wanted
                and spec.storage_class_name == self._class_of(claim)
                and spec.volume_mode == claim.spec.volume_mode
                and set(claim.spec.access_modes or ()) <= set(spec.access_modes or ())
                and (claim.spec.selector is None or claim.spec.selector.matches(volume.metadata.labels))
            ):
                found.append((size, volume.metadata.name, volume))
        return min(found)[2] if found else None

    async def _provision(self, claim: Claim, name: str) -> None:
        volume = f"pvc-{claim.metadata.uid}"
        body: Json = {
            "apiVersion": "v1",
            "kind": "PersistentVolume",
            "metadata": {"name": volume, "annotations": {"pv.kubernetes.io/provisioned-by": PROVISIONER}},
            "spec": {
                "accessModes": claim.spec.access_modes or ["ReadWriteOnce"],
                "capacity": claim.spec.resources.requests or {},
                "claimRef": self._reference(claim),
                "hostPath": {"path": f"{FOLDER}/{volume}", "type": "DirectoryOrCreate"},
                "persistentVolumeReclaimPolicy": "Delete",
                "storageClassName": name,
                "volumeMode": claim.spec.volume_mode,
            },
        }
        try:
            await self._client.create(VOLUMES.path(), body)
        except ApiError as error:
            if error.status != 409:
                raise
        text = f"Successfully provisioned volume {volume}"
        self._events.about(CLAIMS, claim.metadata, (PROVISIONER, ""), "ProvisioningSucceeded", text)

    @staticmethod
    def _reference(claim: Claim) -> Json:
        meta = claim.metadata
        return {
            "apiVersion": "v1",
            "kind": "PersistentVolumeClaim",
            "namespace": meta.namespace,
            "name": meta.name,
            "uid": meta.uid,
        }

    async def _follow(self, volume: Volume) -> None:
        """The phase of a volume, and its end when its claim is gone."""
        ref = volume.spec.claim_ref
        claim = self._claims.get(ref.namespace, ref.name) if ref else None
        phase = "Available"
        if ref is not None and ref.uid:
            phase = "Bound" if claim is not None and claim.metadata.uid == ref.uid else "Released"
        if phase == "Released" and volume.spec.reclaim_policy == "Delete":
            # The watch of claims may lag behind that of volumes: only what was bound is known to be over.
            if volume.status.phase == "Bound":
                await self._delete(volume)
                return
            phase = "Bound"
        if volume.status.phase != phase:
            body = {"metadata": {"uid": volume.metadata.uid}, "status": {"phase": phase}}
            await self._patch(VOLUMES.path("", volume.metadata.name, "status"), body)

    async def _delete(self, volume: Volume) -> None:
        try:
            await self._client.delete(VOLUMES.path("", volume.metadata.name), uid=volume.metadata.uid)
        except ApiError as error:
            if error.status not in (404, 409):
                raise

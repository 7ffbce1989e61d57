"""The columns and cells of volumes and of what drivers say of themselves (pkg/printers/internalversion)."""

from typing import Any

from sandbox.apiserver.machinery.jsonobject import Obj, dig
from sandbox.apiserver.printing.shown import AGE, NAME, Shown, text

_UNSET = "<unset>"
_CORE, _STORAGE = "io.k8s.api.core.v1.", "io.k8s.api.storage.v1."
_MODES = {"ReadWriteOnce": "RWO", "ReadOnlyMany": "ROX", "ReadWriteMany": "RWX", "ReadWriteOncePod": "RWOP"}


def _modes(obj: Obj, path: str) -> str:
    return ",".join(_MODES.get(mode, mode) for mode in dig(obj, path) or [])


def _claim_phase(obj: Obj) -> str:
    return "Terminating" if obj["metadata"].get("deletionTimestamp") else dig(obj, "status.phase", "")


def _bound(obj: Obj, path: str) -> Any:
    """Of a claim, once it has a volume."""
    return dig(obj, path, "") if dig(obj, "spec.volumeName") else ""


def _owner(obj: Obj) -> str:
    ref = dig(obj, "spec.claimRef")
    return f"{ref.get('namespace', '')}/{ref.get('name', '')}" if ref else ""


def _flag(name: str, field: str) -> Shown:
    """A boolean of a CSIDriverSpec."""
    return (name, "boolean", f"={_STORAGE}CSIDriverSpec.{field}", 0, lambda o: bool(dig(o, f"spec.{field}")))


def _audiences(obj: Obj) -> str:
    return ",".join(request.get("audience", "") for request in dig(obj, "spec.tokenRequests") or []) or _UNSET


def _drivers(obj: Obj) -> int:
    return len(dig(obj, "spec.drivers") or [])


SHOWN: dict[tuple[str, str], list[Shown]] = {
    ("", "PersistentVolumeClaim"): [
        NAME,
        text("Status", f"={_CORE}PersistentVolumeClaimStatus.phase", _claim_phase),
        text(
            "Volume", f"={_CORE}PersistentVolumeClaimSpec.volumeName", lambda o: dig(o, "spec.volumeName", "")
        ),
        text(
            "Capacity",
            f"={_CORE}PersistentVolumeClaimStatus.capacity",
            lambda o: _bound(o, "status.capacity.storage"),
        ),
        text(
            "Access Modes",
            f"={_CORE}PersistentVolumeClaimStatus.accessModes",
            lambda o: _modes(o, "status.accessModes") if dig(o, "spec.volumeName") else "",
        ),
        text(
            "StorageClass",
            f"={_CORE}PersistentVolumeClaimSpec.storageClassName",
            lambda o: dig(o, "spec.storageClassName", ""),
        ),
        AGE,
        text(
            "VolumeMode",
            f"={_CORE}PersistentVolumeClaimSpec.volumeMode",
            lambda o: dig(o, "spec.volumeMode", ""),
            1,
        ),
    ],
    ("", "PersistentVolume"): [
        NAME,
        text(
            "Capacity",
            f"={_CORE}PersistentVolumeSpec.capacity",
            lambda o: dig(o, "spec.capacity.storage", ""),
        ),
        text(
            "Access Modes",
            f"={_CORE}PersistentVolumeSpec.accessModes",
            lambda o: _modes(o, "spec.accessModes"),
        ),
        text(
            "Reclaim Policy",
            f"={_CORE}PersistentVolumeSpec.persistentVolumeReclaimPolicy",
            lambda o: dig(o, "spec.persistentVolumeReclaimPolicy", ""),
        ),
        text("Status", f"={_CORE}PersistentVolumeStatus.phase", _claim_phase),
        text("Claim", f"={_CORE}PersistentVolumeSpec.claimRef", _owner),
        text(
            "StorageClass",
            "StorageClass of the pv",
            lambda o: dig(o, "spec.storageClassName", ""),
        ),
        text("Reason", f"={_CORE}PersistentVolumeStatus.reason", lambda o: dig(o, "status.reason", "")),
        AGE,
    ],
    ("storage.k8s.io", "StorageClass"): [
        text(
            "Name",
            NAME[2],
            lambda o: (
                o["metadata"]["name"]
                + (
                    " (default)"
                    if (o["metadata"].get("annotations") or {}).get(
                        "storageclass.kubernetes.io/is-default-class"
                    )
                    == "true"
                    else ""
                )
            ),
        ),
        text(
            "Provisioner",
            "=io.k8s.api.storage.v1.StorageClass.provisioner",
            lambda o: o.get("provisioner", ""),
        ),
        text(
            "ReclaimPolicy",
            "=io.k8s.api.storage.v1.StorageClass.reclaimPolicy",
            lambda o: o.get("reclaimPolicy") or "Delete",
        ),
        text(
            "VolumeBindingMode",
            "=io.k8s.api.storage.v1.StorageClass.volumeBindingMode",
            lambda o: o.get("volumeBindingMode") or "Immediate",
        ),
        AGE,
    ],
    ("storage.k8s.io", "CSIDriver"): [
        NAME,
        _flag("AttachRequired", "attachRequired"),
        _flag("PodInfoOnMount", "podInfoOnMount"),
        _flag("StorageCapacity", "storageCapacity"),
        text("TokenRequests", f"={_STORAGE}CSIDriverSpec.tokenRequests", _audiences),
        _flag("RequiresRepublish", "requiresRepublish"),
        text(
            "Modes",
            f"={_STORAGE}CSIDriverSpec.volumeLifecycleModes",
            lambda o: ",".join(dig(o, "spec.volumeLifecycleModes") or []),
        ),
        AGE,
    ],
    ("storage.k8s.io", "CSINode"): [
        NAME,
        (
            "Drivers",
            "integer",
            "Drivers indicates the number of CSI drivers registered on the node",
            0,
            _drivers,
        ),
        AGE,
    ],
    ("storage.k8s.io", "CSIStorageCapacity"): [
        NAME,
        text(
            "StorageClassName",
            f"={_STORAGE}CSIStorageCapacity.storageClassName",
            lambda o: o.get("storageClassName", ""),
        ),
        text("Capacity", f"={_STORAGE}CSIStorageCapacity.capacity", lambda o: o.get("capacity", _UNSET)),
    ],
    ("storage.k8s.io", "VolumeAttachment"): [
        NAME,
        text("Attacher", f"={_STORAGE}VolumeAttachmentSpec.attacher", lambda o: dig(o, "spec.attacher", "")),
        text(
            "PV",
            f"={_STORAGE}VolumeAttachmentSource.persistentVolumeName",
            lambda o: dig(o, "spec.source.persistentVolumeName", ""),
        ),
        text("Node", f"={_STORAGE}VolumeAttachmentSpec.nodeName", lambda o: dig(o, "spec.nodeName", "")),
        (
            "Attached",
            "boolean",
            f"={_STORAGE}VolumeAttachmentStatus.attached",
            0,
            lambda o: bool(dig(o, "status.attached")),
        ),
        AGE,
    ],
}

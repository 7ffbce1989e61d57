"""The admission plugin ServiceAccount: every pod runs as an account, and gets its token.

Source: plugin/pkg/admission/serviceaccount/admission.go of kubernetes/kubernetes.
"""

from sandbox.apiserver.admission.writes import Write
from sandbox.apiserver.machinery.jsonobject import Obj
from sandbox.apiserver.machinery.names import suffix
from sandbox.apiserver.storage.revisions import Store

MOUNT = "/var/run/secrets/kubernetes.io/serviceaccount"
_VOLUME = "kube-api-access-"
_MIRROR = "kubernetes.io/config.mirror"
_TOKEN_SECONDS = 3607  # an hour, and 7 s by which to tell these tokens from others


def admit(store: Store, write: Write) -> None:
    """Give a new pod its account, pull secrets and token volume; StatusError 403 without such an account."""
    pod = write.obj
    spec = pod["spec"]
    if _MIRROR in (pod["metadata"].get("annotations") or {}):
        return
    name = spec.get("serviceAccountName") or "default"
    spec["serviceAccountName"] = spec["serviceAccount"] = name
    entry = store.get("serviceaccounts", (write.namespace, name))
    if entry is None:
        raise write.forbidden(
            f'error looking up service account {write.namespace}/{name}: serviceaccount "{name}" not found'
        )
    account = entry.decode()
    mounted = spec.get("automountServiceAccountToken", account.get("automountServiceAccountToken", True))
    if mounted:
        _mount(spec)
    if not spec.get("imagePullSecrets") and (pull := account.get("imagePullSecrets")):
        spec["imagePullSecrets"] = pull


def _mount(spec: Obj) -> None:
    volumes = spec.get("volumes") or []
    name = next((v["name"] for v in volumes if str(v.get("name", "")).startswith(_VOLUME)), "")
    new = not name
    if new:
        name = _VOLUME + suffix()
    needed = False
    for group in ("initContainers", "containers"):
        for container in spec.get(group) or []:
            mounts = container.get("volumeMounts") or []
            if any(m.get("mountPath") == MOUNT for m in mounts):
                continue
            needed = True
            container["volumeMounts"] = [*mounts, {"name": name, "readOnly": True, "mountPath": MOUNT}]
    if needed and new:
        spec["volumes"] = [*volumes, {"name": name, "projected": _sources()}]


def _sources() -> Obj:
    field = {"apiVersion": "v1", "fieldPath": "metadata.namespace"}
    return {
        "defaultMode": 420,
        "sources": [
            {"serviceAccountToken": {"expirationSeconds": _TOKEN_SECONDS, "path": "token"}},
            {"configMap": {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}},
            {"downwardAPI": {"items": [{"path": "namespace", "fieldRef": field}]}},
        ],
    }

"""Every namespace has a service account `default` and the CA certificate of the API server."""

from __future__ import annotations

from typing import Any

from controller_runtime.kube.errors import ApiError

from ..apiobjects import CONFIG_MAPS, NAMESPACES, SERVICE_ACCOUNTS, ConfigMap, Namespace, Object
from ..keyqueue import WorkQueue
from ..sharedcache import Informers

WORKERS = 4
ROOT_CA = "kube-root-ca.crt"
DESCRIPTION = (
    "Contains a CA bundle that can be used to verify the kube-apiserver when using internal endpoints such "
    "as the internal service IP or kubernetes.default.svc. No other usage is guaranteed across distributions "
    "of Kubernetes clusters."
)


class ServiceAccountController:
    def __init__(self, informers: Informers) -> None:
        self._client = informers.client
        self._ca = informers.client.connection.ca
        self._queue: WorkQueue[str] = WorkQueue()
        self._namespaces = informers.of(NAMESPACES, Namespace)
        self._accounts = informers.of(SERVICE_ACCOUNTS, Object)
        self._config_maps = informers.of(CONFIG_MAPS, ConfigMap)
        self._namespaces.listen(self._namespace)
        self._accounts.listen(self._content)
        self._config_maps.listen(self._content)

    def _namespace(self, name: str, item: Namespace, old: Namespace | None) -> None:
        self._queue.add(item.metadata.name)

    def _content(self, name: str, item: Object, old: Object | None) -> None:
        if item.metadata.name in ("default", ROOT_CA) and name != "ADDED":
            self._queue.add(item.metadata.namespace)

    async def run(self) -> None:
        for informer in (self._namespaces, self._accounts, self._config_maps):
            await informer.synced.wait()
        await self._queue.run(self._process, WORKERS)

    async def _process(self, name: str) -> None:
        namespace = self._namespaces.get("", name)
        if namespace is None or namespace.metadata.deletion_timestamp:
            return
        if self._accounts.get(name, "default") is None:
            path = SERVICE_ACCOUNTS.path(name)
            await self._create(path, "ServiceAccount", {"metadata": {"name": "default", "namespace": name}})
        if not self._ca:
            return
        published = self._config_maps.get(name, ROOT_CA)
        if published is None:
            annotations = {"kubernetes.io/description": DESCRIPTION}
            metadata = {"name": ROOT_CA, "namespace": name, "annotations": annotations}
            body = {"metadata": metadata, "data": {"ca.crt": self._ca}}
            await self._create(CONFIG_MAPS.path(name), "ConfigMap", body)
        elif published.data != {"ca.crt": self._ca}:
            changes: dict[str, str | None] = dict.fromkeys(published.data or {}, None)
            changes["ca.crt"] = self._ca
            await self._client.patch(CONFIG_MAPS.path(name, ROOT_CA), {"data": changes})

    async def _create(self, path: str, kind: str, body: dict[str, Any]) -> None:
        try:
            await self._client.create(path, {"apiVersion": "v1", "kind": kind, **body})
        except ApiError as error:
            # It is there already, or the namespace has begun to go.
            if error.status not in (403, 404, 409):
                raise

"""Secrets of the type service-account-token get a token of their account, and go with it.

Source: pkg/controller/serviceaccount/tokens_controller.go of kubernetes/kubernetes.
"""

from __future__ import annotations

import base64
import json

from controller_runtime.kube.errors import ApiError

from ..apiobjects import SECRETS, SERVICE_ACCOUNTS, Key, Object
from ..keyqueue import WorkQueue
from ..sharedcache import Informers

TYPE = "kubernetes.io/service-account-token"
ACCOUNT, ACCOUNT_UID = "kubernetes.io/service-account.name", "kubernetes.io/service-account.uid"
SECONDS = 10 * 365 * 24 * 3600  # upstream's never expire
WORKERS = 2


class AccountTokenController:
    def __init__(self, informers: Informers) -> None:
        self._client = informers.client
        self._ca = informers.client.connection.ca or ""
        self._queue: WorkQueue[Key] = WorkQueue()
        self._secrets = informers.of(SECRETS, Object)
        self._accounts = informers.of(SERVICE_ACCOUNTS, Object)
        self._secrets.listen(self._secret)
        self._accounts.listen(self._account)

    def _secret(self, name: str, item: Object, old: Object | None) -> None:
        if name != "DELETED" and item.metadata.annotation(ACCOUNT):
            self._queue.add(item.metadata.key)

    def _account(self, name: str, item: Object, old: Object | None) -> None:
        for secret in self._secrets.in_namespace(item.metadata.namespace):
            if secret.metadata.annotation(ACCOUNT) == item.metadata.name:
                self._queue.add(secret.metadata.key)

    async def run(self) -> None:
        for informer in (self._secrets, self._accounts):
            await informer.synced.wait()
        await self._queue.run(self._process, WORKERS)

    async def _process(self, key: Key) -> None:
        try:
            await self._fill(key)
        except ApiError as error:
            # The secret or its account has gone meanwhile, or the namespace is going.
            if error.status not in (403, 404, 409):
                raise

    async def _fill(self, key: Key) -> None:
        namespace, path = key[0], SECRETS.path(*key)
        secret = await self._client.get(path)
        annotations = secret["metadata"].get("annotations") or {}
        name = annotations.get(ACCOUNT)
        if secret.get("type") != TYPE or not name:
            return
        account = self._accounts.get(namespace, name)
        if account is None or annotations.get(ACCOUNT_UID) not in (None, "", account.metadata.uid):
            await self._client.delete(path, uid=secret["metadata"]["uid"])
            return
        data = secret.get("data") or {}
        if data.get("token") and data.get("ca.crt") and data.get("namespace"):
            return
        body = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest"}
        asked = await self._client.create(
            f"{SERVICE_ACCOUNTS.path(namespace, name)}/token",
            {**body, "spec": {"expirationSeconds": SECONDS}},
        )
        token = json.loads(asked)["status"]["token"]
        values = {"token": token, "ca.crt": self._ca, "namespace": namespace}
        change = {
            "metadata": {"annotations": {ACCOUNT_UID: account.metadata.uid}},
            "data": {k: base64.b64encode(v.encode()).decode() for k, v in values.items()},
        }
        await self._client.patch(path, change)

"""Signs approved certificate requests for the signers of Kubernetes itself, with the cluster's CA.

Source: pkg/controller/certificates/signer/signer.go of kubernetes/kubernetes.
"""

from __future__ import annotations

import base64
from collections.abc import Callable

from controller_runtime.kube.errors import ApiError
from controller_runtime.kube.resource import Resource

from ..apiobjects import Object
from ..keyqueue import WorkQueue
from ..sharedcache import Informers

REQUESTS = Resource(
    "certificates.k8s.io", "v1", "CertificateSigningRequest", "certificatesigningrequests", namespaced=False
)
SIGNERS = tuple(
    f"kubernetes.io/{name}"
    for name in (
        "kube-apiserver-client",
        "kube-apiserver-client-kubelet",
        "kubelet-serving",
        "legacy-unknown",
    )
)
DAY = 24 * 3600
Sign = Callable[[bytes, list[str], int], bytes]
"""(the request in PEM, its usages, seconds) -> the certificate in PEM; ValueError when it cannot be."""


class CertificateSigner:
    def __init__(self, informers: Informers, sign: Sign) -> None:
        self._client, self._sign = informers.client, sign
        self._queue: WorkQueue[str] = WorkQueue()
        self._requests = informers.of(REQUESTS, Object)
        self._requests.listen(self._seen)

    def _seen(self, name: str, item: Object, old: Object | None) -> None:
        if name != "DELETED":
            self._queue.add(item.metadata.name)

    async def run(self) -> None:
        await self._queue.run(self._process, 1)

    async def _process(self, name: str) -> None:
        path = REQUESTS.path("", name)
        try:
            request = await self._client.get(path)
            status, spec = request.get("status") or {}, request["spec"]
            kinds = {c["type"] for c in status.get("conditions") or ()}
            if spec["signerName"] not in SIGNERS or status.get("certificate"):
                return
            if "Approved" not in kinds or kinds & {"Denied", "Failed"}:
                return
            seconds = spec.get("expirationSeconds") or 365 * DAY
            try:
                made = self._sign(base64.b64decode(spec["request"]), spec["usages"], seconds)
                change = {"certificate": base64.b64encode(made).decode()}
            except ValueError as error:
                failed = {"type": "Failed", "status": "True", "reason": "SignerValidationFailure"}
                conditions = [*(status.get("conditions") or ()), {**failed, "message": str(error)}]
                await self._client.patch(f"{path}/status", {"status": {"conditions": conditions}})
                return
            await self._client.patch(f"{path}/status", {"status": change})
        except ApiError as error:
            if error.status not in (404, 409):
                raise

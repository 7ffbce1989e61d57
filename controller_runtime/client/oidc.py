"""The id-token of a kubeconfig's ``auth-provider: oidc``, for as long as it is valid.

It is not refreshed here: the answer may end the refresh token that is in the kubeconfig, and a program that
only reads that file must not lock the person out of kubectl. Any kubectl command refreshes it and writes the
new one into the kubeconfig, which is read again when this one has expired.
"""

from __future__ import annotations

import base64
import binascii
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import msgspec

from controller_runtime.client.credentials import Credential, bearer
from controller_runtime.kube.errors import NoCredentials
from controller_runtime.kube.times import timestamp

if TYPE_CHECKING:
    from controller_runtime.client.cancel import Cancel

EXPIRY_DELTA = 10.0  # seconds; client-go plugin/pkg/client/auth/oidc/oidc.go


class _Claims(msgspec.Struct):
    exp: float


class IdToken:
    def __init__(self, config: Mapping[str, str], now: Callable[[], float] = time.time) -> None:
        self._token = config.get("id-token", "")
        self._now = now

    def get(self, cancel: Cancel | None = None) -> Credential:
        if not self._token:
            raise NoCredentials("the auth-provider oidc has no id-token: log in again")
        expires = _expiry(self._token)
        if self._now() > expires - EXPIRY_DELTA:
            raise NoCredentials(
                f"the id-token of the auth-provider oidc was good until {timestamp(expires)}; any kubectl "
                "command with this kubeconfig refreshes it"
            )
        return Credential(bearer(self._token.encode()))

    def refused(self, credential: Credential) -> bool:
        return False


def _expiry(token: str) -> float:
    """Seconds since the epoch (RFC 7519 section 4.1.4)."""
    try:
        _, claims, _ = token.split(".")
        padded = claims + "=" * (-len(claims) % 4)
        return msgspec.json.decode(base64.urlsafe_b64decode(padded), type=_Claims).exp
    except (ValueError, binascii.Error, msgspec.MsgspecError):
        raise NoCredentials("the id-token of the auth-provider oidc is no JSON Web Token") from None

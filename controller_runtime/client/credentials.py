"""What says who we are: tokens, passwords and client certificates, from a kubeconfig or from files."""

from __future__ import annotations

import base64
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from controller_runtime.kube.errors import NoCredentials

if TYPE_CHECKING:
    from controller_runtime.client.cancel import Cancel

REREAD_AFTER = 60.0  # seconds; client-go transport/token_source.go reads a token file as often


@dataclass(frozen=True)
class Credential:
    """What one request is sent with."""

    authorization: str = field(default="", repr=False)  # the header's value
    certificate: bytes = field(default=b"", repr=False)  # PEM
    key: bytes = field(default=b"", repr=False)  # PEM


class Credentials(Protocol):
    """Thread-safe."""

    def get(self, cancel: Cancel | None = None) -> Credential:
        """What to send now. Raises NoCredentials; then nothing may be sent."""

    def refused(self, credential: Credential) -> bool:
        """The server did not accept this one. Returns whether ``get`` may have another."""


class Source:
    """Bytes of a file, which is read again every minute, or those that are given: without a file, or while
    it cannot be read."""

    def __init__(
        self, what: str, data: bytes = b"", path: str = "", clock: Callable[[], float] = time.monotonic
    ) -> None:
        """``what`` names it for a person, as in "token file"."""
        self._what = what
        self._path = path
        self._data = data
        self._clock = clock
        self._lock = threading.Lock()
        self._read_at: float | None = None

    def get(self) -> bytes:
        """The last good content when the file has become unreadable. Raises NoCredentials before any."""
        if not self._path:
            return self._data
        with self._lock:
            if self._read_at is None or self._clock() - self._read_at >= REREAD_AFTER:
                self._read()
            return self._data

    def renew(self) -> bool:
        """Read the file now. Returns whether it has changed."""
        if not self._path:
            return False
        with self._lock:
            before = self._data
            self._read()
            return self._data != before

    def _read(self) -> None:
        try:
            found = Path(self._path).read_bytes().strip()
        except OSError as error:
            found, reason = b"", error.strerror or str(error)
        else:
            reason = "it is empty"
        if not found and not self._data:
            raise NoCredentials(f"cannot read the {self._what} {self._path}: {reason}")
        self._data = found or self._data
        self._read_at = self._clock()


class Static:
    """What a kubeconfig or the pod holds by itself: a token, a password, a certificate; or nothing at all."""

    def __init__(
        self,
        *,
        token: Source | None = None,
        basic: tuple[str, str] | None = None,
        certificate: tuple[Source, Source] | None = None,
    ) -> None:
        self._token = token
        self._basic = basic
        self._certificate = certificate

    def __repr__(self) -> str:
        return "ANONYMOUS" if self is ANONYMOUS else "Static(…)"

    def get(self, cancel: Cancel | None = None) -> Credential:
        authorization, certificate, key = "", b"", b""
        if self._token is not None:
            authorization = bearer(self._token.get())
        elif self._basic is not None:
            authorization = "Basic " + base64.b64encode(":".join(self._basic).encode()).decode()
        if self._certificate is not None:
            certificate, key = (source.get() for source in self._certificate)
        return Credential(authorization, certificate, key)

    def refused(self, credential: Credential) -> bool:
        for source in (self._token, *(self._certificate or ())):
            if source is not None:
                source.renew()
        return self.get() != credential


ANONYMOUS = Static()


def bearer(token: bytes) -> str:
    """Raises NoCredentials for what no header can carry."""
    text = token.decode(errors="replace")
    if not text.isprintable() or "\ufffd" in text:
        raise NoCredentials("the token holds a line break or another character that no header can carry")
    return f"Bearer {text}"

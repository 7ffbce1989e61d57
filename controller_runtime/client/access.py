"""What each request is sent with: the credential and the connections, both made anew when refused."""

from __future__ import annotations

import logging
import ssl
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from controller_runtime.client.config import Configuration
from controller_runtime.client.credentials import Credential
from controller_runtime.client.tls import TlsError
from controller_runtime.kube.errors import ConfigError, NoCredentials

if TYPE_CHECKING:
    from controller_runtime.client.cancel import Cancel

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Ready:
    configuration: Configuration
    credential: Credential
    connections: Any

    def words(self, reason: str) -> str:
        """Why there was no answer, with the proxy that may be the cause."""
        proxy = self.configuration.proxy
        return f"through the proxy {proxy}: {reason}" if proxy else reason


class Access:
    """Thread-safe. ``connect`` makes connections for a configuration and a TLS context."""

    def __init__(self, configuration: Configuration, connect: Callable[[Configuration, Any], Any]) -> None:
        self.configuration = configuration
        self._connect = connect
        self._lock = threading.Lock()
        self._warned = ""  # of a kubeconfig that cannot be read again: once
        self._tls: tuple[Configuration, bytes, bytes, bytes] | None = None  # what the connections use
        self._connections: Any = None

    def ready(self, cancel: Cancel | None) -> Ready:
        """Raises NoCredentials; then nothing may be sent."""
        configuration = self.configuration
        try:
            credential = configuration.credentials.get(cancel)
        except NoCredentials:
            # Somebody may have named another plugin, or a token, in the meantime.
            if (cancel is not None and cancel.is_set) or not self._reload(configuration):
                raise
            configuration = self.configuration
            credential = configuration.credentials.get(cancel)
        return Ready(configuration, credential, self._connections_for(configuration, credential))

    def refused(self, used: Ready, handshake: ssl.SSLError | None = None) -> bool:
        """The server refused us (401), or one side the other's certificate: then with ``handshake``.

        Returns whether another try may go better.
        """
        if self.configuration is not used.configuration or self._reload(used.configuration):
            return True
        try:
            if isinstance(handshake, ssl.SSLCertVerificationError):
                authorities = used.configuration.authorities
                return authorities is not None and authorities.renew()
            if handshake is not None and not used.credential.certificate:
                return False
            return used.configuration.credentials.refused(used.credential)
        except NoCredentials:
            return False

    def close(self) -> None:
        with self._lock:
            if self._connections is not None:
                self._connections.close()

    def _reload(self, configuration: Configuration) -> bool:
        """Read the kubeconfig again. Returns whether it names something else by now."""
        with self._lock:
            if self.configuration is not configuration:
                return True
            if configuration.reload is None:
                return False
            try:
                self.configuration = configuration.reload(configuration)
            except ConfigError as error:
                if str(error) != self._warned:
                    log.warning("Cannot read the configuration again: %s", error)
                self._warned = str(error)
                return False
            self._warned = ""
            return self.configuration is not configuration

    def _connections_for(self, configuration: Configuration, credential: Credential) -> Any:
        authorities = configuration.authorities.get() if configuration.authorities else b""
        wanted = configuration, authorities, credential.certificate, credential.key
        with self._lock:
            before = self._tls
            if before is not None and before[0] is configuration and before[1:] == wanted[1:]:
                return self._connections
            try:
                context = configuration.tls_context(credential)
            except TlsError as error:
                if before is not None and before[0] is configuration:
                    return self._connections  # a certificate whose key is still to come
                raise NoCredentials(str(error)) from None
            # Other threads may still be about to use the old ones, so they are not closed here.
            self._connections, self._tls = self._connect(configuration, context), wanted
            return self._connections

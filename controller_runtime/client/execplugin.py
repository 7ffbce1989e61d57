"""Credentials from a plugin, by the contract of client.authentication.k8s.io (KEP 541)."""

from __future__ import annotations

import base64
import os
import shutil
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

import msgspec

from controller_runtime.client.credentials import Credential, bearer
from controller_runtime.client.goyaml import YamlError, parse
from controller_runtime.client.kubeconfig import Cluster, ExecConfig
from controller_runtime.client.pluginprocess import PluginFailed, PluginProcess
from controller_runtime.client.tls import TlsError, client_context
from controller_runtime.kube.errors import NoCredentials
from controller_runtime.kube.terminal import escape
from controller_runtime.kube.times import parse_time
from controller_runtime.threads import Threads

if TYPE_CHECKING:
    from controller_runtime.client.cancel import Cancel

API_VERSIONS = frozenset(f"client.authentication.k8s.io/{version}" for version in ("v1", "v1beta1"))
TIMEOUT = 60.0  # seconds for a plugin that asks nobody
ASKING_TIMEOUT = 300.0  # seconds for one that may ask a person
ASK_AGAIN_AFTER = 30.0  # seconds; who has just sent a question away is not asked with every request
CLUSTER_EXTENSION = "client.authentication.k8s.io/exec"
_LONGEST = 300  # characters of a plugin's own words in an error

# Runs a function while the terminal belongs to it, as while a console's screen is suspended.
WithTerminal = Callable[[Callable[[], None]], None]


class _Status(msgspec.Struct, rename="camel"):
    token: str = ""
    client_certificate_data: str = ""
    client_key_data: str = ""
    expiration_timestamp: str | None = None


class _ExecCredential(msgspec.Struct, rename="camel"):
    api_version: str = ""
    kind: str = ""
    status: _Status | None = None


@dataclass
class _Flight:
    """One run of the plugin, which every request meanwhile waits for."""

    changed: threading.Condition = field(default_factory=threading.Condition)
    is_done: bool = False
    credential: Credential | None = None
    failure: str = ""


class _Waiter:
    """Lets a Cancel end the waiting; it stands where otherwise the connection does."""

    def __init__(self, flight: _Flight) -> None:
        self._flight = flight
        self._cancelled = False

    def wait(self) -> None:
        with self._flight.changed:
            self._flight.changed.wait_for(lambda: self._flight.is_done or self._cancelled)

    def shut_for(self, cancel: Cancel) -> None:
        with self._flight.changed:
            self._cancelled = True
            self._flight.changed.notify_all()


class Plugins:
    """The credential plugins of one process: configurations that name the same one share its runs.

    ``with_terminal`` lends the terminal to one that asks; without it, it has the terminal at once.
    One that runs is ended when ``is_stopped`` says so.
    """

    def __init__(
        self,
        with_terminal: WithTerminal | None = None,
        is_stopped: Callable[[], bool] = lambda: False,
    ) -> None:
        self._with_terminal = with_terminal
        self._is_stopped = is_stopped
        self._lock = threading.Lock()
        self._plugins: dict[bytes, ExecPlugin] = {}

    def plugin(self, config: ExecConfig, cluster: Cluster, authorities: Callable[[], bytes]) -> ExecPlugin:
        """``authorities`` is asked for the cluster's CA in PEM."""
        key = msgspec.json.encode((config, cluster))
        with self._lock:
            if key not in self._plugins:
                self._plugins[key] = ExecPlugin(
                    config,
                    cluster,
                    authorities,
                    with_terminal=self._with_terminal,
                    is_stopped=self._is_stopped,
                )
            return self._plugins[key]

    def close(self) -> None:
        """End those that run: one may keep the port that the next one needs for its browser."""
        with self._lock:
            for plugin in self._plugins.values():
                plugin.close()


class ExecPlugin:
    """Credentials of a plugin, kept until they expire or are refused."""

    def __init__(
        self,
        config: ExecConfig,
        cluster: Cluster,
        authorities: Callable[[], bytes],
        *,
        with_terminal: WithTerminal | None = None,
        is_stopped: Callable[[], bool] = lambda: False,
        now: Callable[[], float] = time.time,
        timeout: float | None = None,
    ) -> None:
        """``authorities`` is asked for the cluster's CA in PEM. ``timeout`` is in seconds.

        Without ``with_terminal`` a plugin that asks has the terminal at once.
        """
        self._config = config
        self._cluster = cluster
        self._authorities = authorities
        self._with_terminal = with_terminal
        self._is_stopped = is_stopped
        self._now = now
        self._timeout = timeout
        self._threads = Threads()
        self._lock = threading.Lock()
        self._flight: _Flight | None = None
        self._process: PluginProcess | None = None
        self._is_closed = False
        self._kept: Credential | None = None
        self._sent_away: tuple[float, str] | None = None  # when a question led to nothing, and the error
        self._expires: float | None = None  # seconds since the epoch

    def get(self, cancel: Cancel | None = None) -> Credential:
        with self._lock:
            if self._kept is not None and (self._expires is None or self._now() <= self._expires):
                return self._kept
            flight = self._flight
            if flight is None:
                flight = _Flight()
                self._threads.start("credential-plugin", partial(self._fly, flight))
                self._flight = flight
        waiter = _Waiter(flight)
        if cancel is not None:
            cancel.attach(waiter)
        waiter.wait()
        if flight.credential is None:
            raise NoCredentials(flight.failure or "cancelled")
        return flight.credential

    def refused(self, credential: Credential) -> bool:
        with self._lock:
            if self._kept is credential:
                self._kept = None
        return True

    def close(self) -> None:
        """End the plugin, if it runs or is about to."""
        self._is_closed = True
        if self._process is not None:
            self._process.kill()

    def _fly(self, flight: _Flight) -> None:
        try:
            credential, expires = self._decode(self._run())
            self._sent_away = None
        except NoCredentials as error:
            credential, expires, flight.failure = None, None, str(error)
        except Exception as error:
            credential, expires = None, None
            flight.failure = self._fault(f"cannot be run: {_shown(str(error))}")
        with self._lock:
            self._kept, self._expires, self._flight = credential, expires, None
            flight.credential = credential
        with flight.changed:
            flight.is_done = True
            flight.changed.notify_all()

    def _run(self) -> bytes:
        """What the plugin writes to stdout. Raises NoCredentials with its own words."""
        asking = self._may_ask()
        if self._sent_away is not None and asking:
            left = self._sent_away[0] + ASK_AGAIN_AFTER - self._now()
            if 0 < left <= ASK_AGAIN_AFTER:
                raise NoCredentials(f"{self._sent_away[1]}; it asks again in {left:.0f} s")
        command = shutil.which(self._config.command)
        if command is None:
            what = "is not executable" if os.path.isfile(self._config.command) else "is not installed"
            raise NoCredentials(self._fault(what, self._config.install_hint))
        environ = os.environ | {v.name: v.value for v in self._config.env}
        environ["KUBERNETES_EXEC_INFO"] = msgspec.json.encode(self._information(asking)).decode()
        whole = [command, *self._config.args]
        if not asking:
            return self._finish(whole, environ, asking=False)
        output: list[bytes | NoCredentials] = []

        def run() -> None:
            try:
                output.append(self._finish(whole, environ, asking=True))
            except NoCredentials as error:
                output.append(error)

        if self._with_terminal is None:
            run()
        else:
            self._with_terminal(run)
        if not output:
            raise NoCredentials(self._fault("needs the terminal, which it could not have"))
        if isinstance(output[0], NoCredentials):
            self._sent_away = self._now(), str(output[0])
            raise output[0]
        return output[0]

    def _finish(self, command: list[str], environ: dict[str, str], *, asking: bool) -> bytes:
        timeout = self._timeout or (ASKING_TIMEOUT if asking else TIMEOUT)
        try:
            self._process = PluginProcess(command, environ, asking=asking)
            return self._process.finish(timeout, lambda: self._is_closed or self._is_stopped())
        except PluginFailed as error:
            raise NoCredentials(self._fault(str(error), error.words)) from None
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise NoCredentials(self._fault(f"cannot be run: {_shown(reason)}")) from error

    def _may_ask(self) -> bool:
        mode = self._config.interactive_mode or "IfAvailable"  # the default of v1beta1
        if mode == "Never":
            return False
        terminal = sys.stdin is not None and sys.stdin.isatty()
        if mode == "Always" and not terminal:
            raise NoCredentials(
                self._fault("must ask a person (interactiveMode: Always), and standard input is no terminal")
            )
        return terminal

    def _information(self, asking: bool) -> dict[str, Any]:
        spec: dict[str, Any] = {"interactive": asking}
        if self._config.provide_cluster_info:
            cluster = self._cluster
            extension = next((e.extension for e in cluster.extensions if e.name == CLUSTER_EXTENSION), None)
            settings = {
                "tls-server-name": cluster.tls_server_name,
                "insecure-skip-tls-verify": cluster.insecure_skip_tls_verify,
                "certificate-authority-data": base64.b64encode(self._authorities()).decode(),
                "proxy-url": cluster.proxy_url,
                "disable-compression": cluster.disable_compression,
            }
            spec["cluster"] = {
                "server": cluster.server,
                **{name: value for name, value in settings.items() if value},
                "config": extension,
            }
        return {"apiVersion": self._config.api_version, "kind": "ExecCredential", "spec": spec}

    def _decode(self, output: bytes) -> tuple[Credential, float | None]:
        try:
            found = msgspec.convert(_without_nulls(parse(output)), _ExecCredential)
        except (YamlError, msgspec.ValidationError):
            raise NoCredentials(self._fault("wrote no ExecCredential to standard output")) from None
        if found.api_version != self._config.api_version or found.kind != "ExecCredential":
            got = _shown(f"{found.kind or 'something'} of {found.api_version or 'no apiVersion'}")
            wanted = f"an ExecCredential of {self._config.api_version}"
            raise NoCredentials(self._fault(f"must write {wanted}, and wrote {got}"))
        status = found.status or _Status()
        pair = bool(status.client_certificate_data), bool(status.client_key_data)
        if pair[0] != pair[1]:
            raise NoCredentials(self._fault("wrote a certificate or a key, and not both"))
        if not status.token and not any(pair):
            raise NoCredentials(self._fault("wrote neither a token nor a certificate"))
        credential = Credential(
            bearer(status.token.encode()) if status.token else "",
            status.client_certificate_data.encode(),
            status.client_key_data.encode(),
        )
        try:
            client_context(b"", insecure=True, certificate=credential.certificate, key=credential.key)
        except TlsError as error:
            raise NoCredentials(self._fault("wrote what is of no use", str(error))) from None
        expires = parse_time(status.expiration_timestamp)
        if status.expiration_timestamp and expires is None:
            raise NoCredentials(self._fault("wrote an expirationTimestamp that is no RFC 3339 time"))
        return credential, expires

    def _fault(self, what: str, words: str = "") -> str:
        return f"the credential plugin {_shown(self._config.command)} {what}" + (
            f": {_shown(words)}" if words.strip() else ""
        )


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _without_nulls(v) for k, v in value.items() if v is not None}
    return value


def _shown(text: str) -> str:
    """One bounded line, safe for a terminal. Of long words the end is kept, which says what went wrong."""
    line = escape(" ".join(text.split()))
    return line if len(line) <= _LONGEST else f"…{line[-_LONGEST:]}"

"""Leader election over a network that fails: the leader's connections are dropped, or hang."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import yaml

from controller_runtime.bus import EventBus
from controller_runtime.manager.leaderelection import LeaderElectionConfig, LeaderElectionLost
from controller_runtime.manager.manager import Manager
from tests.cluster import eventually
from tests.runtime.sandboxed import client


class Proxy:
    """A TCP port before the API server. ``drop`` cuts everything, ``hang`` forwards nothing any more."""

    def __init__(self, host: str, port: int) -> None:
        self._target = host, port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._sockets: list[socket.socket] = []
        self._passing = threading.Event()
        self._passing.set()
        self._dropping = False
        threading.Thread(target=self._accept, daemon=True).start()

    def hang(self) -> None:
        self._passing.clear()

    def drop(self) -> None:
        self._dropping = True
        for end in self._sockets:
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self._passing.set()
        self.drop()
        self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                if self._dropping:
                    near.close()
                    continue
                far = socket.create_connection(self._target)
                self._sockets += [near, far]
                for source, sink in ((near, far), (far, near)):
                    threading.Thread(target=self._forward, args=(source, sink), daemon=True).start()

    def _forward(self, source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                self._passing.wait()
                sink.sendall(data)
            sink.shutdown(socket.SHUT_RDWR)


class Running:
    """A manager whose only work is to lead, on a thread."""

    def __init__(self, kubeconfig: Path, namespace: str, who: str) -> None:
        config = LeaderElectionConfig(
            "op", namespace, who, lease_duration=2.0, renew_deadline=1.0, retry_period=0.1
        )
        self.manager = Manager(client(kubeconfig), EventBus(), leader_election=config)
        self.manager.add(self)
        self.stop = threading.Event()
        self.error: BaseException | None = None
        self.started = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def start(self, stop: threading.Event) -> None:
        self.started.set()
        stop.wait()

    def _run(self) -> None:
        try:
            self.manager.start(self.stop)
        except BaseException as error:
            self.error = error

    def leads(self) -> bool:
        return self.started.is_set() and not self.manager.leadership_lost and self._thread.is_alive()

    def end(self) -> None:
        self.stop.set()
        self._thread.join(10)
        assert not self._thread.is_alive()


@pytest.fixture
def proxy(kubeconfig: Path) -> Iterator[Proxy]:
    server = urlsplit(yaml.safe_load(kubeconfig.read_text())["clusters"][0]["cluster"]["server"])
    assert server.hostname
    proxy = Proxy(server.hostname, server.port or 443)
    yield proxy
    proxy.close()


@pytest.mark.parametrize("fault", [Proxy.drop, Proxy.hang])
@pytest.mark.cluster
def test_never_two_leaders(
    kubeconfig: Path, namespace: str, proxy: Proxy, tmp_path: Path, fault: Callable[[Proxy], None]
) -> None:
    config = yaml.safe_load(kubeconfig.read_text())
    cluster = config["clusters"][0]["cluster"]
    cluster["tls-server-name"] = urlsplit(cluster["server"]).hostname
    cluster["server"] = f"https://127.0.0.1:{proxy.port}"
    behind = tmp_path / "behind.kubeconfig"
    behind.write_text(yaml.safe_dump(config))
    one = Running(behind, namespace, "one")
    eventually(one.leads)
    two = Running(kubeconfig, namespace, "two")
    try:
        time.sleep(0.3)  # it stands by
        fault(proxy)
        began = time.monotonic()
        while not two.leads():
            assert not (one.leads() and two.leads())
            assert time.monotonic() - began < 5
            time.sleep(0.002)
        assert not one.leads()
        eventually(lambda: isinstance(one.error, LeaderElectionLost), seconds=2)
        assert time.monotonic() - began < 4
    finally:
        proxy.close()
        one.end()
        two.end()
    assert two.error is None

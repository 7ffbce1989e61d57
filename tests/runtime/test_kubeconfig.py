"""Kubeconfigs are read as kubectl reads them: a table of shapes, and kubectl itself where it is installed."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from controller_runtime.client.config import ConfigError, load_configuration
from controller_runtime.client.transport import Transport
from tests.runtime.certificates import server_context
from tests.runtime.faultserver import FaultServer
from tests.runtime.kubeconfigs import SHAPES, Shape


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[FaultServer, bytes]]:
    """A server with TLS that answers everything, and its authority in PEM."""
    context, authority = server_context(tmp_path_factory.mktemp("tls"), "table")
    server = FaultServer(tls=context, script=lambda x: x.answer(200, b"{}")).start()
    yield server, authority.read_bytes()
    server.stop()


def _authorization(server: FaultServer, path: str) -> str | None:
    for seen in server.requests:
        if seen.path == path:
            return {k.lower(): v for k, v in seen.headers.items()}.get("authorization")
    return None


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.name)
def test_a_shape(shape: Shape, tmp_path: Path, server: tuple[FaultServer, bytes]) -> None:
    shape.write(tmp_path, server[0].url, server[1])
    explicit = tmp_path / shape.explicit if shape.explicit else None
    environ = shape.environ(tmp_path)
    if shape.sends is None:
        with pytest.raises(ConfigError) as raised:
            load_configuration(explicit, shape.context, environ=environ)
        assert re.search(shape.words, str(raised.value)), raised.value
        assert str(tmp_path) in str(raised.value), "it names the file"
        assert "\n" not in str(raised.value)
        return
    transport = Transport(load_configuration(explicit, shape.context, environ=environ))
    path = f"/ours/{SHAPES.index(shape)}"
    transport.request("GET", path)
    assert _authorization(server[0], path) == shape.sends
    transport.close()


@pytest.mark.skipif(shutil.which("kubectl") is None, reason="kubectl is not installed")
def test_kubectl_says_the_same_of_every_shape(tmp_path: Path, server: tuple[FaultServer, bytes]) -> None:
    def ask(number: int) -> str:
        shape, directory = SHAPES[number], tmp_path / str(number)
        directory.mkdir()
        shape.write(directory, server[0].url, server[1])
        command = ["kubectl", "get", "--raw", f"/kubectl/{number}"]
        if shape.explicit:
            command += ["--kubeconfig", str(directory / shape.explicit)]
        if shape.context:
            command += ["--context", shape.context]
        environ = {"PATH": os.environ["PATH"], "HOME": str(directory), **shape.environ(directory)}
        done = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=60)
        sent = _authorization(server[0], f"/kubectl/{number}") if done.returncode == 0 else None
        return "" if sent == shape.sends else f"{shape.name}: it sends {sent}; {done.stderr.strip()}"

    with ThreadPoolExecutor(2) as pool:
        differences = [said for said in pool.map(ask, range(len(SHAPES))) if said]
    assert not differences, "\n".join(differences)

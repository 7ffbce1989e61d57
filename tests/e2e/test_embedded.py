"""The embedded cluster as a process: how it starts, refuses to start, and ends with its parent."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from reconsole.embedded import EmbeddedCluster
from reconsole.options import Failure
from tests.cluster import eventually
from tests.e2e.conftest import Headless


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The sandbox directory of a bare cluster. A proxy that the environment names is not asked for it."""
    directory = tmp_path_factory.mktemp("bare")
    with pytest.MonkeyPatch.context() as patch:
        for name in ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY"):
            patch.setenv(name, "http://127.0.0.1:9")
        with EmbeddedCluster(directory, extra=["--bare"]) as cluster:
            ready = cluster.ready()
            assert ready.operator_kubeconfig is None
            yield directory


def reconsole(*arguments: str, timeout: float = 30) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "reconsole", *arguments],
        capture_output=True, text=True, timeout=timeout, stdin=subprocess.DEVNULL, check=False,
    )  # fmt: skip


def processes(words: str) -> str:
    return subprocess.run(["pgrep", "-af", words], capture_output=True, text=True, check=False).stdout


def test_a_cluster_without_the_crd_is_told_what_to_do(bare: Path) -> None:
    run = reconsole("--no-ui", "--kubeconfig", str(bare / "kubeconfig"))
    assert run.returncode == 1
    assert run.stderr.strip() == (
        "error: the cluster does not know redis.myapp.tangx.in; "
        "install it with: reconsole manifests crd | kubectl apply -f -"
    )


def test_wrong_credentials_are_told_apart(bare: Path, tmp_path: Path) -> None:
    text = (bare / "kubeconfig").read_text()
    token = next(line.split()[-1] for line in text.splitlines() if "token:" in line)
    wrong = tmp_path / "config"
    wrong.write_text(text.replace(token, "wrong"))
    run = reconsole("--no-ui", "--kubeconfig", str(wrong))
    assert run.returncode == 1
    assert "does not accept these credentials" in run.stderr


def test_a_directory_belongs_to_one_cluster_at_a_time(bare: Path) -> None:
    run = reconsole("sandbox", "--dir", str(bare))
    assert run.returncode == 1
    assert "another embedded cluster uses" in run.stderr
    assert "Traceback" not in run.stderr


def test_a_port_in_use_is_refused(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        run = reconsole("sandbox", "--dir", str(tmp_path), "--port", str(taken.getsockname()[1]))
    assert run.returncode == 1
    assert "address already in use; choose another --port" in run.stderr
    assert "Traceback" not in run.stderr


def test_a_directory_that_cannot_be_made_is_refused() -> None:
    run = reconsole("--no-ui", "--sandbox-dir", "/proc/nowhere")
    assert run.returncode == 1
    assert "cannot use the sandbox directory" in run.stderr


def test_a_cluster_that_is_asked_for_the_impossible_says_so(tmp_path: Path) -> None:
    cluster = EmbeddedCluster(tmp_path, extra=["--fault", "nonsense"]).start()
    with pytest.raises(Failure, match="not a JSON object"):
        cluster.ready()
    cluster.close()


def test_nothing_outlives_a_killed_parent(tmp_path: Path) -> None:
    run = Headless(tmp_path, "--sandbox-dir", str(tmp_path))
    eventually(lambda: run.find(type="MODIFIED", kind="Pod"), 40)
    assert processes(f"sandbox --dir {tmp_path}")
    run.stop(signal.SIGKILL)
    eventually(lambda: processes(f"sandbox --dir {tmp_path}") == "")
    eventually(lambda: not list(tmp_path.glob("pods/*")) or processes(str(tmp_path)) == "")


def test_a_second_signal_ends_it_at_once(tmp_path: Path) -> None:
    run = Headless(tmp_path, "--sandbox-dir", str(tmp_path), "--leader-elect")
    eventually(lambda: "Successfully acquired lease" in run.log, 40)
    server = int(processes(f"sandbox --dir {tmp_path}").split()[0])
    os.kill(server, signal.SIGSTOP)  # so that the lease cannot be given back
    try:
        run.process.send_signal(signal.SIGTERM)
        eventually(lambda: "Stopping and waiting" in run.log)
        assert run.process.poll() is None
        began = time.monotonic()
        assert run.stop(signal.SIGTERM) == 1
        assert time.monotonic() - began < 4.0  # a request that hangs is given up after 5 s
    finally:
        os.kill(server, signal.SIGCONT)
    eventually(lambda: processes(f"sandbox --dir {tmp_path}") == "")


def test_a_closed_pipe_ends_it_quietly(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "reconsole", "--no-ui", "--sandbox-dir", str(tmp_path)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True,
    )  # fmt: skip
    assert process.stdout
    assert process.stderr
    assert process.stdout.readline()
    process.stdout.close()
    assert process.wait(40) == 0
    said = process.stderr.read()
    assert "Traceback" not in said
    assert "BrokenPipe" not in said

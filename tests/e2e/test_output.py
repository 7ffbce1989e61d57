"""Output that cannot be written, diagnostics that nobody reads, servers that do not answer: all end well."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import IO

import pytest

from reconsole.output import OUTPUT_LOST
from tests.cluster import PODS, Cluster, eventually

COMMAND = [sys.executable, "-m", "reconsole"]


_started: list[subprocess.Popen[str]] = []


@pytest.fixture(autouse=True)
def _nothing_is_left_behind() -> Iterator[None]:
    yield
    while _started:
        _started.pop().kill()


def _headless(directory: Path, stdout: int | IO[str], stderr: int) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [*COMMAND, "--no-ui", "-o", "json", "--sandbox-dir", str(directory)],
        stdin=subprocess.DEVNULL, text=True, stdout=stdout, stderr=stderr,
    )  # fmt: skip
    _started.append(process)
    return process


def _lines(process: subprocess.Popen[str]) -> list[str]:
    """What comes on its stderr, while it comes."""
    found: list[str] = []
    threading.Thread(target=lambda: found.extend(process.stderr or ()), daemon=True).start()
    return found


def test_a_full_disk_is_said_once_and_reconciling_goes_on(tmp_path: Path) -> None:
    with open("/dev/full", "w") as full:
        process = _headless(tmp_path, stdout=full, stderr=subprocess.PIPE)
        said = _lines(process)
        kubeconfig = tmp_path / "kubeconfig"
        eventually(kubeconfig.exists)
        eventually(lambda: len(Cluster(kubeconfig).ready_pods()) == 2, 40)
        time.sleep(1.2)  # it is tried again
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == OUTPUT_LOST
    text = "".join(said)
    assert text.count("Output cannot be written") == 1
    assert "No space left on device" in text
    assert "Traceback" not in text
    assert json.loads(said[-1])["msg"] == "Output was lost"


def test_a_closed_stdout_is_said_and_no_socket_takes_its_place(tmp_path: Path) -> None:
    process = subprocess.Popen(
        ["sh", "-c", 'exec "$@" >&-', "sh", *COMMAND, "--no-ui", "--sandbox-dir", str(tmp_path)],
        stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    said = _lines(process)
    eventually(lambda: "Output cannot be written" in "".join(said), 30)
    process.send_signal(signal.SIGTERM)
    assert process.wait(20) == OUTPUT_LOST
    assert "Bad file descriptor" in "".join(said)
    assert "Traceback" not in "".join(said)


def test_a_full_stderr_that_nobody_reads_stops_nothing(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    with suppress(BlockingIOError):
        while True:
            os.write(writing, b"x" * 4096)
    os.set_blocking(writing, True)
    process = _headless(tmp_path, stdout=subprocess.PIPE, stderr=writing)
    os.close(writing)
    printed: list[str] = []
    threading.Thread(target=lambda: printed.extend(process.stdout or ()), daemon=True).start()
    kubeconfig = tmp_path / "kubeconfig"
    eventually(kubeconfig.exists)
    cluster = Cluster(kubeconfig)
    eventually(lambda: len(cluster.ready_pods()) == 2, 40)
    assert cluster.request("DELETE", f"{PODS}/{next(iter(cluster.ready_pods()))}")[0] == 200
    eventually(lambda: '"stage":"ready"' in "".join(printed), 20)
    process.send_signal(signal.SIGTERM)
    began = time.monotonic()
    assert process.wait(20) == 0
    assert time.monotonic() - began < 5
    os.close(reading)


@pytest.fixture
def silent() -> Iterator[socket.socket]:
    """A server that never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(20)
        yield server


@pytest.mark.parametrize(("signals", "code"), [(1, 0), (2, 1)])
def test_sigterm_while_a_server_never_answers(
    tmp_path: Path, silent: socket.socket, signals: int, code: int
) -> None:
    url = f"http://127.0.0.1:{silent.getsockname()[1]}"
    kubeconfig = tmp_path / "config"
    kubeconfig.write_text(
        json.dumps(
            {
                "apiVersion": "v1", "kind": "Config", "current-context": "c",
                "clusters": [{"name": "c", "cluster": {"server": url}}],
                "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
                "users": [{"name": "u", "user": {"token": "t"}}],
            }
        )
    )  # fmt: skip
    process = subprocess.Popen(
        [*COMMAND, "--no-ui", "--kubeconfig", str(kubeconfig)],
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    said = _lines(process)
    asking, _ = silent.accept()
    assert asking.recv(1)
    for _ in range(signals):
        process.send_signal(signal.SIGTERM)
        eventually(lambda: "Stopping: SIGTERM" in "".join(said), 5)
    began = time.monotonic()
    assert process.wait(20) == code
    assert time.monotonic() - began < 3
    asking.close()


@pytest.fixture
def embedded(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """A controller at work, and the process id of its embedded cluster."""
    process = subprocess.Popen(
        [*COMMAND, "--no-ui", "--leader-elect", "--sandbox-dir", str(tmp_path)],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout
    assert any("RECONCILE" in line for line in process.stdout)
    [cluster] = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    yield process, int(cluster)
    process.kill()


def test_sigterm_while_the_embedded_cluster_hangs(embedded: tuple[subprocess.Popen[str], int]) -> None:
    process, cluster = embedded
    os.kill(cluster, signal.SIGSTOP)
    process.send_signal(signal.SIGTERM)
    began = time.monotonic()
    assert process.wait(20) == 0
    assert time.monotonic() - began < 6  # 5, and 1 for a busy machine
    eventually(lambda: not Path(f"/proc/{cluster}").exists() or _is_dead(cluster))


def test_an_embedded_cluster_that_dies_is_said_and_ends_it(
    embedded: tuple[subprocess.Popen[str], int],
) -> None:
    process, cluster = embedded
    os.kill(cluster, signal.SIGKILL)
    said = process.communicate(timeout=20)[1]
    assert process.returncode == 1
    assert "error: the embedded cluster has ended: its process ended with exit code -9" in said
    assert "Traceback" not in said


def _is_dead(pid: int) -> bool:
    return "State:\tZ" in Path(f"/proc/{pid}/status").read_text()


def test_what_ends_it_is_json_where_json_is_asked_for(tmp_path: Path) -> None:
    missing = str(tmp_path / "none")
    ended = subprocess.run(
        [*COMMAND, "--no-ui", "-o", "json", "--kubeconfig", missing],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ended.returncode, ended.stdout) == (1, "")
    [line] = ended.stderr.splitlines()
    record = json.loads(line)
    assert (record["level"], record["logger"]) == ("error", "reconsole")
    assert missing in record["msg"]


def test_any_command_says_that_its_output_was_lost() -> None:
    with open("/dev/full", "w") as full:
        ended = subprocess.run(
            [*COMMAND, "manifests"], stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
    assert ended.returncode == OUTPUT_LOST
    assert ended.stderr == "error: the output could not be written: No space left on device\n"

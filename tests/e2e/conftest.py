from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cluster import Cluster, eventually


class Headless:
    """``reconsole --no-ui -o json`` as a process, with what it printed so far."""

    def __init__(self, directory: Path, *arguments: str) -> None:
        self.directory = directory
        self.records: list[dict[str, Any]] = []
        self.errors: list[str] = []
        self.process = subprocess.Popen(
            [sys.executable, "-m", "reconsole", "--no-ui", "-o", "json", *arguments],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True,
            env={**os.environ, "PYTHONUNBUFFERED": "1"}, cwd=directory,
        )  # fmt: skip
        self.readers = [
            threading.Thread(target=self._read_records, daemon=True),
            threading.Thread(target=self._read_errors, daemon=True),
        ]
        for reader in self.readers:
            reader.start()

    def _read_records(self) -> None:
        assert self.process.stdout
        for line in self.process.stdout:
            self.records.append(json.loads(line))

    def _read_errors(self) -> None:
        assert self.process.stderr
        for line in self.process.stderr:
            self.errors.append(line.rstrip())

    @property
    def log(self) -> str:
        return "\n".join(self.errors)

    def find(self, **fields: Any) -> list[dict[str, Any]]:
        return [r for r in list(self.records) if all(r.get(k) == v for k, v in fields.items())]

    def stop(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        code = self.process.wait(40)
        for reader in self.readers:
            reader.join(5)
        return code


@pytest.fixture(scope="module")
def headless(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Headless]:
    directory = tmp_path_factory.mktemp("sandbox")
    run = Headless(directory, "--sandbox-dir", str(directory))
    yield run
    if run.process.poll() is None:
        run.stop()


@pytest.fixture(scope="module")
def cluster(headless: Headless) -> Cluster:
    path = headless.directory / "kubeconfig"
    eventually(path.exists)
    cluster = Cluster(path)
    eventually(lambda: len(cluster.ready_pods()) == 2 or headless.process.poll() is not None, 40)
    assert headless.process.poll() is None, headless.log
    return cluster

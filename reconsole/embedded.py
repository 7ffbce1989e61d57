"""Starts the embedded cluster as a process of its own and stops it."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from reconsole.options import Failure

MANIFESTS = Path(__file__).resolve().parent.parent / "manifests"

# Starting takes about a second. A machine that needs longer than this has another problem.
START_TIMEOUT = 60.0  # seconds


@dataclass(frozen=True)
class Ready:
    server: str
    kubeconfig: Path
    operator_kubeconfig: Path | None


class EmbeddedCluster:
    """The process. It ends when this object is closed, or when this process ends in any way.

    ``start`` only spawns it; ``ready`` waits until its API answers.
    """

    def __init__(self, directory: Path, *, port: int = 0, extra: Sequence[str] = ()) -> None:
        self._directory = directory
        self._command = [
            sys.executable, "-m", "sandbox", "--dir", str(directory), "--port", str(port),
            "--manifests", str(MANIFESTS), *extra,
        ]  # fmt: skip
        self._process: subprocess.Popen[bytes] | None = None
        self._errors: list[str] = []
        self._reader: threading.Thread | None = None

    def start(self) -> EmbeddedCluster:
        try:
            self._directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as error:
            raise Failure(f"cannot use the sandbox directory {self._directory}: {error.strerror}") from error
        # Its standard input is our end of a pipe: it ends when the pipe does. A session of its own, so
        # that ctrl+c in the terminal stops the controller first.
        self._process = subprocess.Popen(
            self._command,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            start_new_session=True,
        )  # fmt: skip
        self._reader = threading.Thread(target=self._read_errors, name="sandbox-stderr", daemon=True)
        self._reader.start()
        return self

    def ready(self) -> Ready:
        """Block until the API server answers. Raises Failure with what the process said when it ended."""
        process = self._process
        assert process is not None
        assert process.stdout is not None
        timer = threading.Timer(START_TIMEOUT, process.kill)
        timer.start()
        line = process.stdout.readline()
        timer.cancel()
        if not line:
            process.wait()
            if self._reader:
                self._reader.join(1.0)
            said = self._errors[-1] if self._errors else f"it ended with exit code {process.returncode}"
            raise Failure(f"the embedded cluster did not start: {said}")
        answer = json.loads(line)
        operator = answer.get("operatorKubeconfig")
        return Ready(answer["server"], Path(answer["kubeconfig"]), Path(operator) if operator else None)

    def wait(self) -> int:
        """Block until the process ends; its exit code."""
        assert self._process is not None
        return self._process.wait()

    def close(self) -> None:
        process = self._process
        if process is None:
            return
        if process.stdin:
            process.stdin.close()
        try:
            process.wait(5.0)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def __enter__(self) -> EmbeddedCluster:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _read_errors(self) -> None:
        assert self._process is not None
        assert self._process.stderr is not None
        with (self._directory / "sandbox.log").open("wb") as log:
            for line in self._process.stderr:
                log.write(line)
                log.flush()
                self._errors = [line.decode(errors="replace").strip()]


def run_sandbox(directory: Path, *, port: int, extra: Sequence[str]) -> int:
    """``reconsole sandbox``: runs until it is interrupted. Returns the exit code."""
    signal.signal(signal.SIGTERM, lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    try:
        with EmbeddedCluster(directory.absolute(), port=port, extra=extra) as cluster:
            ready = cluster.ready()
            print(f"The embedded cluster listens on {ready.server}. In another terminal:\n", flush=True)
            print(f"    export KUBECONFIG={ready.kubeconfig}\n    kubectl get pods -A\n", flush=True)
            if ready.operator_kubeconfig:
                print(f"The operator's identity: {ready.operator_kubeconfig}", flush=True)
            print("It ends with ctrl+c.", flush=True)
            code = cluster.wait()
            print(f"error: the embedded cluster ended with exit code {code}", file=sys.stderr)
            return 1
    except Failure as failure:
        print(f"error: {failure}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 0

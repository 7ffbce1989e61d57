"""The embedded API server as a process of its own: started, waited for, stopped."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from controller_runtime.threads import SupervisedThread, Threads

SERVER = "sandbox"  # the module, which comes with the wheel `reconsole`

# Starting takes about a second. A machine that needs longer than this has another problem.
START_TIMEOUT = 60.0  # seconds


class StartError(Exception):
    """It did not start; one sentence says why."""


@dataclass(frozen=True)
class Ready:
    server: str
    kubeconfig: Path
    operator_kubeconfig: Path | None


class ServerProcess:
    """The process. It ends when this object is closed, or when this process ends in any way.

    ``start`` only spawns it; ``ready`` waits until its API answers. What it writes on standard error is kept
    in ``sandbox.log`` in its directory.
    """

    def __init__(
        self, directory: Path, arguments: Sequence[str] = (), threads: Threads | None = None
    ) -> None:
        self._directory = directory
        self._command = [sys.executable, "-m", SERVER, "--dir", str(directory), *arguments]
        self._process: subprocess.Popen[bytes] | None = None
        self._errors: list[str] = []
        self._threads = threads or Threads()
        self._reader: SupervisedThread | None = None

    def start(self) -> Self:
        """Spawn it. Raises StartError where there is no server, or no such directory can be."""
        if importlib.util.find_spec(SERVER) is None:
            raise StartError("there is no embedded API server here: pip install reconsole")
        try:
            self._directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as error:
            raise StartError(
                f"cannot use the sandbox directory {self._directory}: {error.strerror}"
            ) from error
        # Its standard input is our end of a pipe: it ends when the pipe does. A session of its own, so
        # that ctrl+c in the terminal stops the controller first.
        self._process = subprocess.Popen(
            self._command,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            start_new_session=True,
        )  # fmt: skip
        self._reader = self._threads.start("sandbox-stderr", self._read_errors)
        return self

    def ready(self) -> Ready:
        """Block until the API server answers. Raises StartError with what the process said when it ended."""
        process = self._process
        assert process is not None
        assert process.stdout is not None
        timer = self._threads.after(START_TIMEOUT, "sandbox-start", process.kill)
        timer.start()
        line = process.stdout.readline()
        timer.cancel()
        if not line:
            process.wait()
            if self._reader:
                self._reader.join(1.0)
            said = self._errors[-1] if self._errors else f"it ended with exit code {process.returncode}"
            raise StartError(f"the embedded cluster did not start: {said}")
        answer = json.loads(line)
        operator = answer.get("operatorKubeconfig")
        return Ready(answer["server"], Path(answer["kubeconfig"]), Path(operator) if operator else None)

    def wait(self) -> int:
        """Block until the process ends; its exit code."""
        assert self._process is not None
        return self._process.wait()

    def close(self) -> None:
        """End it; 5 s later with force. Without effect when it has ended, or never began."""
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
        if self._reader:
            self._reader.join(1.0)
        for stream in (process.stdout, process.stderr):
            if stream:
                stream.close()

    def kill(self) -> None:
        """End it with force, and do not wait."""
        if self._process is not None:
            self._process.kill()

    def __enter__(self) -> Self:
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
                with suppress(OSError):  # a full disk; who does not read on would stop the server
                    log.write(line)
                    log.flush()
                self._errors = [line.decode(errors="replace").strip()]

"""The embedded cluster with this project's manifests in it, and ``reconsole sandbox``."""

from __future__ import annotations

import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Self

from controller_runtime.envtest.process import Ready, ServerProcess, StartError
from controller_runtime.threads import Threads
from reconsole.options import Failure

MANIFESTS = Path(__file__).resolve().parent.parent / "manifests"


class EmbeddedCluster(ServerProcess):
    """What cannot be started is a Failure of the command line."""

    def __init__(
        self, directory: Path, *, port: int = 0, extra: Sequence[str] = (), threads: Threads | None = None
    ) -> None:
        super().__init__(directory, ["--port", str(port), "--manifests", str(MANIFESTS), *extra], threads)

    def start(self) -> Self:
        try:
            return super().start()
        except StartError as error:
            raise Failure(str(error)) from error

    def ready(self) -> Ready:
        try:
            return super().ready()
        except StartError as error:
            raise Failure(str(error)) from error


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

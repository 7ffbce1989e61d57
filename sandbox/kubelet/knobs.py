"""What the node side can be told, and the names of the annotations that turn its knobs."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from .figures import FigureRegistry
from .podlogs import LogRegistry

RuntimeName = Literal["auto", "process", "simulated"]

PREFIX = "sandbox.reconsole.dev/"
START_DELAY = PREFIX + "start-delay"
"""On a pod: seconds from ContainerCreating to Running."""
STOP_DELAY = PREFIX + "stop-delay"
"""On a pod: seconds from SIGTERM to the end, at most the grace period."""
FAIL = PREFIX + "fail"
"""On a pod: crash, oom, evict or unready, as soon as it runs and for as long as the annotation is there."""
RUN_FOR = PREFIX + "run-for"
"""On a pod: seconds that its simulated containers run before they end; pods of a Job end without it."""
EXIT_CODE = PREFIX + "exit-code"
"""On a pod: how they end, 0 when it is not there."""
CPU, MEMORY = PREFIX + "cpu", PREFIX + "memory"
"""On a pod: quantities that each simulated container is said to use, 1m and 8Mi by default."""
LOG = PREFIX + "log"
"""On a pod: lines that its simulated containers write when they start."""
IMAGE_PULL_ERROR = PREFIX + "image-pull-error"
"""On a pod: the message of a failing image pull; the pod waits until the annotation goes."""
GONE = PREFIX + "gone"
"""On a node: its kubelet is silent until the annotation goes."""
REJECT = PREFIX + "reject-pods"
"""On a node: the reason for which its kubelet takes no new pod (OutOfcpu, NodeAffinity ...)."""


@dataclass(frozen=True)
class KubeletOptions:
    """All times in seconds.

    nodes: how many nodes are registered, node-1 upwards.
    runtime: auto runs a real redis-server or valkey-server for Redis images where there is one, at most
        `max_processes` of them; process does so without that limit; simulated never.
    run_for: how long simulated containers of a Job run.
    start_delay, stop_delay: of simulated containers, each with up to 20 % of seeded jitter.
    crash_backoff: of the second restart, doubled up to max_crash_backoff (the kubelet: 10 and 300).
    image_backoff: between two image pulls, doubled likewise.
    heartbeat: between two renewals of a node's lease (the kubelet: 10).
    scratch: where pods have their directories; a temporary directory when None.
    """

    nodes: int = 2
    runtime: RuntimeName = "auto"
    seed: int = 0
    start_delay: float = 0.4
    run_for: float = 1.0
    stop_delay: float = 0.1
    crash_backoff: float = 10.0
    max_crash_backoff: float = 300.0
    image_backoff: float = 10.0
    heartbeat: float = 10.0
    probe_period: float = 5.0
    max_processes: int = 32
    pods_per_node: int = 20_000
    logs: LogRegistry = field(default_factory=LogRegistry)
    figures: FigureRegistry = field(default_factory=FigureRegistry)
    scratch: Path | None = None

    def scratch_folder(self) -> Path:
        """An existing folder of our own."""
        if self.scratch is None:
            return Path(tempfile.mkdtemp(prefix="reconsole-pods-"))
        self.scratch.mkdir(mode=0o700, parents=True, exist_ok=True)
        return self.scratch

"""What a child process does to itself before it becomes a Redis. Linux only."""

from __future__ import annotations

import ctypes
import os
import resource
import signal
from collections.abc import Callable

PR_SET_PDEATHSIG, PR_SET_NO_NEW_PRIVS = 1, 38  # linux/prctl.h
NOBODY = 65534


def confinement() -> Callable[[], None]:
    """A preexec_fn: dies with its parent whatever kills that, gains no privileges, writes no file."""
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    parent = os.getpid()

    def confine() -> None:
        prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != parent:  # it died before the line above
            os._exit(1)
        prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
        # A write to a file fails instead of killing: pipes and sockets are not files in this sense.
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        os.umask(0o077)

    return confine

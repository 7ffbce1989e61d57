"""SIGTERM and SIGINT: the first asks for a clean stop, the second ends the process."""

from __future__ import annotations

import os
import signal
import threading
from types import FrameType


def setup_signal_handler() -> threading.Event:
    """An event that SIGTERM or SIGINT sets, to give to ``Manager.start``; a second one ends the process with
    1.

    Once per process, on its main thread: raises RuntimeError the second time, ValueError on another thread.
    Source: controller-runtime pkg/manager/signals.
    """
    if isinstance(signal.getsignal(signal.SIGTERM), _Handler):
        raise RuntimeError("the signal handler is set up already: share the event that it returned")
    handler = _Handler()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, handler)
    return handler.stop


class _Handler:
    def __init__(self) -> None:
        self.stop = threading.Event()
        self._signalled = False

    def __call__(self, number: int, frame: FrameType | None) -> None:
        # Nothing is logged here: the thread that was interrupted may be in the middle of that.
        if self._signalled:
            os._exit(1)
        self._signalled = True
        self.stop.set()

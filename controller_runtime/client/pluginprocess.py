"""One run of a credential plugin: it ends in time, with what it has started."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable, Sequence

_LOOK_EVERY = 0.2  # seconds; whether it is to be ended


class PluginFailed(Exception):
    """What became of it, and its own ``words`` on stderr."""

    def __init__(self, what: str, words: bytes | None = b"") -> None:
        super().__init__(what)
        self.words = (words or b"").decode(errors="replace")


class PluginProcess:
    def __init__(self, command: Sequence[str], environ: dict[str, str], *, asking: bool) -> None:
        """Begin it. One that is ``asking`` has our terminal. Raises OSError, ValueError."""
        self._process = subprocess.Popen(
            command,
            env=environ,
            stdin=None if asking else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=None if asking else subprocess.PIPE,
            start_new_session=not asking,  # so that what it starts can be ended with it
        )

    def finish(self, timeout: float, is_stopped: Callable[[], bool]) -> bytes:
        """Its stdout, after at most ``timeout`` seconds. Raises PluginFailed."""
        deadline = time.monotonic() + timeout
        what = ""
        while not what:
            left = deadline - time.monotonic()
            try:
                output, words = self._process.communicate(timeout=max(0.0, min(left, _LOOK_EVERY)))
            except KeyboardInterrupt:  # of a person who is asked, where that is done by the main thread
                what = "was interrupted"
            except subprocess.TimeoutExpired:
                if is_stopped():
                    what = "was ended"
                elif left <= 0:
                    what = f"did not end within {timeout:g} s"
            else:
                if self._process.returncode != 0:
                    raise PluginFailed(f"failed with exit code {self._process.returncode}", words)
                return output
        self.kill()
        words = b""
        with contextlib.suppress(subprocess.TimeoutExpired):  # of what has left its group
            _, words = self._process.communicate(timeout=1.0)
        raise PluginFailed(what, words)

    def kill(self) -> None:
        """End it, and what it has started if it leads a group of its own."""
        with contextlib.suppress(OSError):
            if self._process.poll() is None:
                if os.getpgid(self._process.pid) == self._process.pid:
                    os.killpg(self._process.pid, signal.SIGKILL)
                else:
                    self._process.kill()

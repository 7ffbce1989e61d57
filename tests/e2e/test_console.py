"""The console as a person meets it: a terminal, keys, and what is on the screen."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import signal
import struct
import sys
import termios
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pyte
import pytest

from tests.cluster import MERGE, PODS, Cluster, eventually

COLUMNS, ROWS = 120, 36
ROLE = "/apis/rbac.authorization.k8s.io/v1/clusterroles/k8s-operator-demo-manager-role"


class Terminal:
    """A program on a pseudo-terminal of its own, and the screen that it draws."""

    def __init__(self, *command: str) -> None:
        self.screen = pyte.Screen(COLUMNS, ROWS)
        self.stream = pyte.ByteStream(self.screen)
        self.raw = b""
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
            os.environ.update(TERM="xterm-256color", COLORTERM="truecolor", TEXTUAL_ANIMATIONS="none")
            os.environ.update(COLUMNS=str(COLUMNS), LINES=str(ROWS))
            os.execv(command[0], command)
        self.exit_code: int | None = None

    def read(self, seconds: float = 0.1) -> None:
        ready, _, _ = select.select([self.fd], [], [], seconds)
        if not ready:
            return
        try:
            data = os.read(self.fd, 65536)
        except OSError:
            data = b""
        if not data:
            _, status = os.waitpid(self.pid, 0)
            self.exit_code = os.waitstatus_to_exitcode(status)
            return
        self.raw += data
        # pyte does not know these private sequences and would print their ends.
        self.stream.feed(re.sub(rb"\x1b\[[<>=][0-9;]*[a-z]|\x1b\[\?[0-9;]*\$p", b"", data))

    def text(self) -> str:
        return "\n".join(self.screen.display)

    def until(self, check: Callable[[str], bool], what: str, seconds: float = 30.0) -> None:
        deadline = time.monotonic() + seconds
        while not check(self.text()):
            assert self.exit_code is None, f"it ended with {self.exit_code} before {what}"
            assert time.monotonic() < deadline, f"not seen: {what}\n{self.text()}"
            self.read()

    def shows(self, *words: str, seconds: float = 30.0) -> None:
        self.until(lambda text: all(w in text for w in words), " and ".join(words), seconds)

    def press(self, keys: str) -> None:
        os.write(self.fd, keys.encode())

    def wait(self, seconds: float = 40.0) -> int:
        deadline = time.monotonic() + seconds
        while self.exit_code is None and time.monotonic() < deadline:
            self.read()
        assert self.exit_code is not None, f"still there after {seconds} s:\n{self.text()}"
        return self.exit_code


@pytest.fixture
def console(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Terminal]:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    terminal = Terminal(sys.executable, "-m", "reconsole", "--sandbox-dir", str(tmp_path))
    yield terminal
    if terminal.exit_code is None:
        os.kill(terminal.pid, signal.SIGKILL)
        os.waitpid(terminal.pid, 0)
    os.close(terminal.fd)


def both_ready(text: str) -> bool:
    return len(re.findall(r"my-op-redis-\d\s+1/1\s+Running", text)) == 2


def test_delete_a_pod_and_watch_it_come_back(console: Terminal, tmp_path: Path) -> None:
    console.until(both_ready, "two running pods")
    cluster = Cluster(tmp_path / "kubeconfig")
    before = cluster.ready_pods()
    console.press("2")
    console.press("\x04")
    console.shows("Delete", "my-op-redis-0", "Cancel")
    assert cluster.ready_pods() == before, "nothing may be deleted before the answer"
    console.press("y")
    console.shows("DELETED", "HEALED    Pod my-op-redis-0", "healed in")
    eventually(lambda: len(cluster.ready_pods()) == 2)
    assert cluster.ready_pods()["my-op-redis-0"] != before["my-op-redis-0"]
    assert cluster.ready_pods()["my-op-redis-1"] == before["my-op-redis-1"]
    console.shows("by you")
    console.until(both_ready, "both pods again")

    role = cluster.get(ROLE)
    without = {"rules": [r for r in role["rules"] if "services" not in r["resources"]]}
    cluster.request("PATCH", ROLE, without, content_type=MERGE)
    cluster.request("POST", "/debug/faults", {"dropWatches": True})
    console.shows("FORBIDDEN · list Services", "forbidden")
    cluster.request("PATCH", ROLE, {"rules": role["rules"]}, content_type=MERGE)
    console.until(lambda text: "FORBIDDEN · list Services" not in text, "the banner to go")

    cluster.request("DELETE", f"{PODS}/my-op-redis-1")
    console.shows("HEALED    Pod my-op-redis-1")

    console.press("q")
    console.shows("Cancel")
    console.press("y")
    assert console.wait() == 0
    assert b"\x1b[?1049l" in console.raw[-2000:]
    assert b"\x1b[?25h" in console.raw[-2000:]
    assert b"Traceback" not in console.raw


def test_ctrl_c_twice_leaves_and_restores_the_terminal(console: Terminal) -> None:
    console.shows("my-op-redis")
    console.press("\x03")
    console.press("\x03")
    assert console.wait() == 0
    assert b"\x1b[?1049l" in console.raw[-2000:]
    assert b"\x1b[?25h" in console.raw[-2000:]


def test_sigterm_leaves_and_restores_the_terminal(console: Terminal) -> None:
    console.shows("my-op-redis")
    os.kill(console.pid, signal.SIGTERM)
    assert console.wait() == 0
    assert b"\x1b[?1049l" in console.raw[-2000:]


def test_a_controller_that_ends_is_shown_and_is_in_the_log_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    operator = tmp_path / "broken.py"
    operator.write_text(
        "class Broken:\n"
        "    def start(self, stop):\n"
        "        stop.wait(1)\n"
        "        raise RuntimeError('the \\x1b[31mcache is cold')\n"
        "def setup(manager):\n"
        "    manager.add(Broken())\n"
    )
    terminal = Terminal(
        sys.executable, "-m", "reconsole", "run", str(operator), "--sandbox-dir", str(tmp_path)
    )
    try:
        terminal.shows("The controller has ended", "cache is cold", "in start", "reconsole.log")
        terminal.press("q")
        terminal.shows("Quit")
        terminal.press("y")
        assert terminal.wait() == 1
        assert "error: the controller ended: RuntimeError" in terminal.text()
    finally:
        if terminal.exit_code is None:
            os.kill(terminal.pid, signal.SIGKILL)
            os.waitpid(terminal.pid, 0)
        os.close(terminal.fd)
    file = tmp_path / "state" / "reconsole" / "reconsole.log"
    assert file.stat().st_mode & 0o777 == 0o600
    text = file.read_text()
    assert "The controller ended" in text
    assert "RuntimeError: the \\x1b[31mcache is cold" in text
    assert "    Traceback (most recent call last):" in text

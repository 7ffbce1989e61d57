"""A credential plugin that asks has the terminal of the console, whose screen comes back afterwards."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

from tests.e2e.test_console import Terminal
from tests.runtime.faultserver import Exchange, FaultServer
from tests.runtime.test_config import kubeconfig

PLUGIN = """\
#!/bin/sh
printf 'Password for jane: ' >&2
read -r password
printf '{"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential",'
printf '"status": {"token": "%s"}}' "$password"
"""


def _answer(x: Exchange) -> None:
    if x.seen.headers.get("Authorization") == "Bearer open-sesame":
        x.answer(200, b'{"gitVersion":"v1.36.2"}')
    else:
        x.refuse(401, "Unauthorized", "Unauthorized")


def test_the_console_lends_its_terminal(tmp_path: Path) -> None:
    plugin = tmp_path / "plugin"
    plugin.write_text(PLUGIN)
    plugin.chmod(0o755)
    server = FaultServer(script=_answer).start()
    asking = {
        "apiVersion": "client.authentication.k8s.io/v1", "command": str(plugin), "interactiveMode": "Always",
    }  # fmt: skip
    file = kubeconfig(tmp_path / "k", cluster={"server": server.url}, user={"exec": asking})
    terminal = Terminal(sys.executable, "-m", "reconsole", "--kubeconfig", str(file))
    try:
        terminal.shows("Password for jane:")
        assert server.requests == [], "nothing is sent before the answer"
        terminal.press("open-sesame\r")
        terminal.until(lambda text: bool(server.requests) and "Password" not in text, "the console again")
    finally:
        if terminal.exit_code is None:
            os.kill(terminal.pid, signal.SIGKILL)
            os.waitpid(terminal.pid, 0)
        os.close(terminal.fd)
        server.stop()
    assert server.requests[0].headers["Authorization"] == "Bearer open-sesame"

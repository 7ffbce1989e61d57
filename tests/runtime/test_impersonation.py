"""A kubeconfig's impersonation is sent, never ignored."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml

from controller_runtime.client.config import ConfigError, load_configuration
from controller_runtime.client.transport import Transport
from tests.runtime.test_config import kubeconfig


@pytest.mark.parametrize("flag", [None, "flag-user"])
def test_all_of_it_is_sent(tmp_path: Path, flag: str | None) -> None:
    seen: list[tuple[str, str]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            seen.extend((k, v) for k, v in self.headers.items() if k.startswith("Impersonate-"))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *args: Any) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.handle_request, daemon=True).start()
        user = {
            "token": "t",
            "as": "jane",
            "as-uid": "42",
            "as-groups": ["a", "b"],
            "as-user-extra": {"example.com/x": ["1"]},
        }
        file = kubeconfig(tmp_path / "k", server=f"http://127.0.0.1:{server.server_port}", user=user)
        Transport(load_configuration(file, impersonate=flag)).request("GET", "/version")
    assert sorted(seen) == [
        ("Impersonate-Extra-example.com%2Fx", "1"),
        ("Impersonate-Group", "a"),
        ("Impersonate-Group", "b"),
        ("Impersonate-Uid", "42"),
        ("Impersonate-User", flag or "jane"),
    ]


def test_groups_without_a_user_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="without a user; add 'as:' or use --as"):
        load_configuration(kubeconfig(tmp_path / "k", user={"token": "t", "as-groups": ["a"]}))


def test_groups_of_the_command_line_go_before_those_of_the_kubeconfig(tmp_path: Path) -> None:
    file = kubeconfig(tmp_path / "k", user={"token": "t", "as": "jane", "as-groups": ["a"], "as-uid": "7"})
    found = load_configuration(file, impersonate="joe", groups=["b", "ç"])
    assert found.impersonate == "joe"
    assert found.impersonation == (
        ("Impersonate-Uid", "7"), ("Impersonate-Group", "b"), ("Impersonate-Group", "ç"),
    )  # fmt: skip
    environ = {"KUBERNETES_SERVICE_HOST": "127.0.0.1", "KUBERNETES_SERVICE_PORT": "1"}
    with pytest.raises(ConfigError, match="--as-group needs --as"):
        load_configuration(groups=["b"], environ=environ)
    with pytest.raises(ConfigError, match=r"cannot impersonate 'a.nb': it holds a character"):
        load_configuration(impersonate="a\nb", environ=environ)


def test_a_context_without_a_user_impersonates_nobody(tmp_path: Path) -> None:
    document = yaml.safe_load(kubeconfig(tmp_path / "k").read_text())
    del document["contexts"][0]["context"]["user"]
    (tmp_path / "k").write_text(yaml.safe_dump(document))
    found = load_configuration(tmp_path / "k")
    assert (found.impersonate, found.impersonation) == (None, ())

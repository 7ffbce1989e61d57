"""Configurations, good and bad. Each failure is one sentence."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from controller_runtime.client.config import ConfigError, load_configuration
from controller_runtime.client.transport import Transport
from tests.runtime.faultserver import FaultServer


def kubeconfig(
    path: Path, *, server: str = "https://127.0.0.1:1", user: dict[str, Any] | None = None
) -> Path:
    path.write_text(
        yaml.safe_dump(
            {
                "apiVersion": "v1",
                "kind": "Config",
                "current-context": "one",
                "clusters": [{"name": "c1", "cluster": {"server": server}}],
                "users": [{"name": "u1", "user": user or {"token": "secret"}}],
                "contexts": [
                    {"name": "one", "context": {"cluster": "c1", "user": "u1"}},
                    {"name": "two", "context": {"cluster": "c1", "user": "u1"}},
                ],
            }
        )
    )
    return path


def test_a_kubeconfig(tmp_path: Path) -> None:
    found = load_configuration(kubeconfig(tmp_path / "k"), impersonate="someone")
    assert (found.host, found.context, found.cluster, found.impersonate) == (
        "https://127.0.0.1:1", "one", "c1", "someone",
    )  # fmt: skip
    assert load_configuration(tmp_path / "k", "two").context == "two"
    assert "secret" not in repr(found)


def test_kubeconfigs_that_are_of_no_use(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"no such file: .*nowhere; name a kubeconfig with --kubeconfig"):
        load_configuration(tmp_path / "nowhere")
    with pytest.raises(ConfigError, match=r"no context 'three' in .*; it has: one, two"):
        load_configuration(kubeconfig(tmp_path / "k"), "three")
    for text in ("", "a: [", "just words", "[]", "contexts: 7"):
        (tmp_path / "bad").write_text(text)
        with pytest.raises(ConfigError, match="bad is of no use: ") as raised:
            load_configuration(tmp_path / "bad")
        assert "\n" not in str(raised.value)


def test_outside_of_a_cluster(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    with pytest.raises(ConfigError, match="use --kubeconfig or --context"):
        load_configuration()


def test_context_alone_looks_where_kubectl_does(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("KUBECONFIG", str(kubeconfig(tmp_path / "k")))
    assert load_configuration(None, "two").context == "two"


def test_exec_plugins_are_run_again(tmp_path: Path) -> None:
    """A token that has expired is fetched anew, by the official client's own hooks."""
    answer = tmp_path / "answer"
    answer.write_text("first")
    script = tmp_path / "plugin.sh"
    script.write_text(
        "#!/bin/sh\nprintf '"
        '{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","status":'
        '{"token":"%s","expirationTimestamp":"2020-01-01T00:00:00Z"}}'
        f'\' "$(cat {answer})"\n'
    )
    script.chmod(0o755)
    server = FaultServer(script=lambda x: x.answer(200, b"{}")).start()
    user = {
        "exec": {
            "apiVersion": "client.authentication.k8s.io/v1", "command": str(script),
            "interactiveMode": "Never",
        }
    }  # fmt: skip
    transport = Transport(load_configuration(kubeconfig(tmp_path / "k", server=server.url, user=user)))
    transport.request("GET", "/version")
    answer.write_text("second")
    transport.request("GET", "/version")
    sent = [{k.lower(): v for k, v in r.headers.items()}["authorization"] for r in server.requests]
    assert sent == ["Bearer first", "Bearer second"]
    server.stop()

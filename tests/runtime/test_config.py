"""Configurations, good and bad. Each failure is one sentence."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import Any

import pytest
import yaml

from controller_runtime.client.config import ConfigError, load_configuration


def kubeconfig(
    path: Path,
    *,
    server: str = "https://127.0.0.1:1",
    user: dict[str, Any] | None = None,
    cluster: dict[str, Any] | None = None,
) -> Path:
    path.write_text(
        yaml.safe_dump(
            {
                "apiVersion": "v1",
                "kind": "Config",
                "current-context": "one",
                "clusters": [{"name": "c1", "cluster": cluster or {"server": server}}],
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
    (tmp_path / "bad").write_text("")
    with pytest.raises(ConfigError, match=r"there is no current-context in .*bad; choose one with --context"):
        load_configuration(tmp_path / "bad")
    for text in ("a: [", "just words", "[]", "contexts: 7"):
        (tmp_path / "bad").write_text(text)
        with pytest.raises(ConfigError, match="bad is of no use: ") as raised:
            load_configuration(tmp_path / "bad")
        assert "\n" not in str(raised.value)


def test_what_a_kubeconfig_says_is_harmless_in_errors(tmp_path: Path) -> None:
    (tmp_path / "k").write_text('contexts: [{name: "a\\e]0;x\\a", context: {cluster: "\\u202e"}}]')
    for context in (None, "b", "a\x1b]0;x\x07"):
        with pytest.raises(ConfigError) as raised:
            load_configuration(tmp_path / "k", context)
        assert str(raised.value).isprintable(), raised.value


def test_a_pipe_is_read_once(tmp_path: Path) -> None:
    text = kubeconfig(tmp_path / "k").read_text()
    os.mkfifo(tmp_path / "pipe")
    threading.Thread(target=(tmp_path / "pipe").write_text, args=(text,), daemon=True).start()
    found = load_configuration(tmp_path / "pipe")
    assert found.context == "one"
    assert found.reload is None, "it would wait for somebody to write once more"
    assert load_configuration(tmp_path / "k").reload is not None


def test_outside_of_a_cluster(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    with pytest.raises(ConfigError, match="use --kubeconfig or --context"):
        load_configuration()


def test_context_alone_looks_where_kubectl_does(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("KUBECONFIG", str(kubeconfig(tmp_path / "k")))
    assert load_configuration(None, "two").context == "two"
